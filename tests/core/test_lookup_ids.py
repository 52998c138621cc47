"""Under which ids the store may know a mail."""

from __future__ import annotations

import pytest

from email_router.core.lookup_ids import id_forms, lookup_ids, own_ids, reported_ids
from email_router.core.message import DeliveryReport
from tests.core.cases import mail

SES_ID = "0100018f-aaaa-4bbb-8ccc-000000000000-000000"


@pytest.mark.parametrize("domain", ["email.amazonses.com", "eu-central-1.amazonses.com", "AmazonSES.com"])
def test_an_id_made_by_ses_is_looked_up_by_its_local_part_too(domain: str) -> None:
    assert id_forms(f"<{SES_ID}@{domain}>") == (f"<{SES_ID}@{domain}>", SES_ID)


@pytest.mark.parametrize(
    "message_id", ["<a@notamazonses.com>", "<a@amazonses.com.evil.example>", "<a@b.example>", "<@amazonses.com>", "<x>"]
)
def test_an_id_of_another_domain_has_one_form(message_id: str) -> None:
    assert id_forms(message_id) == (message_id,)


def test_no_id_has_no_form() -> None:
    assert id_forms(None) == ()
    assert own_ids(mail(message_id=None)) == ()


def test_in_reply_to_comes_first_then_the_nearest_reference() -> None:
    message = mail(in_reply_to="<c@x>", references=("<a@x>", "<b@x>", "<c@x>"))

    assert lookup_ids(message) == ("<c@x>", "<b@x>", "<a@x>")


def test_only_the_last_eight_references_are_looked_up() -> None:
    message = mail(references=tuple(f"<{number}@x>" for number in range(2000)))

    assert lookup_ids(message) == tuple(f"<{number}@x>" for number in range(1999, 1991, -1))


def test_a_mail_is_no_answer_to_itself() -> None:
    assert lookup_ids(mail(message_id="<m@x>", in_reply_to="<m@x>", references=("<m@x>",))) == ()


def test_a_report_is_about_the_original_in_all_its_forms() -> None:
    report = DeliveryReport("failed", (), f"<{SES_ID}@email.amazonses.com>")

    assert reported_ids(mail(delivery_report=report)) == (f"<{SES_ID}@email.amazonses.com>", SES_ID)
    assert reported_ids(mail()) == ()
