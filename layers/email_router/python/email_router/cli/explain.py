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
    mailbox: Annotated[str, typer.Option("--mailbox", metavar="ADDRESS", help="Of several that held it.")] = "",
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Show every question asked of a message and its answer, in each mailbox that held it."""
    with opened(state, stack) as backend:
        traces = in_order(backend.organisation(organisation).traces(message_id), mailbox)
    if not traces:
        where = f" in {mailbox}" if mailbox else ""
        tell(
            f"{message_id}: no trace of this message{where}; expected an id that a run has shown (traces are kept 90 days)"
        )
        raise typer.Exit(1)
    if json:
        print_json(explained(traces[0]))
        return
    for trace in traces:
        decided = f", decided by {trace.rule}" if trace.rule else ""
        console().print(f"{trace.mailbox}: {trace.outcome.value} ({trace.reason}){decided}", markup=False)
        answers = ((one.question, one.answer, one.evidence) for one in trace.answers)
        table("Questions", ("question", "answer", "evidence"), answers)
        table("Candidates that lost", ("candidate",), ((one,) for one in trace.candidates))


def in_order(traces: Sequence[Trace], mailbox: str = "") -> list[Trace]:
    """Return the traces (of one mailbox where it is named), that of a delivery first: it is what became of the message."""
    wanted = [trace for trace in traces if mailbox.casefold() in {"", trace.mailbox}]
    return sorted(wanted, key=lambda trace: (trace.outcome is not Outcome.DELIVERED, trace.at, trace.mailbox))


def explained(trace: Trace) -> dict[str, object]:
    """Return the object that `explain --json` prints."""
    return {
        "message_id": trace.message_id,
        "verdict": trace.outcome.value,
        "reason": trace.reason,
        "trace": [{"question": one.question, "answer": one.answer, "evidence": one.evidence} for one in trace.answers],
        "candidates": list(trace.candidates),
    }
