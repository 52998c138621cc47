"""`email-router outgoing`: e-mails that are to be sent, what became of them, and what a person does to one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast

import typer

from email_router.cli.backend import opened, opened_for_change
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.outgoing_shapes import rows, whole_shape
from email_router.cli.output import console, pairs, print_json, table
from email_router.cli.place import Place
from email_router.cli.run.report import sender_kind
from email_router.cli.shapes import outgoing_shape
from email_router.core.errors import ConfigurationError
from email_router.core.flows.by_hand import ByHand, CancellingCrm
from email_router.core.mailbox import Direction
from email_router.core.ports import NotingCrm
from email_router.wiring.clock import CLOCK

commands = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="E-mails that are to be sent, and what became of them.",
    no_args_is_help=True,
)
Id = Annotated[str, typer.Argument(metavar="ID", help="As `outgoing list` shows it in the column activity.")]
_WHO = "by hand: email-router"


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


@commands.command()
def show(
    activity: Id, *, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = ""
) -> None:
    """Show one e-mail: what became of each recipient, and every change of its status with time, request and evidence."""
    with opened(state, stack) as backend:
        told = _whole(backend.organisation(organisation), activity)
    if json:
        print_json(told)
        return
    pairs(activity, dict(rows(told)))
    for title, name, columns in (
        ("Recipients", "recipients", ("address", "outcome", "reported", "evidence")),
        ("History", "history", ("at", "status", "evidence", "request")),
        ("Notes", "notes", ("at", "owner", "text")),
    ):
        listed_ones = cast("list[dict[str, object]]", told[name])
        table(title, columns, ([one[column] for column in columns] for one in listed_ones))


@commands.command()
def settle(
    activity: Id,
    *,
    sent: Annotated[bool, typer.Option("--sent", help="It has left.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="It has not left: send it again.")] = False,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Say what became of an e-mail whose result is unknown."""
    if sent == resend:
        raise ConfigurationError("settle: expected either --sent or --resend")
    done = "settled as sent" if sent else "sent again with the next tick"
    _act(
        activity,
        lambda hand: hand.sent(activity) if sent else hand.resend(activity),
        done,
        (state, stack, organisation),
        json=json,
    )


@commands.command()
def retry(
    activity: Id,
    *,
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="ADDRESS", help="These of its recipients only.")
    ] = None,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Send an e-mail again to those who were refused; one that waits for its time is tried at once."""
    done = "tried with the next tick"
    _act(activity, lambda hand: hand.retry(activity, to or ()), done, (state, stack, organisation), json=json)


@commands.command()
def cancel(
    activity: Id, *, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = ""
) -> None:
    """Cancel an e-mail that nobody has yet."""
    _act(activity, lambda hand: hand.cancel(activity), "cancelled", (state, stack, organisation), json=json)


def _act(
    activity: str, act: Callable[[ByHand], object], done: str, where: tuple[Path, str, str], *, json: bool
) -> None:
    state, stack, organisation = where
    with opened_for_change(state, stack) as backend:
        place = backend.organisation(organisation)
        act(_hand(place))
        backend.save()
        told = _whole(place, activity) if json else {}
    if json:
        print_json(told)
    else:
        console().print(f"{activity}: {done}", markup=False)


def _hand(place: Place) -> ByHand:
    crm = place.services.crm(place.configuration)
    if not hasattr(crm, "cancel"):
        raise ConfigurationError("e-mails of this CRM are cancelled and sent again there, not by this command")
    return ByHand(clock=CLOCK, crm=cast("CancellingCrm", crm), outgoing=place.outgoing, alerts=place.alerts, who=_WHO)


def _whole(place: Place, activity: str) -> dict[str, object]:
    email = place.crm.email(activity)
    if email is None or email.direction is not Direction.OUTGOING:
        raise ConfigurationError(f"{activity}: no such e-mail; expected an activity of `email-router outgoing list`")
    crm = place.services.crm(place.configuration)
    notes = cast("NotingCrm", crm).notes(activity) if hasattr(crm, "notes") else ()
    return whole_shape(email, place.outgoing.get(activity), sender_kind(email, place.configuration), notes)
