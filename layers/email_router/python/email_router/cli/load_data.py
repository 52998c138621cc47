"""`email-router load-data`: what Dynamics 365 has and the router does not: mailboxes, the settings that are followed, earlier e-mails."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from email_router.cli.backend import opened_for_change
from email_router.cli.earlier_emails import make_known, tell_known
from email_router.cli.followed import Json as Shape
from email_router.cli.followed import followed_shape, tell_followed
from email_router.cli.new_mailboxes import as_toml
from email_router.cli.options import STATE, Config, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table
from email_router.cli.servers import REACH, MailServers, opened_servers
from email_router.core.errors import ConfigurationError
from email_router.wiring import registry
from email_router.wiring.clock import CLOCK
from email_router.wiring.following import following

if TYPE_CHECKING:
    from email_router.edge.crm.dataverse_load import LoadedMailbox

_MAILBOXES = "email_router.edge.crm.dataverse_load:mailboxes"
_COLUMNS = ("kind", "address", "name", "incoming there", "outgoing there", "approved", "accept")

Toml = Annotated[bool, typer.Option("--toml", help="Print them as [[mailboxes]] of a configuration file.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Read the settings that are followed now.")]
Emails = Annotated[
    str, typer.Option("--emails", metavar="AGE", help="Let answers find e-mails made there in this time, such as 180d.")
]


def load_data(
    *,
    config: Config = None,
    json: Json = False,
    toml: Toml = False,
    refresh: Refresh = False,
    emails: Emails = "",
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """List the mailboxes of Dynamics 365 that the configuration does not name; read settings, and make earlier e-mails known."""
    if json and toml:
        raise ConfigurationError("--json and --toml: give one of them")
    if (refresh or emails) and config is not None:
        raise ConfigurationError(
            "--refresh and --emails are for what is published: name a --state or a --stack; publish reads the settings, too"
        )
    known = make_known(state, stack, organisation, emails) if emails else None
    followed = _refreshed(state, stack, organisation) if refresh else None
    with opened_servers(config, state, stack, organisation) as servers:
        new = _not_configured(servers)
        configuration = servers.configuration
    if json:
        print_json({"mailboxes": [asdict(one) for one in new], "followed": followed, "emails": known})
    elif toml:
        sys.stdout.write(as_toml(new, configuration))
    else:
        tell_known(known)
        tell_followed(followed)
        rows = ((one.kind, one.address, one.name, one.incoming, one.outgoing, one.approved, one.accept) for one in new)
        table("Mailboxes of Dynamics 365 that are not configured", _COLUMNS, rows)


def _refreshed(state: Path, stack: str, organisation: str) -> Shape:
    """Read the settings now; return how they stand.  Raises ConfigurationError when the published version follows none."""
    with opened_for_change(state, stack) as backend:
        place = backend.organisation(organisation)
        known = following(backend.services, place.configuration, CLOCK).read_now()
        shape = followed_shape(backend.services.configurations.current(place.name), known)
        if shape is None:
            raise ConfigurationError(
                'nothing is followed: give [organisation.crm] `follow = ["tracking", "mailboxes"]` and publish'
            )
        backend.save()
    return shape


def _not_configured(servers: MailServers) -> Sequence[LoadedMailbox]:
    crm = servers.configuration.crm
    if crm.kind != "dataverse":
        raise ConfigurationError(
            "load-data reads Dynamics 365; the built-in CRM has the users and queues of the configuration"
        )
    name = servers.configuration.organisation
    client = registry.load(registry.DATAVERSE)(crm.options, servers.crm_secret(), REACH, name)
    there: Sequence[LoadedMailbox] = list(registry.load(_MAILBOXES)(client))
    return [one for one in there if servers.configuration.mailbox(one.address) is None]
