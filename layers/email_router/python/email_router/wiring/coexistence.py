"""See that no mailbox is served twice: by the router and, in Dynamics 365, by server-side synchronization."""

from __future__ import annotations

from collections.abc import Mapping

from email_router.core.errors import ConfigurationError
from email_router.core.mailbox import Direction, Mailbox
from email_router.core.ports import Reach
from email_router.core.settings import Configuration
from email_router.wiring import registry

MEND = (
    'In Dynamics 365 open Settings, Email Configuration, Mailboxes, choose the mailbox and set "Incoming Email" and "Outgoing Email", as far '
    "as the router is to serve them, to None."
)

_SERVED_THERE = "email_router.edge.crm.dataverse_coexistence:served_there"
_WHAT = {Direction.INCOMING: "tracked", Direction.OUTGOING: "sent"}


def served_twice(configuration: Configuration, secret: str, reach: Reach) -> Mapping[str, tuple[Direction, ...]]:
    """Return by mailbox key which of its directions both serve; nothing where the CRM is none that serves mailboxes itself.

    Raises what the login and the client raise.
    """
    if configuration.crm.kind != "dataverse":
        return {}
    client = registry.load(registry.DATAVERSE)(configuration.crm.options, secret, reach, configuration.organisation)
    addresses = [address for box in configuration.mailboxes for address in (box.address, *box.aliases)]
    there: Mapping[str, frozenset[Direction]] = registry.load(_SERVED_THERE)(client, addresses)
    found = {
        box.key: tuple(one for one in Direction if _ours(box, one) and one in _theirs(box, there))
        for box in configuration.mailboxes
    }
    return {key: directions for key, directions in found.items() if directions}


def refuse(configuration: Configuration, secret: str, reach: Reach) -> None:
    """Raise ConfigurationError naming every mailbox that is served twice, and how to switch the other off."""
    found = served_twice(configuration, secret, reach)
    if found:
        lines = [f"{key}: {told(one)}" for key, directions in found.items() for one in directions]
        raise ConfigurationError("\n".join([*lines, MEND]))


def told(direction: Direction) -> str:
    """Return in words what is served twice."""
    mail = f"its {direction.value} mail is served by server-side synchronization in Dynamics 365, too"
    return f"{mail}, and would be {_WHAT[direction]} twice"


def _ours(box: Mailbox, direction: Direction) -> bool:
    return bool(box.incoming if direction is Direction.INCOMING else box.outgoing)


def _theirs(box: Mailbox, there: Mapping[str, frozenset[Direction]]) -> frozenset[Direction]:
    return frozenset().union(*(there.get(one.casefold(), frozenset()) for one in (box.address, *box.aliases)))
