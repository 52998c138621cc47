"""Read the mailboxes of an address header strictly: no address at all rather than a wrong one (RFC 5322 3.4 and 4.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from email_router.core import encoded_words
from email_router.core.address_tokens import Token, tokens
from email_router.core.limits import Defects, Limits
from email_router.core.message import Address
from email_router.core.visible import one_line

_ADDRESS = r"[A-Za-z0-9!#$%&'*+/^_`{|}~.-]++@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+"
# The two forms nearly every mail has, so that the tokens are needed for the rest only.
_USUAL = re.compile(rf' *+(?:(?:"([^"\\]*+)"|([^"(),:;<>@\[\]\\]*+)) *+<({_ADDRESS})>|({_ADDRESS})) *+(?:,|$)')
# RFC 5322 atext, and of RFC 6532 what shows: no blanks, no zero-width characters, no bidi controls.
_ATOM = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u2fff\u3001-\ud7ff"
    r"\uf900-\ufefe\uff01-\uffee\U00010000-\U000e0000-]+"
)
_LABEL = re.compile(r"[\w-]+")
_LITERAL = re.compile(r"\[[0-9A-Za-z:.-]+\]")
_LONGEST = 320  # RFC 3696 erratum 1690: 64 + "@" + 255


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One entry of an address list; `sure` when the bytes allow no other reading of who it is."""

    address: Address
    sure: bool


def author(values: Sequence[str], defects: Defects) -> Address | None:
    """Return the one mailbox of the From fields, or None with a defect when there is any doubt who it is.

    Two fields, several mailboxes, a group, a source route or text that names another address are doubt.
    """
    if not values:
        defects.add("From: missing")
        return None
    if len(values) > 1:
        defects.add(f"From: {len(values)} fields instead of one")
        return None
    found = sole(values[0])
    if found is None:
        defects.add("From: names not exactly one mailbox")
    return found


def sole(value: str) -> Address | None:
    """Return the only mailbox of a header value when nothing else stands in it and its reading is sure."""
    own = Defects()
    mailboxes = mailbox_list(value, Limits(addresses=2), own)
    if len(mailboxes) == 1 and mailboxes[0].sure and not own.found:
        return mailboxes[0].address
    return None


def addresses(field: str, values: Sequence[str], limits: Limits, defects: Defects) -> tuple[Address, ...]:
    """Return the mailboxes of all fields of one name, in order; entries without an address are left out with a defect.

    Reads at most `limits.addresses` of them.  Linear in the length of the values; never raises.
    """
    if not values:
        return ()
    found: list[Address] = []
    own = Defects()
    for value in values:
        found.extend(mailbox.address for mailbox in mailbox_list(value, limits, own))
        if len(found) > limits.addresses:
            own.over(f"more than {limits.addresses} addresses")
            break
    for defect in own.found:
        defects.add(defect if defect.startswith("over") else f"{field}: {defect}")
    return tuple(found[: limits.addresses])


def mailbox_list(value: str, limits: Limits, defects: Defects) -> list[Mailbox]:
    """Return every mailbox of an address list, members of groups included."""
    found: list[Mailbox] = []
    position = 0
    while position < len(value):
        usual = _USUAL.match(value, position)
        if not usual:
            return _by_tokens(value, limits, defects)
        quoted, bare, angle, lone = usual.groups()
        address = Address(_name(quoted if quoted is not None else bare or ""), angle or lone)
        if not _dots_fit(address.address) or len(found) >= limits.addresses:
            return _by_tokens(value, limits, defects)
        found.append(Mailbox(address, sure=True))
        position = usual.end()
    return found


def _dots_fit(address: str) -> bool:
    """Tell whether the local part is a plain dot-atom and no encoded word."""
    local = address.partition("@")[0]
    return len(address) <= _LONGEST and not (local[0] == "." or local[-1] == "." or ".." in local)


def _by_tokens(value: str, limits: Limits, defects: Defects) -> list[Mailbox]:
    """Split the list at its commas and group marks and read each entry."""
    found: list[Mailbox] = []
    entry: list[Token] = []
    inside = False
    for token in [*tokens(value), Token(",", "", "")]:
        kind = token.kind
        if kind == "<":
            inside = True
        elif kind == ">":
            inside = False
        route = inside and _opens_route(entry)
        if kind == ":" and not route:
            if any(part.kind in "<@" for part in entry):
                entry.append(token)
                continue
            defects.add("a group")
            entry = []
        elif (kind == "," and not route) or kind == ";":
            _take(entry, found, defects)
            entry, inside = [], False
            if len(found) > limits.addresses:
                defects.over(f"more than {limits.addresses} addresses")
                return found[: limits.addresses]
        else:
            entry.append(token)
    return found


def _opens_route(entry: list[Token]) -> bool:
    """Tell whether the entry stands within `<@host,@host:` (RFC 5322 4.4 obs-route)."""
    shown = [token.kind for token in entry[-60:] if token.kind not in ("space", "comment")]
    return "<" in shown and shown[shown.index("<") + 1 : shown.index("<") + 2] == ["@"]


def _take(entry: list[Token], found: list[Mailbox], defects: Defects) -> None:
    shown = [token for token in entry if token.kind not in ("space", "comment")]
    if not shown:
        return
    mailbox = _mailbox(entry, shown)
    if mailbox is None:
        defects.add("an entry without a readable address")
    else:
        found.append(mailbox)


def _mailbox(entry: list[Token], shown: list[Token]) -> Mailbox | None:
    kinds = [token.kind for token in shown]
    if "<" not in kinds:
        spec = _addr_spec(shown)
        comments = [token.text for token in entry if token.kind == "comment"]
        return Mailbox(Address(_name(comments[-1]) if comments else "", spec), sure=True) if spec else None
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


def _phrase(entry: list[Token]) -> str:
    """Return the display name before the angle bracket; a comment stands for it when there is none."""
    words: list[str] = []
    comment = ""
    for token in entry:
        if token.kind == "<":
            break
        if token.kind == "comment":
            comment = comment or token.text
            words.append(" ")
        else:
            words.append(" " if token.kind == "space" else token.text)
    return _name("".join(words)) or _name(comment)


def _name(text: str) -> str:
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
    return spec if len(spec) <= _LONGEST else None


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
