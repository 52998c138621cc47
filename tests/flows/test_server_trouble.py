"""Trouble of the server's own on the way out: waited for as long as it asks, nobody's attempt, and met by one e-mail of an order alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.errors import TryLater
from email_router.core.flows.attempt import GIVE_UP_AFTER
from email_router.core.octets import Octets
from email_router.core.sending import Envelope, OutgoingState, SendResult
from tests.fakes import fail
from tests.flows.house import NOW
from tests.flows.office import Office
from tests.memory.sender import MemoryDraftingSender

DAY = 24 * 3600.0


def throttled(after: float = 7200) -> TryLater:
    return TryLater("box: Graph asks to wait (HTTP 429)", kind="throttled", after=after, shared=True)


def office(*names: str) -> Office:
    made = Office()
    for name in names or ("e1",):
        made.write(name)
    return made


def state(at: Office, name: str = "e1") -> OutgoingState:
    found = at.outgoing.get(name)
    assert found is not None
    return found


def waits(at: Office, name: str = "e1") -> float:
    due = state(at, name).due
    assert due is not None
    return (due - at.clock.now()).total_seconds()


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("asked", "waited"), [(7200, 7200), (DAY, DAY), (1e14, DAY), (float("inf"), DAY)])
def test_the_wait_that_a_server_asks_for_is_kept_and_is_a_day_at_most(
    asked: float, waited: float, *, shared: bool
) -> None:
    at = office()
    at.sender.answers = [TryLater("later", after=asked, shared=shared)]

    at.send()

    assert waits(at) == waited


def test_the_servers_trouble_is_nobodys_attempt_and_its_end_finds_the_e_mail_waiting() -> None:
    at = office()
    at.sender.answers = [throttled() for _ in range(30)]
    for _ in range(30):
        at.send()
        at.clock.advance(7201)
    assert (state(at).status, state(at).attempts) == (EmailStatus.DEFERRED, 0)

    at.send()

    assert state(at).status is EmailStatus.SENT


def test_trouble_of_the_e_mail_itself_is_an_attempt_of_ten() -> None:
    at = office()
    at.sender.answers = [TryLater("this one not now") for _ in range(20)]

    for _ in range(10):
        at.send()
        at.clock.advance(2000)

    assert state(at).status is EmailStatus.FAILED


def test_the_order_ends_at_the_first_and_the_others_are_due_when_the_server_asked_for() -> None:
    names = [f"e{number}" for number in range(5)]
    at = office(*names)
    at.sender.answers = [throttled(900) for _ in range(5)]

    at.send(*names)

    assert len(at.sender.answers) == 4  # one was asked
    assert {at.crm.activities[name].attempts for name in names} == {0}
    assert [at.crm.activities[name].status for name in names[1:]] == [EmailStatus.PENDING] * 4
    at.sender.answers = []
    at.clock.advance(899)
    assert at.collect() == 0
    at.clock.advance(1)
    assert at.collect() == 5


def test_an_e_mail_that_breaks_the_line_each_time_keeps_the_others_waiting_for_a_minute_only() -> None:
    at = office("e1", "e2", "e3")
    at.sender.answers = [TryLater("the line broke", kind="connection_lost", shared=True)]
    at.send("e1", "e2", "e3")

    at.clock.advance(61)
    at.collect()

    assert [order.activities for order in at.queues.outgoing] == [("e2", "e3")]
    assert waits(at) > 200


def test_the_waits_for_a_server_that_stays_away_grow_to_half_an_hour() -> None:
    at = office()
    at.sender.answers = [TryLater("away", shared=True) for _ in range(6)]
    waited = []

    for _ in range(6):
        at.send()
        waited.append(waits(at))
        at.clock.advance(2000)

    within = [(300, 330), (600, 660), (1200, 1320), *[(1636, 1800)] * 3]  # spread by a tenth
    assert [low <= found <= high for found, (low, high) in zip(waited, within, strict=True)] == [True] * 6, waited


def test_after_five_days_its_attempts_count_and_it_fails_in_the_end_with_a_word_to_its_owner() -> None:
    at = office()
    at.sender.answers = [TryLater("away", shared=True) for _ in range(1000)]
    while state_or_none(at) is not EmailStatus.FAILED:
        at.send()
        at.clock.advance(1900)

    began = at.clock.now() - NOW

    assert GIVE_UP_AFTER < began < GIVE_UP_AFTER + timedelta(hours=12)
    assert "away" in (state(at).reason or "")
    assert [one.kind for one in at.alerts.all()] == ["not_sent"]


def state_or_none(at: Office) -> EmailStatus | None:
    found = at.outgoing.get("e1")
    return found.status if found else None


def test_a_draft_whose_answer_was_lost_is_looked_for_by_the_next_attempt_though_none_was_counted() -> None:
    at = office()
    at.sender = sender = MemoryDraftingSender()
    asked: list[int] = []
    fail(sender, "draft", TryLater("the line broke", kind="connection_lost", shared=True))
    at.send()
    real = sender.draft

    def draft(envelope: Envelope, composed: Octets) -> str:
        asked.append(envelope.attempt)
        return real(envelope, composed)

    sender.draft = draft  # type: ignore[method-assign]  # the fake of this test
    at.clock.advance(400)

    at.send()

    assert asked == [2]  # what removes lost drafts asks for more than 1
    assert state(at).status is EmailStatus.SENT


def test_a_draft_whose_answer_was_lost_is_withdrawn_when_the_e_mail_is_cancelled() -> None:
    at = office()
    at.sender = sender = MemoryDraftingSender()
    fail(sender, "draft", TryLater("the line broke", kind="connection_lost", shared=True))
    at.send()
    withdrawn: list[str] = []

    def withdraw(envelope: Envelope) -> SendResult | None:
        withdrawn.append(envelope.draft)
        return None

    sender.withdraw = withdraw  # type: ignore[method-assign]  # the fake of this test
    assert at.crm.cancel("e1")

    at.send()

    assert withdrawn == [""]
    assert state(at).status is EmailStatus.CANCELLED


def test_a_crm_that_is_away_for_long_takes_no_attempt_from_the_e_mail() -> None:
    at = office()
    for _ in range(15):
        fail(at.crm, "write_back", TryLater("the CRM is away", shared=True))
        with pytest.raises(TryLater):
            at.send()
        at.clock.advance(60)
    assert state(at).attempts == 0

    at.send()

    assert (state(at).status, state(at).attempts) == (EmailStatus.SENT, 1)
