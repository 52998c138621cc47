"""`email-router demo`: play the demo and show it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from email_router.cli.demo.play import play
from email_router.cli.demo.stage import CrmKind
from email_router.cli.demo.world import SALES
from email_router.cli.demo.writing import Sample
from email_router.cli.options import Json
from email_router.cli.output import console, print_json, tell
from email_router.cli.run.progress import live
from email_router.cli.run.show import show

_NEXT = f"""
What to try next
  .venv/bin/email-router demo --mail DIR          route your own .eml files too (they go to {SALES})
  .venv/bin/email-router inspect FILE --json      what the router reads in one message
  .venv/bin/email-router local --config FILE      the same functions against your own mail servers
The README shows a configuration, docs/architecture.md how it works."""


def demo(
    *,
    crm: Annotated[
        CrmKind,
        typer.Option(
            "--crm", help="Where contacts and e-mail activities lie: the built-in CRM, or a simulated Dynamics 365."
        ),
    ] = CrmKind.BUILTIN,
    json: Json = False,
    mail: Annotated[
        Path | None,
        typer.Option(
            "--mail", metavar="DIR", exists=True, file_okay=False, help=f"Folder whose .eml files go to {SALES} too."
        ),
    ] = None,
) -> None:
    """Show the main job on an embedded cloud with sample mail; nothing else is needed."""
    own, unreadable = _read(mail) if mail else ([], False)
    with live("starting") as progress:
        told = play(own, crm, progress)
    if json:
        print_json(told.json)
    else:
        show(told)
        console().print(_summary(told.json) + _NEXT, markup=False)
    if unreadable or told.in_error:
        raise typer.Exit(1)


def _read(folder: Path) -> tuple[list[Sample], bool]:
    """Return the .eml files of a folder as samples, and whether one could not be opened."""
    samples, unreadable = [], False
    for number, path in enumerate(_messages(folder), 1):
        try:
            samples.append(Sample(f"own-{number}", SALES, path.read_bytes()))
        except OSError as failure:
            tell(f"{path}: cannot be opened: {failure.strerror}; the others are routed")
            unreadable = True
    if not samples:
        tell(f"{folder}: no .eml file in this folder")
    return samples, unreadable


def _messages(folder: Path) -> list[Path]:
    """Return the files whose names end in .eml, in capitals too, as Windows writes some of them."""
    return sorted(path for path in folder.iterdir() if path.suffix.casefold() == ".eml")


def _summary(told: dict[str, Any]) -> str:
    delivered = sum(one["verdict"] == "delivered" for one in told["messages"])
    sent = sum(one["status"] == "sent" for one in told["outgoing"])
    return (
        f"\n{len(told['messages'])} messages, {delivered} delivered; {len(told['outgoing'])} e-mails, {sent} sent; "
        f"{told['seconds']} seconds"
    )
