"""Order, switches, defaults and limits of matching, as Microsoft documents them (router-facts.md, sections 1 and 2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from email_router.core.activity import CorrelationMethod, EmailActivity, EmailStatus
from email_router.core.conversation_index import make_new, thread_hash
from email_router.core.ledger import KnownEmail
from email_router.core.lookup_ids import own_ids
from email_router.core.mailbox import Direction
from email_router.core.matching import RULES, match
from email_router.core.parse import parse
from email_router.core.settings import Tracking
from email_router.core.smart_hash import subject_hash
from email_router.core.tracking_token import DESIGNATOR, find_tokens, make_token
from email_router.wiring.configuration_models import TrackingTable
from tests.core.cases import CUSTOMER, EVERYTHING, SALES, Store, known, mail

# Setting, default, smallest, largest, source.
FACTS: list[tuple[str, object, object, object, str]] = [
    ("tokens", True, None, None, "EFC23, TRK: Use tracking tokens, default On"),
    ("correlation", True, None, None, "SYS: Use correlation to track email conversations, default On"),
    ("smart_matching", False, None, None, "EFC23: Use smart matching, default Off"),
    ("prefix", "CRM:", "x", "x" * 20, "EFC23: 1-20 characters"),
    ("base", 0, 0, 2_147_483_647, "EFC23, TRK: deployment base tracking number"),
    ("user_digits", 3, 1, 10, "EFC23: digits for user numbers"),
    ("counter_digits", 3, 1, 9, "EFC23: digits for incremental message counter"),
    ("maximum_subject_length", 255, 20, 800, "ORG: MaximumSubjectLengthOnMailServer; EMAIL: subject holds 800"),
    ("hash_max_count", 20, 0, 1000, "EFC23: HashMaxCount"),
    ("hash_delta_subject_count", 0, 0, 2, "EFC23: HashDeltaSubjectCount; over 2 is refused"),
    ("hash_min_address_count", 2, 0, 1000, "EFC23: HashMinAddressCount"),
    ("hash_filter_keywords", r"^[\s]*([\w]+\s?:[\s]*)+", None, None, "EFC23: HashFilterKeywords"),
    ("smart_window_days", 90, 1, 3650, "EFC23: the last 90 days under high load"),
    ("unknown_sender", "follow", None, None, "EFC23: nobody asks who writes"),
    ("changed_subject", "follow", None, None, "EMAIL: correlatedsubjectchanged: linked and noted"),
]
OVER: dict[str, list[object]] = {
    "prefix": ["", "x" * 21],
    "base": [-1, 2_147_483_648],
    "user_digits": [0, 11],
    "counter_digits": [0, 10],
}
OVER |= {"hash_delta_subject_count": [-1, 3], "hash_max_count": [-1], "hash_min_address_count": [-1]}
OVER |= {"unknown_sender": ["drop"], "changed_subject": ["ask"]}

# Rule, method, switch of System Settings, whether it sets email.parentactivityid.
ORDER = [
    ("in_reply_to", CorrelationMethod.IN_REPLY_TO, "correlation", True),
    ("tracking_token", CorrelationMethod.TRACKING_TOKEN, "tokens", False),
    ("conversation_index", CorrelationMethod.CONVERSATION_INDEX, "correlation", True),
    ("smart_matching", CorrelationMethod.SMART_MATCHING, "smart_matching", False),
]
INDEX = make_new(datetime(2026, 1, 1, tzinfo=UTC), UUID(int=7))


@pytest.mark.parametrize(("name", "default", "least", "most", "source"), FACTS, ids=[fact[0] for fact in FACTS])
def test_a_setting_has_the_documented_default_and_limits(
    name: str, default: object, least: object, most: object, source: str
) -> None:
    assert getattr(Tracking(), name) == default, source
    assert getattr(TrackingTable(), name) == default, source
    for allowed in (least, most):
        if allowed is not None:
            assert getattr(TrackingTable.model_validate({name: allowed}), name) == allowed, source


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in OVER.items() for value in values])
def test_what_is_beyond_a_limit_is_refused_when_it_is_published(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        TrackingTable.model_validate({name: value})


def _everything_found(activities: tuple[str, str, str, str]) -> Store:
    first, second, third, fourth = (known(one, CUSTOMER, SALES.address) for one in activities)
    subject = str(subject_hash("Re: Order CRM:0001001", EVERYTHING))
    return Store(
        ids={"<out@x>": first},
        tokens={"CRM:0001001": second},
        threads={str(thread_hash(INDEX)): third},
        subjects={subject: [fourth]},
    )


ALL_FOUR = mail(in_reply_to="<out@x>", subject="Re: Order CRM:0001001", conversation_index=INDEX)


def test_the_rules_are_asked_in_the_documented_order() -> None:
    assert [rule.name for rule in RULES] == [name for name, _, _, _ in ORDER]


@given(st.booleans(), st.booleans(), st.booleans())
def test_the_winner_is_the_first_rule_whose_switch_is_on(tokens: bool, correlation: bool, smart: bool) -> None:
    tracking = Tracking(tokens=tokens, correlation=correlation, smart_matching=smart)
    on = [(name, method) for name, method, switch, _ in ORDER if getattr(tracking, switch)]

    found = match(ALL_FOUR, _everything_found(("a", "b", "c", "d")), tracking).match

    assert (found.rule, found.method) == on[0] if found else not on


@given(st.sampled_from([one[2] for one in ORDER]))
def test_a_losing_rule_switched_off_changes_nothing(switch: str) -> None:
    store = _everything_found(("a", "b", "c", "d"))
    before = match(ALL_FOUR, store, EVERYTHING).match

    after = match(ALL_FOUR, store, replace(EVERYTHING, **{switch: False})).match  # type: ignore[arg-type]  # by name

    assert before is not None
    assert after is not None
    assert (after.rule == before.rule) == (switch != "correlation")
    assert after.rule == ("tracking_token" if switch == "correlation" else "in_reply_to")


@pytest.mark.parametrize("method", list(CorrelationMethod))
def test_the_parent_is_set_for_certain_methods_and_correlated_for_all(method: CorrelationMethod) -> None:
    email = EmailActivity(
        id="a",
        direction=Direction.INCOMING,
        status=EmailStatus.RECEIVED,
        correlation_method=method,
        correlated="b",
    )

    certain = {one[1] for one in ORDER if one[3]}
    assert email.parent == ("b" if method in certain else None)
    assert email.correlated == "b"


def test_the_router_is_always_online() -> None:
    assert DESIGNATOR == "0"
    assert make_token(Tracking(prefix="X"), 1, 1)[1] == "0"


def test_the_base_is_added_to_the_user_number() -> None:
    assert make_token(Tracking(), 1, 1) == "CRM:0001001"
    assert make_token(Tracking(base=500), 1, 1) == "CRM:0501001"


def test_the_counter_runs_to_999_then_starts_again_at_000() -> None:
    assert [make_token(Tracking(), 1, count)[-3:] for count in (998, 999, 1000, 1001)] == ["998", "999", "000", "001"]


@given(
    st.builds(
        Tracking,
        base=st.integers(0, 2_147_483_647),
        user_digits=st.integers(1, 10),
        counter_digits=st.integers(1, 9),
        prefix=st.sampled_from(["CRM:", "a", "Dynamics 365 apps:", "x" * 20, "1", "(", "T-"]),
    ),
    st.integers(1, 10**6),
    st.integers(0, 10**10),
)
def test_the_token_of_any_setting_fits_the_column_and_is_found_again(
    tracking: Tracking, user: int, counter: int
) -> None:
    token = make_token(tracking, user, counter)

    assert len(token) <= 50
    assert find_tokens(f"Re: Order {token}", tracking) == (token,)
    assert find_tokens(f"Re: Order {token}", Tracking(prefix="NEW:", earlier_prefixes=(tracking.prefix,))) == (token,)


@settings(max_examples=60)
@given(st.binary(max_size=200), st.sampled_from(["follow", "new"]), st.sampled_from(["follow", "mark"]))
def test_no_bytes_make_matching_raise_and_no_mail_continues_itself(head: bytes, changed: str, unknown: str) -> None:
    raw = (
        b"From: carla@cycling.example\r\nMessage-ID: <m@X.example>\r\nReferences: <m@x.example> " + head + b"\r\n\r\nx"
    )
    message = parse(raw)
    itself = KnownEmail(activity="itself", at=datetime(2026, 1, 1, tzinfo=UTC))
    tracking = replace(EVERYTHING, changed_subject=changed, unknown_sender=unknown, hash_delta_subject_count=2)

    found = match(message, Store(ids=dict.fromkeys(own_ids(message), itself)), tracking)

    assert found.match is None
    assert found.candidates == ()
