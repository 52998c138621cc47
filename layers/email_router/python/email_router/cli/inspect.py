"""`email-router inspect`: what the router reads in a raw message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.options import Json
from email_router.cli.output import pairs, print_json
from email_router.core.inspect import reading
from email_router.core.parse import parse
from email_router.core.settings import Tracking
from email_router.core.tracking_token import find_tokens


def inspect(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Raw messages (.eml).")], *, json: Json = False
) -> None:
    """Show what the router reads in raw messages, one line of JSON for each file."""
    cannot_open = False
    for file, read in readings(files):
        cannot_open = cannot_open or read is None
        shown = read or {"file": file, "defects": [f"cannot open: {why_not(file)}"]}
        if json:
            print_json(shown, lines=True)
        else:
            pairs(file, {name: value for name, value in shown.items() if value not in (None, [], "")})
    if cannot_open:
        raise typer.Exit(1)


def readings(files: list[str]) -> Iterator[tuple[str, dict[str, object] | None]]:
    """Yield each file with its reading; None when it cannot be opened."""
    for file in files:
        try:
            raw = Path(file).read_bytes()
        except (OSError, ValueError):
            yield file, None
            continue
        message = parse(raw)
        yield file, reading(message, file, find_tokens(message.subject, Tracking()))


def why_not(file: str) -> str:
    """Say why the file cannot be opened."""
    try:
        with Path(file).open("rb") as stream:
            stream.read(1)
    except OSError as failure:
        return failure.strerror or str(failure)
    except ValueError as failure:
        return str(failure)
    return "it was gone for a moment"
