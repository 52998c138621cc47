"""`email-router test-access`: log in, read, perhaps send and find it back, and say what is wrong and how to mend it."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from email_router.cli.access_shapes import COLUMNS, Tested
from email_router.cli.approvals import unapproved
from email_router.cli.choosing import addresses
from email_router.cli.crm_access import CrmTested, crm_tested
from email_router.cli.mailbox_access import Asked, tested
from email_router.cli.options import STATE, Config, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table
from email_router.cli.run.each import for_each
from email_router.cli.servers import opened_servers
from email_router.core.flows.access import Waiting
from email_router.wiring.clock import CLOCK

_AT_ONCE = 8
_WAIT = 60.0


def access(
    mailboxes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MAILBOX…]", help="Addresses; @FILE names a file with one a line; none: all."),
    ] = None,
    *,
    send: Annotated[
        bool, typer.Option("--send", help="Send a mail from each mailbox to itself, and find it back.")
    ] = False,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to look for the mail of --send.")
    ] = _WAIT,
    config: Config = None,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Test from this machine, step by step, whether mailboxes can be read and sent from; without --send nothing is changed in them.

    Exit code 1 when one cannot.
    """
    waiting = Waiting(wait, time.monotonic, time.sleep)
    with opened_servers(config, state, stack, organisation) as servers:
        everybody = [box.address for box in servers.configuration.mailboxes]
        wanted = addresses(mailboxes, servers.configuration) if mailboxes else everybody
        crm = crm_tested(servers)
        asked = Asked(send=send, waiting=waiting, clock=CLOCK, unapproved=unapproved(servers))
        found = for_each("testing access", wanted, lambda one: tested(servers, one, asked), _AT_ONCE)
    if json:
        print_json({"mailboxes": [one.json() for one in found], "crm": crm.json() if crm else None})
    else:
        _show(found, crm)
    if any(one.failed for one in found) or (crm is not None and crm.status == "error"):
        raise typer.Exit(1)


def _show(found: list[Tested], crm: CrmTested | None) -> None:
    rows = [row for one in found for row in one.rows()]
    rows += [(*who, "", "", status, words) for *who, status, words in (crm.rows() if crm else ())]
    table("Access", COLUMNS, rows)
