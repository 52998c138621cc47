"""`email-router explain`: what became of a message and why, or of an e-mail that was sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from email_router.cli.backend import opened
from email_router.cli.explain_words import ASKED, Asked, answer_words, otherwise_line, outcome_line, regarding_lines
from email_router.cli.finding import bare, incoming_traces, near, outgoing_state, receipts_of
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, plain, print_json, table, tell
from email_router.cli.place import Place
from email_router.cli.shapes import instant
from email_router.core.ledger import Answer, Outcome, Trace
from email_router.core.sending import OutgoingState

_WIDE = max(len(one.words) for one in ASKED.values())


def explain(
    message_id: Annotated[
        str, typer.Argument(metavar="MESSAGE-ID", help="With or without <>; or the id of an activity.")
    ],
    *,
    json: Json = False,
    mailbox: Annotated[str, typer.Option("--mailbox", metavar="ADDRESS", help="Of several that held it.")] = "",
    everywhere: Annotated[
        bool,
        typer.Option(
            "--everywhere",
            help="With --stack: read every trace, for ids of a mail server and other messages under the same Message-ID.",
        ),
    ] = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Tell what became of a message in each mailbox that held it, with every question asked; or how an e-mail was sent."""
    with opened(state, stack) as backend:
        place = backend.organisation(organisation)
        everywhere = everywhere or not stack  # what runs here is small
        traces = in_order(incoming_traces(place, message_id, everywhere=everywhere), mailbox)
        sent = None if mailbox else outgoing_state(place, message_id)
        if not traces and not sent:
            _unknown(place, message_id, mailbox, everywhere=everywhere)
            raise typer.Exit(1)
        if json:
            print_json(explained(traces[0]) if traces else sent_shape(sent))
            return
        if sent:
            _show_sent(sent)
        for trace in traces:
            _show(trace, place)


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


def sent_shape(state: OutgoingState | None) -> dict[str, object] | None:
    """Return the object that `explain --json` prints for an outgoing e-mail: each change of its status is a line of the trace."""
    if state is None:
        return None
    steps = [
        {"question": one.status.value, "answer": instant(one.at), "evidence": one.evidence} for one in state.history
    ]
    return {
        "message_id": state.message_id or None,
        "verdict": state.status.value,
        "reason": state.reason,
        "trace": steps,
        "candidates": [],
    }


def _show(trace: Trace, place: Place) -> None:
    out = console()
    for line in (outcome_line(trace), *regarding_lines(trace), otherwise_line(trace)):
        if line:
            out.print(plain(line), markup=False, soft_wrap=True)
    arrived = (
        f"Subject: {trace.subject or '(none)'}; from {trace.source} {trace.receiving}; decided {instant(trace.at)}"
    )
    out.print(plain(arrived), markup=False, soft_wrap=True)
    out.print("Asked, in this order:" if trace.answers else "Nothing was asked: it was never read.", markup=False)
    for number, one in enumerate(trace.answers, 1):
        for line in _lines(number, one):
            out.print(plain(line), markup=False, soft_wrap=True)
    if trace.candidates:
        losers = [_loser(one, place) for one in trace.candidates]
        table("E-mails that it might have continued", ("e-mail", "subject", "date", "why not"), losers)
    out.print()


def _lines(number: int, answer: Answer) -> Iterator[str]:
    """Yield a question with its answer, and below it what was seen and what sets the answer where either matters."""
    asked = ASKED.get(answer.question, Asked(answer.question))
    yield f"{number:>3}. {asked.words:<{_WIDE}} {answer_words(answer)}"
    if answer.evidence:
        yield f"       seen: {answer.evidence}"
    if asked.setting and (answer.evidence or answer.answer == "off"):
        yield f"       set by: {asked.setting}"


def _loser(candidate: str, place: Place) -> tuple[str, str, str | None, str]:
    """Return a losing candidate with what a person knows it by."""
    activity, _, why = candidate.partition(": ")
    email = place.crm.email(activity)
    if email is None:
        return activity, "(not in the CRM any more)", None, why
    return activity, email.subject, instant(email.date or email.received or email.created), why


def _show_sent(state: OutgoingState) -> None:
    out = console()
    to = ", ".join(state.recipients) or "nobody yet"
    line = f"Outgoing e-mail activity {state.activity}, from {state.sender} to {to}: {state.status.value}"
    out.print(plain(line + (f", because {state.reason}." if state.reason else ".")), markup=False, soft_wrap=True)
    ids = f"Message-ID {state.message_id or 'not made yet'}; the provider's {state.provider_id or 'is the same or unknown'}"
    out.print(plain(f"{ids}; {state.attempts} attempts; subject: {state.subject}"), markup=False, soft_wrap=True)
    table(
        "What happened, in this order",
        ("time", "status", "seen"),
        ((instant(one.at), one.status.value, one.evidence) for one in state.history),
    )


def _unknown(place: Place, wanted: str, mailbox: str, *, everywhere: bool) -> None:
    """Say what an unknown id may be."""
    where = f" in {mailbox}" if mailbox else ""
    tell(f"{wanted}: no trace of this message{where} in the organisation {place.name}.")
    for receipt in receipts_of(place, wanted):
        if mailbox.casefold() in {"", receipt.mailbox}:
            became = f"{receipt.outcome.value} ({receipt.reason})" + (
                f" as activity {receipt.activity}" if receipt.activity else ""
            )
            tell(f"  Its trace is gone, but {receipt.mailbox} had it: {became}.")
    close = near(place, wanted) if everywhere else []
    if close:
        tell("  Did you mean " + " or ".join(f"'{one}'" for one in close) + "?")
    tell(
        "  Check the spelling (the part before @ is case sensitive), the organisation and the state or stack. Traces are kept 90 days. "
        f"A message that was never fetched has none: see `email-router status`. Looked for: {bare(wanted)}"
    )
