"""Write values small and read them back whole."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.activity import (
    CorrelationMethod,
    EmailActivity,
    EmailStatus,
    Party,
    Record,
    Role,
    StoredAttachment,
)
from email_router.core.mailbox import Direction
from email_router.core.settings import Configuration
from email_router.edge.connect.compact import expand, instant, micros, sortable, squeeze
from tests.deliveries import delivery

_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
_TIMES = st.datetimes(timezones=st.just(UTC))
_RECORDS = st.builds(Record, _TEXT, _TEXT, _TEXT, _TEXT)
_ATTACHMENTS = st.builds(StoredAttachment, _TEXT, _TEXT, st.integers(0), _TEXT, st.booleans(), st.none() | _TEXT, _TEXT)
_ACTIVITIES = st.builds(
    EmailActivity,
    id=_TEXT,
    direction=st.sampled_from(Direction),
    status=st.sampled_from(EmailStatus),
    subject=_TEXT,
    message_id=st.none() | _TEXT,
    references=st.lists(_TEXT, max_size=3).map(tuple),
    parties=st.lists(st.builds(Party, st.sampled_from(Role), _TEXT, _TEXT, st.none() | _RECORDS), max_size=3).map(
        tuple
    ),
    correlation_method=st.sampled_from(CorrelationMethod),
    date=st.none() | _TIMES,
    text=_TEXT,
    attachments=st.lists(_ATTACHMENTS, max_size=2).map(tuple),
    attempts=st.integers(),
)


@given(_ACTIVITIES)
def test_every_activity_comes_back_as_it_was(activity: EmailActivity) -> None:
    assert expand(EmailActivity, squeeze(activity)) == activity


def test_a_trace_comes_back_as_it_was() -> None:
    trace = delivery(1).trace

    assert expand(type(trace), squeeze(trace)) == trace


def test_fields_of_a_later_version_are_passed_over_and_missing_ones_take_their_default() -> None:
    @dataclasses.dataclass(frozen=True)
    class Later:
        organisation: str
        invented: str = "x"
        version: int = 0

    written = squeeze(Later("contoso", "new", 3))

    assert expand(Configuration, written) == Configuration(organisation="contoso", version=3)


def test_bytes_of_an_unknown_form_are_refused() -> None:
    with pytest.raises(ValueError, match="expected form 1, found ff"):
        expand(Configuration, b"\xff" + squeeze(Configuration(organisation="contoso"))[1:])


@given(_TIMES)
def test_instants_are_exact(at: datetime) -> None:
    assert instant(micros(at)) == at


@given(_TIMES, _TIMES)
def test_instants_sort_as_text_as_they_do_in_time(one: datetime, other: datetime) -> None:
    assert (sortable(one) < sortable(other)) == (one < other)
    assert (micros(one) < micros(other)) == (one < other)


def test_an_instant_of_another_zone_sorts_by_its_utc() -> None:
    east = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))

    assert sortable(east) == "2025-12-31T23:00:00.000000Z"


def test_a_small_trace_without_signatures_takes_less_than_a_write_unit() -> None:
    assert len(squeeze(delivery(1).trace)) < 500
