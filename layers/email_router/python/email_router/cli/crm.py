"""`email-router crm`: records of the built-in CRM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.backend import opened_for_change
from email_router.cli.crm_rows import read_rows
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json, tell
from email_router.cli.place import Records
from email_router.cli.shapes import named_record
from email_router.core.activity import Record
from email_router.core.errors import ConfigurationError

commands = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Records of the built-in CRM; those of Dynamics 365 are changed there.",
    no_args_is_help=True,
)
Named = Annotated[str, typer.Argument(metavar="RECORD", help="The record's id, or kind:address as it was imported.")]


@commands.command("import")
def imported(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="UTF-8 with the header kind,address,name,owner and perhaps id.")
    ],
    *,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Import contacts, leads, accounts, users and queues.  Repeatable: a record is known by its id, else by kind and address."""
    try:
        text = file.read_text("utf-8-sig")
    except OSError as failure:
        tell(f"{file}: cannot be opened: {failure.strerror}")
        raise typer.Exit(1) from failure
    except UnicodeDecodeError as failure:
        raise ConfigurationError(f"{file}: expected UTF-8 text (byte {failure.start} is none)") from failure
    rows = read_rows(text, str(file))
    with opened_for_change(state, stack) as backend:
        count = backend.organisation(organisation).import_records(rows)
        backend.save()
    if json:
        print_json({"imported": count})
    else:
        console().print(f"{count} records imported", markup=False)


@commands.command()
def merge(
    loser: Annotated[str, typer.Argument(metavar="LOSER", help="The record that goes: its id, or kind:address.")],
    winner: Annotated[str, typer.Argument(metavar="WINNER", help="The record that stays: its id, or kind:address.")],
    *,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Merge a contact, account or lead into another: its addresses and its conversations are the other's from now on."""
    with opened_for_change(state, stack) as backend:
        merged, into = backend.organisation(organisation).crm.merge(loser, winner)
        backend.save()
    if json:
        print_json({"merged": named_record(merged), "into": named_record(into)})
    else:
        console().print(f"{_words(merged)} is merged into {_words(into)}", markup=False)


@commands.command()
def deactivate(
    record: Named, *, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = ""
) -> None:
    """Let a record answer for no address any more; its conversations go on, and their e-mails say that it is inactive."""
    _change(lambda crm: crm.deactivate(record), "inactive", (state, stack, organisation), json=json)


@commands.command()
def activate(
    record: Named, *, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = ""
) -> None:
    """Let a record answer for its addresses again."""
    _change(lambda crm: crm.activate(record), "active", (state, stack, organisation), json=json)


def _change(act: Callable[[Records], Record], now: str, where: tuple[Path, str, str], *, json: bool) -> None:
    state, stack, organisation = where
    with opened_for_change(state, stack) as backend:
        record = act(backend.organisation(organisation).crm)
        backend.save()
    if json:
        print_json({"record": named_record(record), "state": now})
    else:
        console().print(f"{_words(record)} is {now}", markup=False)


def _words(record: Record) -> str:
    return f"{record.kind} {record.name or record.id}"
