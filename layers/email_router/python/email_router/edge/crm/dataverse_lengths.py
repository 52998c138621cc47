"""Fit texts to Dataverse's columns: what is too long is cut and ends in a mark, and what no column takes is replaced.

Lengths are those of Microsoft's Common Data Model and table reference, counted in UTF-16 units as .NET does.
"""

from __future__ import annotations

import re

CUT = "…"
"""How a text ends that was cut; the whole stands in the row beside the claim."""

LENGTHS = {
    "email": {
        "subject": 800,
        "messageid": 320,
        "sender": 250,
        "torecipients": 500,
        "submittedby": 250,
        "trackingtoken": 50,
        "category": 250,
        "description": 1_073_741_823,
    },
    "activityparty": {"addressused": 200},
    "activitymimeattachment": {"filename": 255, "mimetype": 256, "attachmentcontentid": 250},
    "annotation": {"subject": 500, "notetext": 100_000},
    "contact": {"firstname": 50, "lastname": 50, "emailaddress1": 100},
    "lead": {"firstname": 50, "lastname": 50, "emailaddress1": 100, "subject": 300},
}
"""By table and column."""

_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 does not take, which Dataverse keeps its texts in."""


def clean(text: str) -> str:
    """Return the text without what no column takes."""
    return _UNFIT.sub("\ufffd", text)


def fitting(table: str, column: str, text: str) -> str:
    """Return the text as the column takes it."""
    whole = clean(text)
    most = LENGTHS[table][column]
    if len(whole) <= most and units(whole) <= most:
        return whole
    kept = whole.encode("utf-16-le")[: 2 * (most - len(CUT))]
    return kept.decode("utf-16-le", "ignore") + CUT


def is_cut(table: str, column: str, text: str) -> bool:
    """Tell whether a text is longer than its column."""
    return units(clean(text)) > LENGTHS[table][column]


def units(text: str) -> int:
    """Return the length of a text as .NET counts it."""
    return len(text) + sum(letter > "\uffff" for letter in text)
