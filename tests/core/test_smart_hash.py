"""The hashes of smart matching."""

from __future__ import annotations

import string
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from email_router.core.settings import Tracking
from email_router.core.smart_hash import (
    address_hash,
    near_keys,
    near_words,
    participants,
    subject_hash,
    subject_words,
)
from tests.core.cases import mail, people

DEFAULT = Tracking()


def test_an_address_hash_is_sixteen_hexadecimal_digits_that_never_change() -> None:
    assert address_hash("ann@contoso.example") == "d578f9ae67e64ca8"


def test_case_and_blanks_of_an_address_do_not_count() -> None:
    assert address_hash(" ANN@Contoso.Example ") == address_hash("ann@contoso.example")


def test_from_to_cc_and_bcc_take_part() -> None:
    message = mail(to=people("a@x.example"), cc=people("b@x.example"), bcc=people("c@x.example", " "))

    assert len(participants(message)) == 4

    assert participants(message) == participants(["carla@cycling.example", "A@x.example", "b@x.example", "c@x.example"])


def test_a_from_in_doubt_takes_no_part() -> None:
    assert participants(mail(author=None, to=())) == frozenset()


def test_only_the_first_addresses_count_where_a_number_is_given() -> None:
    message = mail(to=people("a@x.example", "A@x.example"), cc=people("b@x.example"))

    assert participants(message, 2) == participants(["carla@cycling.example", "a@x.example"])
    assert participants(message, 3) == participants(message)
    assert participants(message, 0) == frozenset()


def test_marks_of_replies_and_forwards_are_noise() -> None:
    assert subject_words("RE: FW: Order 4711", DEFAULT) == ("order", "4711")


def test_words_that_are_no_mark_stay() -> None:
    assert subject_words("Out of office: Order 4711", DEFAULT) == ("out", "of", "office", "order", "4711")


def test_the_suggested_pattern_takes_out_of_office_away() -> None:
    tracking = Tracking(hash_filter_keywords=DEFAULT.hash_filter_keywords + "|Out of office:")

    assert subject_words("Out of office: Order 4711", tracking) == ("order", "4711")


def test_a_tracking_token_counts_as_words() -> None:
    assert subject_words("Order CRM:0001001", DEFAULT) == ("order", "crm", "0001001")


def test_only_the_first_words_count() -> None:
    subject = " ".join(string.ascii_lowercase)

    assert len(subject_words(subject, DEFAULT)) == 20
    assert subject_hash(f"{subject} more", DEFAULT) == subject_hash(subject, DEFAULT)
    assert subject_hash(subject, Tracking(hash_max_count=0)) is None


def test_a_subject_of_noise_alone_has_no_hash() -> None:
    assert subject_hash("RE: FW:", DEFAULT) is None
    assert subject_hash("", DEFAULT) is None
    assert subject_hash("!!! ???", DEFAULT) is None


def test_other_words_have_another_hash() -> None:
    assert subject_hash("Order 4711", DEFAULT) != subject_hash("Order 4712", DEFAULT)
    assert subject_hash("Order 4711", DEFAULT) != subject_hash("Order 4711 again", DEFAULT)


@given(
    st.lists(st.text(string.ascii_letters, min_size=1, max_size=8), min_size=1, max_size=15),
    st.randoms(use_true_random=False),
)
def test_order_case_and_marks_of_a_subject_do_not_matter(words: list[str], shuffle: Random) -> None:
    other = words[:]
    shuffle.shuffle(other)

    assert subject_hash(f"RE: {' '.join(other).upper()}", DEFAULT) == subject_hash(" ".join(words), DEFAULT)


@given(st.text(), st.text(max_size=30))
def test_no_subject_and_no_pattern_raises(subject: str, pattern: str) -> None:
    found = subject_hash(subject, Tracking(hash_filter_keywords=pattern))

    assert found is None or len(found) == 32


NEAR = [Tracking(hash_delta_subject_count=delta) for delta in (1, 2)]
WORDS = st.frozensets(st.text(string.ascii_lowercase, min_size=1, max_size=6), min_size=1, max_size=8)


def test_without_a_difference_there_are_no_keys_of_words() -> None:
    assert near_keys("Order pedals", DEFAULT) == ()
    assert near_words("Order pedals", DEFAULT) == frozenset()


def test_the_longest_words_are_the_keys_one_more_than_may_differ() -> None:
    assert near_keys("a bb ccc dddd", NEAR[0]) == (*near_keys("dddd", NEAR[0]), *near_keys("ccc", NEAR[0]))
    assert len(near_keys("a bb ccc dddd", NEAR[1])) == 3
    assert len(near_keys("a", NEAR[1])) == 1
    assert all(len(key) == 32 for key in near_keys("a bb ccc", NEAR[1]))
    assert subject_hash("dddd", NEAR[0]) not in near_keys("dddd", NEAR[0])


def test_words_are_compared_without_a_tracking_token() -> None:
    assert near_words("Re: Order pedals CRM:0001001", NEAR[0]) == near_words("pedals ORDER", NEAR[0])
    assert near_keys("Re: Order pedals CRM:0001001", NEAR[0]) == near_keys("Order pedals", NEAR[0])
    assert all(len(word) == 16 for word in near_words("Order pedals", NEAR[0]))


@given(WORDS, WORDS, st.sampled_from(NEAR))
def test_subjects_that_differ_in_no_more_than_allowed_share_a_key(
    one: frozenset[str], other: frozenset[str], tracking: Tracking
) -> None:
    near = len(one ^ other) <= tracking.hash_delta_subject_count and one & other
    keys = [set(near_keys(" ".join(sorted(words)), tracking)) for words in (one, other)]

    assert keys[0] & keys[1] or not near


@given(WORDS, st.data(), st.sampled_from(NEAR))
def test_a_word_left_out_or_put_in_leaves_a_key_in_common(
    words: frozenset[str], data: st.DataObject, tracking: Tracking
) -> None:
    gone = data.draw(st.sampled_from(sorted(words)))
    more = words | {"zz" + gone}

    for other in ({*words} - {gone} or words, more):
        assert set(near_keys(" ".join(words), tracking)) & set(near_keys(" ".join(other), tracking))
