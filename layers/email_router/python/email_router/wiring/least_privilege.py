"""See whether the application user may do in Dynamics 365 what the configuration asks of the router, and no less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from email_router.core.mailbox import CreateSender
from email_router.core.ports import Reach
from email_router.core.settings import Configuration
from email_router.wiring import registry

if TYPE_CHECKING:
    from email_router.edge.crm.dataverse_privileges import Missing, Use

_MODULE = "email_router.edge.crm.dataverse_privileges"
_WHERE = "Power Platform admin center, Environments, Settings, Users + permissions, Security roles, the role of the application user {who}"


def missing(configuration: Configuration, secret: str, reach: Reach) -> Sequence[Missing]:
    """Return the privileges that are missing, needed ones first; nothing where the CRM is none that has any.

    Raises what the login and the client raise.
    """
    if configuration.crm.kind != "dataverse":
        return ()
    client = registry.load(registry.DATAVERSE)(configuration.crm.options, secret, reach, configuration.organisation)
    found: Sequence[Missing] = registry.load(f"{_MODULE}:missing")(client, uses(configuration))
    return found


def uses(configuration: Configuration) -> frozenset[Use]:
    """Return what the configuration does in Dynamics 365."""
    use = registry.load(f"{_MODULE}:Use")
    incoming = [box for box in configuration.mailboxes if box.incoming]
    made = {box.create_sender for box in incoming}
    found = {use.ALWAYS}
    found |= {use.INCOMING, use.OWN_EMAILS} if incoming else set()
    found |= {use.CREATE_CONTACT, use.OWN_CONTACTS} if CreateSender.CONTACT in made else set()
    found |= {use.CREATE_LEAD, use.OWN_LEADS} if CreateSender.LEAD in made else set()
    found |= {use.FOLLOW_MAILBOXES} if configuration.follows.mailboxes else set()
    found |= {use.NOTES} if any(box.outgoing for box in configuration.mailboxes) else set()
    return frozenset(found)


def told(one: Missing) -> str:
    """Return in words what is missing."""
    level = f"is held at the level {one.held} only" if one.held else "is missing"
    return f"the privilege {one.privilege} {level}: {one.use}"


def mend(one: Missing, configuration: Configuration) -> str:
    """Return where to give it."""
    where = _WHERE.format(who=configuration.crm.options.get("client_id", ""))
    return f"Give {one.privilege} at the level Organization: {where}."
