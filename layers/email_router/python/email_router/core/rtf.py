"""Make text, or the html it once was, from RTF (MS-OXRTFEX), bounded by its size."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from email_router.core.charset import decode

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\", re.DOTALL
)
_HIDDEN = frozenset(
    b"fonttbl colortbl stylesheet info pict header footer headerl headerr footerl footerr object generator listtable listoverridetable "
    b"themedata colorschememapping datastore latentstyles xmlnstbl rsidtbl fldinst pntext filetbl revtbl".split()
)
_SPOKEN = {
    b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"tab": "\t", b"cell": "\t", b"emdash": "\u2014",
    b"endash": "\u2013", b"bullet": "\u2022", b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c", b"rdblquote": "\u201d",
}  # fmt: skip
_SYMBOLS = {b"~": "\xa0", b"_": "-", b"-": "", b"{": "{", b"}": "}", b"\\": "\\", b"\n": "\n", b"\r": "\n"}
# Font character sets of the RTF specification -> code page.
_CODE_PAGES = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258",
    177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_DEEPEST = 1_000


@dataclass(frozen=True, slots=True)
class _State:
    """What a group inherits: whether it shows, whether it is RTF for readers without html, its code page, what a Unicode word replaces."""

    hidden: bool = False
    for_rtf: bool = False
    in_tag: bool = False
    fonts: bool = False
    code_page: str = ""
    replaced: int = 1


class _Reading:
    """The walk over one RTF: states of the open groups and the characters found."""

    def __init__(self, html: bool) -> None:  # noqa: FBT001 - read once, at the beginning of the file
        self.html = html
        self.state = _State()
        self.opened: list[_State] = []
        self.too_deep = 0
        self.starred = False
        self.code_page = "cp1252"
        self.font = 0
        self.pages: dict[int, str] = {}
        self.skip = 0
        self.raw = bytearray()
        self.found: list[str] = []

    def shows(self) -> bool:
        state = self.state
        return not (state.hidden or state.for_rtf or self.too_deep) and (
            not self.html or state.in_tag or bool(self.opened)
        )

    def byte(self, value: bytes) -> None:
        if self.shows():
            self.raw += value

    def say(self, text: str) -> None:
        if self.shows():
            self.flush()
            self.found.append(text)

    def flush(self) -> None:
        if self.raw:
            self.found.append(decode(bytes(self.raw), self.state.code_page or self.code_page))
            self.raw.clear()

    def brace(self, opening: bool) -> None:  # noqa: FBT001 - one of two braces
        self.flush()
        if opening:
            if len(self.opened) >= _DEEPEST:
                self.too_deep += 1
            else:
                self.opened.append(self.state)
        elif self.too_deep:
            self.too_deep -= 1
        elif self.opened:
            self.state = self.opened.pop()


def to_text(source: bytes) -> tuple[str, bool]:
    """Return what the RTF says, and whether that is html (RTF that a mail program made from html).  Linear; never raises."""
    if not source.lstrip().startswith(b"{\\rtf"):
        return "", False
    reading = _Reading(html=b"\\fromhtml" in source[:1_024])
    position = 0
    while found := _TOKEN.match(source, position):
        position = found.end()
        word, number, code, symbol, brace, text = found.groups()
        if word is not None:
            position += _word(reading, word, int(number) if number else None)
        elif brace:
            reading.starred = False
            reading.skip = 0
            reading.brace(brace == b"{")
        elif symbol == b"*":
            reading.starred = True
        else:
            _characters(reading, code, symbol, text)
    reading.flush()
    told = "".join(reading.found).strip()
    if not told.isascii():  # \u gives characters beyond the first 65,536 as two halves
        told = told.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return told, reading.html


def _characters(reading: _Reading, code: bytes | None, symbol: bytes | None, text: bytes | None) -> None:
    if reading.skip and (code or text):  # what stands for a \u in readers without Unicode
        dropped = 1 if code else min(reading.skip, len(text or b""))
        reading.skip -= dropped
        code, text = None, (text or b"")[dropped:]
    if code:
        reading.byte(bytes.fromhex(code.decode("ascii")))
    elif text:
        reading.byte(text)
    elif symbol:
        reading.say(_SYMBOLS.get(symbol, ""))


def _word(reading: _Reading, word: bytes, number: int | None) -> int:
    """Obey one control word; return how many bytes of binary data follow it."""
    state = reading.state
    starred, reading.starred = reading.starred, False
    if word == b"bin":
        return max(0, number or 0)
    if word == b"htmltag" and starred:
        reading.state = replace(state, hidden=not reading.html, for_rtf=False, in_tag=True)
    elif starred or word in _HIDDEN:
        reading.state = replace(state, hidden=True, fonts=word == b"fonttbl")
    elif word == b"htmlrtf":
        reading.flush()
        reading.state = replace(state, for_rtf=number != 0)
    elif word == b"u" and number is not None:
        reading.say(chr(number % 65_536))
        reading.skip = state.replaced
    elif word == b"uc":
        reading.state = replace(state, replaced=max(0, min(number or 0, 8)))
    elif word in _SPOKEN:
        reading.say(_SPOKEN[word])
    else:
        _charset(reading, word, number)
    return 0


def _charset(reading: _Reading, word: bytes, number: int | None) -> None:
    """Follow the words that tell in which charset bytes above 127 are."""
    if word == b"ansicpg" and number:
        reading.code_page = f"cp{number}" if number != 65_001 else "utf-8"  # noqa: PLR2004 - Windows' number of UTF-8
    elif word == b"f" and number is not None:
        reading.font = number
        own = reading.pages.get(number, "")
        if not reading.state.fonts and own != reading.state.code_page:
            reading.flush()
            reading.state = replace(reading.state, code_page=own)
    elif word == b"fcharset" and number and reading.state.fonts:
        page = _CODE_PAGES.get(number)
        if page:
            reading.pages[reading.font] = page
