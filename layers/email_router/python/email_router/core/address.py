"""Read the mailboxes of an address header strictly: no address at all rather than a wrong one (RFC 5322 3.4 and 4.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from email_router.core import address_entry
from email_router.core.address_entry import Mailbox
from email_router.core.address_tokens import Token, tokens
from email_router.core.limits import Defects, Limits
from email_router.core.message import Address

_NAMELESS = "an entry without a readable address"
_NAMED = 8_192
_ADDRESS = r"[A-Za-z0-9!#$%&'*+/^_`{|}~.-]++@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+"
# The two forms nearly every mail has, so that the tokens are needed for the rest only.
_USUAL = re.compile(rf' *+(?:(?:"([^"\\]*+)"|([^"(),:;<>@\[\]\\]*+)) *+<({_ADDRESS})>|({_ADDRESS})) *+(?:,|\Z)')


def author(values: Sequence[str], defects: Defects) -> Address | None:
    """Return the one mailbox of the From fields, or None with a defect when there is any doubt who it is.

    Two fields, several mailboxes, a group, a source route, and text outside quotes and comments that names another
    address are doubt.  A quoted name, an encoded word or a comment may look like an address: it is a name all the
    same, and the author is the mailbox in the angle brackets.
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
        address = Address(address_entry.display_name(quoted if quoted is not None else bare or ""), angle or lone)
        if len(found) >= limits.addresses:
            defects.over(f"more than {limits.addresses} addresses")
            return found
        if not _dots_fit(address.address):
            return _by_tokens(value, limits, defects)
        found.append(Mailbox(address, sure=True))
        position = usual.end()
    return found


def _dots_fit(address: str) -> bool:
    """Tell whether the local part is a plain dot-atom and no encoded word."""
    local = address.partition("@")[0]
    return len(address) <= address_entry.LONGEST and not (local[0] == "." or local[-1] == "." or ".." in local)


def nameless(field: str) -> str:
    """Return the defect that tells of an entry without an address in this field."""
    return f"{field}: {_NAMELESS}"


def names_alone(values: Iterable[str], limits: Limits) -> Iterator[str]:
    """Yield the names of the entries that have no address: somebody was meant, and nobody can be written to.

    At most `limits.addresses`, out of the whole entries in the first 8,192 characters of each value.
    """
    entries = (entry for value in values for entry, _ in _entries(_beginning(value)))
    nameless = (entry for entry in entries if address_entry.read(entry) is None)
    yield from islice(filter(None, map(address_entry.name_alone, nameless)), limits.addresses)


def _beginning(value: str) -> str:
    return value if len(value) <= _NAMED else value[: value.rfind(",", 0, _NAMED) + 1]


def _by_tokens(value: str, limits: Limits, defects: Defects) -> list[Mailbox]:
    """Read each entry of the list; a member of a group is nobody for sure."""
    found: list[Mailbox] = []
    for entry, grouped in _entries(value):
        _take(entry, found, defects, grouped=grouped)
        if len(found) > limits.addresses:
            defects.over(f"more than {limits.addresses} addresses")
            return found[: limits.addresses]
    return found


def _entries(value: str) -> Iterator[tuple[list[Token], bool]]:
    """Split a list at its commas and group marks; yield each entry, and whether it is a member of a group."""
    entry: list[Token] = []
    inside = grouped = False
    for token in [*tokens(value), Token(",", "", "")]:
        kind = token.kind
        if kind in "<>":
            inside = kind == "<"
        route = inside and kind in ":," and _opens_route(entry)
        if kind == ":" and not route and not any(part.kind in "<@" for part in entry):
            entry, grouped = [], True
        elif (kind == "," and not route) or kind == ";":
            yield entry, grouped
            entry, inside, grouped = [], False, grouped and kind == ","
        else:
            entry.append(token)


def _opens_route(entry: list[Token]) -> bool:
    """Tell whether the entry stands within `<@host,@host:` (RFC 5322 4.4 obs-route)."""
    shown = [token.kind for token in entry[-60:] if token.kind not in ("space", "comment")]
    return "<" in shown and shown[shown.index("<") + 1 : shown.index("<") + 2] == ["@"]


def _take(entry: list[Token], found: list[Mailbox], defects: Defects, *, grouped: bool) -> None:
    if all(token.kind in ("space", "comment") for token in entry):
        return
    mailbox = address_entry.read(entry)
    if mailbox is None:
        defects.add(_NAMELESS)
    else:
        found.append(replace(mailbox, sure=False) if grouped else mailbox)
