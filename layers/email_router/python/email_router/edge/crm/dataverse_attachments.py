"""Tell which attachments the organisation's settings let in, and what is noted of those that they block."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email_router.core.activity import StoredAttachment
    from email_router.edge.connect.dataverse import DataverseClient

REFUSED = {"0x80044a02": "it is too large", "0x80043e09": "its type is blocked"}
"""What Dataverse says of an attachment that its settings block, whatever we knew of them."""

_SETTINGS = "organizations?$select=maxuploadfilesize,blockedattachments,blockedmimetypes,allowedmimetypes"


@dataclass(frozen=True, slots=True)
class Blocking:
    """The settings of an organisation: the largest file in bytes (0: not known), endings and media types."""

    largest: int = 0
    endings: frozenset[str] = frozenset()
    media_types: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()

    def reason(self, one: StoredAttachment) -> str:
        """Say why an attachment is not saved, or nothing."""
        if self.largest and one.size > self.largest:
            return f"it has {one.size} bytes, and the organisation takes {self.largest}"
        ending = one.name.rpartition(".")[2].lower() if "." in one.name else ""
        if ending in self.endings:
            return f"the organisation blocks files that end in .{ending}"
        media_type = one.media_type.lower()
        if self.allowed:
            return "" if media_type in self.allowed else f"the organisation does not allow {media_type}"
        return f"the organisation blocks {media_type}" if media_type in self.media_types else ""


def read(client: DataverseClient) -> Blocking:
    """Ask the organisation for its settings."""
    row = next(iter(client.call("GET", _SETTINGS).rows()), {})
    return Blocking(
        int(row.get("maxuploadfilesize") or 0),
        _words(row.get("blockedattachments")),
        _words(row.get("blockedmimetypes")),
        _words(row.get("allowedmimetypes")),
    )


def note(attachments: Sequence[StoredAttachment], blocked: Mapping[int, str]) -> str:
    """Return HTML that names what was not saved and why, or nothing; `blocked` tells the reason by the attachment's number."""
    if not blocked:
        return ""
    lines = "".join(
        f"<li>{html.escape(attachments[number].name or 'without a name')}: {html.escape(why)}</li>"
        for number, why in sorted(blocked.items())
    )
    return f"<hr><p>E-mail Router: these attachments were not saved here.</p><ul>{lines}</ul>"


def _words(text: object) -> frozenset[str]:
    parts = str(text or "").replace(",", ";").split(";")
    return frozenset(part.strip().lower().lstrip(".") for part in parts if part.strip())
