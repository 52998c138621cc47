"""Tenants' patterns: the same matches as everywhere, in time that no pattern can blow up."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.linear_pattern import LinearPattern
from email_router.core.noise import DEFAULT, SUGGESTED, noise_defect, without_noise

# A pattern, and whether it can match nothing: in repeats of such ones even Python's own versions differ.
Pair = tuple[str, bool]
ATOMS = st.one_of(
    st.sampled_from(["a", "b", "[ab]", "[^a]", r"\w", r"\s", ".", ":"]).map(lambda atom: (atom, False)),
    st.sampled_from([r"\b", r"\B", "^", "$"]).map(lambda place: (place, True)),
)


def _larger(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    several = st.lists(inner, min_size=1, max_size=3)
    solid = inner.filter(lambda one: not one[1])
    repeat = st.sampled_from(
        [("*", True), ("+", False), ("?", True), ("*?", True), ("+?", False), ("{1,2}", False), ("{2}", False)]
    )
    return st.one_of(
        several.map(lambda some: ("".join(one for one, _ in some), all(empty for _, empty in some))),
        several.map(lambda some: (f"({'|'.join(one for one, _ in some)})", any(empty for _, empty in some))),
        st.tuples(solid, repeat).map(lambda both: (f"(?:{both[0][0]}){both[1][0]}", both[1][1])),
    )


PATTERNS = st.recursive(ATOMS, _larger, max_leaves=6).map(lambda pair: pair[0])
CATASTROPHIC = [
    r"(.*){100}x",
    r"(a+)+$",
    r"(a|a)*b",
    r".*.*.*.*.*.*x",
    r"(\w+\s?)*:",
    r"((a*)*)*c",
    r"(a{1,9}){1,9}b",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_a_careless_pattern_costs_milliseconds(pattern: str) -> None:
    begun = time.perf_counter()
    without_noise("a" * 255, pattern)

    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize("pattern", [DEFAULT, SUGGESTED])
@pytest.mark.parametrize("text", ["a" * 255, "a:" * 127, " " * 255, "a :" * 85, "é " * 127, "RE: " * 63 + "!"])
def test_the_documented_patterns_cost_little_on_any_subject(pattern: str, text: str) -> None:
    begun = time.perf_counter()
    without_noise(text, pattern)

    assert time.perf_counter() - begun < 0.1


@pytest.mark.parametrize(
    "pattern",
    [DEFAULT, SUGGESTED, r"\[ext\]\s*", r"^(re|aw|wg)(\[\d+\])?:\s*", r"x{2,3}", r"(?:foo|bar)$", r"\x41", r"[^\w\s]+"],
)
@pytest.mark.parametrize(
    "text", ["RE: FW: Order", "Out of office: RE: Order", "[EXT] AW[2]: Order!", "xxxx foo bar", "", "Aa-Bb"]
)
def test_usual_patterns_remove_what_python_would(pattern: str, text: str) -> None:
    assert LinearPattern(pattern).remove(text) == re.sub(pattern, "", text, flags=re.IGNORECASE)


@given(PATTERNS, st.text(st.sampled_from("ab: A"), max_size=12))
def test_any_pattern_removes_what_python_would(pattern: str, text: str) -> None:
    assert LinearPattern(pattern).remove(text) == re.sub(pattern, "", text, flags=re.IGNORECASE)


@pytest.mark.parametrize(
    ("pattern", "defect"),
    [
        ("(", "not closed"),
        ("a)", "closing parenthesis"),
        ("*a", "nothing to repeat"),
        ("a**", "makes no sense"),
        ("a{3,2}", "makes no sense"),
        (r"(?=a)", "unbounded"),
        (r"(a)\1", "not understood"),
        ("[z-a]", "is wrong"),
        ("[a", "not understood"),
        ("(" * 60 + ")" * 60, "nested too deep"),
        ("(a{200}){200}", "more than 1000"),
        ("((((){99}){99}){99}){99}", "more than 1000"),
        ("a" * 251, "at most 250"),
    ],
)
def test_an_unfit_pattern_is_named_and_the_default_takes_its_place(pattern: str, defect: str) -> None:
    assert defect in (noise_defect(pattern) or "")
    assert without_noise("RE: Order", pattern) == "Order"


@given(st.text(st.sampled_from(r"ab()[]{}*+?|\^$.-:,01sw<P"), max_size=25))
def test_any_text_is_a_fit_pattern_or_named_as_unfit(pattern: str) -> None:
    defect = noise_defect(pattern)

    assert isinstance(without_noise("RE: ab: a b", pattern), str)
    assert defect is None or defect.startswith("hash_filter_keywords")


def test_an_empty_pattern_removes_nothing() -> None:
    assert without_noise("RE: Order", "") == "RE: Order"
