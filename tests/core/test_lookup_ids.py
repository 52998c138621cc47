"""Under which ids the store may know a mail."""

from __future__ import annotations

import pytest

from email_router.core.lookup_ids import (
    answered_ids,
    id_forms,
    lookup_ids,
    nearest_references,
    own_ids,
    reported_ids,
    stored_forms,
)
from email_router.core.message import DeliveryReport
from tests.core.cases import mail

SES_ID = "0100018f-aaaa-4bbb-8ccc-000000000000-000000"


@pytest.mark.parametrize("domain", ["email.amazonses.com", "eu-central-1.amazonses.com"])
def test_an_id_made_by_ses_is_looked_up_by_its_local_part_too(domain: str) -> None:
    assert id_forms(f"<{SES_ID}@{domain}>") == (f"<{SES_ID}@{domain}>", SES_ID)


def test_the_domain_of_an_id_is_looked_up_in_small_letters_too() -> None:
    assert id_forms("<Aa@Mail.B.EXAMPLE>") == ("<Aa@Mail.B.EXAMPLE>", "<Aa@mail.b.example>")
    assert id_forms(f"<{SES_ID}@AmazonSES.com>") == (f"<{SES_ID}@AmazonSES.com>", f"<{SES_ID}@amazonses.com>", SES_ID)


def test_a_mail_is_written_down_under_its_id_as_written_and_with_the_domain_in_small_letters() -> None:
    assert stored_forms("<Aa@B.EXAMPLE>") == ("<Aa@B.EXAMPLE>", "<Aa@b.example>")
    assert stored_forms("<Aa@b.example>") == ("<Aa@b.example>",)
    assert stored_forms("<x>") == ("<x>",)
    assert stored_forms(None) == ()


def test_of_several_ids_in_in_reply_to_the_first_four_are_looked_up() -> None:
    value = "Your message of Monday <a@x> <b@x> <c@x> <d@x> <e@x>"
    message = mail(in_reply_to="<a@x>", headers=(("in-reply-to", value),), references=("<r@x>",))

    assert answered_ids(message) == ("<a@x>", "<b@x>", "<c@x>", "<d@x>")
    assert lookup_ids(message) == ("<a@x>", "<b@x>", "<c@x>", "<d@x>", "<r@x>")


def test_a_mail_is_no_answer_to_itself_under_another_spelling_of_its_domain() -> None:
    assert lookup_ids(mail(message_id="<m@X.example>", references=("<m@x.example>", "<M@x.example>"))) == (
        "<M@x.example>",
    )


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


def test_an_id_that_is_repeated_hides_no_other() -> None:
    message = mail(references=("<known@x>", *("<same@x>", "<same@X>") * 20))

    assert lookup_ids(message) == ("<same@X>", "<same@x>", "<known@x>")


def test_an_id_repeated_in_in_reply_to_hides_no_other() -> None:
    message = mail(in_reply_to="<a@x>", headers=(("in-reply-to", "<a@x> " * 20 + "<b@x>"),))

    assert answered_ids(message) == ("<a@x>", "<b@x>")


def test_the_mails_own_id_takes_no_place_among_the_references() -> None:
    message = mail(message_id="<m@x>", references=("<known@x>", *("<m@x>",) * 20))

    assert nearest_references(message) == ("<known@x>",)
