"""In which order the questions are asked, and what each leaves behind."""

from __future__ import annotations

from email_router.core.screening import ACCEPTANCE, ENTRY, screen
from tests.core.cases import case, mail


def test_the_questions_stand_in_this_order() -> None:
    before = "untrusted_wrapper already_delivered unreadable too_old not_approved loop delivery_report auto_reply bulk"
    after = "internal_email no_recipient_match accept_all correlation_match sender_match invalid_sender no_correlation_match"

    assert " ".join(question.name for question in ENTRY) == before
    assert " ".join(question.name for question in ACCEPTANCE) == after


def test_an_ordinary_mail_passes_every_question_and_leaves_each_answer() -> None:
    screened = screen(case(), ENTRY)

    assert screened.verdict is None
    assert screened.question == ""
    assert [(answer.question, answer.answer) for answer in screened.answers] == [(one.name, "passes") for one in ENTRY]


def test_the_question_that_answers_is_the_last_one_asked() -> None:
    screened = screen(case(mail(unreadable=True)), ENTRY)

    assert screened.question == "unreadable"
    assert [answer.question for answer in screened.answers] == ["untrusted_wrapper", "already_delivered", "unreadable"]
    assert screened.answers[-1].answer == "quarantined"
    assert screened.answers[-1].evidence.startswith("unreadable: ")
