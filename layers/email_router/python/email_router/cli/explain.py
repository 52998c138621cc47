"""`email-router explain`: every question asked of a message, and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from email_router.cli.backend import opened
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json, table, tell
from email_router.core.ledger import Outcome, Trace


def explain(
    message_id: Annotated[
        str, typer.Argument(metavar="MESSAGE-ID", help="With or without <>; or the id of an activity.")
    ],
    *,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Show every question asked of a message and its answer, in each mailbox that held it."""
    with opened(state, stack) as backend:
        traces = in_order(backend.organisation(organisation).traces(message_id))
    if not traces:
        tell(
            f"{message_id}: no trace of this message; expected a Message-ID that a run has shown (traces are kept 90 days)"
        )
        raise typer.Exit(1)
    if json:
        print_json(explained(traces))
        return
    for trace in traces:
        console().print(
            f"{trace.mailbox}: {trace.outcome.value} ({trace.reason}), decided by {trace.rule}", markup=False
        )
        table(
            "Questions",
            ("question", "answer", "evidence"),
            ((one.question, one.answer, one.evidence) for one in trace.answers),
        )
        table("Candidates that lost", ("candidate",), ((one,) for one in trace.candidates))


def in_order(traces: Sequence[Trace]) -> list[Trace]:
    """Return the traces, that of a delivery first: it is what became of the message."""
    return sorted(traces, key=lambda trace: (trace.outcome is not Outcome.DELIVERED, trace.at))


def explained(traces: Sequence[Trace]) -> dict[str, object]:
    """Return the object that `explain --json` prints: the first trace, and all of them by mailbox."""
    first = traces[0]
    return {
        "message_id": first.message_id,
        **_one(first),
        "mailboxes": [{"mailbox": trace.mailbox, **_one(trace)} for trace in traces],
    }


def _one(trace: Trace) -> dict[str, object]:
    return {
        "verdict": trace.outcome.value,
        "reason": trace.reason,
        "rule": trace.rule,
        "activity": trace.activity,
        "trace": [{"question": one.question, "answer": one.answer, "evidence": one.evidence} for one in trace.answers],
        "candidates": list(trace.candidates),
    }
