"""Broken mails are read and routed without an exception, and the run that looks for one would find it."""

from __future__ import annotations

import pytest

from email_router.core import dedupe
from email_router.core.message import Message
from tests.fuzz import readers
from tests.fuzz.mutants import CHANGES, mutant, seeds
from tests.fuzz.shares import Report, run, together

_SEED = 20261126
_COUNT = 1_500


def test_mutants_of_all_mails_become_an_activity_or_are_set_aside() -> None:
    report = run(_SEED, 0, 1, _COUNT, seconds=120)

    assert report.read == _COUNT
    assert report.wrong == {}
    assert report.slow == {}
    assert report.megabytes > 0


def test_a_seed_gives_the_same_mutants_again_and_another_seed_others() -> None:
    first = [mutant(1, number) for number in range(20)]

    assert [mutant(1, number) for number in range(20)] == first
    assert [mutant(2, number) for number in range(20)] != first
    assert len(set(first)) == 20


def test_every_change_changes_mails() -> None:
    import random

    for change in set(CHANGES):
        dice = random.Random(7)
        changed = [change(raw, dice) != raw for raw in seeds()[:100]]

        assert sum(changed) > 30, change.__name__


def test_an_exception_behind_the_parser_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(message: Message, _: str) -> None:
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, message.subject or "surrogates")

    monkeypatch.setattr(dedupe, "message_key", broken)  # the fault is planted: nothing else can make the run see one

    found = readers.outcome(b"From: a@example.com\r\n\r\ntext\r\n")

    assert "UnicodeEncodeError" in found.wrong


def test_an_exception_that_the_parser_caught_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        readers, "parse", lambda raw: Message(size=len(raw), defects=("not read: IndexError",))
    )  # as above

    assert readers.outcome(b"From: a@example.com\r\n\r\ntext\r\n").wrong == "not read: IndexError"


def test_workers_reports_are_put_together() -> None:
    one = Report(1, read=2, bytes=10, cpu=1.0, worst=(0.5, 1), megabytes=60)
    other = Report(1, read=3, bytes=20, cpu=2.0, worst=(2.5, 4), megabytes=50, slow={4: 2.5})

    whole = together([one, other])

    assert (whole.read, whole.bytes, whole.worst, whole.megabytes) == (5, 30, (2.5, 4), 60)
    assert one.passed
    assert not whole.passed
