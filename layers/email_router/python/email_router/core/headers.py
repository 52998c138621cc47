"""Split a header block into its fields, whatever stands between them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from email_router.core.charset import decode
from email_router.core.limits import Defects, Limits

# RFC 5322 2.2, with the blank before the colon that its section 4.5 still allows.
_FIELD = re.compile(r"([!-9;-~]+)[ \t]*:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)\n?")
_LINE = re.compile(r"[^\n]*\n?")
_CORE_FIELD = re.compile(
    r"^(?:from|to|cc|date|subject|message-id|sender|reply-to|mime-version|content-type|content-transfer-encoding|"
    r"received|in-reply-to)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Head:
    """A header block: `fields` as (name in lower case, unfolded value), `body_at` where the body begins in the bytes."""

    fields: tuple[tuple[str, str], ...]
    body_at: int
    first: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the topmost field of each name: a dozen questions are asked of every mail."""
        object.__setattr__(self, "first", dict(reversed(self.fields)))

    def get(self, name: str) -> str | None:
        """Return the first value of the field `name` (lower case), or None."""
        return self.first.get(name)

    def all(self, name: str) -> list[str]:
        """Return every value of the field `name` (lower case), topmost first."""
        return [value for field_name, value in self.fields if field_name == name] if name in self.first else []


def split(raw: bytes, start: int, end: int, limits: Limits, defects: Defects) -> Head:
    """Read the header block of raw[start:end].  Never raises; linear in the block's length.

    A line that is no field ends the block, unless a field that every mail has follows it before the blank line.
    """
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return Head((), start + (1 if raw[start] == 10 else 2))  # noqa: PLR2004 - LF
    head_end, body_at = _blank_line(raw, start, end, limits, defects)
    text = raw[start:head_end].decode("latin-1")  # one character a byte, so offsets hold
    fields: list[tuple[str, str]] = []
    position = 0
    last_core = -1
    while position < len(text):
        found = _FIELD.match(text, position)
        if found:
            if len(fields) == limits.headers:
                defects.over(f"more than {limits.headers} header fields")
                break
            fields.append((found[1].lower(), _value(found[2], limits, defects)))
            position = found.end()
            continue
        if last_core < 0:
            last_core = max((core.start() for core in _CORE_FIELD.finditer(text, position)), default=0)
        line = _LINE.match(text, position)
        if not (last_core > position or text.startswith(("From ", ">From "), position)):
            defects.add("no blank line between header and body")
            return Head(tuple(fields), start + position)
        if position or not text.startswith("From "):
            defects.add("a header line is no header field")
        position = line.end() if line else len(text)
    return Head(tuple(fields), body_at)


def _blank_line(raw: bytes, start: int, end: int, limits: Limits, defects: Defects) -> tuple[int, int]:
    """Find where the header block ends and where the body begins."""
    window = min(end, start + limits.header_bytes + 4)
    crlf = raw.find(b"\n\r\n", start, window)
    bare = raw.find(b"\n\n", start, window if crlf < 0 else crlf + 1)
    if bare >= 0:
        return bare + 1, bare + 2
    if crlf >= 0:
        return crlf + 1, crlf + 3
    if window == end:
        return end, end
    defects.over(f"header block longer than {limits.header_bytes} bytes")
    crlf, bare = raw.find(b"\n\r\n", window, end), raw.find(b"\n\n", window, end)
    candidates = [at + size for at, size in ((crlf, 3), (bare, 2)) if at >= 0]
    cut = raw.rfind(b"\n", start, window) + 1
    return cut or window, min(candidates, default=end)


def _value(value: str, limits: Limits, defects: Defects) -> str:
    """Unfold one field's value and read its bytes: UTF-8 (RFC 6532), else windows-1252."""
    if len(value) > limits.header_length:
        defects.over(f"header field longer than {limits.header_length} bytes")
        value = value[: limits.header_length]
    if "\n" in value:
        value = value.replace("\r\n", "").replace("\n", "")
    if not value.isascii() or "\x1b" in value:
        value = decode(value.encode("latin-1"))
    value = value.strip(" \t\r")
    if "\r" in value or "\0" in value:
        defects.add("a header field holds a bare CR or NUL")
        value = value.replace("\r", " ").replace("\0", "")
    return value
