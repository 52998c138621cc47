"""The tracking token: made, placed, found again."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.settings import Tracking
from email_router.core.tracking_token import find_tokens, make_token, place_token

DEFAULT = Tracking()
PREFIXES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20
).filter(lambda text: text == text.strip())
TRACKINGS = st.builds(
    Tracking,
    prefix=PREFIXES,
    earlier_prefixes=st.lists(PREFIXES, max_size=3).map(tuple),
    base=st.integers(0, 2_147_483_647),
    user_digits=st.integers(1, 10),
    counter_digits=st.integers(1, 9),
)


@pytest.mark.parametrize(
    ("tracking", "user", "counter", "token"),
    [
        (DEFAULT, 1, 1, "CRM:0001001"),
        (replace(DEFAULT, base=500), 1, 7, "CRM:0501007"),
        (DEFAULT, 2, 999, "CRM:0002999"),
        (DEFAULT, 2, 1000, "CRM:0002000"),
        (DEFAULT, 1234, 5, "CRM:01234005"),
        (replace(DEFAULT, prefix="Dynamics 365 apps:", user_digits=1, counter_digits=1), 3, 4, "Dynamics 365 apps:034"),
    ],
)
def test_a_token_is_prefix_designator_user_and_counter(tracking: Tracking, user: int, counter: int, token: str) -> None:
    assert make_token(tracking, user, counter) == token


@pytest.mark.parametrize(
    ("subject", "tokens"),
    [
        ("Re: Order CRM:0001001", ("CRM:0001001",)),
        ("Re: Order crm:0001001", ("CRM:0001001",)),
        ("[CRM:0001001] Order", ("CRM:0001001",)),
        ("回复:订单CRM:0001001", ("CRM:0001001",)),
        ("CRM:012345678901 grown by digits", ("CRM:012345678901",)),
        ("A CRM:0001001 B CRM:0002002", ("CRM:0001001", "CRM:0002002")),
        ("A CRM:0001001 B CRM:0002002 CRM:0001001", ("CRM:0002002", "CRM:0001001")),
        ("MYCRM:0001001 of another system", ()),
        ("CRM: 0001001", ()),
        ("CRM:00", ()),
        ("CRM:" + "1" * 31, ()),
        ("CRM:\u0660\u0660\u0660\u0661\u0660\u0660\u0661", ()),
        ("0001001", ()),
        ("", ()),
    ],
)
def test_a_subject_holds_these_tokens(subject: str, tokens: tuple[str, ...]) -> None:
    assert find_tokens(subject, DEFAULT) == tokens


def test_tokens_of_earlier_prefixes_are_found_in_the_order_in_which_they_stand() -> None:
    tracking = Tracking(prefix="TICKET#", earlier_prefixes=("CRM:", ""))

    assert find_tokens("Re: x crm:0001001 ticket#0009009", tracking) == ("CRM:0001001", "TICKET#0009009")


def test_the_token_stands_at_the_end_behind_one_blank() -> None:
    assert place_token("  Order 4711  ", "CRM:0001001", 255) == ("Order 4711 CRM:0001001", True)


def test_a_long_subject_is_cut_so_that_subject_and_token_fit() -> None:
    subject, placed = place_token("x" * 300, "CRM:0001001", 255)

    assert placed
    assert subject == "x" * 243 + " CRM:0001001"
    assert len(subject) == 255


def test_a_token_longer_than_the_limit_is_left_out_and_the_subject_cut() -> None:
    assert place_token("A long subject", "CRM:0001001", 10) == ("A long sub", False)


def test_a_token_that_just_fits_stands_alone() -> None:
    assert place_token("A long subject", "CRM:0001001", 11) == ("CRM:0001001", True)
    assert place_token("A long subject", "CRM:0001001", 12) == ("CRM:0001001", True)
    assert place_token("", "CRM:0001001", 255) == ("CRM:0001001", True)


def test_a_token_that_stands_there_is_not_repeated() -> None:
    assert place_token("Re: Order crm:0001001 urgent", "CRM:0001001", 255) == ("Re: Order crm:0001001 urgent", True)


def test_the_digits_of_a_longer_token_are_another_token() -> None:
    assert place_token("Re: CRM:00010012", "CRM:0001001", 255) == ("Re: CRM:00010012 CRM:0001001", True)


def test_a_token_in_a_subject_that_is_cut_moves_to_the_end() -> None:
    subject, placed = place_token("y" * 260 + " CRM:0001001", "CRM:0001001", 255)

    assert placed
    assert subject == "y" * 243 + " CRM:0001001"


@given(TRACKINGS, st.integers(1, 10**10), st.integers(0, 10**12), st.text(max_size=300), st.integers(1, 300))
def test_a_placed_token_is_found_again_as_the_last_one(
    tracking: Tracking, user: int, counter: int, subject: str, maximum: int
) -> None:
    token = make_token(tracking, user, counter)

    text, placed = place_token(subject, token, maximum)

    assert len(text) <= maximum
    assert placed == (len(token) <= maximum)
    if placed and len(token) - len(tracking.prefix) <= 30:
        assert token.casefold() in {one.casefold() for one in find_tokens(text, tracking)}
        assert place_token(text, token, maximum) == (text, True)


@given(st.text(st.sampled_from("CRM:01 x"), max_size=60))
def test_finding_never_raises_and_finds_only_what_stands_there(subject: str) -> None:
    for token in find_tokens(subject, DEFAULT):
        assert token.casefold() in subject.casefold()


@pytest.mark.parametrize("piece", ["CRM:", "1", "CRM:0", "CRM:0001001 ", "C", " "])
def test_finding_takes_time_in_proportion_to_the_subject(piece: str) -> None:
    subject = piece * (1_000_000 // len(piece))

    begun = time.perf_counter()
    find_tokens(subject, Tracking(prefix="CRM:", earlier_prefixes=("1", "11", "CRM:0")))

    assert time.perf_counter() - begun < 5


def test_of_many_tokens_the_last_four_count_whatever_their_prefixes() -> None:
    tracking = Tracking(earlier_prefixes=("OLD:",))
    many = [f"{'OLD:' if number % 2 else 'CRM:'}{number:07d}" for number in range(5_000)]

    assert find_tokens(" ".join(many), tracking) == tuple(many[-4:])


def test_a_token_that_is_repeated_hides_no_other() -> None:
    assert find_tokens("CRM:0001001 " + "CRM:0001002 " * 50, Tracking()) == ("CRM:0001001", "CRM:0001002")
