"""What SES tells of an e-mail settles each recipient the same way, in whatever order and however often it comes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.recipients import told
from email_router.core.sending import MOST_HISTORY, Reported, SendResult
from tests.flows.feedback import ANN, BOB, BY_SES, EVERYBODY, IDA, KINDS, LOST, NEVER, office_of_three, tell
from tests.flows.house import SALES
from tests.flows.office import ERIN, Office

WHOM = st.sets(st.sampled_from((*EVERYBODY, "stranger@elsewhere.example")), min_size=1).map(
    lambda them: (*sorted(them),)
)
EVENTS = st.lists(st.tuples(st.sampled_from(KINDS), WHOM), min_size=1, max_size=6)


def end_of(office: Office) -> object:
    """All that is to be the same."""
    state, email = office.outgoing.get("e1"), office.crm.activities["e1"]
    assert state is not None
    return (state.status, state.reason, told(state), email.status, email.reason)


@settings(max_examples=150, deadline=None)
@given(events=EVENTS, lost=st.booleans(), shuffle=st.randoms(use_true_random=False), again=st.integers(0, 4))
def test_the_end_is_the_same_in_each_order_and_however_often_an_event_comes(
    events: list[tuple[dict[str, Any], tuple[str, ...]]], lost: bool, shuffle: Any, again: int
) -> None:
    result = SendResult(outcome=LOST, evidence="timeout") if lost else BY_SES
    one, other = office_of_three(result), office_of_three(result)
    mixed = [*events, *(shuffle.choice(events) for _ in range(again))]
    shuffle.shuffle(mixed)

    for kind, whom in events:
        tell(one, kind, whom)
    for kind, whom in mixed:
        tell(other, kind, whom)

    assert end_of(one) == end_of(other)


@settings(max_examples=100, deadline=None)
@given(events=EVENTS)
def test_what_was_bounced_or_never_left_is_refused_and_nobody_else_is(
    events: list[tuple[dict[str, Any], tuple[str, ...]]],
) -> None:
    office = office_of_three()
    refused: set[str] = set()
    for kind, whom in events:
        tell(office, kind, whom)
        if kind["kind"] in {"reject", "rendering failure"}:
            refused |= set(EVERYBODY)
        elif kind.get("permanent"):
            refused |= set(whom) & set(EVERYBODY)

    state = office.outgoing.get("e1")
    assert state is not None
    assert {one.address for one in told(state) if one.outcome is NEVER} == refused
    assert state.status is (EmailStatus.FAILED if refused == set(EVERYBODY) else EmailStatus.SENT)
    assert office.crm.activities["e1"].status is state.status
    assert all(address in (state.reason or "") for address in refused)
    assert office.meters.counts["OutgoingMessagesUndelivered"] == (refused == set(EVERYBODY))


def test_a_domain_in_other_letters_is_known_again_as_it_was_sent() -> None:
    office = office_of_three()

    tell(office, KINDS[2], ["Ida@xn--bcher-kva.example"])

    state = office.outgoing.get("e1")
    assert state is not None
    assert [one.address for one in told(state) if one.reported is Reported.BOUNCED] == [IDA]


@pytest.mark.parametrize("lost", [True, False], ids=["its worker died", "it was recorded"])
def test_feedback_without_our_tags_finds_its_e_mail_by_our_own_message_id(lost: bool) -> None:
    office = office_of_three(SendResult(outcome=LOST, evidence="timeout") if lost else BY_SES)
    state = office.outgoing.get("e1")
    assert state is not None

    found = office.report(provider_id="never-recorded", message_id=state.message_id, recipients=(BOB,))
    stranger = office.report(provider_id="never-recorded-2", message_id="<other@contoso.example>", recipients=(BOB,))

    assert (found, stranger) == ("e1", None)
    after = office.outgoing.get("e1")
    assert after is not None
    assert [one.address for one in told(after) if one.outcome is NEVER] == [BOB]


def test_a_storm_of_reports_leaves_a_history_that_fits_its_row() -> None:
    office = office_of_three()

    for number in range(200):
        tell(office, {"kind": "delay", "reason": f"try {number:03d}"}, [ANN])

    state = office.outgoing.get("e1")
    assert state is not None
    assert len(state.history) <= MOST_HISTORY + 1
    assert [one.status for one in state.history[:2]] == [EmailStatus.PENDING, EmailStatus.SENDING]


def test_a_recipient_who_calls_it_spam_is_named_to_the_owner_on_the_e_mail() -> None:
    office = office_of_three()

    for _ in range(2):
        tell(office, KINDS[5], [ANN])

    (note,) = office.crm.notes("e1")
    assert (note.owner, note.text.startswith(f"Called spam by {ANN}")) == ("ann@contoso.example", True)
    (alert,) = office.alerts.all()
    assert (alert.kind, alert.messages) == ("complaint", ("e1",))
    assert office.crm.activities["e1"].status is EmailStatus.SENT


def test_a_report_of_an_e_mail_to_one_fails_it_with_him_named() -> None:
    office = Office(server="ses")
    office.write(parties=(Party(Role.FROM, SALES), Party(Role.TO, ERIN)))
    office.sender.answers = [BY_SES]
    office.send()

    tell(office, KINDS[2], ["an.alias@fabrikam.example"])  # it can only mean him

    assert office.crm.activities["e1"].status is EmailStatus.FAILED
    assert ERIN in (office.crm.activities["e1"].reason or "")
