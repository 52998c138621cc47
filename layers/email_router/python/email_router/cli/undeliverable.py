"""`email-router undeliverable`: quarantined messages, to look at, try again, export or discard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.backend import opened, opened_for_change
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, pairs, print_json, table, tell
from email_router.cli.place import Place
from email_router.cli.shapes import quarantined_shape
from email_router.core.ledger import Quarantined

commands = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Messages that could not be delivered and are kept for a person.",
    no_args_is_help=True,
)
Id = Annotated[str, typer.Argument(metavar="ID", help="As `undeliverable list` shows it.")]


@commands.command("list")
def listed(*, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = "") -> None:
    """List the quarantined messages, newest first."""
    with opened(state, stack) as backend:
        told = [quarantined_shape(entry) for entry in backend.organisation(organisation).quarantine.entries()]
    if json:
        print_json({"undeliverable": told})
        return
    columns = ("id", "mailbox", "reason", "subject", "size", "at")
    table("Undeliverable", columns, ([one[name] for name in columns] for one in told))


@commands.command()
def show(
    entry: Id, *, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = ""
) -> None:
    """Show one message with what to do about it."""
    with opened(state, stack) as backend:
        told = quarantined_shape(_found(backend.organisation(organisation), entry))
    if json:
        print_json(told)
        return
    pairs(entry, told)


@commands.command()
def retry(
    entry: Id, *, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = ""
) -> None:
    """Try one message again at its mailbox's next pass."""
    with opened_for_change(state, stack) as backend:
        place = backend.organisation(organisation)
        mailbox = place.retry(_found(place, entry))
        backend.save()
    _done(entry, "retry", f"is due again: the next pass over {mailbox} takes it up", json=json)


@commands.command()
def export(
    entry: Id,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="Where to write the raw message.")],
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Write the raw bytes of one message to a file."""
    with opened(state, stack) as backend:
        place = backend.organisation(organisation)
        raw = place.blobs.get(_found(place, entry).blob)
    try:
        to.write_bytes(raw)
    except OSError as failure:
        tell(f"{to}: cannot be written: {failure.strerror}")
        raise typer.Exit(1) from failure
    console().print(f"{to}: {len(raw)} bytes", markup=False)


@commands.command()
def discard(
    entry: Id, *, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = ""
) -> None:
    """Remove one message and its bytes for good."""
    with opened_for_change(state, stack) as backend:
        place = backend.organisation(organisation)
        found = _found(place, entry)
        place.quarantine.remove(found.id)
        place.blobs.delete(found.blob)
        backend.save()
    _done(entry, "discarded", "is removed", json=json)


def _found(place: Place, entry: str) -> Quarantined:
    found = place.quarantine.get(entry)
    if found is None:
        tell(f"{entry}: no such message is kept; expected an id of `email-router undeliverable list`")
        raise typer.Exit(2)
    return found


def _done(entry: str, word: str, text: str, *, json: bool) -> None:
    if json:
        print_json({"id": entry, "done": word})
    else:
        console().print(f"{entry} {text}", markup=False)
