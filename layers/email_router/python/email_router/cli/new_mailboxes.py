"""Write mailboxes of Dynamics 365 as the [[mailboxes]] of a configuration file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from email_router.core.mailbox import Direction
from email_router.core.settings import Configuration

if TYPE_CHECKING:
    from email_router.edge.crm.dataverse_load import LoadedMailbox

_NOT_SERVED = "none"
_SERVER_SIDE = "server-side"
_DELETE = "\x7f"


def as_toml(mailboxes: Sequence[LoadedMailbox], configuration: Configuration) -> str:
    """Return a piece of a configuration file that may be added to the one that was read: it names no mailbox that is there.

    A profile is named where the file has just one of the direction, else left to choose in a comment; so is a direction that is not
    served there.  What the configuration follows is not written: it would be followed no more.
    """
    return "\n".join(line for one in mailboxes for line in (*_lines(one, configuration), ""))


def _lines(one: LoadedMailbox, configuration: Configuration) -> Iterator[str]:
    yield "[[mailboxes]]"
    yield f"address = {_text(one.address)}"
    yield f"kind = {_text(one.kind)}"
    if one.name:
        yield f"name = {_text(one.name)}"
    for direction, there in ((Direction.INCOMING, one.incoming), (Direction.OUTGOING, one.outgoing)):
        yield from _profile(direction, there, configuration)
    if "mailboxes" in configuration.follows.parts and one.kind != "forward":
        return
    if one.accept:
        yield f"accept = {_text(one.accept)}"
    yield f"approved = {str(one.approved).lower()}"


def _profile(direction: Direction, there: str, configuration: Configuration) -> Iterator[str]:
    names = [profile.name for profile in configuration.profiles if profile.direction is direction]
    if there == _SERVER_SIDE:
        yield f"# served by server-side synchronization: set {direction.value} of the mailbox to None there before you publish"
    if len(names) == 1 and there != _NOT_SERVED:
        yield f"{direction.value} = {_text(names[0])}"
    elif names:
        choice = " or ".join(map(_text, names))
        yield f"# {direction.value} = {choice}"


def _text(value: str) -> str:
    """Return a TOML basic string: JSON's, but for the one character that TOML wants escaped and JSON does not."""
    return json.dumps(value, ensure_ascii=False).replace(_DELETE, "\\u007F")
