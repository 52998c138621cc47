"""What `test-access --json` tells of the roads of mailboxes, and the mail that it finds there."""

from __future__ import annotations

from typing import Any

MAIL = b"From: Erin <erin@fabrikam.example>\r\nSubject: An order\r\nMessage-ID: <1@fabrikam.example>\r\n\r\nHello\r\n"


def roads(told: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return each road by the name of its mailbox and its direction."""
    return {
        (row["address"].partition("@")[0].rstrip("0123456789"), road["direction"]): road
        for row in told["mailboxes"]
        for road in row["roads"]
    }
