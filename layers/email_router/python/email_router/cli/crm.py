"""`email-router crm`: records of the built-in CRM."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.backend import opened_for_change
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json, tell
from email_router.core.errors import ConfigurationError

commands = typer.Typer(help="Records of the built-in CRM.", no_args_is_help=True)
HEADER = ["kind", "address", "name", "owner"]
KINDS = ("contact", "lead", "account", "user", "queue")


@commands.command("import")
def imported(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="UTF-8 with the header kind,address,name,owner.")],
    *,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Import contacts, leads, accounts, users and queues.  Repeatable: a record is known by kind and address."""
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


def read_rows(text: str, name: str) -> list[tuple[str, str, str, str]]:
    """Return the rows of a CSV text: kind, address, name, owner.  Raises ConfigurationError that tells every wrong line."""
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except csv.Error as broken:
        raise ConfigurationError(f"{name}, line {reader.line_num}: is not valid CSV: {broken}") from broken
    if not lines or [cell.lower() for cell in lines[0][1]] != HEADER:
        raise ConfigurationError(f"{name}, line 1: expected the header {','.join(HEADER)}")
    wrong = [f"{name}, line {number}: {problem}" for number, cells in lines[1:] if (problem := _wrong(cells))]
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    return [(kind.lower(), address, called, owner) for _, (kind, address, called, owner) in lines[1:]]


def _wrong(cells: list[str]) -> str:
    if len(cells) != len(HEADER):
        return f"expected {len(HEADER)} values ({','.join(HEADER)}), found {len(cells)}"
    if cells[0].lower() not in KINDS:
        return f"kind is {cells[0]!r}; expected one of {', '.join(KINDS)}"
    if cells[1].count("@") != 1:
        return f"address is {cells[1]!r}; expected one e-mail address"
    return ""
