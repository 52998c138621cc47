"""`email-router publish`: put a configuration into force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from email_router.cli import crm_secret
from email_router.cli.backend import opened_for_change
from email_router.cli.options import STATE, Json, Stack, State
from email_router.cli.output import console, print_json, warn
from email_router.wiring.configuration import load


def publish(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The configuration (TOML).")],
    *,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
) -> None:
    """Validate a configuration file and put it into force as the next version."""
    loaded = load(file)
    warn(loaded.warnings)
    with opened_for_change(state, stack) as backend:
        published = backend.publish(loaded)
        backend.save()
        if not stack:
            crm_secret.remember(state, file, loaded.configuration)
    warn(published.warnings[len(loaded.warnings) :])
    if json:
        print_json(
            {
                "organisation": published.organisation,
                "version": published.version,
                "scheduled": list(published.scheduled),
                "unscheduled": list(published.unscheduled),
                "warnings": list(published.warnings),
            }
        )
        return
    polled = ", ".join(published.scheduled) or "none"
    console().print(
        f"{published.organisation}: version {published.version} is in force; mailboxes polled: {polled}", markup=False
    )
