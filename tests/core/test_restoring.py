"""What a restore may change: each ruling, from what the file says and what stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.activity import EmailStatus as Status
from email_router.core.fetched import Position
from email_router.core.restoring import (
    MANNERS,
    CursorRuling,
    Manner,
    Reading,
    RowKind,
    Ruling,
    Sending,
    cursor,
    email,
    outgoing,
    retry_comes_back,
)

MADE = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BEFORE, AFTER = MADE - timedelta(hours=1), MADE + timedelta(hours=1)
NOW = MADE + timedelta(days=1)
LEFT, TAKEN, HELD = Ruling(take=False), Ruling(take=True), Ruling(take=True, held=True)


def reading(cursor: bytes = b"10", **fields: object) -> Reading:
    given = {"token": 5, "saved": MADE, **fields}
    return Reading(position=Position(cursor, cursor.decode()), **given)  # type: ignore[arg-type]  # fields by name


def test_what_makes_a_message_one_is_only_ever_added() -> None:
    for kind in (RowKind.RECEIPT, RowKind.LINK, RowKind.USER_NUMBER, RowKind.PERSON):
        assert MANNERS.get(kind, Manner.ADD) is Manner.ADD
    assert MANNERS[RowKind.CLAIM] is Manner.COMPLETE


@pytest.mark.parametrize(
    ("mine", "stands", "asked", "expected"),
    [
        (reading(), None, False, CursorRuling.SET),
        (reading(), reading(b"", token=1, saved=None), False, CursorRuling.SET),
        (reading(b""), None, True, CursorRuling.NEVER_READ),
        (reading(), reading(), True, CursorRuling.SAME),
        (reading(), reading(b"30", token=9, saved=AFTER), False, CursorRuling.KEPT),
        (reading(), reading(b"4", token=3, saved=BEFORE), False, CursorRuling.KEPT),
        (reading(), reading(b"30", token=9, saved=AFTER), True, CursorRuling.MOVED),
        (reading(), reading(b"4", token=3, saved=BEFORE), True, CursorRuling.MOVED),
        (reading(), reading(b"30", token=2, saved=AFTER), True, CursorRuling.REFUSED),
        (
            reading(),
            reading(b"30", token=9, saved=AFTER, lease_until=NOW + timedelta(seconds=1)),
            True,
            CursorRuling.BUSY,
        ),
        (reading(), reading(b"", token=1, lease_until=NOW + timedelta(seconds=1)), False, CursorRuling.BUSY),
        (reading(), reading(b"30", token=9, saved=AFTER, lease_until=NOW), True, CursorRuling.MOVED),
    ],
    ids=[
        "no row stands",
        "a row without a position stands",
        "the file has none",
        "they are the same",
        "not asked: the younger stays",
        "not asked: the older stays",
        "back in the table that was served on",
        "forward: the ledger of the file knows all before",
        "back in a table that was begun anew",
        "somebody is at it",
        "somebody is at it for the first time",
        "a worker died at it",
    ],
)
def test_a_position_comes_back_only_where_the_ledger_absorbs_it(
    mine: Reading, stands: Reading | None, asked: bool, expected: CursorRuling
) -> None:
    assert cursor(mine, stands, NOW, asked=asked) is expected


@pytest.mark.parametrize(
    ("stands", "expected"),
    [
        (None, True),
        (reading(b"", token=7), True),
        (reading(b"30", token=2), True),
        (reading(b"30", token=5), False),
        (reading(b"30", token=9), False),
    ],
    ids=["nothing stands", "never read here", "a table begun anew", "as the file", "served on"],
)
def test_a_retry_comes_back_unless_its_mailbox_was_served_on(stands: Reading | None, expected: bool) -> None:
    assert retry_comes_back(reading(), stands) is expected


@pytest.mark.parametrize(
    ("mine", "wait_on", "expected"),
    [
        (Status.PENDING, False, HELD),
        (Status.DEFERRED, False, HELD),
        (Status.SENDING, False, HELD),
        (Status.PENDING, True, TAKEN),
        (Status.DEFERRED, True, TAKEN),
        (Status.SENDING, True, HELD),
        (Status.SENT, False, TAKEN),
        (Status.FAILED, False, TAKEN),
        (Status.UNKNOWN, False, TAKEN),
        (Status.CANCELLED, False, TAKEN),
    ],
)
def test_what_may_have_left_is_not_sent_again(mine: Status, wait_on: bool, expected: Ruling) -> None:
    assert outgoing(Sending(mine, MADE), None, wait_on=wait_on) == expected
    assert email(mine, None, wait_on=wait_on) == expected


@pytest.mark.parametrize("mine", list(Status))
@pytest.mark.parametrize("stands", list(Status))
def test_a_state_that_is_as_young_as_the_file_s_stays(mine: Status, stands: Status) -> None:
    for since in (MADE, AFTER):
        assert outgoing(Sending(mine, MADE), Sending(stands, since), wait_on=True) == LEFT


@pytest.mark.parametrize(
    ("mine", "stands", "expected"),
    [
        (Status.SENT, Status.PENDING, TAKEN),
        (Status.FAILED, Status.DEFERRED, TAKEN),
        (Status.CANCELLED, Status.SENDING, TAKEN),
        (Status.SENT, Status.UNKNOWN, TAKEN),
        (Status.UNKNOWN, Status.PENDING, TAKEN),
        (Status.SENDING, Status.PENDING, HELD),
        (Status.SENDING, Status.UNKNOWN, LEFT),
        (Status.PENDING, Status.PENDING, LEFT),
        (Status.DEFERRED, Status.SENDING, LEFT),
        (Status.SENT, Status.FAILED, LEFT),
        (Status.FAILED, Status.SENT, LEFT),
        (Status.UNKNOWN, Status.SENT, LEFT),
    ],
)
def test_an_end_that_the_file_knows_wins_over_an_older_state_that_waits(
    mine: Status, stands: Status, expected: Ruling
) -> None:
    assert outgoing(Sending(mine, MADE), Sending(stands, BEFORE), wait_on=False) == expected


def test_of_an_activity_only_a_cancellation_replaces_what_waits() -> None:
    assert email(Status.CANCELLED, Status.PENDING, wait_on=False) == TAKEN
    for stands in (Status.SENT, Status.SENDING, Status.FAILED, Status.UNKNOWN, Status.CANCELLED):
        assert email(Status.CANCELLED, stands, wait_on=False) == LEFT
    assert email(Status.SENT, Status.PENDING, wait_on=False) == LEFT
