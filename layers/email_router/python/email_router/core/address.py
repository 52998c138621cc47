"""Read the mailboxes of an address header strictly: no address at all rather than a wrong one (RFC 5322 3.4 and 4.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from email_router.core import address_entry
from email_router.core.address_entry import Mailbox
from email_router.core.address_tokens import Token, tokens
from email_router.core.limits import Defects, Limits
from email_router.core.message import Address

_ADDRESS = r"[A-Za-z0-9!#$%&'*+/^_`{|}~.-]++@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+"
# The two forms nearly every mail has, so that the tokens are needed for the rest only.
_USUAL = re.compile(rf' *+(?:(?:"([^"\\]*+)"|([^"(),:;<>@\[\]\\]*+)) *+<({_ADDRESS})>|({_ADDRESS})) *+(?:,|\Z)')


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


def _by_tokens(value: str, limits: Limits, defects: Defects) -> list[Mailbox]:
    """Split the list at its commas and group marks and read each entry; a member of a group is nobody for sure."""
    found: list[Mailbox] = []
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
            _take(entry, found, defects, grouped=grouped)
            entry, inside, grouped = [], False, grouped and kind == ","
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


def _take(entry: list[Token], found: list[Mailbox], defects: Defects, *, grouped: bool) -> None:
    if all(token.kind in ("space", "comment") for token in entry):
        return
    mailbox = address_entry.read(entry)
    if mailbox is None:
        defects.add("an entry without a readable address")
    else:
        found.append(replace(mailbox, sure=False) if grouped else mailbox)
