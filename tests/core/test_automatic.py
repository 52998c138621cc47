"""Mail from machines is told from mail that a person wrote."""

from __future__ import annotations

import pytest

from email_router.core.parse import parse


def _read(header: str, subject: str = "Offer") -> tuple[bool, bool]:
    message = parse(f"From: a@example.com\r\nSubject: {subject}\r\n{header}\r\n\r\ntext".encode())
    return message.auto_submitted, message.bulk


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (vacation)",
        "Auto-Submitted: auto-notified; owner-email=a@example.com",
        "X-Autoreply: yes",
        "X-Autorespond: yes",
        "Precedence: auto_reply",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
        "X-Auto-Response-Suppress: All\r\nReturn-Path: <>",
    ],
)
def test_marks_of_a_machine_are_known(header: str) -> None:
    assert _read(header) == (True, False)


@pytest.mark.parametrize(
    "header",
    ["X-Nothing: 1", "Auto-Submitted: no", "X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply", "Return-Path: <>"],
)
def test_one_weak_mark_is_not_enough(header: str) -> None:
    assert _read(header) == (False, False)


@pytest.mark.parametrize(
    "subject", ["Automatic reply: Offer", "Out of Office: x", "Abwesenheitsnotiz", "Réponse automatique : x"]
)
def test_a_telling_subject_and_a_suppressed_answer_are(subject: str) -> None:
    assert _read("X-Auto-Response-Suppress: All", subject)[0]
    assert not _read("X-Other: 1", subject)[0]


@pytest.mark.parametrize(
    "header",
    [
        "List-Id: <news.example>",
        "List-Unsubscribe: <https://x>",
        "Precedence: bulk",
        "Precedence: Junk",
        "Feedback-ID: 1:x",
    ],
)
def test_mail_to_many_is_bulk(header: str) -> None:
    assert _read(header) == (False, True)
