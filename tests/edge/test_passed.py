"""Until when a folder was passed, as the positions of EWS and of Graph tell each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.edge.connect import passed
from email_router.edge.connect.passed import OVERLAP, Passed, carried_over

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TIMES = st.none() | st.integers(0, 4_000_000_000).map(lambda one: datetime.fromtimestamp(one, UTC))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passed, "now", lambda: NOW)


@given(st.builds(Passed, until=TIMES, reached=TIMES, resumes=st.booleans()))
def test_what_was_written_is_read(one: Passed) -> None:
    assert Passed.of_text(one.text()) == one


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_read(text: str) -> None:
    assert isinstance(Passed.of_text(text), Passed)


def test_a_round_proves_its_latest_time_when_it_is_over() -> None:
    begun = Passed().after([NOW - timedelta(days=1), None], ended=False)
    ended = begun.after([NOW - timedelta(days=9)], ended=True)

    assert begun.until is None
    assert ended == Passed(NOW - timedelta(days=1))
    assert ended.after([], ended=True) == ended


def test_a_message_that_bears_a_time_to_come_hides_nothing() -> None:
    told = Passed().after([NOW + timedelta(days=4000)], ended=True)

    assert told.until == NOW


def test_an_older_message_that_is_passed_later_takes_nothing_back() -> None:
    assert Passed(NOW).after([NOW - timedelta(days=30)], ended=True).until == NOW


def test_only_the_first_round_after_the_other_protocol_leaves_out_what_is_older_than_the_overlap() -> None:
    (first,) = carried_over({"inbox": Passed(NOW).text()}).values()

    assert first.skips(NOW - OVERLAP - timedelta(seconds=1))
    assert not first.skips(NOW - OVERLAP)
    assert not first.skips(None)
    assert not first.after([], ended=True).skips(NOW - timedelta(days=99))


@pytest.mark.parametrize("name", ["inbox", "INBOX", "JunkEmail", "Orders", "Orders/Inbox"])
def test_a_folder_that_both_protocols_call_so_is_carried_over(name: str) -> None:
    assert carried_over({name: Passed(NOW).text()}) == {name: Passed(NOW, resumes=True)}


@pytest.mark.parametrize("name", ["Inbox/Support", "archive", "Archive/Old", "clutter"])
def test_a_folder_that_may_be_another_one_by_the_other_protocol_is_read_whole(name: str) -> None:
    assert carried_over({name: Passed(NOW).text()}) == {}


@pytest.mark.parametrize("text", ["", "-,-", f"-,{NOW.isoformat()}", 5, None, "2026-11-24T12:00:00"])
def test_where_nothing_is_proven_nothing_is_carried_over(text: object) -> None:
    assert carried_over({"inbox": text}) == {}
