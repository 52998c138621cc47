"""What SES tells while an e-mail is sent, or after it was sent again, counts for the mail that it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.flows.by_hand import ByHand
from email_router.core.octets import Octets
from email_router.core.recipients import told
from email_router.core.sending import RecipientResult, SendResult
from tests.flows.feedback import ANN, BOB, BY_SES, EVERYBODY, GOOD, IDA, KINDS, LOST, NEVER, office_of_three, tell
from tests.flows.house import SALES
from tests.flows.office import Office


def test_a_late_event_takes_nobody_off_the_list_to_whom_it_is_to_be_sent_again() -> None:
    office = office_of_three()
    tell(office, KINDS[2], [BOB])
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").retry("e1")

    tell(office, KINDS[1], [ANN])
    tell(office, KINDS[2], [BOB])  # the same once more: of the attempt before
    tell(office, KINDS[6], [BOB])
    office.sender.answers = [replace(BY_SES, provider_id="ses-2")]
    office.send()

    assert [envelope.recipients for envelope, _ in office.sender.sent] == [EVERYBODY, (BOB,)]
    state = office.outgoing.get("e1")
    assert state is not None
    assert [(one.address, one.outcome) for one in told(state)] == [(each, GOOD) for each in EVERYBODY]


def test_what_is_said_to_be_delivered_after_all_is_not_sent_again() -> None:
    office = office_of_three(SendResult(outcome=LOST, evidence="timeout"))
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").resend("e1")

    tell(office, KINDS[1], EVERYBODY)
    office.send()

    assert len(office.sender.sent) == 1
    assert office.crm.activities["e1"].status is EmailStatus.SENT


@pytest.mark.parametrize("again", [[BOB], [BOB, ANN]], ids=["its recipient", "with another"])
def test_a_bounce_that_comes_again_when_it_was_sent_anew_tells_nothing_of_the_new_mail(again: list[str]) -> None:
    office = office_of_three()
    taken = office.clock.now()
    tell(office, {**KINDS[2], "taken": taken}, again)
    office.clock.advance(600)
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").retry("e1")
    office.sender.answers = [replace(BY_SES, provider_id="ses-2")]
    office.send()
    tell(office, {**KINDS[1], "provider_id": "ses-2", "taken": office.clock.now()}, again)

    tell(office, {**KINDS[2], "taken": taken}, again)  # the same once more: its first telling was late

    state = office.outgoing.get("e1")
    assert state is not None
    assert {one.outcome for one in told(state)} == {GOOD}
    assert office.crm.activities["e1"].status is EmailStatus.SENT


def test_the_same_bounce_of_the_new_mail_counts() -> None:
    office = office_of_three()
    tell(office, {**KINDS[2], "taken": office.clock.now()}, [BOB])
    office.clock.advance(600)
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").retry("e1")
    office.sender.answers = [replace(BY_SES, provider_id="ses-2")]
    office.send()

    tell(office, {**KINDS[2], "provider_id": "ses-2", "taken": office.clock.now()}, [BOB])

    state = office.outgoing.get("e1")
    assert state is not None
    assert [one.address for one in told(state) if one.outcome is NEVER] == [BOB]


@pytest.mark.parametrize("had_it", [[], [ANN]], ids=["nothing else is told", "another was told to have it"])
def test_a_bounce_that_comes_before_the_answer_of_a_second_attempt_stands(had_it: list[str]) -> None:
    office = office_of_three()
    tell(office, KINDS[2], [BOB])
    tell(office, KINDS[1], had_it or ["stranger@elsewhere.example"])
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").retry("e1")
    real = office.sender.send

    def send(envelope: Any, composed: Octets) -> SendResult:
        result = real(envelope, composed)
        tell(office, KINDS[2], [BOB])
        return result

    office.sender.send = send  # type: ignore[method-assign]  # the fake of this test
    office.sender.answers = [replace(BY_SES, provider_id="ses-2")]
    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert [(one.address, one.outcome) for one in told(state)] == [(ANN, GOOD), (BOB, NEVER), (IDA, GOOD)]
    assert (state.status, state.provider_id) == (EmailStatus.SENT, "ses-2")


@pytest.mark.parametrize("times", [1, 3], ids=["once", "again and again"])
def test_a_report_that_comes_as_the_answer_is_being_written_stands(times: int) -> None:
    office = Office(server="ses")
    to = tuple(Party(Role.TO, address) for address in EVERYBODY)
    office.write(parties=(Party(Role.FROM, SALES, "Sales"), *to))
    refused = RecipientResult(ANN, NEVER, "on the suppression list")
    office.sender.answers = [replace(BY_SES, recipients=(refused,))]
    settle, coming = office.outgoing.settle, [BOB, IDA, BOB][:times]

    def settle_late(*given: Any, **named: Any) -> bool:
        if coming:
            tell(office, KINDS[2] if coming[0] is BOB else KINDS[1], [coming.pop(0)])
        return settle(*given, **named)

    office.outgoing.settle = settle_late  # type: ignore[method-assign]  # the fake of this test
    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert [(one.address, one.outcome) for one in told(state)] == [(ANN, NEVER), (BOB, NEVER), (IDA, GOOD)]
    assert state.status is EmailStatus.SENT
