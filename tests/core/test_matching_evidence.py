"""What matching tells a person, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from email_router.core.case import Refused
from email_router.core.ledger import Answer
from email_router.core.matching import MARKED, match
from email_router.core.message import Address
from email_router.core.smart_hash import subject_hash
from email_router.core.topic import topic
from tests.core.cases import CUSTOMER, EVERYTHING, NOW, SALES, Store, known, mail, people

ORDER = known("order", CUSTOMER, SALES.address)
FOREIGN = known("foreign", "somebody@else.example", SALES.address)
STRANGER = Address("", "mallory@evil.example")


def test_what_is_marked_beside_a_match_is_told_as_marked_and_not_as_lost() -> None:
    message = mail(in_reply_to="<out@contoso.example>", subject="Re: Order CRM:0001001")
    store = Store(ids={"<out@contoso.example>": ORDER}, tokens={"CRM:0001001": FOREIGN})

    found = match(message, store, replace(EVERYTHING, unknown_sender="mark"))

    assert found.match is not None
    assert found.match.rule == "in_reply_to"
    token = next(one for one in found.answers if one.question == "tracking_token")
    assert token == Answer("tracking_token", MARKED, "token CRM:0001001; the sender took no part in that e-mail")
    assert found.candidates == (f"foreign: {MARKED} (tracking_token: {token.evidence})",)


def test_a_rule_that_is_spared_says_which_one_had_answered() -> None:
    found = match(mail(in_reply_to="<out@contoso.example>"), Store(ids={"<out@contoso.example>": ORDER}), EVERYTHING)

    assert found.answers[-1] == Answer("smart_matching", "not asked", "in_reply_to had answered")


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("Fwd: Order", "In-Reply-To <out@contoso.example>; its subject says that it is a forward"),
        ("Re: Order", "In-Reply-To <out@contoso.example>"),
        (
            "Lunch",
            "In-Reply-To <out@contoso.example>; its subject bears no mark of a reply, so it may be a new topic",
        ),
    ],
)
def test_the_subject_s_own_word_stands_in_the_evidence(subject: str, told: str) -> None:
    message = mail(in_reply_to="<out@contoso.example>", subject=subject)

    found = match(message, Store(ids={"<out@contoso.example>": ORDER}), EVERYTHING)

    assert found.match is not None
    assert found.match.evidence == told


def test_a_stranger_is_told_of_word_for_word() -> None:
    message = mail(in_reply_to="<out@contoso.example>", subject="Re: Order", author=STRANGER)

    found = match(message, Store(ids={"<out@contoso.example>": ORDER}), EVERYTHING)

    assert found.match is not None
    assert found.match.evidence == "In-Reply-To <out@contoso.example>; the sender took no part in that e-mail"


@pytest.mark.parametrize(
    ("tracking", "subject", "settings"),
    [
        ({"unknown_sender": "mark"}, "Re: Order", ('unknown_sender = "mark"',)),
        ({"changed_subject": "new"}, "Lunch", ('changed_subject = "new"',)),
        (
            {"changed_subject": "new", "unknown_sender": "mark"},
            "Lunch",
            ('changed_subject = "new"', 'unknown_sender = "mark"'),
        ),
    ],
)
def test_what_was_found_and_not_linked_is_told_with_every_setting_that_kept_it_apart(
    tracking: dict[str, str], subject: str, settings: tuple[str, ...]
) -> None:
    chosen = replace(EVERYTHING, **tracking)  # type: ignore[arg-type]  # fields by name
    email = replace(FOREIGN, topic=topic("Order", chosen))
    message = mail(in_reply_to="<out@contoso.example>", subject=subject, author=STRANGER)

    found = match(message, Store(ids={"<out@contoso.example>": email}), chosen)

    assert found.refused == (Refused("foreign", "in_reply_to", found.answers[0].evidence, settings),)
    assert match(message, Store(ids={"<out@contoso.example>": email}), EVERYTHING).refused == ()


def test_every_find_that_was_kept_apart_is_told() -> None:
    message = mail(in_reply_to="<out@contoso.example>", subject="Re: Order CRM:0001001", author=STRANGER)
    store = Store(ids={"<out@contoso.example>": FOREIGN}, tokens={"CRM:0001001": ORDER})

    found = match(message, store, replace(EVERYTHING, unknown_sender="mark"))

    assert [(one.activity, one.rule) for one in found.refused] == [
        ("foreign", "in_reply_to"),
        ("order", "tracking_token"),
    ]


def test_whoever_stands_behind_the_first_addresses_counts_for_smart_matching_no_more() -> None:
    many = people(*(f"person{number}@fabrikam.example" for number in range(30)))
    late = known("late", many[-1].address, many[-2].address)
    key = subject_hash("Order 4711", EVERYTHING)
    assert key is not None
    store = Store(subjects={key: [late]})

    assert match(mail(subject="Order 4711", to=many), store, EVERYTHING).match is None
    assert match(mail(subject="Order 4711", to=many), store, replace(EVERYTHING, hash_max_count=40)).match is not None


def test_the_same_words_with_too_few_people_are_told_as_candidates_newest_first() -> None:
    nobody = replace(known("nobody", "x@else.example"), at=NOW + timedelta(days=9))
    near = [replace(known(f"near{day}", CUSTOMER, "x@else.example"), at=NOW + timedelta(days=day)) for day in range(5)]
    message = mail(subject="RE: Order 4711")
    key = subject_hash("Order 4711", EVERYTHING)
    assert key is not None

    found = match(message, Store(subjects={key: [nobody, *near]}), EVERYTHING)

    short = "same subject words, 1 participant in common where 2 are needed"
    assert found.match is None
    assert found.answers[-1] == Answer("smart_matching", "no match", short)
    assert found.candidates == tuple(
        f"{name}: too few people in common (smart_matching: {short})" for name in ("near4", "near3", "near2")
    )


def test_a_match_by_words_has_no_near_misses() -> None:
    key = subject_hash("Order 4711", EVERYTHING)
    assert key is not None
    store = Store(subjects={key: [replace(FOREIGN, at=NOW + timedelta(days=1)), ORDER]})

    found = match(mail(subject="RE: Order 4711"), store, EVERYTHING)

    assert found.match is not None
    assert found.candidates == ()
