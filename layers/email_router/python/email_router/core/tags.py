"""Write any text as the value of an SES message tag, and read it back (SES API: MessageTag takes letters, digits, _ and -)."""

from __future__ import annotations

import re

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_HEX_TAG = "hex_"


def tag_value(text: str) -> str:
    """Return a text as the value of an SES tag: itself where letters, digits, _ and - make it, else in hexadecimal."""
    if _TAG.fullmatch(text) and not text.startswith(_HEX_TAG):
        return text
    return _HEX_TAG + text.encode().hex()


def read_tag(value: str) -> str:
    """Return the text of a tag value."""
    if not value.startswith(_HEX_TAG):
        return value
    try:
        return bytes.fromhex(value.removeprefix(_HEX_TAG)).decode()
    except ValueError:
        return value
