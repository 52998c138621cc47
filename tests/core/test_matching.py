"""Which e-mail a message continues."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.activity import CorrelationMethod
from email_router.core.conversation_index import make_child, make_new, thread_hash
from email_router.core.ledger import KnownEmail
from email_router.core.matching import MARKED, RULES, match
from email_router.core.message import Address, Message
from email_router.core.settings import Tracking
from email_router.core.smart_hash import subject_hash
from email_router.core.ways import wanted
from tests.core.cases import CUSTOMER, EVERYTHING, SALES, Fields, Store, known, mail

ORDER = known("order", CUSTOMER, SALES.address)
OTHER = known("other", CUSTOMER, SALES.address)
STRANGER = Address("", "mallory@evil.example")
INDEX = make_child(
    make_new(datetime(2026, 1, 1, tzinfo=UTC), UUID(int=7)), datetime(2026, 1, 2, tzinfo=UTC), UUID(int=8)
)
THREAD = str(thread_hash(INDEX))
SUBJECT = str(subject_hash("Order 4711", EVERYTHING))

# One message that only this rule finds, and the store in which it finds the order.
ONLY: dict[str, tuple[Fields, Store]] = {
    "in_reply_to": ({"in_reply_to": "<out@contoso.example>"}, Store(ids={"<out@contoso.example>": ORDER})),
    "tracking_token": ({"subject": "Re: Order CRM:0001001"}, Store(tokens={"CRM:0001001": ORDER})),
    "conversation_index": ({"conversation_index": INDEX}, Store(threads={THREAD: ORDER})),
    "smart_matching": ({"subject": "RE: Order 4711"}, Store(subjects={SUBJECT: [ORDER]})),
}


def _answers(message: Message, store: Store, tracking: Tracking = EVERYTHING) -> dict[str, str]:
    return {answer.question: answer.answer for answer in match(message, store, tracking).answers}


def test_the_rules_stand_in_the_documented_order_under_the_names_of_the_methods() -> None:
    assert [rule.name for rule in RULES] == ["in_reply_to", "tracking_token", "conversation_index", "smart_matching"]
    assert {rule.name for rule in RULES} < {method.value for method in CorrelationMethod}


@pytest.mark.parametrize("rule", ONLY)
def test_each_rule_finds_its_mail_and_stamps_its_name(rule: str) -> None:
    fields, store = ONLY[rule]

    found = match(mail(**fields), store, EVERYTHING)

    assert found.match is not None
    assert (found.match.rule, found.match.method.value, found.match.email) == (rule, rule, ORDER)
    assert [answer.question for answer in found.answers] == [one.name for one in RULES]
    assert found.candidates == ()


@pytest.mark.parametrize("rule", ONLY)
def test_no_rule_finds_what_the_store_does_not_hold(rule: str) -> None:
    fields, _ = ONLY[rule]

    found = match(mail(**fields), Store(), EVERYTHING)

    assert found.match is None
    assert {answer.answer for answer in found.answers} == {"no match"}


@pytest.mark.parametrize(
    ("rule", "off"),
    [
        ("in_reply_to", replace(EVERYTHING, correlation=False)),
        ("tracking_token", replace(EVERYTHING, tokens=False)),
        ("conversation_index", replace(EVERYTHING, correlation=False)),
        ("smart_matching", replace(EVERYTHING, smart_matching=False)),
    ],
)
def test_a_rule_that_is_switched_off_is_not_asked(rule: str, off: Tracking) -> None:
    fields, store = ONLY[rule]

    assert match(mail(**fields), store, off).match is None
    assert _answers(mail(**fields), store, off)[rule] == "off"


def test_smart_matching_is_off_by_default_and_the_rest_is_on() -> None:
    off = [rule for rule, answer in _answers(mail(), Store(), Tracking()).items() if answer == "off"]

    assert off == ["smart_matching"]


def test_the_surest_rule_wins_and_the_others_are_candidates_that_lost() -> None:
    store = Store(ids={"<a@x>": ORDER}, tokens={"CRM:0001001": OTHER}, threads={THREAD: ORDER})
    message = mail(in_reply_to="<a@x>", subject="Re: Order CRM:0001001", conversation_index=INDEX)

    found = match(message, store, EVERYTHING)

    assert found.match is not None
    assert (found.match.rule, found.match.email) == ("in_reply_to", ORDER)
    assert [answer.answer for answer in found.answers] == ["match", "lost", "same e-mail", "not asked"]
    assert found.candidates == ("other: lost, in_reply_to had answered (tracking_token: token CRM:0001001)",)


def test_smart_matching_asks_the_store_nothing_once_a_surer_rule_has_answered() -> None:
    store = Store(ids={"<a@x>": ORDER})

    assert match(mail(in_reply_to="<a@x>"), store, EVERYTHING).match

    assert SUBJECT not in store.asked


def test_in_reply_to_comes_before_references_and_the_nearest_reference_first() -> None:
    store = Store(ids={"<root@x>": OTHER, "<near@x>": ORDER})

    found = match(mail(in_reply_to="<unknown@x>", references=("<root@x>", "<near@x>")), store, EVERYTHING).match

    assert found is not None
    assert found.email == ORDER
    assert found.evidence.startswith("References <near@x>")


def test_a_reply_to_a_mail_sent_by_ses_finds_it_by_the_bare_id() -> None:
    store = Store(ids={"0100-ses-id": ORDER})

    found = match(mail(in_reply_to="<0100-ses-id@eu-west-1.amazonses.com>"), store, EVERYTHING).match

    assert found is not None
    assert found.evidence.startswith("In-Reply-To 0100-ses-id")


@pytest.mark.parametrize(
    ("subject", "remark"),
    [
        ("FW: Order", "it is a forward"),
        ("Fwd: Order", "it is a forward"),
        ("WG: Order", "it is a forward"),
        ("Something new", "may be a new topic"),
        ("RE: Order", None),
        ("AW[3]: Order", None),
        ("回复:订单", None),
    ],
)
def test_a_forward_or_new_topic_under_old_references_is_followed_and_remarked(subject: str, remark: str | None) -> None:
    fields, store = ONLY["in_reply_to"]

    found = match(mail(**(fields | Fields(subject=subject))), store, EVERYTHING).match

    assert found is not None
    assert (remark in found.evidence) if remark else (";" not in found.evidence)


def test_of_several_tokens_the_last_known_one_counts() -> None:
    store = Store(tokens={"CRM:0001001": OTHER, "CRM:0002002": ORDER})

    found = match(mail(subject="Re: x CRM:0001001 CRM:0002002 CRM:0009999"), store, EVERYTHING).match

    assert found is not None
    assert found.email == ORDER


def test_a_token_of_an_earlier_prefix_still_matches() -> None:
    tracking = Tracking(prefix="TICKET:", earlier_prefixes=("CRM:",))

    assert match(mail(subject="Re: CRM:0001001"), Store(tokens={"CRM:0001001": ORDER}), tracking).match is not None


def test_smart_matching_wants_two_people_in_common() -> None:
    store = Store(subjects={SUBJECT: [known("far", CUSTOMER, "x@y.example"), ORDER, OTHER]})

    found = match(mail(), store, EVERYTHING).match

    assert found is not None
    assert found.email == ORDER
    assert match(mail(), store, replace(EVERYTHING, hash_min_address_count=3)).match is None


def test_smart_matching_takes_the_newest() -> None:
    found = match(mail(), Store(subjects={SUBJECT: [OTHER, ORDER]}), EVERYTHING).match

    assert found is not None
    assert found.email == OTHER


@pytest.mark.parametrize("rule", ["in_reply_to", "tracking_token", "conversation_index"])
def test_an_id_or_token_from_a_stranger_is_followed_by_default_and_the_evidence_says_so(rule: str) -> None:
    fields, store = ONLY[rule]

    found = match(mail(**(fields | Fields(author=STRANGER))), store, EVERYTHING)

    assert found.match is not None
    assert "the sender took no part in that e-mail" in found.match.evidence


@pytest.mark.parametrize("rule", ["in_reply_to", "tracking_token", "conversation_index"])
@pytest.mark.parametrize("author", [STRANGER, None])
def test_an_id_or_token_from_a_stranger_can_be_marked_instead_of_followed(rule: str, author: Address | None) -> None:
    fields, store = ONLY[rule]

    found = match(mail(**(fields | Fields(author=author))), store, replace(EVERYTHING, unknown_sender="mark"))

    assert found.match is None
    assert MARKED in {answer.answer for answer in found.answers}
    assert len(found.candidates) == 1
    assert found.candidates[0].startswith(f"order: {MARKED} ({rule}: ")


@pytest.mark.parametrize("rule", ONLY)
def test_somebody_of_the_conversation_is_followed_when_strangers_are_marked(rule: str) -> None:
    fields, store = ONLY[rule]

    assert match(mail(**fields), store, replace(EVERYTHING, unknown_sender="mark")).match is not None


def test_a_thousand_guessed_tokens_of_a_stranger_link_nothing() -> None:
    store = Store(tokens={f"CRM:0001{number:03}": ORDER for number in range(1000)})
    marking = replace(EVERYTHING, unknown_sender="mark")
    subject = " ".join(f"CRM:0001{number:03}" for number in range(1000))

    assert match(mail(subject=subject, author=STRANGER), store, marking).match is None


IDS = st.sampled_from(["<a@x>", "<b@x>", "<m1@cycling.example>", "<0100@email.amazonses.com>", "<>"])
EMAILS = st.sampled_from([ORDER, OTHER, KnownEmail(activity="bare", at=ORDER.at)])


@given(
    st.builds(
        mail,
        in_reply_to=st.none() | IDS,
        references=st.lists(IDS, max_size=4).map(tuple),
        subject=st.sampled_from(["Order 4711", "Re: CRM:0001001", "", "FW: x"]),
        conversation_index=st.sampled_from([None, b"", INDEX]),
        author=st.sampled_from([None, STRANGER, Address("", CUSTOMER)]),
    ),
    st.builds(
        Store,
        ids=st.dictionaries(IDS, EMAILS),
        tokens=st.dictionaries(st.just("CRM:0001001"), EMAILS),
        threads=st.dictionaries(st.just(THREAD), EMAILS),
        subjects=st.dictionaries(st.just(SUBJECT), st.lists(EMAILS, max_size=3)),
    ),
    st.builds(
        Tracking,
        tokens=st.booleans(),
        correlation=st.booleans(),
        smart_matching=st.booleans(),
        unknown_sender=st.sampled_from(["follow", "mark"]),
    ),
)
def test_whatever_is_asked_was_wanted_before_and_every_rule_leaves_an_answer(
    message: Message, store: Store, tracking: Tracking
) -> None:
    found = match(message, store, tracking)

    page = wanted([message], tracking)
    assert set(store.asked) <= {
        *page.message_ids,
        *page.tokens,
        *page.threads,
        str(subject_hash(message.subject, tracking)),
    }
    assert [answer.question for answer in found.answers] == [rule.name for rule in RULES]
    assert sum(answer.answer == "match" for answer in found.answers) == (found.match is not None)
    near = [one for one in found.candidates if ": too few people in common (smart_matching: " in one]
    assert len(found.candidates) - len(near) == sum(answer.answer in ("lost", MARKED) for answer in found.answers)
    assert bool(near) == (found.answers[-1].answer == "no match" and bool(found.answers[-1].evidence))
    assert len(near) <= 3
