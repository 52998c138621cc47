"""Read the encoded words of RFC 2047 in a header value."""

from __future__ import annotations

import binascii
import re

from email_router.core.charset import decode as decode_charset

# A lone "?" inside the text is tolerated four times: more would make a hostile value cost quadratic time.
_WORD = re.compile(r"=\?([^?\s=]{1,75})\?([bBqQ])\?([^?]*(?:\?(?!=)[^?]*){0,4})\?=")


def decode(value: str) -> str:
    """Return the value with its encoded words decoded; what is none stays as it is.  Never raises, linear in length.

    Neighbouring words of one charset are joined before decoding, as senders split them inside a character.
    """
    if "=?" not in value:
        return value
    pieces: list[str] = []
    pending: tuple[str, list[bytes]] | None = None
    end = 0
    for word in _WORD.finditer(value):
        between = value[end : word.start()]
        charset = word[1].partition("*")[0].lower()  # RFC 2231 5: a language may follow
        content = _content(word[2], word[3])
        if pending and pending[0] == charset and not between.strip():
            pending[1].append(content)
        else:
            _flush(pieces, pending)
            if between.strip() or end == 0 or not pending:
                pieces.append(between)
            pending = (charset, [content])
        end = word.end()
    _flush(pieces, pending)
    pieces.append(value[end:])
    return "".join(pieces)


def _flush(pieces: list[str], pending: tuple[str, list[bytes]] | None) -> None:
    if pending:
        pieces.append(decode_charset(b"".join(pending[1]), pending[0]))


def _content(kind: str, text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    if kind in "qQ":
        return binascii.a2b_qp(raw.replace(b" ", b"_"), header=True)
    raw = raw.translate(None, b" \t\r\n").rstrip(b"=")
    if len(raw) % 4 == 1:  # one digit too many says nothing
        raw = raw[:-1]
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return text.encode("utf-8", "surrogatepass")
