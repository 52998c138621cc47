"""`email-router counters`: the 21 counters."""

from __future__ import annotations

from email_router.cli.backend import opened
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table
from email_router.core.counters import COUNTERS


def counters(*, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = "") -> None:
    """Show the 21 counters; what each counts stands in docs/counters.md."""
    with opened(state, stack) as backend:
        counted = backend.counters(organisation)
    told = {name: counted.get(name, 0) for name in COUNTERS}
    if json:
        print_json(told)
        return
    table("Counters", ("counter", "value"), told.items())
