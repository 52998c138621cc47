"""The conversation index of the Thread-Index header."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.conversation_index import decode, encode, make_child, make_new, thread_hash

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
GUID = UUID("00112233-4455-6677-8899-aabbccddeeff")
TIMES = st.integers(400 * 365, 800 * 365).map(lambda days: datetime(1601, 1, 1, 7, tzinfo=UTC) + timedelta(days=days))


def test_a_new_index_is_a_one_five_bytes_of_time_and_the_guid() -> None:
    index = make_new(AT, GUID)

    assert len(index) == 22
    assert index[0] == 1
    assert index[6:] == GUID.bytes
    filetime = int.from_bytes(index[:6], "big") << 16
    begun = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=filetime // 10)
    assert AT - begun < timedelta(milliseconds=7)


def test_an_answer_adds_five_bytes_that_tell_how_much_later_it_came() -> None:
    parent = make_new(AT, GUID)

    child = make_child(parent, AT + timedelta(hours=1), GUID)

    assert child[:22] == parent
    assert len(child) == 27
    delta = int.from_bytes(child[22:26], "big")
    assert delta >> 31 == 0
    assert child[26] == 0xF0
    assert abs((delta << 18) / 10_000_000 - 3600) < 0.1


def test_an_answer_after_more_than_the_fine_range_is_counted_coarsely() -> None:
    child = make_child(make_new(AT, GUID), AT + timedelta(days=900), GUID)

    delta = int.from_bytes(child[22:26], "big")
    assert delta >> 31 == 1
    assert abs(((delta & 0x7FFFFFFF) << 23) / 10_000_000 - 900 * 86400) < 2


def test_an_answer_written_before_its_parent_has_no_delay() -> None:
    assert make_child(make_new(AT, GUID), AT - timedelta(days=1), GUID)[22:26] == bytes(4)


def test_an_index_for_an_answer_to_less_than_a_header_block_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 22 bytes, this one 21"):
        make_child(bytes(21), AT, GUID)


def test_an_index_never_outgrows_the_column_of_the_crm() -> None:
    index = make_new(AT, GUID)
    for hour in range(400):
        index = make_child(index, AT + timedelta(hours=hour), GUID)

    assert len(encode(index)) <= 2048
    assert thread_hash(index) == thread_hash(make_new(AT, GUID))


def test_fewer_than_22_bytes_are_no_conversation() -> None:
    assert thread_hash(bytes(21)) is None
    assert thread_hash(b"") is None
    assert decode(base64.b64encode(bytes(21)).decode()) is None


def test_the_same_guid_begun_at_another_time_is_another_conversation() -> None:
    assert thread_hash(make_new(AT, GUID)) != thread_hash(make_new(AT + timedelta(days=1), GUID))


@pytest.mark.parametrize("shape", ["{0}", '"{0}"', " {0}\r\n {1} ", "{0}\t{1}"])
def test_a_header_value_is_read_without_padding_quoted_or_folded(shape: str) -> None:
    index = make_new(AT, GUID)
    text = encode(index).rstrip("=")

    halves = (text[:20], text[20:]) if "{1}" in shape else (text,)

    assert decode(shape.format(*halves)) == index


@pytest.mark.parametrize("value", [None, "", "not base64 at all!", "====", "é" * 40])
def test_what_is_no_base64_is_no_index(value: str | None) -> None:
    assert decode(value) is None


@given(TIMES, TIMES, st.uuids(), st.uuids())
def test_all_answers_share_the_hash_of_the_conversation(
    begun: datetime, answered: datetime, guid: UUID, other: UUID
) -> None:
    index = make_new(begun, guid)

    child = make_child(make_child(index, answered, other), answered, guid)

    assert thread_hash(child) == thread_hash(index)
    assert decode(encode(child)) == child


@given(st.text(max_size=200))
def test_decoding_never_raises(value: str) -> None:
    index = decode(value)

    assert index is None or len(index) >= 22
