"""Cut an address header into the tokens of RFC 5322 3.2, in one pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_NEXT = re.compile(
    r'(?P<space>[ \t\r\n]++)|(?P<quoted>"(?:[^"\\]|\\.)*+")|(?P<open>".*+)|(?P<literal>\[[^\[\]\\]*+\])'
    r"|(?P<special>[<>,;:@.()\\\[\]])|(?P<atom>[^ \t\r\n\"<>,;:@.()\\\[\]]++)",
    re.DOTALL,
)
_IN_COMMENT = re.compile(r"[^()\\]++|\\.?|[()]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Token(NamedTuple):
    """One token: `kind` (space, comment, quoted, literal, atom, open, or the special itself), its text, its bytes as written."""

    kind: str
    text: str
    raw: str


def tokens(value: str) -> Iterator[Token]:
    """Yield the tokens of the value.  Linear in its length: an unclosed quote or comment takes all that is left."""
    position = 0
    while position < len(value):
        found = _NEXT.match(value, position)
        if not found:
            return
        kind, raw = found.lastgroup or "", found[0]
        position = found.end()
        if raw == "(":
            start = position
            position, closed = _comment_end(value, position)
            yield Token(
                "comment" if closed else "open",
                _unescaped(value[start : position - closed]),
                value[start - 1 : position],
            )
        elif kind == "quoted":
            yield Token(kind, _unescaped(raw[1:-1]), raw)
        else:
            yield Token(raw if kind == "special" else kind, raw, raw)


def _comment_end(value: str, position: int) -> tuple[int, bool]:
    """Return where the comment opened before `position` ends, nested ones counted, and whether it is closed."""
    depth = 1
    while found := _IN_COMMENT.match(value, position):
        position = found.end()
        if found[0] == "(":
            depth += 1
        elif found[0] == ")":
            depth -= 1
            if not depth:
                return position, True
    return len(value), False


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
