"""Find the Message-ID in a header block, or in an answer that holds this one field."""

from __future__ import annotations

import re

# RFC 5322 2.2.3: a line that begins with a blank goes on with the field.
_FIELD = re.compile(rb"^message-id[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE)
_LONGEST_HEAD = 1024 * 1024


def message_id_in(head: bytes) -> str | None:
    """Return the value of the first Message-ID field as it stands, unfolded; None where the header block has none."""
    end = head.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
    found = _FIELD.search(head, 0, min(len(head), _LONGEST_HEAD) if end < 0 else end)
    value = b" ".join(found[1].split()) if found else b""
    return value.decode("ascii", "replace") or None
