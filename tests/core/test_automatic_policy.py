"""What a mailbox wants of mail that a machine wrote, and of mail that went to many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.automatic_policy import is_automatic_answer, is_bulk_mail, is_from_a_machine, unmatched_by
from email_router.core.mailbox import AutomaticMail
from email_router.core.message import DeliveryReport, Message
from tests.core.cases import SALES, known, mail

REPORT = DeliveryReport("failed", (), None)
APART = AutomaticMail.DELIVER_UNMATCHED


def test_a_delivery_report_is_neither_an_automatic_answer_nor_bulk() -> None:
    looks_like_both = mail(auto_submitted=True, bulk=True)

    assert is_automatic_answer(looks_like_both)
    assert is_bulk_mail(looks_like_both)
    assert not is_automatic_answer(replace(looks_like_both, delivery_report=REPORT))
    assert not is_bulk_mail(replace(looks_like_both, delivery_report=REPORT))
    assert not is_automatic_answer(mail(bulk=True))
    assert not is_bulk_mail(mail(auto_submitted=True))


@pytest.mark.parametrize(
    ("message", "auto_reply", "bulk", "policy"),
    [
        (mail(auto_submitted=True), APART, AutomaticMail.DROP, 'auto_reply = "deliver-unmatched"'),
        (mail(bulk=True), AutomaticMail.DROP, APART, 'bulk = "deliver-unmatched"'),
        (mail(auto_submitted=True, bulk=True), AutomaticMail.DELIVER, APART, 'bulk = "deliver-unmatched"'),
        (mail(auto_submitted=True), AutomaticMail.DELIVER, APART, ""),
        (mail(bulk=True), APART, AutomaticMail.DELIVER, ""),
        (mail(), APART, APART, ""),
        (mail(auto_submitted=True, bulk=True, delivery_report=REPORT), APART, APART, ""),
    ],
)
def test_the_policy_of_what_the_mail_is_keeps_it_apart(
    message: Message, auto_reply: AutomaticMail, bulk: AutomaticMail, policy: str
) -> None:
    assert unmatched_by(message, replace(SALES, auto_reply=auto_reply, bulk=bulk)) == policy


def test_a_report_about_mail_that_was_not_ours_has_a_policy_of_its_own() -> None:
    apart = replace(SALES, unknown_delivery_report=APART)

    assert unmatched_by(mail(delivery_report=REPORT), apart) == 'unknown_delivery_report = "deliver-unmatched"'
    assert unmatched_by(mail(delivery_report=REPORT), apart, known("out")) == ""
    assert unmatched_by(mail(delivery_report=REPORT), SALES) == ""
    assert unmatched_by(mail(auto_submitted=True), apart) == ""


@pytest.mark.parametrize(
    ("message", "machine"),
    [
        (mail(), False),
        (mail(bulk=True), False),
        (mail(headers=(("return-path", "<erin@fabrikam.example>"),)), False),
        (mail(headers=(("return-path", "< >"),)), True),
        (mail(auto_submitted=True), True),
        (mail(delivery_report=REPORT), True),
    ],
)
def test_nothing_automatic_may_answer_what_a_machine_wrote(message: Message, machine: bool) -> None:
    assert is_from_a_machine(message) is machine
