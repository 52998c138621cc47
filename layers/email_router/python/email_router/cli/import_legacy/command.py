"""`email-router import-legacy`: a configuration made of the original Router's Microsoft.Crm.Tools.EmailAgent.xml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.import_legacy.configuration import tables_of
from email_router.cli.import_legacy.leftovers import Leftovers
from email_router.cli.import_legacy.providers import sorted_out
from email_router.cli.import_legacy.reading import read
from email_router.cli.import_legacy.writing import toml_of
from email_router.cli.options import Json
from email_router.cli.output import print_json, tell


def import_legacy(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Microsoft.Crm.Tools.EmailAgent.xml of the original E-mail Router.")
    ],
    *,
    crm: Annotated[
        str, typer.Option("--crm", metavar="URL", help="Which organisation, where the file serves several.")
    ] = "",
    json: Json = False,
) -> None:
    """Print the configuration (TOML) that does what the original Router's file says, and tell what could not be carried over.

    Nothing is published, asked or changed.
    """
    left = Leftovers()
    found = sorted_out(read(file), left)
    text = toml_of(tables_of(found, left, crm), left)
    for one in left:
        tell(one.words())
    if json:
        print_json({"configuration": text, "left": [one.json() for one in left]})
        return
    sys.stdout.write(text)
    sys.stdout.flush()
