"""`email-router load-data`: users and queues of Dynamics 365 that the configuration does not name yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from email_router.cli.options import STATE, Config, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table
from email_router.cli.servers import REACH, opened_servers
from email_router.core.errors import ConfigurationError
from email_router.wiring import registry

if TYPE_CHECKING:
    from email_router.edge.crm.dataverse_load import LoadedMailbox

_MAILBOXES = "email_router.edge.crm.dataverse_load:mailboxes"
_COLUMNS = ("kind", "address", "name", "incoming there", "outgoing there", "approved", "accept")


def load_data(
    *,
    config: Config = None,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """List the mailboxes of Dynamics 365 that the configuration does not name; nothing is changed."""
    with opened_servers(config, state, stack, organisation) as servers:
        crm = servers.configuration.crm
        if crm.kind != "dataverse":
            raise ConfigurationError(
                "load-data reads Dynamics 365; the built-in CRM has the users and queues of the configuration"
            )
        name = servers.configuration.organisation
        client = registry.load(registry.DATAVERSE)(crm.options, servers.crm_secret(), REACH, name)
        there: Sequence[LoadedMailbox] = list(registry.load(_MAILBOXES)(client))
        new = [one for one in there if servers.configuration.mailbox(one.address) is None]
    if json:
        print_json({"mailboxes": [asdict(one) for one in new]})
        return
    rows = ((one.kind, one.address, one.name, one.incoming, one.outgoing, one.approved, one.accept) for one in new)
    table("Mailboxes of Dynamics 365 that are not configured", _COLUMNS, rows)
