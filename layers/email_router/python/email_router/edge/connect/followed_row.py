"""The row of what is known of a CRM's settings: `ORG#o | FOLLOWED`, beside the pointer to the published configuration."""

from __future__ import annotations

from email_router.core.followed import Followed
from email_router.edge.connect.compact import expand, squeeze
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item


def place_of(organisation: str) -> Place:
    """Return where the row stands."""
    return Keys(organisation).own, "FOLLOWED"


def packed(found: Followed) -> bytes:
    """Return what is known as compressed bytes."""
    return squeeze(found)


def unpacked(item: Item | None) -> Followed | None:
    """Return what a row knows; None of a row that is not there, or that was claimed and never written."""
    return expand(Followed, item["followed"]) if item and "followed" in item else None
