"""What a person does to an outgoing e-mail, and who wins when a worker moves at the same moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.errors import ConfigurationError
from email_router.core.flows.by_hand import ByHand
from email_router.core.flows.outgoing_alerts import still_open
from email_router.core.octets import Octets
from email_router.core.recipients import told
from email_router.core.sending import RecipientResult, SendOutcome, SendResult
from tests.flows.house import SALES
from tests.flows.office import ERIN, Office

BOSS = "boss@contoso.example"
UNKNOWN = SendResult(outcome=SendOutcome.UNKNOWN, evidence="the line broke after the final dot")
REFUSED = SendResult(outcome=SendOutcome.REFUSED, evidence="550 no")
PARTLY = SendResult(
    outcome=SendOutcome.ACCEPTED,
    evidence="250 ok",
    recipients=(RecipientResult(BOSS, SendOutcome.REFUSED, "550 no such user"),),
)


def office_after(*answers: SendResult) -> Office:
    office = Office()
    office.write()
    office.sender.answers = list(answers)
    if answers:
        office.send()
    return office


def hand(office: Office) -> ByHand:
    return ByHand(clock=office.clock, crm=office.crm, outgoing=office.outgoing, alerts=office.alerts, who="by hand")


def go_on(office: Office) -> None:
    """What the schedule does."""
    for _ in range(3):
        office.collect()
        orders, office.queues.outgoing = office.queues.outgoing, []
        for order in orders:
            office.carry_out(order)
        office.clock.advance(400)


def status(office: Office) -> tuple[EmailStatus, EmailStatus]:
    state = office.outgoing.get("e1")
    assert state is not None
    return state.status, office.crm.activities["e1"].status


def test_an_unknown_result_settled_as_sent_is_sent_and_its_alert_is_gone() -> None:
    office = office_after(UNKNOWN)

    hand(office).sent("e1")
    hand(office).sent("e1")  # given again
    go_on(office)

    state = office.outgoing.get("e1")
    assert state is not None
    assert status(office) == (EmailStatus.SENT, EmailStatus.SENT)
    assert len(office.sender.sent) == 1
    assert (state.history[-1].request, state.history[-1].evidence) == ("by hand", "settled by a person: it has left")
    assert still_open(office.alerts.all(), office.outgoing, office.clock.now().replace(year=2027)) == []


def test_an_unknown_result_settled_to_be_resent_leaves_once_more_with_the_same_bytes() -> None:
    office = office_after(UNKNOWN)

    hand(office).resend("e1")
    go_on(office)

    assert status(office) == (EmailStatus.SENT, EmailStatus.SENT)
    assert len(office.sender.sent) == 2
    assert len({raw for _, raw in office.sender.sent}) == 1


def test_of_an_unknown_result_only_those_get_it_again_of_whom_it_was_unknown() -> None:
    later = RecipientResult(BOSS, SendOutcome.DEFERRED, "451 later")
    office = office_after(SendResult(outcome=SendOutcome.ACCEPTED, evidence="ok", recipients=(later,)))
    office.sender.answers = [UNKNOWN]
    office.clock.advance(400)
    office.send()

    hand(office).resend("e1")
    go_on(office)

    assert [envelope.recipients for envelope, _ in office.sender.sent] == [(ERIN, BOSS), (BOSS,), (BOSS,)]
    assert status(office) == (EmailStatus.SENT, EmailStatus.SENT)


def test_a_retry_is_for_those_who_were_refused_alone() -> None:
    office = office_after(PARTLY)

    hand(office).retry("e1")
    go_on(office)

    state = office.outgoing.get("e1")
    assert state is not None
    assert [envelope.recipients for envelope, _ in office.sender.sent] == [(ERIN, BOSS), (BOSS,)]
    assert {one.outcome for one in told(state)} == {SendOutcome.ACCEPTED}


def test_a_retry_of_what_failed_wholly_is_for_all_with_attempts_anew() -> None:
    office = office_after(REFUSED)
    office.sender.answers = [SendResult(outcome=SendOutcome.DEFERRED, evidence="451")] * 3

    hand(office).retry("e1")
    go_on(office)

    assert status(office)[0] is EmailStatus.DEFERRED
    assert {envelope.recipients for envelope, _ in office.sender.sent} == {(ERIN, BOSS)}


def test_a_retry_after_a_bounce_is_for_the_one_it_was_about() -> None:
    office = office_after(SendResult(outcome=SendOutcome.ACCEPTED, evidence="ok", provider_id="ses-1"))
    office.report(recipients=(ERIN,))
    assert status(office)[0] is EmailStatus.SENT  # the other one has it

    hand(office).retry("e1")
    go_on(office)

    assert [envelope.recipients for envelope, _ in office.sender.sent] == [(ERIN, BOSS), (ERIN,)]


def test_after_a_report_that_names_nobody_a_person_must_name_whom_to_send_to() -> None:
    office = office_after(SendResult(outcome=SendOutcome.ACCEPTED, evidence="ok"))
    office.outgoing.report("e1", EmailStatus.FAILED, office.clock.now(), evidence="a delivery report came")

    with pytest.raises(ConfigurationError, match="by --to"):
        hand(office).retry("e1")
    with pytest.raises(ConfigurationError, match="not addressed to"):
        hand(office).retry("e1", ("stranger@example.org",))
    hand(office).retry("e1", (BOSS.upper(),))
    go_on(office)

    assert [envelope.recipients for envelope, _ in office.sender.sent] == [(ERIN, BOSS), (BOSS,)]


def test_exchange_sends_to_all_or_nobody_so_one_recipient_alone_is_refused() -> None:
    office = Office("exchange-online")
    office.write()
    office.send()
    office.outgoing.report("e1", EmailStatus.FAILED, office.clock.now(), evidence="a delivery report came")

    with pytest.raises(ConfigurationError, match="write it anew"):
        hand(office).retry("e1", (BOSS,))
    hand(office).retry("e1", (BOSS, ERIN))
    go_on(office)

    assert [envelope.recipients for envelope, _ in office.sender.sent] == [(ERIN, BOSS)] * 2


def test_what_waits_for_its_time_is_tried_at_once() -> None:
    office = office_after(SendResult(outcome=SendOutcome.DEFERRED, evidence="451", after=3600))

    hand(office).retry("e1")
    office.collect()

    assert [order.activities for order in office.queues.outgoing] == [("e1",)]
    go_on(office)
    assert status(office) == (EmailStatus.SENT, EmailStatus.SENT)


def test_an_e_mail_cancelled_before_and_after_it_was_prepared_is_never_sent() -> None:
    fresh, put_off = office_after(), office_after(SendResult(outcome=SendOutcome.DEFERRED, evidence="451"))

    for office in (fresh, put_off):
        hand(office).cancel("e1")
        hand(office).cancel("e1")
        office.clock.advance(4000)
        office.send()
        go_on(office)

    assert fresh.outgoing.get("e1") is None
    assert status(put_off) == (EmailStatus.CANCELLED, EmailStatus.CANCELLED)
    assert (len(fresh.sender.sent), len(put_off.sender.sent)) == (0, 1)


def test_a_worker_that_prepared_it_just_before_the_cancelling_sends_nothing() -> None:
    office = office_after()
    prepare = office.outgoing.prepare_all

    def overtaken(*given: object) -> object:
        prepared = prepare(*given)  # type: ignore[arg-type]  # passed on
        hand(office).cancel("e1")
        return prepared

    office.outgoing.prepare_all = overtaken  # type: ignore[method-assign, assignment]  # between preparing and telling the CRM

    office.send()

    assert office.sender.sent == []
    assert status(office) == (EmailStatus.CANCELLED, EmailStatus.CANCELLED)


@pytest.mark.parametrize("act", [ByHand.cancel, ByHand.resend, ByHand.retry], ids=["cancel", "resend", "retry"])
def test_what_is_being_sent_is_not_touched(act: Callable[[ByHand, str], object]) -> None:
    office = office_after()
    tried: list[str] = []

    def meanwhile() -> None:
        with pytest.raises(ConfigurationError) as told_why:
            act(hand(office), "e1")
        tried.append(str(told_why.value))

    send = office.sender.send

    def while_sending(envelope: object, composed: Octets) -> SendResult:
        meanwhile()
        return send(envelope, composed)  # type: ignore[arg-type]  # passed on

    office.sender.send = while_sending  # type: ignore[method-assign]  # a person acts in between

    office.send()

    assert len(tried) == 1
    assert "sending" in tried[0]
    assert status(office) == (EmailStatus.SENT, EmailStatus.SENT)


@pytest.mark.parametrize("act", [ByHand.sent, ByHand.resend], ids=["sent", "resend"])
def test_a_report_that_comes_in_between_wins_and_the_person_is_told(act: Callable[[ByHand, str], object]) -> None:
    office = office_after(UNKNOWN)
    get, calls = office.outgoing.get, []

    def overtaken(activity: str) -> object:
        found = get(activity)
        calls.append(activity)
        if len(calls) == 2:
            office.outgoing.report("e1", EmailStatus.FAILED, office.clock.now(), evidence="bounce")
        return found

    office.outgoing.get = overtaken  # type: ignore[method-assign, assignment]  # a bounce in between

    with pytest.raises(ConfigurationError, match="moved on meanwhile and is failed"):
        act(hand(office), "e1")

    office.outgoing.get = get  # type: ignore[method-assign]  # back again
    assert status(office)[0] is EmailStatus.FAILED


def test_a_command_that_died_between_state_and_crm_is_made_good_when_it_is_given_again() -> None:
    office = office_after(UNKNOWN)
    write_back = office.crm.write_back
    office.crm.write_back = lambda *_, **__: 1 / 0  # type: ignore[method-assign, assignment]  # the CRM is away
    with pytest.raises(ZeroDivisionError):
        hand(office).resend("e1")
    office.crm.write_back = write_back  # type: ignore[method-assign]  # back again

    hand(office).resend("e1")
    go_on(office)

    assert status(office) == (EmailStatus.SENT, EmailStatus.SENT)
    assert len(office.sender.sent) == 2


@pytest.mark.parametrize(
    ("answer", "act", "words"),
    [
        (REFUSED, ByHand.sent, "is failed, not unknown"),
        (REFUSED, ByHand.resend, "is failed, not unknown"),
        (UNKNOWN, ByHand.retry, "is unknown"),
        (UNKNOWN, ByHand.cancel, "is unknown and cannot be cancelled"),
        (SendResult(outcome=SendOutcome.ACCEPTED, evidence="ok"), ByHand.retry, "nobody of its recipients was refused"),
        (SendResult(outcome=SendOutcome.ACCEPTED, evidence="ok"), ByHand.cancel, "is sent and cannot be cancelled"),
    ],
)
def test_a_command_that_does_not_fit_changes_nothing_and_says_what_does(
    answer: SendResult, act: Callable[[ByHand, str], object], words: str
) -> None:
    office = office_after(answer)
    before = office.outgoing.get("e1")

    with pytest.raises(ConfigurationError, match=words):
        act(hand(office), "e1")
    with pytest.raises(ConfigurationError, match="expected an activity of"):
        act(hand(office), "never")

    assert office.outgoing.get("e1") == before


def test_what_only_the_crm_knows_of_is_settled_there() -> None:
    office = Office()
    office.write(status=EmailStatus.SENDING)
    office.send()
    office.write("e2", parties=(Party(Role.FROM, SALES, "Sales"),))
    office.send("e2")
    assert [one.status for one in office.crm.activities.values()] == [EmailStatus.UNKNOWN, EmailStatus.FAILED]

    hand(office).resend("e1")
    hand(office).retry("e2")
    go_on(office)

    assert office.crm.activities["e1"].status is EmailStatus.SENT
    assert office.crm.activities["e2"].status is EmailStatus.FAILED
    assert len(office.sender.sent) == 1


def test_an_unprepared_e_mail_of_nobody_fails_for_its_owner() -> None:
    office = Office()
    office.write(parties=(Party(Role.FROM, SALES, "Sales"),), owner="ann@contoso.example")

    office.send()

    assert [(one.kind, one.about, one.messages) for one in office.alerts.all()] == [
        ("not_sent", "ann@contoso.example", ("e1",))
    ]
