"""Read one entry of an address list: a name and an address, or nothing where there is doubt (RFC 5322 3.4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from email_router.core import encoded_words
from email_router.core.address_tokens import Token
from email_router.core.message import Address
from email_router.core.visible import one_line

# RFC 5322 atext, and of RFC 6532 what shows: no blanks, no zero-width characters, no bidi controls.
_ATOM = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u2fff\u3001-\ud7ff"
    r"\uf900-\ufefe\uff01-\uffee\U00010000-\U000e0000-]+"
)
_LABEL = re.compile(r"[\w-]+")
_LITERAL = re.compile(r"\[[0-9A-Za-z:.-]+\]")
LONGEST = 320  # RFC 3696 erratum 1690: 64 + "@" + 255


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One entry of an address list; `sure` when the bytes allow no other reading of who it is."""

    address: Address
    sure: bool


def read(entry: list[Token]) -> Mailbox | None:
    """Return the mailbox that the tokens of one entry name, or None when they name none for sure."""
    shown = [token for token in entry if token.kind not in ("space", "comment")]
    kinds = [token.kind for token in shown]
    if "<" not in kinds:
        spec = _addr_spec(shown)
        comments = [token.text for token in entry if token.kind == "comment"]
        return Mailbox(Address(display_name(comments[-1]) if comments else "", spec), sure=True) if spec else None
    opening = kinds.index("<")
    if kinds[-1] != ">" or kinds.count("<") != 1 or kinds.count(">") != 1:
        return None
    inner = shown[opening + 1 : -1]
    routed = bool(inner) and inner[0].kind == "@"
    if routed:
        colon = next((at for at, token in enumerate(inner) if token.kind == ":"), len(inner))
        inner = inner[colon + 1 :]
    spec = _addr_spec(inner)
    if spec is None:
        return None
    name = _phrase(entry)
    sure = not routed and all(kind in ("atom", "quoted", ".") for kind in kinds[:opening])
    if not sure and not routed and "".join(token.raw for token in shown[:opening]).casefold() == spec.casefold():
        sure = True  # alice@example.org <alice@example.org>
    return Mailbox(Address(name, spec), sure=sure)


def name_alone(entry: list[Token]) -> str:
    """Return the name of an entry that has no address, or nothing where it holds what may be meant for one.

    Of `<Undisclosed-Recipient:;>`, as old clients write it, it is the group's.
    """
    kinds = [token.kind for token in entry]
    opening = kinds.index("<") if "<" in kinds else len(entry)
    name = _phrase(entry)
    if not name and ":" in kinds[opening:]:
        opening = kinds.index(":", opening)
        name = display_name("".join(token.text for token in entry[:opening] if token.kind != "<"))
    if not {"@", ">", "open"}.isdisjoint(kinds[:opening]) or not any(one.isalnum() for one in name):
        return ""
    return name[:LONGEST].rstrip()


def _phrase(entry: list[Token]) -> str:
    """Return the display name before the angle bracket, a comment in brackets behind it; one that stands alone is the name."""
    words: list[str] = []
    comments: list[str] = []
    for token in entry:
        if token.kind == "<":
            break
        if token.kind == "comment":
            comments.append(display_name(token.text))
            words.append(" ")
        else:
            words.append(" " if token.kind == "space" else token.text)
    name = display_name("".join(words))
    remarks = [remark for remark in comments if remark]
    if not name:
        return remarks[0] if remarks else ""
    return " ".join([name, *(f"({remark})" for remark in remarks)])


def display_name(text: str) -> str:
    """Return a display name decoded, on one line, its blanks single."""
    if not text:
        return ""
    name = one_line(encoded_words.decode(text))
    return " ".join(name.split()) if "  " in name else name


def _addr_spec(shown: list[Token]) -> str | None:
    """Return local-part@domain when the tokens are exactly that."""
    at = next((index for index, token in enumerate(shown) if token.kind == "@"), 0)
    local, domain = shown[:at], shown[at + 1 :]
    if not local or not domain or not _local_part(local) or not _domain(domain):
        return None
    spec = "".join(token.raw for token in shown)
    return spec if len(spec) <= LONGEST else None


def _local_part(local: list[Token]) -> bool:
    """Dot-atom or quoted string.  Dots in a row or at the end pass: Japanese carriers give out such addresses."""
    previous = "."
    for token in local:
        if token.kind == "atom":
            if (
                previous != "."
                or not _ATOM.fullmatch(token.raw)
                or (token.raw.startswith("=?") and token.raw.endswith("?="))
            ):
                return False
        elif token.kind == "quoted":
            if previous != "." or not token.raw.isprintable():
                return False
        elif token.kind != ".":
            return False
        previous = token.kind
    return any(token.kind != "." for token in local)


def _domain(domain: list[Token]) -> bool:
    if len(domain) == 1 and domain[0].kind == "literal":
        return bool(_LITERAL.fullmatch(domain[0].raw))
    labels, dots = domain[::2], domain[1::2]
    return (
        len(labels) == len(dots) + 1
        and all(token.kind == "." for token in dots)
        and all(token.kind == "atom" and _LABEL.fullmatch(token.raw) for token in labels)
    )
