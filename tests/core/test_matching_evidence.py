"""What matching tells a person, word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.ledger import Answer
from email_router.core.matching import MARKED, match
from email_router.core.message import Address
from tests.core.cases import CUSTOMER, EVERYTHING, SALES, Store, known, mail

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
