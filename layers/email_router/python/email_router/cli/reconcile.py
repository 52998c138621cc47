"""`email-router reconcile`: prove that each message of a mailbox is accounted for, and pick up what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.backend import PARAMETERS, Backend, opened_for_change
from email_router.cli.comparison import Compared, compared
from email_router.cli.local import leaving
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json, table, tell, warn
from email_router.cli.place import Place
from email_router.cli.run.progress import live
from email_router.core.errors import ConfigurationError, naming
from email_router.core.flows.route_mailbox import RouteMailbox
from email_router.core.mailbox import Mailbox
from email_router.wiring.build import comparison_road
from email_router.wiring.configuration import load

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Put this configuration into force in the embedded cloud first."),
]


def reconcile(
    mailbox: Annotated[str, typer.Argument(metavar="MAILBOX", help="The mailbox's address.")],
    *,
    config: Config = None,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """List a mailbox's folders completely, ask the ledger about every message, and pick up what it does not know."""
    if bool(config) == bool(stack):
        raise ConfigurationError(
            "give --config FILE, as `local` has it (its state keeps no passwords), or --stack NAME"
        )
    with opened_for_change(state, stack) as backend:
        place = _published(backend, config) if config else backend.organisation(organisation)
        box = _served(place, mailbox)
        with live(f"comparing {box.address} with the ledger") as progress:
            found = compared(_road(backend, place), place.name, box, progress)
        backend.save()
    _tell(found, json=json)
    if found.failed:
        raise typer.Exit(1)


def _road(backend: Backend, place: Place) -> RouteMailbox:
    environment = replace(
        backend.services.environment,
        allow_loopback=True,
        allowed_networks=tuple(PARAMETERS["AllowedNetworks"].split(",")),
    )
    embedded = backend.stack is not None
    return comparison_road(
        place.services, environment, leaving(place.configuration) if embedded else place.configuration
    )


def _published(backend: Backend, config: Path) -> Place:
    """Publish the file to the embedded cloud, where nothing that the router does changes a mailbox."""
    loaded = load(config)
    warn(loaded.warnings)
    kept = replace(loaded, configuration=leaving(loaded.configuration))
    published = backend.publish(kept)
    warn(published.warnings[len(kept.warnings) :])
    return Place(backend.services, published.configuration)


def _served(place: Place, address: str) -> Mailbox:
    found = place.configuration.mailbox(address)
    if found is None or not found.incoming:
        known = ", ".join(box.address for box in place.configuration.mailboxes if box.incoming) or "none"
        raise ConfigurationError(f"{address}: expected a mailbox that is read; these are: {known}")
    return found


def _tell(found: Compared, *, json: bool) -> None:
    if json:
        print_json(found.json())
        return
    if found.proof is not None:
        console().print(found.words(), markup=False)
        rows = ((one.source_id, one.message_id, one.outcome.value) for one in found.proof.picked_up)
        if found.proof.picked_up:
            table("Picked up", ("source id", "message id", "became"), rows)
    if found.error is not None:
        tell(f"{naming(found.address, found.error)} {found.error.mend}".strip())
