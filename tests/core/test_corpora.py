"""Foreign mails are read as their owners say, or differently for a reason that is written down."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from email_router.core.parse import parse
from tests.core import corpus
from tests.core.corpus_differences import ON_PURPOSE, PROVEN_WRONG
from tests.shared import shared_path

CORPORA = shared_path("corpora")
_MAILS = sorted(
    path for path in CORPORA.rglob("*") if path.suffix in (".eml", ".txt") and path.parent.name != "LICENSES"
)

_BOUNCES = {
    "multi_address_bounce1.eml",
    "multi_address_bounce2.eml",
    "multipart_report_multiple_status.eml",
    "raw_email_with_mimepart_without_content_type.eml",
    "report_422.eml",
    "report_530.eml",
}
"""The bounces among the mails of imap_tools: reports of mail servers, all of them."""


def test_every_mail_of_the_corpora_is_read_within_two_seconds() -> None:
    slow: list[Path] = []
    failed: list[Path] = []
    for path in _MAILS:
        raw = path.read_bytes()
        began = time.process_time()
        mail = parse(raw)
        slow += [path] if time.process_time() - began > 2 else []
        failed += [path] if any(defect.startswith("not read") for defect in mail.defects) else []

    assert len(_MAILS) == 605
    assert (slow, failed) == ([], [])


def test_ninety_nine_of_a_hundred_expected_values_are_found_where_they_are_not_proven_wrong() -> None:
    found = [compare() for compare in corpus.CORPORA]
    differences = [ON_PURPOSE[corpus.place(one)] for result in found for one in result.differences]
    chosen = [reason for reason in differences if reason not in PROVEN_WRONG]
    agreed = sum(sum(one.agreed.values()) for one in found)

    assert agreed / (agreed + len(chosen)) >= 0.99
    assert agreed / (agreed + len(differences)) >= 0.965


def test_where_imap_tools_writes_an_attached_mail_anew_ours_stands_in_the_file_byte_by_byte() -> None:
    anew = [one for one, reason in ON_PURPOSE.items() if "writes the attached mail anew" in reason]
    files = {one.partition(": ")[0].removeprefix("imap_tools/") for one in anew}

    assert len(files) == 4
    for file in files:
        raw = (CORPORA / "imap_tools" / "messages" / file).read_bytes()
        attached = [one for one in parse(raw).attachments if one.media_type == "message/rfc822"]
        assert attached, file
        assert all(one.content.strip() in raw for one in attached), file


def test_ninety_five_of_a_hundred_values_of_full_readings_agree() -> None:
    found = [corpus.imap_tools(), corpus.stalwart()]

    assert sum(one.mails for one in found) == 146
    assert sum(sum(one.agreed.values()) for one in found) / sum(sum(one.expected.values()) for one in found) >= 0.95


@pytest.mark.parametrize("compare", corpus.CORPORA)
def test_every_difference_has_its_reason(compare: Callable[[], corpus.Agreement]) -> None:
    found = compare()
    places = Counter(corpus.place(difference) for difference in found.differences)

    assert [place for place in places if place not in ON_PURPOSE] == []
    assert [place for place in ON_PURPOSE if place.startswith(found.corpus) and place not in places] == []


@pytest.mark.parametrize(("compare", "floor"), [(corpus.flufl, 0.97), (corpus.sisimai, 0.985)])
def test_bounces_name_recipients_and_permanence(compare: Callable[[], corpus.Agreement], floor: float) -> None:
    found = compare()

    assert found.share >= floor, "\n".join(found.differences)


def test_no_ordinary_mail_of_the_corpora_becomes_a_bounce() -> None:
    ordinary = [path for path in _MAILS if "bounces" not in path.parts]
    reported = {path.name for path in ordinary if parse(path.read_bytes()).delivery_report}

    assert len(ordinary) >= 250
    assert reported <= _BOUNCES


def test_the_documented_agreement_is_the_computed_one() -> None:
    document = (Path(__file__).parents[2] / "docs" / "parsing.md").read_text("utf-8")

    assert corpus.table([compare() for compare in corpus.CORPORA]) in document


@pytest.mark.parametrize("path", sorted((CORPORA / "stalwart").glob("*/*.eml")), ids=lambda path: path.name)
def test_line_ends_change_nothing_that_is_read(path: Path) -> None:
    bare = path.read_bytes().replace(b"\r\n", b"\n")
    read = [parse(form) for form in (bare, bare.replace(b"\n", b"\r\n"))]

    first, second = [(one.subject, one.author, one.to, one.date, one.text, len(one.attachments)) for one in read]
    assert first == second
