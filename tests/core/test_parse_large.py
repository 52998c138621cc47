"""A mail of 35 MB is read in two seconds and half a gigabyte, whatever is in it."""

from __future__ import annotations

import pytest

from tests.core import large

_WORST = (
    "one attachment",
    "text in UTF-8 that is called ASCII",
    "bytes of no charset",
    "parts",
    "8 MB of html in UTF-8",
    "8 MB of short words in html",
    "8 MB of tags of 400 attributes",
    "hostile: long multiparts in one another",
    "hostile: signatures around a large text",
    "hostile: paddings in base64",
    "hostile: lines that are nearly boundaries",
    "hostile: open braces in RTF",
    "8 MB: uuencode of grave accents",
)


@pytest.mark.alone
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", _WORST)
def test_a_mail_of_35_megabytes_fits_into_time_and_memory(name: str) -> None:
    found = large.cost(name)

    assert found.fits, found


def test_the_mails_are_as_large_as_may_be() -> None:
    assert all(
        large.BYTES * 0.97 < len(large.MAILS[name]()) <= large.BYTES for name in _WORST if not name.startswith("8 MB")
    )


def test_a_mail_over_the_bounds_would_be_told() -> None:
    assert not large.Cost(reading=2.5, asking=0.0, megabytes=100).fits
    assert not large.Cost(reading=1.0, asking=0.0, megabytes=600).fits
    assert not large.Cost(reading=1.0, asking=0.0, megabytes=100, failed="not read: ValueError").fits
