"""Read several e-mails of the CRM together, and learn which of them cannot be read as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from email_router.core.activity import EmailActivity
from email_router.core.errors import MessageRefused
from email_router.core.ports import Crm


@dataclass(frozen=True, slots=True)
class Read:
    """The e-mails that were found, and why some cannot be read."""

    found: Mapping[str, EmailActivity] = field(default_factory=dict)
    refused: Mapping[str, MessageRefused] = field(default_factory=dict)


def emails_of(crm: Crm, activities: Sequence[str]) -> Read:
    """Read them in one call; where one of them refuses that, each by itself."""
    if not activities:
        return Read()
    try:
        return Read(crm.several(activities))
    except MessageRefused:
        found: dict[str, EmailActivity] = {}
        refused: dict[str, MessageRefused] = {}
        for activity in activities:
            try:
                email = crm.email(activity)
            except MessageRefused as refusal:
                refused[activity] = refusal
            else:
                found |= {activity: email} if email else {}
        return Read(found, refused)
