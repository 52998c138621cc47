"""Whether a mail is about something else than the one it answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.conversation_index import make_new, thread_hash
from email_router.core.settings import Tracking
from email_router.core.topic import is_new, thread_keys, topic

PLAIN = Tracking()
NEW = replace(PLAIN, changed_subject="new")
INDEX = make_new(datetime(2026, 1, 1, tzinfo=UTC), UUID(int=7))


def test_a_topic_is_sixteen_hexadecimal_digits_that_never_change() -> None:
    assert topic("Broken pedal", PLAIN) == "20ad37b5f6f23fcd"


@pytest.mark.parametrize(
    "subject",
    [
        "RE: Broken pedal",
        "WG: AW[2]: Broken pedal",
        "[EXTERN] Re: Broken pedal",
        "***SPAM*** Broken pedal",
        "Out of office: Broken pedal",
        "BROKEN  Pedal!",
        "Broken ped al",
        "Broken pedal CRM:0001001",
        "[CRM:0001001] Broken pedal",
        "Re: Broken pedal OLD#0001001",
        "Broken pedal CRM:00",
        "Broken pedal CRM:",
        "Broken pedal CRM",
        "Broken pedal CR",
        "Broken pedal OL",
        "Broken pedal CRM:00...",
        "Broken pedal CRM…",
        "Antwort: Broken pedal",
        "Ответ: Broken pedal",
        "Broken pedal [Ticket#1]",
        "EXTERNAL EMAIL: {Spam?} Réf. : Broken pedal",
        "Re\u0301p : Broken pedal",
        "ＲＥ：Broken pedal",  # noqa: RUF001 - full-width
        "Ｂｒｏｋｅｎ pedal",  # noqa: RUF001 - full-width letters of Japanese clients
    ],
)
def test_what_clients_and_gateways_do_to_a_subject_makes_no_new_topic(subject: str) -> None:
    tracking = replace(PLAIN, earlier_prefixes=("OLD#",))

    assert topic(subject, tracking) == topic("Broken pedal", tracking)
    assert not is_new(subject, topic("Broken pedal", tracking), tracking)


@pytest.mark.parametrize(
    "subject",
    ["Broken saddle", "Broken pedals", "pedal Broken", "Broken pedal CRM:00 again", "Broken pedal C", "Broken pedalCR"],
)
def test_other_words_are_a_new_topic(subject: str) -> None:
    assert is_new(subject, topic("Broken pedal", PLAIN), PLAIN)


@pytest.mark.parametrize("nothing", ["", "   ", "!!!", "___", "CRM:0001001"])
def test_a_subject_that_says_nothing_has_no_topic_and_is_never_new(nothing: str) -> None:
    assert topic(nothing, PLAIN) == ""
    assert not is_new(nothing, topic("Broken pedal", PLAIN), PLAIN)
    assert not is_new("Broken pedal", topic(nothing, PLAIN), PLAIN)


def test_the_first_eighty_letters_and_digits_count() -> None:
    assert topic("x" * 80 + "y", PLAIN) == topic("x" * 80, PLAIN)
    assert topic("x" * 79 + "y", PLAIN) != topic("x" * 80, PLAIN)


def test_the_first_thousand_characters_are_looked_at() -> None:
    assert topic(" " * 999 + "ab", PLAIN) == topic("a", PLAIN)


def test_a_changed_noise_filter_makes_no_topic_new() -> None:
    other = replace(PLAIN, hash_filter_keywords="pedal", hash_max_count=1)

    assert topic("Broken pedal", other) == topic("Broken pedal", PLAIN)


def test_one_index_has_one_key_where_new_subjects_are_followed() -> None:
    assert thread_keys(INDEX, "Broken pedal", PLAIN) == (thread_hash(INDEX),)
    assert thread_keys(None, "Broken pedal", PLAIN) == ()
    assert thread_keys(bytes(21), "Broken pedal", NEW) == ()


def test_one_index_has_a_key_for_each_topic_where_new_subjects_begin_conversations() -> None:
    first, plain = thread_keys(INDEX, "Broken pedal", NEW)

    assert plain == thread_hash(INDEX)
    assert len(first) == 32
    assert thread_keys(INDEX, "RE: broken pedal", NEW) == (first, plain)
    assert thread_keys(INDEX, "Holiday", NEW)[0] not in {first, plain}
    assert thread_keys(INDEX, "", NEW) == (plain,)


@given(st.text(max_size=300))
def test_no_subject_raises_and_none_is_new_to_itself(subject: str) -> None:
    own = topic(subject, PLAIN)

    assert len(own) in {0, 16}
    assert not is_new(subject, own, PLAIN)
