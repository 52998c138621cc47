"""`email-router what-if`: what a changed configuration would have done with the messages of the last days."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.backend import opened
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json, table, tell, warn
from email_router.cli.place import Place
from email_router.cli.run.progress import live
from email_router.core.errors import ConfigurationError
from email_router.core.flows.ask_again import Again
from email_router.core.flows.lookup import LedgerToday
from email_router.core.flows.what_if import Change, Difference, change_of
from email_router.core.settings import Configuration
from email_router.wiring.clock import CLOCK
from email_router.wiring.configuration import load
from email_router.wiring.publishing import continuing

_SHOWN_EVERY = 50
_KEPT_DAYS = 90


class _Unused(dict[str, str]):
    """Variables of which none lacks: nobody logs in, so no password is needed."""

    def __missing__(self, name: str) -> str:
        return "unused"

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, _: object = None) -> str:
        return self[name]


def what_if(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The changed configuration (TOML).")],
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=_KEPT_DAYS, help="How far back.")] = 7,
    mailbox: Annotated[str, typer.Option("--mailbox", metavar="ADDRESS", help="Messages of this mailbox only.")] = "",
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Ask the questions of the last days' messages again under a changed configuration; nothing is changed."""
    loaded = load(file, _Unused(os.environ))
    warn(loaded.warnings)
    with opened(state, stack) as backend:
        place = backend.organisation(organisation or loaded.configuration.organisation)
        changed, notes = continuing(loaded.configuration, place.configuration, place.followed)
        warn(notes)
        changes = _changes(place, changed, days, mailbox.casefold())
    if json:
        print_json(_shape(changes, days))
        return
    _show(changes, days)


def _changes(place: Place, configuration: Configuration, days: int, mailbox: str) -> list[Change]:
    if configuration.organisation != place.name:
        raise ConfigurationError(
            f"the file is of the organisation {configuration.organisation}, the messages are of {place.name}"
        )
    now = CLOCK.now()
    today = LedgerToday(place.ledger, now - timedelta(days=configuration.tracking.smart_window_days))
    changes = []
    with live("reading the traces") as progress:
        found = place.ledger.traces_since(now - timedelta(days=days))
        traces = [one for one in found if mailbox in {"", one.mailbox}]
        for number, trace in enumerate(traces):
            if number % _SHOWN_EVERY == 0:
                progress(f"asking again: {number} of {len(traces)} messages")
            changes.append(change_of(trace, configuration, today))
    return changes


def _shape(changes: Sequence[Change], days: int) -> dict[str, object]:
    counts = Counter(one.difference for one in changes)
    return {
        "days": days,
        "messages": len(changes),
        "differences": {one.value: counts[one] for one in Difference},
        "changes": [
            {
                "message_id": one.trace.message_id,
                "mailbox": one.trace.mailbox,
                "subject": one.trace.subject,
                "difference": one.difference.value,
                "then": _told(one.then),
                "now": _told(one.now) if one.now else None,
            }
            for one in _different(changes)
        ],
    }


def _told(again: Again) -> dict[str, object]:
    return {
        "verdict": again.outcome.value,
        "reason": again.reason,
        "rule": again.rule,
        "correlation_method": again.method,
        "correlated": again.correlated,
    }


def _show(changes: Sequence[Change], days: int) -> None:
    counts = Counter(one.difference for one in changes)
    tracked = (
        f"{counts[Difference.NEWLY_TRACKED]} newly tracked, {counts[Difference.NO_LONGER_TRACKED]} no longer tracked"
    )
    matched = f"{counts[Difference.MATCHED_DIFFERENTLY]} matched differently, {counts[Difference.OTHERWISE]} otherwise decided"
    gone = f"{counts[Difference.NOT_FETCHED]} not fetched any more"
    line = f"{len(changes)} messages of the last {days} days: {tracked}, {matched}, {gone}"
    console().print(f"{line}; {counts[Difference.NOTHING]} as before.", markup=False, soft_wrap=True)
    if counts[Difference.UNKNOWN]:
        tell(
            f"{counts[Difference.UNKNOWN]} traces are of an earlier version of the router, or of messages never read: not asked."
        )
    rows = (
        (
            one.trace.message_id or one.trace.source_id,
            one.trace.mailbox,
            one.difference.value,
            f"{_words(one.then)} -> {_words(one.now) if one.now else 'not fetched'}",
        )
        for one in _different(changes)
    )
    table("Messages that would fare differently", ("message", "mailbox", "difference", "then -> now"), rows)


def _different(changes: Sequence[Change]) -> list[Change]:
    return [one for one in changes if one.difference not in {Difference.NOTHING, Difference.UNKNOWN}]


def _words(again: Again) -> str:
    matched = f", continues {again.correlated} ({again.rule})" if again.correlated else ""
    return f"{again.outcome.value} ({again.reason}){matched}"
