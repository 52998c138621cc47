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
from email_router.core.alerts import MOST_MESSAGES, Alert
from email_router.core.flows.outgoing_alerts import still_open
from email_router.wiring.clock import CLOCK

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
        everything = needs_a_person(place.alerts, place.quarantine, place.states, place.configuration)
        found = still_open(everything, place.outgoing, CLOCK.now())
    told = [shape(alert) for alert in found]
    if json:
        print_json({"alerts": told})
        return
    rows = ((one.id, in_words(one), one.mend, instant(one.at)) for one in found)
    table("Alerts", ("id", "text", "mend", "at"), rows)


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


def in_words(alert: Alert) -> str:
    """Return the text, and of how many messages it is the first; `--json` names them."""
    count = len(alert.messages)
    more = " or more" if count >= MOST_MESSAGES else ""
    return f"{alert.text} [the first of {count}{more} messages of {alert.about}]" if count > 1 else alert.text


def shape(alert: Alert) -> dict[str, object]:
    """Return the object that `alerts --json` prints of an alert."""
    told = {"id": alert.id, "kind": alert.kind, "about": alert.about, "text": alert.text, "mend": alert.mend}
    return {**told, "at": instant(alert.at), "messages": list(alert.messages)}
