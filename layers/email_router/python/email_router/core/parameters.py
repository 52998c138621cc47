"""Read a header value with parameters: Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2231)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from email_router.core import encoded_words
from email_router.core.charset import decode
from email_router.core.limits import Defects, Limits

_MAIN = re.compile(r"[^\s;]*")
_PARAMETER = re.compile(r'[;\s]*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+))', re.DOTALL)
_BETWEEN = re.compile(r"[;\s]*+")
_ESCAPED = re.compile(r'\\(["\\])')
_SEGMENT = re.compile(r"(.+?)(?:\*(\d{1,4}))?(\*)?")


def parse(value: str, limits: Limits, defects: Defects) -> tuple[str, dict[str, str]]:
    """Return the value proper in lower case and its parameters by lower-case name, decoded.  Linear in length.

    The first of two equal names counts, `name*` before `name`, segments `name*0`, `name*1` joined in order.
    """
    main = _MAIN.match(value)
    position = main.end() if main else 0
    plain: dict[str, str] = {}
    segments: dict[str, dict[int, tuple[bool, str]]] = {}
    count = 0
    while position < len(value):
        found = _PARAMETER.match(value, position)
        if not found:
            between = _BETWEEN.match(value, position)  # of many separators in a row each would be tried
            following = value.find(";", max(position + 1, between.end() if between else 0))
            if following < 0:
                break
            position = following
            continue
        count += 1
        if count > limits.parameters:
            defects.over(f"more than {limits.parameters} parameters in a header field")
            break
        content = found[3].strip() if found[2] is None else _ESCAPED.sub(r"\1", found[2])
        _keep(found[1].lower(), content, plain, segments)
        position = found.end()
        if found[2] is not None:  # whatever follows the closing quote belongs to nothing
            following = value.find(";", position)
            position = len(value) if following < 0 and "=" not in value[position:] else max(position, following)
    for name, pieces in segments.items():
        plain[name] = _joined(pieces)
    return (main[0] if main else "").lower(), plain


def _keep(name: str, content: str, plain: dict[str, str], segments: dict[str, dict[int, tuple[bool, str]]]) -> None:
    segment = _SEGMENT.fullmatch(name) if "*" in name else None
    if segment and (segment[2] or segment[3]):
        segments.setdefault(segment[1], {}).setdefault(int(segment[2] or 0), (bool(segment[3]), content))
    else:
        plain.setdefault(name, content if name == "boundary" else encoded_words.decode(content))


def _joined(pieces: dict[int, tuple[bool, str]]) -> str:
    """Join the segments of one parameter, whose first may name the charset of all (RFC 2231 4.1)."""
    charset: str | None = None
    content: list[bytes] = []
    for number in sorted(pieces):
        encoded, text = pieces[number]
        if encoded:
            if number == min(pieces) and text.count("'") >= 2:  # noqa: PLR2004 - charset'language'text
                charset, _, text = text.split("'", 2)
            content.append(unquote_to_bytes(text))
        else:
            content.append(text.encode("utf-8", "surrogatepass"))
    joined = decode(b"".join(content), charset)
    return encoded_words.decode(joined)
