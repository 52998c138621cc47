"""Foreign mails are read as their owners say, or differently for a reason that is written down."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from email_router.core.parse import parse
from tests.core import corpus
from tests.core.corpus_differences import ON_PURPOSE
from tests.shared import shared_path

CORPORA = shared_path("corpora")
_MAILS = sorted(
    path for path in CORPORA.rglob("*") if path.suffix in (".eml", ".txt") and path.parent.name != "LICENSES"
)


def test_every_mail_of_the_corpora_is_read_within_two_seconds() -> None:
    slow: list[Path] = []
    failed: list[Path] = []
    for path in _MAILS:
        raw = path.read_bytes()
        began = time.process_time()
        mail = parse(raw)
        slow += [path] if time.process_time() - began > 2 else []
        failed += [path] if any(defect.startswith("not read") for defect in mail.defects) else []

    assert len(_MAILS) >= 600
    assert (slow, failed) == ([], [])


def test_nine_tenths_of_the_full_readings_agree() -> None:
    found = [corpus.imap_tools(), corpus.stalwart()]

    assert sum(one.mails for one in found) == 146
    assert sum(sum(one.agreed.values()) for one in found) / sum(sum(one.expected.values()) for one in found) >= 0.92


@pytest.mark.parametrize("compare", [corpus.imap_tools, corpus.stalwart])
def test_every_difference_has_its_reason(compare: Callable[[], corpus.Agreement]) -> None:
    found = compare()
    places = Counter(corpus.place(difference) for difference in found.differences)

    assert [place for place in places if place not in ON_PURPOSE] == []
    assert [place for place in ON_PURPOSE if place.startswith(found.corpus) and place not in places] == []


@pytest.mark.parametrize(("compare", "floor"), [(corpus.flufl, 0.90), (corpus.sisimai, 0.95)])
def test_bounces_name_recipients_and_permanence(compare: Callable[[], corpus.Agreement], floor: float) -> None:
    found = compare()

    assert found.share >= floor, "\n".join(found.differences)
