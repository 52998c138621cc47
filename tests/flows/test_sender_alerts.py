"""Who is told of senders that are refused: of the host where it refuses everybody, of a sender where the host takes others' logins."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import Mock

import pytest

from email_router.core.alerts import Alert
from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.flows.outgoing_alerts import still_open
from tests.flows.day import Day

REFUSED = MailboxBlocked("535 authentication failed", kind="login_refused")
PLACE = "outgoing memory mail.contoso.example"


def refusing(day: Day, *boxes: str) -> None:
    """Let the host refuse these, and nobody else."""
    day.broken = dict.fromkeys(boxes, REFUSED)


def told(day: Day) -> Sequence[tuple[str, str]]:
    """Return kind and about of what was sent to a person of those who send."""
    return [(one.kind, one.about) for one in day.sent_alerts if _of_sending(one)]


def listed(day: Day) -> Sequence[tuple[str, str]]:
    found = still_open(day.alerts.all(), day.outgoing, day.clock.now())
    return [(one.kind, one.about) for one in found if _of_sending(one)]


def _of_sending(alert: Alert) -> bool:
    return alert.kind == "sender_blocked" or alert.about == PLACE


def only_sending(size: int) -> Day:
    """Return a day on which nobody's mail is read, so that each alert is of those who send."""
    day = Day(size)
    for one in day.boxes:
        day.states.unschedule(one)
    return day


@pytest.mark.parametrize("size", [2, 5, 40, 250])
def test_a_host_that_refuses_everybody_is_one_alert(size: int) -> None:
    day = only_sending(size)
    refusing(day, *day.boxes)
    day.write()

    day.run(20)

    assert told(day) == listed(day) == [("circuit_open", PLACE)]
    refusing(day)
    day.run(30)
    assert listed(day) == []
    assert set(day.left().values()) == {1}
    assert len(day.left()) == size


def test_a_host_that_refuses_all_the_few_who_write_is_one_alert_and_not_one_for_each() -> None:
    """Fewer than half of the mailboxes have anything to send, so that its circuit does not open."""
    day = only_sending(20)
    refusing(day, *day.boxes)
    day.write()
    keep(day, 8)

    day.run(40)

    assert told(day) == listed(day) == [("sender_blocked", PLACE)]
    refusing(day)
    day.run(10)
    assert listed(day) == []


def test_one_sender_who_is_refused_where_others_are_taken_is_told_of_when_he_is_refused_again() -> None:
    day = only_sending(5)
    blocked = day.boxes[1]
    refusing(day, blocked)
    day.write()

    day.run(4)
    first = told(day), listed(day)
    day.run(20)

    assert first == ([], [])
    assert told(day) == listed(day) == [("sender_blocked", blocked)]
    refusing(day)
    day.run(10)
    assert day.alerts.all() == []


def test_many_orders_that_are_refused_in_one_breath_are_one_refusal() -> None:
    day = only_sending(3)
    refusing(day, day.boxes[0])
    for _ in range(5):
        day.write()
        day.tick()

    assert told(day) == []


def test_whoever_is_refused_still_where_another_one_passes_again_is_told_of_alone() -> None:
    day = only_sending(20)
    refusing(day, *day.boxes[:3])
    day.write()
    day.run(20)
    before = told(day)
    refusing(day, *day.boxes[:2])
    day.run(20)

    assert before == [("sender_blocked", PLACE)]
    assert sorted(listed(day)) == [("sender_blocked", one) for one in day.boxes[:2]]
    assert len(told(day)) == 3


def test_the_circuit_that_opens_later_takes_the_place_of_what_was_told_of_its_host() -> None:
    day = only_sending(20)
    refusing(day, *day.boxes)
    day.write()
    keep(day, 8)
    day.run(15)
    day.write()

    day.run(10)

    assert told(day) == [("sender_blocked", PLACE), ("circuit_open", PLACE)]
    assert listed(day) == [("circuit_open", PLACE)]


def test_what_cannot_be_judged_by_others_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    day = only_sending(5)
    refusing(day, day.boxes[0])
    day.write()
    monkeypatch.setattr(day.circuits, "read", Mock(side_effect=TryLater("away", kind="aws_busy", shared=True)))

    day.run(12)

    assert len(listed(day)) == 1


def keep(day: Day, count: int) -> None:
    """Let only so many of the e-mails be there."""
    for name in list(day.crm.activities)[count:]:
        del day.crm.activities[name]
