"""E-mails that leave in groups: told to the CRM together, each claimed by itself, and none lost where a group ends early."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.errors import MailboxBlocked, MessageRefused, TryLater
from email_router.core.flows import send_group
from email_router.core.flows.send_email import SendEmail
from email_router.core.octets import Octets
from email_router.core.parse import parse
from email_router.core.sending import Envelope, SendOutcome, SendResult
from email_router.core.work import OutgoingWork
from email_router.core.write_back import WriteBack
from tests.flows.house import SALES
from tests.flows.office import Office

PENDING, SENT, FAILED = EmailStatus.PENDING, EmailStatus.SENT, EmailStatus.FAILED


def office_of(mails: int, server: str = "smtp") -> Office:
    """An office where so many e-mails wait: e1, e2, ..."""
    office = Office(server)
    for number in range(1, mails + 1):
        office.write(f"e{number}", subject=f"Order {number}")
    return office


def names(mails: int) -> tuple[str, ...]:
    return tuple(f"e{number}" for number in range(1, mails + 1))


def at_send(office: Office, act: Callable[[str], object]) -> None:
    """Let something happen whenever an e-mail is about to be handed over."""
    real = office.sender.send

    def send(envelope: Envelope, composed: Octets) -> SendResult:
        act(envelope.activity)
        return real(envelope, composed)

    office.sender.send = send  # type: ignore[method-assign]  # the fake of this test


def statuses(office: Office, mails: int) -> list[EmailStatus]:
    """What the CRM says of each, which is what the state says, where there is one."""
    for one in office.outgoing.all():
        assert office.crm.activities[one.activity].status is one.status
    return [office.crm.activities[name].status for name in names(mails)]


def test_the_crm_is_told_of_a_group_together_before_and_after() -> None:
    office = office_of(30)
    tells: list[list[str]] = []
    real = office.crm.write_back_all

    def counted(told: Any) -> Any:
        tells.append([*sorted({one.status.value for one in told}), str(len(told))])
        return real(told)

    office.crm.write_back_all = counted  # type: ignore[method-assign]  # counted on the way

    office.send(*names(30))

    assert tells == [["sending", "25"], ["sent", "25"], ["sending", "5"], ["sent", "5"]]
    assert statuses(office, 30) == [SENT] * 30


def test_the_sender_knows_which_one_follows_as_far_as_it_is_held() -> None:
    office = office_of(3)
    office.sender.answers = [SendResult(outcome=SendOutcome.DEFERRED, evidence="451 later")]
    office.send("e1")
    office.clock.advance(2000)
    office.sender.announced.clear()

    office.send(*names(3))

    assert office.sender.announced == [("e1", "e2"), ("e2", "e3"), ("e3", "")]


def test_one_that_another_worker_has_claimed_is_not_said_to_follow_itself() -> None:
    office = office_of(2)
    real = office.outgoing.claim

    def claim(activity: str, *given: Any) -> Any:
        return None if activity == "e1" else real(activity, *given)

    office.outgoing.claim = claim  # type: ignore[method-assign, assignment]  # the fake of this test

    office.send(*names(2))

    assert office.sender.announced == [("e2", "")]


def test_what_is_not_reached_in_time_waits_again_as_before() -> None:
    office = office_of(4)
    at_send(office, lambda _: office.clock.advance(100))

    done = office.send(*names(4))

    assert [one.status for one in done] == [SENT, SENT, SENT]
    assert statuses(office, 4) == [SENT, SENT, SENT, PENDING]
    assert office.crm.activities["e4"].attempts == 0
    assert office.crm.cancel("e4")
    assert office.collect() == 0


def test_a_provider_that_takes_no_more_leaves_the_rest_untried_until_it_does() -> None:
    office = office_of(4)
    holds = iter([0.0, 0.0, 500.0])
    office.sender.hold = lambda: next(holds)  # type: ignore[attr-defined]  # a provider with a pace

    office.send(*names(4))

    assert statuses(office, 4) == [SENT, SENT, PENDING, PENDING]
    assert [one.attempts for one in office.outgoing.all()] == [0, 0, 1, 1]
    office.clock.advance(499)
    assert office.collect() == 0
    office.clock.advance(1)
    assert office.collect() == 2


def test_a_sender_that_is_blocked_on_the_way_lets_all_wait_with_the_reason() -> None:
    office = office_of(3)
    office.sender.answers = [
        SendResult(outcome=SendOutcome.ACCEPTED, evidence="250 ok"),
        MailboxBlocked("login refused", mend="Check the password."),
    ]

    office.send(*names(3))

    assert statuses(office, 3) == [SENT, PENDING, PENDING]
    assert [office.crm.activities[name].reason for name in ("e2", "e3")] == ["login refused Check the password."] * 2
    assert [office.crm.activities[name].attempts for name in ("e2", "e3")] == [0, 0]
    assert [alert.kind for alert in office.alerts.all()] == ["sender_blocked"]


def test_one_that_is_cancelled_after_it_was_read_is_not_sent_and_the_others_are() -> None:
    office = office_of(3)
    real = office.outgoing.prepare_all

    def meanwhile(prepared: Any) -> Any:
        office.crm.cancel("e2")
        return real(prepared)

    office.outgoing.prepare_all = meanwhile  # type: ignore[method-assign]  # the fake of this test

    office.send(*names(3))

    assert statuses(office, 3) == [SENT, EmailStatus.CANCELLED, SENT]
    assert [envelope.activity for envelope, _ in office.sender.sent] == ["e1", "e3"]


def test_a_bounce_that_comes_before_the_group_is_told_stands() -> None:
    office = office_of(2, "ses")
    office.sender.answers = [
        SendResult(outcome=SendOutcome.ACCEPTED, evidence="ok", provider_id=f"ses-{number}") for number in (1, 2)
    ]
    at_send(office, lambda name: office.report(activity="e1") if name == "e2" else None)

    office.send(*names(2))

    assert statuses(office, 2) == [FAILED, SENT]
    assert "5.1.1" in (office.crm.activities["e1"].reason or "")


def test_an_answer_to_an_e_mail_of_the_same_order_continues_its_thread() -> None:
    office = Office()
    office.write("e2", correlated="e1")
    office.write("e1")

    office.send("e2", "e1")

    first, second = (parse(raw) for _, raw in office.sender.sent)
    assert second.in_reply_to == first.message_id
    assert second.subject.endswith("CRM:0001001")
    assert first.subject.endswith("CRM:0001001")


def test_two_that_answer_each_other_leave_all_the_same() -> None:
    office = Office()
    office.write("e1", correlated="e2")
    office.write("e2", correlated="e1")

    office.send("e1", "e2")

    assert statuses(office, 2) == [SENT, SENT]


def test_what_is_large_is_stored_and_what_comes_behind_is_composed_when_it_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(send_group, "_HELD", 20_000)
    office = office_of(1)
    office.write("e2", text=random.Random(1).randbytes(20_000).hex())
    office.write("e3")
    known: dict[str, bool] = {}
    at_send(office, lambda name: known.update({name: office.outgoing.get("e3") is not None}))

    office.send(*names(3))

    assert known == {"e1": False, "e2": False, "e3": True}
    states = {one.activity: one for one in office.outgoing.all()}
    assert [states[name].beside for name in names(3)] == [True, False, True]
    assert list(office.blobs.stored) == [states["e2"].blob]
    assert {envelope.activity: raw for envelope, raw in office.sender.sent} == {
        name: office.composed(name) for name in names(3)
    }


def test_a_worker_that_dies_leaves_unknown_what_it_sent_and_nothing_else() -> None:
    office = office_of(3)

    def dies(name: str) -> None:
        if name == "e2":
            raise SystemExit(9)  # what a kill looks like from inside

    real = office.sender.send
    at_send(office, dies)
    with pytest.raises(SystemExit):
        SendEmail(office.road()).send(
            OutgoingWork("contoso", "out", SALES, names(3)), office.clock.now() + timedelta(seconds=240)
        )
    office.sender.send = real  # type: ignore[method-assign]  # back again

    office.send(*names(3))
    office.clock.advance(1801)
    office.send(*names(3))

    assert statuses(office, 3) == [SENT, EmailStatus.UNKNOWN, SENT]
    assert sorted(envelope.activity for envelope, _ in office.sender.sent) == ["e1", "e3"]


def test_a_store_that_goes_away_on_the_way_lets_the_rest_wait_and_the_crm_know_what_was_sent() -> None:
    office = office_of(3)
    real, calls = office.outgoing.claim, []

    def claim(activity: str, *given: Any) -> Any:
        calls.append(activity)
        if len(calls) == 2:
            raise TryLater("the store is away", shared=True)
        return real(activity, *given)

    office.outgoing.claim = claim  # type: ignore[method-assign, assignment]  # the fake of this test

    with pytest.raises(TryLater):
        office.send(*names(3))

    assert statuses(office, 3) == [SENT, PENDING, PENDING]
    office.send(*names(3))
    assert statuses(office, 3) == [SENT] * 3


def test_one_that_cannot_be_read_fails_with_its_word_and_keeps_no_other_back() -> None:
    office = office_of(3)
    refusal = MessageRefused("one of its attachments cannot be read", kind="attachment", mend="Attach it again.")
    real = office.crm.email

    def several(activities: Any) -> Any:
        if "e2" in activities:
            raise refusal
        return {name: office.crm.activities[name] for name in activities}

    def email(activity: str) -> EmailActivity | None:
        if activity == "e2":
            raise refusal
        return real(activity)

    office.crm.several = several  # type: ignore[method-assign]  # the fake of this test
    office.crm.email = email  # type: ignore[method-assign]  # as above

    office.send(*names(3))

    assert [office.crm.activities[name].status for name in names(3)] == [SENT, FAILED, SENT]
    assert office.crm.activities["e2"].reason == f"{refusal} Attach it again."


def test_what_the_crm_does_not_read_with_the_others_comes_behind_them_and_what_is_gone_holds_up_nobody() -> None:
    office = office_of(4)
    del office.crm.activities["e3"]
    read: list[tuple[str, ...]] = []

    def several(activities: Any) -> Any:
        there = [name for name in activities if name in office.crm.activities]
        read.append(tuple(activities))
        return {name: office.crm.activities[name] for name in there[:1]}

    office.crm.several = several  # type: ignore[method-assign]  # the fake of this test

    done = office.send(*names(4))

    assert read == [names(4), ("e2", "e3", "e4"), ("e3", "e4"), ("e3",)]
    assert [(one.activity, one.status) for one in done] == [("e1", SENT), ("e2", SENT), ("e4", SENT), ("e3", None)]


@pytest.mark.parametrize("status", [EmailStatus.SENDING, SENT])
def test_one_that_the_crm_refuses_keeps_no_other_back_and_is_told_of_in_the_end(status: EmailStatus) -> None:
    office = office_of(30)
    real = office.crm.write_back_all

    def refusing(told: list[WriteBack]) -> Any:
        refused = [one for one in told if (one.activity, one.status) == ("e2", status)]
        others = real([one for one in told if one not in refused])
        if refused:
            raise MessageRefused("e2 cannot be changed", kind="crm_refused")
        return others

    office.crm.write_back_all = refusing  # type: ignore[method-assign, assignment]  # the fake of this test

    with pytest.raises(MessageRefused, match="e2"):
        office.send(*names(30))

    assert [name for name in names(30) if office.crm.activities[name].status is not SENT] == ["e2"]
    assert sum(envelope.activity == "e2" for envelope, _ in office.sender.sent) == (status is SENT)
