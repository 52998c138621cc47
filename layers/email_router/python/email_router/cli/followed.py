"""Tell which settings are those of the CRM, and how they stand."""

from __future__ import annotations

from typing import Any

from email_router.cli.output import tell
from email_router.cli.shapes import instant
from email_router.core.followed import Followed
from email_router.core.settings import Configuration

Json = dict[str, Any]


def followed_shape(configuration: Configuration, known: Followed | None) -> Json | None:
    """Return which settings in force are the CRM's as JSON values; None when none is followed.

    `tracking` names those of [organisation.tracking] that were read there, `accept` and `approved` the mailboxes whose own were,
    `not_approved` those of them that are not served, `problems` what cannot be followed.
    """
    follows = configuration.follows
    if not (follows.tracking or follows.mailboxes):
        return None
    boxes = {box.key: box for box in known.mailboxes} if known else {}
    served = {box.key: box.approved for box in configuration.mailboxes}
    return {
        "read": instant(known.at) if known else None,
        "tracking": [name for name in follows.tracking if known and name in known.tracking],
        "accept": [key for key in follows.accept if key in boxes and boxes[key].accept is not None],
        "approved": [key for key in follows.approved if key in boxes and boxes[key].approved is not None],
        "not_approved": [key for key in follows.approved if not served.get(key, True)],
        "problems": list(known.problems) if known else [],
    }


def tell_followed(shape: Json | None) -> None:
    """Say it to a person; nothing where nothing is followed."""
    if shape is None:
        return
    tell(f"settings of Dynamics 365, read {shape['read'] or 'never yet'}: {_names(shape)}")
    for key in shape["not_approved"]:
        tell(
            f"{key} is not served: its address is not approved in Dynamics 365 (Settings, Email Configuration, Mailboxes)"
        )
    for problem in shape["problems"]:
        tell(f"not followed: {problem}")


def _names(shape: Json) -> str:
    counts = [f"{name} of {len(shape[name])} mailboxes" for name in ("accept", "approved") if shape[name]]
    return ", ".join([*shape["tracking"], *counts]) or "none"
