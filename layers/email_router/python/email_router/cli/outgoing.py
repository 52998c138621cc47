"""`email-router outgoing`: e-mails that are to be sent, and what became of them."""

from __future__ import annotations

import typer

from email_router.cli.backend import opened
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table
from email_router.cli.run.report import sender_kind
from email_router.cli.shapes import outgoing_shape
from email_router.core.mailbox import Direction

commands = typer.Typer(help="E-mails that are to be sent, and what became of them.", no_args_is_help=True)


@commands.command("list")
def listed(*, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = "") -> None:
    """List the outgoing e-mails, oldest first."""
    with opened(state, stack) as backend:
        place = backend.organisation(organisation)
        states = {one.activity: one for one in place.outgoing.all()}
        mails = [email for email in place.emails() if email.direction is Direction.OUTGOING]
        told = [outgoing_shape(email, states.get(email.id), sender_kind(email, place.configuration)) for email in mails]
    if json:
        print_json({"outgoing": told})
        return
    columns = ("status", "sender", "from", "subject", "attempts", "reason", "activity")
    table("Outgoing", columns, ([one[name] for name in columns] for one in told))
