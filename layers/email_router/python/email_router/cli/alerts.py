"""`email-router alerts`: what needs a person, in one list."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated

import typer

from email_router.cli.backend import Backend, opened, opened_for_change
from email_router.cli.needs_a_person import needs_a_person
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json, table, tell
from email_router.cli.shapes import instant
from email_router.core.alerts import Alert

Settle = Annotated[
    str, typer.Option("--settle", metavar="ID", help="Take an alert off the list, now that it is seen to.")
]


def alerts(
    *, settle: Settle = "", json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = ""
) -> None:
    """List what needs a person, newest first: raised alerts, messages set aside, mailboxes in error."""
    if settle:
        _settle(settle, opened_for_change(state, stack), organisation, json=json)
        return
    with opened(state, stack) as backend:
        place = backend.organisation(organisation)
        found = needs_a_person(place.alerts, place.quarantine, place.states, place.configuration)
    told = [_shape(alert) for alert in found]
    if json:
        print_json({"alerts": told})
        return
    columns = ("id", "text", "mend", "at")
    table("Alerts", columns, ([one[name] for name in columns] for one in told))


def _settle(alert: str, opening: AbstractContextManager[Backend], organisation: str, *, json: bool) -> None:
    with opening as backend:
        if not backend.organisation(organisation).alerts.settle(alert):
            tell(
                f"{alert}: no such alert was raised; what stands of a message or a mailbox leaves the list when its cause is mended"
            )
            raise typer.Exit(2)
        backend.save()
    if json:
        print_json({"id": alert, "done": "settled"})
    else:
        console().print(f"{alert} is settled", markup=False)


def _shape(alert: Alert) -> dict[str, object]:
    at = instant(alert.at)
    return {"id": alert.id, "kind": alert.kind, "about": alert.about, "text": alert.text, "mend": alert.mend, "at": at}
