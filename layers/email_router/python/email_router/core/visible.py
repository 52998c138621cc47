"""Keep characters that mislead a reader or break a line out of subjects and names."""

from __future__ import annotations

import re

# Bidirectional marks, overrides and isolates (Unicode TR 36, "Trojan Source"), characters without a width, NUL.  Joiners have a job in
# Persian, Indic scripts and emoji; beside ASCII or at an end they have none.
_DROPPED = re.compile(
    "[\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\x00]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
_CONTROLS = re.compile("[\x01-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SEPARATORS = re.compile(r"[/\\]")
_LONGEST_NAME = 255


def one_line(text: str) -> str:
    """Return the text as one line: controls become a space, bidi marks, zero-width characters and NUL vanish, ends are stripped."""
    if text.isprintable():
        return text.strip()
    text = _CONTROLS.sub(" ", _DROPPED.sub("", text))
    return _SURROGATES.sub("\ufffd", text).strip()


def plain(text: str) -> str:
    """Return running text with LF line ends, without byte order mark, NUL and lone surrogates."""
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else _whole(text)


def _whole(text: str) -> str:
    """Return the text with a mark for each lone surrogate; encoding tells quicker than a pattern that there is none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text


def file_name(text: str) -> str:
    """Return a name that is only a name: no path separators or controls, at most 255 characters with its ending kept."""
    name = _SEPARATORS.sub("_", one_line(text))
    if len(name) <= _LONGEST_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    ending = dot + ending if stem and len(ending) <= 16 else ""  # noqa: PLR2004 - longer is no file ending
    return name[: _LONGEST_NAME - len(ending)] + ending
