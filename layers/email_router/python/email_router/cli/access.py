"""`email-router test-access`: log in, read, perhaps send, and say what is wrong and how to mend it."""

from __future__ import annotations

from typing import Annotated

import typer

from email_router.cli.choosing import addresses
from email_router.cli.crm_access import CrmTested, crm_tested
from email_router.cli.mailbox_access import Tested, tested
from email_router.cli.options import STATE, Config, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table
from email_router.cli.run.each import for_each
from email_router.cli.servers import opened_servers


def access(
    mailboxes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MAILBOX…]", help="Addresses; @FILE names a file with one a line; none: all."),
    ] = None,
    *,
    send: Annotated[bool, typer.Option("--send", help="Send a mail from each mailbox to itself.")] = False,
    config: Config = None,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Test from this machine whether mailboxes can be read and sent from; nothing is changed in them.  Exit code 1 when one cannot."""
    with opened_servers(config, state, stack, organisation) as servers:
        everybody = [box.address for box in servers.configuration.mailboxes]
        wanted = addresses(mailboxes, servers.configuration) if mailboxes else everybody
        crm = crm_tested(servers)
        found = for_each("testing access", wanted, lambda one: tested(servers, one, send=send))
    if json:
        print_json({"mailboxes": [one.json() for one in found], "crm": crm.json() if crm else None})
    else:
        _show(found, crm)
    if any(one.failed for one in found) or (crm is not None and crm.status == "error"):
        raise typer.Exit(1)


def _show(found: list[Tested], crm: CrmTested | None) -> None:
    rows = [row for one in found for row in one.rows()]
    rows += crm.rows() if crm else ()
    table("Access", ("mailbox", "direction", "profile", "status", "seen, and what to do"), rows)
