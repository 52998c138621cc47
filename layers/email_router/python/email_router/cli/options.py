"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

STATE = Path(".email-router")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
State = Annotated[
    Path, typer.Option("--state", metavar="DIR", help="Folder that holds the state of the embedded cloud.")
]
Stack = Annotated[str, typer.Option("--stack", metavar="NAME", help="A deployed stack instead of the embedded cloud.")]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A configuration file instead of a published one.")
]
Organisation = Annotated[
    str, typer.Option("--organisation", metavar="NAME", help="Needed only where several are published.")
]
