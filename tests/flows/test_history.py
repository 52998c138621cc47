"""Each change of an outgoing e-mail is one that may be, and tells when it was, by which request or person, and on what evidence.

The delays mean what their names say (Microsoft.Crm.Tools.EmailAgent.xml): PendingStatusDelay before a collected e-mail is collected again,
SendingStatusDelay before one in sending counts as left behind, MaximumDeliveryAttempts before it fails.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.flows.by_hand import ByHand
from email_router.core.flows.outgoing import Delays
from email_router.core.flows.outgoing_alerts import still_open
from email_router.core.sending import OutgoingState, RecipientResult, SendOutcome, SendResult
from tests.flows.house import NOW, SALES
from tests.flows.office import BOSS, ERIN, Office
from tests.memory.sender import Lost, MemoryDraftingSender

PENDING, SENDING, SENT = EmailStatus.PENDING, EmailStatus.SENDING, EmailStatus.SENT
FAILED, UNKNOWN, DEFERRED = EmailStatus.FAILED, EmailStatus.UNKNOWN, EmailStatus.DEFERRED
CANCELLED = EmailStatus.CANCELLED
MAY_FOLLOW = {
    PENDING: {SENDING, CANCELLED, FAILED, SENT, PENDING},
    DEFERRED: {SENDING, CANCELLED, FAILED, SENT, DEFERRED},
    SENDING: {SENT, FAILED, UNKNOWN, DEFERRED, PENDING, CANCELLED},
    UNKNOWN: {SENT, FAILED, DEFERRED, PENDING},
    SENT: {SENT, FAILED, PENDING},
    FAILED: {FAILED, PENDING},
    CANCELLED: set(),
}


def answer(outcome: SendOutcome, **more: Any) -> SendResult:
    return SendResult(outcome=outcome, evidence=f"the server's words: {outcome.value}", **more)


GOOD, LATER = answer(SendOutcome.ACCEPTED, provider_id="ses-1"), answer(SendOutcome.DEFERRED)
NEVER, LOST = answer(SendOutcome.REFUSED), answer(SendOutcome.UNKNOWN)
SOME = answer(SendOutcome.ACCEPTED, recipients=(RecipientResult(ERIN, SendOutcome.REFUSED, "550 no such user"),))


def hand(office: Office) -> ByHand:
    crm: Any = office.crm
    return ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="by hand: ann")


def dies(office: Office) -> None:
    office.sender.answers = [SystemExit(9)]
    with pytest.raises(SystemExit):
        office.send()


def cancelled_late(office: Office) -> None:
    office.crm.cancel("e1")
    office.clock.advance(2000)
    office.send()


Step = Callable[[Office], object]


def given(*answers: SendResult | Exception) -> Step:
    """An order that is answered so, and comes again for each answer."""

    def carry(office: Office) -> None:
        for one in answers:
            office.sender.answers = [one]
            office.send()
            office.clock.advance(2000)

    return carry


STORIES: dict[str, tuple[EmailStatus, tuple[Step, ...]]] = {
    "sent": (SENT, (given(GOOD),)),
    "to some": (SENT, (given(SOME),)),
    "refused": (FAILED, (given(NEVER),)),
    "put off, then sent": (SENT, (given(LATER, GOOD),)),
    "given up": (FAILED, (given(*[LATER] * 10),)),
    "a server in trouble": (DEFERRED, (given(TryLater("busy", shared=True)),)),
    "blocked": (PENDING, (given(MailboxBlocked("paused")),)),
    "blocked, then sent": (SENT, (given(MailboxBlocked("paused"), GOOD),)),
    "unknown": (UNKNOWN, (given(LOST),)),
    "unknown, then reported": (SENT, (given(LOST), lambda office: office.report(kind="delivery", activity="e1"))),
    "unknown, sent by hand": (SENT, (given(LOST), lambda office: hand(office).sent("e1"))),
    "unknown, sent again": (SENT, (given(LOST), lambda office: hand(office).resend("e1"), given(GOOD))),
    "tried at once": (SENT, (given(LATER), lambda office: hand(office).retry("e1"), given(GOOD))),
    "bounced": (FAILED, (given(GOOD), lambda office: office.report(activity="e1"))),
    "bounced, tried again": (
        SENT,
        (
            given(GOOD),
            lambda office: office.report(activity="e1"),
            lambda office: hand(office).retry("e1"),
            given(GOOD),
        ),
    ),
    "delayed": (SENT, (given(GOOD), lambda office: office.report(kind="delay", permanent=False, activity="e1"))),
    "cancelled by hand": (CANCELLED, (given(LATER), lambda office: hand(office).cancel("e1"))),
    "cancelled in the CRM": (CANCELLED, (given(LATER), cancelled_late)),
    "the worker died": (UNKNOWN, (dies, lambda office: office.clock.advance(1801), Office.send)),
    "the bytes are gone": (FAILED, (given(LATER), Office.lose_composed, Office.send)),
}


def well_told(state: OutgoingState) -> list[str]:
    """Return what is wrong with a history."""
    wrong = [f"{one.status.value} without its time" for one in state.history if not one.at]
    wrong += [f"{one.status.value} by nobody" for one in state.history if not one.request]
    wrong += [f"{one.status.value} without evidence" for one in state.history if not one.evidence]
    pairs = list(zip(state.history, state.history[1:], strict=False))
    wrong += [f"{a.status.value} to {b.status.value}" for a, b in pairs if b.status not in MAY_FOLLOW[a.status]]
    return wrong + [f"{b.status.value} before {a.status.value}" for a, b in pairs if b.at < a.at]


@pytest.mark.parametrize("story", STORIES)
def test_every_change_is_one_that_may_be_and_tells_when_by_whom_and_why(story: str) -> None:
    ends, steps = STORIES[story]
    office = Office(server="ses")
    office.write()

    for step in steps:
        step(office)

    state = office.outgoing.get("e1")
    assert state is not None
    assert well_told(state) == []
    assert (state.history[0].status, state.history[-1].status, state.status) == (PENDING, ends, ends)


@pytest.mark.parametrize("lost", Lost)
def test_so_it_is_where_mail_is_drafted_first(lost: Lost) -> None:
    office = Office(server="exchange-online")
    office.sender = drafting = MemoryDraftingSender()
    office.write()
    drafting.losing = [lost]

    for _ in range(4):
        office.send()
        office.clock.advance(2000)

    state = office.outgoing.get("e1")
    assert state is not None
    assert (state.status, well_told(state)) == (SENT, [])


def test_a_collected_e_mail_is_collected_again_after_pending_status_delay_and_not_before() -> None:
    office = Office()
    office.write()
    counts = [office.collect()]
    for seconds in (Delays().pending_status - 1, 1):
        office.clock.advance(seconds)
        counts.append(office.collect())

    assert counts == [1, 0, 1]


def test_one_left_in_sending_is_taken_up_after_sending_status_delay_and_a_person_told_an_hour_later() -> None:
    office = Office()
    office.write()
    office.collect()
    dies(office)
    counts = []
    for seconds in (Delays().sending_status - 1, 1):
        office.clock.advance(seconds)
        counts.append(office.collect())

    office.send()

    state = office.outgoing.get("e1")
    assert (counts, state.status if state else None) == ([0, 1], UNKNOWN)
    assert office.crm.activities["e1"].status is UNKNOWN
    assert office.sender.sent == []  # it may have left: nobody sends it again by himself
    for seconds, told in ((3599, 0), (3600, 1)):
        at = office.clock.now() + timedelta(seconds=seconds)
        assert len(still_open(office.alerts.all(), office.outgoing, at)) == told


def test_an_order_that_comes_twice_leaves_an_attempt_to_the_worker_that_began_it_until_sending_status_delay() -> None:
    office = Office()
    office.write()
    dies(office)
    found = []
    for seconds in (0, Delays().sending_status - 1, 1):
        office.clock.advance(seconds)
        office.send()
        state = office.outgoing.get("e1")
        found.append(state.status if state else None)

    assert found == [SENDING, SENDING, UNKNOWN]


def test_an_e_mail_fails_after_maximum_delivery_attempts_each_later_than_the_one_before() -> None:
    office = Office()
    office.write()
    office.sender.answers = [LATER] * 20
    begun = []
    for _ in range(40_000):
        office.clock.advance(10)
        if office.collect():
            office.send()
            begun.append(office.clock.now() - NOW)
        if office.crm.activities["e1"].status is FAILED:
            break

    waits = [(b - a).total_seconds() for a, b in itertools.pairwise(begun)]
    assert (len(begun), office.crm.activities["e1"].attempts) == (10, 10)
    assert [round(one / 300) for one in waits] == [1, 2, 4, 6, 6, 6, 6, 6, 6]  # doubling, 30 minutes at most
    assert all(300 <= one <= 1800 + 10 for one in waits)  # collected every ten seconds
    assert "given up after 10 attempts" in (office.crm.activities["e1"].reason or "")


def test_e_mails_that_were_put_off_together_do_not_come_again_in_one_moment() -> None:
    waits = {Delays().before(3, f"e{number}") for number in range(100)}

    assert len(waits) > 50
    assert max(waits) - min(waits) > 60


def test_what_is_waited_for_between_two_attempts_lies_inside_the_two_delays() -> None:
    delays = Delays(pending_status=60, sending_status=600)
    waits = [[delays.before(attempt, f"e{number}") for number in range(300)] for attempt in (1, 2, 4, 10, 5000)]

    assert min(waits[0]) >= 60
    assert max(waits[-1]) <= 600
    assert all(max(some) <= 1.1 * min(some) for some in waits)
    assert min(waits[2]) > 2 * max(waits[1])


def test_the_worker_that_was_left_behind_leaves_its_recipients_unknown_and_a_report_settles_them() -> None:
    office = Office(server="ses")
    office.write(parties=(Party(Role.FROM, SALES), Party(Role.TO, ERIN), Party(Role.CC, BOSS)))
    dies(office)
    office.clock.advance(1801)
    office.send()

    office.report(activity="e1", kind="delivery", permanent=False, recipients=(ERIN,))

    state = office.outgoing.get("e1")
    assert state is not None
    assert (state.status, [one.outcome for one in state.results]) == (SENT, [SendOutcome.ACCEPTED] * 2)
