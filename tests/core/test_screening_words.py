"""Small things that screening tells, and where it does not depend on the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from email_router.core.case import Verdict
from email_router.core.mailbox import Accept
from email_router.core.screening.no_correlation_match import ask_no_correlation_match
from email_router.core.screening.sender_match import ask_sender_match
from email_router.core.screening.too_old import ask_too_old
from tests.core.cases import SALES, case, mail


@pytest.fixture
def in_india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock shows India's time."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_india")
def test_times_are_told_in_utc_wherever_the_machine_stands() -> None:
    old = case(mail(date=datetime.fromisoformat("2026-10-31T23:00:00+02:00")))
    bound = datetime.fromisoformat("2026-11-01T00:00:00+01:00")

    untold = replace(old.fetched, received=None)
    verdict = ask_too_old(replace(old, fetched=untold, profile=replace(old.profile, process_received_after=bound)))

    assert isinstance(verdict, Verdict)
    assert verdict.evidence == "dated 2026-10-31T21:00:00Z, wanted from 2026-10-31T23:00:00Z on"


def test_where_nobody_takes_any_mail_that_is_told() -> None:
    verdict = ask_no_correlation_match(case(mail(), mailbox=replace(SALES, accept=Accept.NONE)))

    assert isinstance(verdict, Verdict)
    assert verdict.evidence == "recipients accept none; it is no reply"


def test_a_sender_without_any_doubt_is_passed_on_without_a_word() -> None:
    assert ask_sender_match(case(mail(), mailbox=replace(SALES, accept=Accept.CONTACTS))) is None
