"""An e-mail is one for each of its recipients: who was told to have it never gets it again, whatever becomes of the others."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.flows.outgoing_alerts import still_open
from email_router.core.flows.send_email import SendEmail
from email_router.core.recipients import told
from email_router.core.sending import RecipientResult, Reported, SendOutcome, SendResult
from email_router.core.work import OutgoingWork
from tests.flows.house import NOW, SALES
from tests.flows.office import Office

ANN, BOB, CY = "ann@fabrikam.example", "bob@fabrikam.example", "Cy@Fabrikam.example"
GOOD, LATER, NEVER, LOST = SendOutcome.ACCEPTED, SendOutcome.DEFERRED, SendOutcome.REFUSED, SendOutcome.UNKNOWN
WORDS = {GOOD: "250 ok", LATER: "451 greylisted", NEVER: "550 no such user", LOST: "the line broke"}


def office_of_three() -> Office:
    office = Office()
    to = tuple(Party(Role.TO, address) for address in (ANN, BOB, CY))
    office.write(parties=(Party(Role.FROM, SALES, "Sales"), *to))
    return office


def answer(whole: SendOutcome, **of: SendOutcome) -> SendResult:
    names = {"ann": ANN, "bob": BOB, "cy": CY}
    recipients = tuple(RecipientResult(names[name], one, WORDS[one]) for name, one in of.items())
    return SendResult(
        outcome=whole, evidence=WORDS[whole], recipients=recipients, after=300 if LATER in of.values() else 0
    )


def outcomes(office: Office) -> dict[str, SendOutcome]:
    state = office.outgoing.get("e1")
    assert state is not None
    return {one.address: one.outcome for one in told(state)}


def test_a_recipient_put_off_is_tried_again_alone() -> None:
    office = office_of_three()
    office.sender.answers = [answer(GOOD, ann=GOOD, bob=LATER, cy=GOOD)]

    office.send()
    shown = office.crm.activities["e1"].status
    office.clock.advance(2000)
    office.collect()
    office.send()

    assert [envelope.recipients for envelope, _ in office.sender.sent] == [(ANN, BOB, CY), (BOB,)]
    assert len({raw for _, raw in office.sender.sent}) == 1
    assert shown is EmailStatus.SENDING  # some have it, so nobody is to cancel it
    assert office.crm.activities["e1"].status is EmailStatus.SENT
    assert set(outcomes(office).values()) == {GOOD}


def test_a_recipient_put_off_to_the_last_attempt_is_named_with_the_servers_words() -> None:
    office = office_of_three()
    office.sender.answers = [answer(GOOD, ann=GOOD, bob=LATER, cy=GOOD)]
    office.sender.answers += [SendResult(outcome=LATER, evidence="451 still greylisted")] * 9

    for _ in range(12):
        office.send()
        office.clock.advance(2000)

    email = office.crm.activities["e1"]
    assert email.status is EmailStatus.SENT
    assert f"refused: {BOB} given up after 10 attempts: 451 still greylisted" in (email.reason or "")
    assert [envelope.recipients for envelope, _ in office.sender.sent][1:] == [(BOB,)] * 9
    assert outcomes(office) == {ANN: GOOD, BOB: NEVER, CY: GOOD}
    assert office.meters.counts["OutgoingMessagesDelivered"] == 1


def test_recipients_refused_for_good_are_named_and_never_tried_again() -> None:
    office = office_of_three()
    office.sender.answers = [answer(GOOD, ann=GOOD, bob=LATER, cy=NEVER)]

    for _ in range(4):
        office.send()
        office.clock.advance(2000)

    email = office.crm.activities["e1"]
    assert [envelope.recipients for envelope, _ in office.sender.sent] == [(ANN, BOB, CY), (BOB,)]
    assert email.status is EmailStatus.SENT
    assert f"refused: {CY} 550 no such user" in (email.reason or "")
    assert outcomes(office) == {ANN: GOOD, BOB: GOOD, CY: NEVER}


def test_a_line_that_broke_after_the_final_dot_costs_nobody_a_second_copy_though_one_was_put_off() -> None:
    office = office_of_three()
    office.sender.answers = [answer(LOST, ann=LOST, bob=LATER, cy=LOST)]

    for _ in range(4):
        office.send()
        office.clock.advance(2000)

    assert [envelope.recipients for envelope, _ in office.sender.sent] == [(ANN, BOB, CY), (BOB,)]
    assert office.crm.activities["e1"].status is EmailStatus.UNKNOWN
    assert outcomes(office) == {ANN: LOST, BOB: GOOD, CY: LOST}


def test_a_worker_that_dies_in_the_second_attempt_leaves_only_those_unknown_that_it_was_for() -> None:
    office = office_of_three()
    office.sender.answers = [answer(GOOD, ann=GOOD, bob=LATER, cy=GOOD), SystemExit(9)]
    office.send()
    office.clock.advance(2000)
    with pytest.raises(SystemExit):
        SendEmail(office.road()).send(
            OutgoingWork("contoso", "out", SALES, ("e1",)), office.clock.now().replace(year=2027)
        )
    office.clock.advance(2000)

    office.send()

    assert office.crm.activities["e1"].status is EmailStatus.UNKNOWN
    assert outcomes(office) == {ANN: GOOD, BOB: LOST, CY: GOOD}


def test_an_e_mail_that_somebody_cancels_when_some_have_it_is_sent_to_those() -> None:
    office = office_of_three()
    office.sender.answers = [answer(GOOD, ann=GOOD, bob=LATER, cy=GOOD)]
    office.send()
    office.crm.activities.pop("e1")  # a person deletes it: cancelling is refused by then
    office.clock.advance(2000)

    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert state.status is EmailStatus.SENT
    assert len(office.sender.sent) == 1
    assert outcomes(office) == {ANN: GOOD, BOB: NEVER, CY: GOOD}


def test_whatever_a_relay_answers_for_each_recipient_nobody_who_has_it_gets_it_again() -> None:
    for first in itertools.product((GOOD, LATER, NEVER, LOST), repeat=3):
        whole = LOST if LOST in first else GOOD if GOOD in first else LATER if LATER in first else NEVER
        office = office_of_three()
        office.sender.answers = [answer(whole, ann=first[0], bob=first[1], cy=first[2])]

        for _ in range(4):
            office.send()
            office.clock.advance(2000)

        later = tuple(address for address, one in zip((ANN, BOB, CY), first, strict=True) if one is LATER)
        assert [one.recipients for one, _ in office.sender.sent] == [(ANN, BOB, CY), *([later] if later else [])], first
        expected = dict(zip((ANN, BOB, CY), (GOOD if one is LATER else one for one in first), strict=True))
        assert outcomes(office) == expected, first
        status = office.crm.activities["e1"].status
        end = set(expected.values())
        assert status is (
            EmailStatus.UNKNOWN if LOST in end else EmailStatus.SENT if GOOD in end else EmailStatus.FAILED
        )


def ses_office() -> Office:
    office = Office(server="ses")
    to = tuple(Party(Role.TO, address) for address in (ANN, BOB, CY))
    office.write(parties=(Party(Role.FROM, SALES, "Sales"), *to))
    office.sender.answers = [SendResult(outcome=GOOD, evidence="taken by Amazon SES", provider_id="ses-1")]
    office.send()
    return office


EVENTS = {
    "send": {"kind": "send", "permanent": False, "recipients": (ANN, BOB, CY)},
    "delay": {"kind": "delay", "permanent": False, "recipients": (BOB,)},
    "delivery": {"kind": "delivery", "permanent": False, "recipients": (ANN,)},
    "delivery of Bob's": {"kind": "delivery", "permanent": False, "recipients": (BOB,)},
    "bounce": {"kind": "bounce", "permanent": True, "recipients": (CY.lower(),)},
    "complaint": {"kind": "complaint", "permanent": False, "recipients": (ANN,)},
}


def test_in_whatever_order_events_come_and_however_often_the_end_is_the_same() -> None:
    for order in itertools.permutations(EVENTS):
        _end_of(order)


def _end_of(order: tuple[str, ...]) -> None:
    office = ses_office()

    for name in (*order, *order[::-1]):
        office.report(activity="e1", **EVENTS[name])

    state = office.outgoing.get("e1")
    assert state is not None
    assert {one.address: (one.outcome, one.reported) for one in told(state)} == {
        ANN: (GOOD, Reported.COMPLAINED),
        BOB: (GOOD, Reported.DELIVERED),
        CY: (NEVER, Reported.BOUNCED),
    }
    email = office.crm.activities["e1"]
    assert (email.status, email.reason) == (EmailStatus.SENT, f"bounce: Permanent General 5.1.1 ({CY})")
    assert state.reason == email.reason
    assert office.meters.counts["OutgoingMessagesUndelivered"] == 0
    assert len(state.history) <= 3 + len(EVENTS)


def test_a_report_settles_what_was_unknown_for_all_that_ses_took_it_for() -> None:
    office = Office(server="ses")
    office.write()
    office.sender.answers = [SendResult(outcome=LOST, evidence="timeout")]
    office.send()

    office.report(activity="e1", kind="delivery", permanent=False)

    assert set(outcomes(office).values()) == {GOOD}
    assert office.crm.activities["e1"].status is EmailStatus.SENT
    assert still_open(office.alerts.all(), office.outgoing, office.clock.now().replace(year=2027)) == []


def test_a_person_is_told_of_an_unknown_result_once_no_report_has_settled_it_for_an_hour() -> None:
    office = Office()
    office.write()
    office.sender.answers = [SendResult(outcome=LOST, evidence="the line broke")]
    office.send()

    early = still_open(office.alerts.all(), office.outgoing, NOW + timedelta(seconds=3599))
    late = still_open(office.alerts.all(), office.outgoing, NOW + timedelta(seconds=3600))

    assert early == []
    assert [(one.kind, one.about) for one in late] == [("unknown_result", "e1")]
    assert "outgoing settle e1 --sent" in late[0].mend


def test_the_owner_is_told_of_what_failed_by_an_alert_and_nobody_by_mail() -> None:
    office = office_of_three()
    office.write("e2")
    office.sender.answers = [answer(NEVER), answer(NEVER)]

    office.send("e1", "e2")

    (alert,) = office.alerts.all()
    assert (alert.kind, alert.about, alert.messages) == ("not_sent", "ann@contoso.example", ("e1", "e2"))
    assert set(office.crm.activities) == {"e1", "e2"}  # no notice was written
    (note,) = office.crm.notes("e1")
    assert (note.owner, note.text) == (
        "ann@contoso.example",
        f"Not delivered to {ANN}, {BOB}, {CY}: 550 no such user",
    )
    assert len(office.sender.sent) == 2


def test_a_bounce_leaves_one_note_however_often_it_is_reported() -> None:
    office = ses_office()

    for _ in range(3):
        office.report(activity="e1", recipients=(BOB,))

    (note,) = office.crm.notes("e1")
    assert note.text == f"Not delivered to {BOB}: bounce: Permanent General 5.1.1 ({BOB})"


def test_each_transition_tells_when_by_which_request_and_on_what_evidence() -> None:
    office = ses_office()

    office.report(activity="e1", recipients=(ANN, BOB, CY))

    state = office.outgoing.get("e1")
    assert state is not None
    assert [(one.status, one.request) for one in state.history] == [
        (EmailStatus.PENDING, "request-1"),
        (EmailStatus.SENDING, "request-1"),
        (EmailStatus.SENT, "request-1"),
        (EmailStatus.FAILED, "request-of-the-event"),
    ]
    assert [one.evidence for one in state.history][2:] == [
        "taken by Amazon SES",
        f"bounce: Permanent General 5.1.1 ({ANN}, {BOB}, {CY})",
    ]
    assert {one.at for one in state.history} == {NOW}
