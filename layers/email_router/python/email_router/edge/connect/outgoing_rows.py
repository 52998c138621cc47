"""Turn the states of outgoing e-mails into rows and back: what was composed lies compressed, what changes as attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from email_router.core.activity import EmailStatus
from email_router.core.sending import HistoryEntry, OutgoingState, RecipientResult
from email_router.edge.connect.compact import expand, instant, micros, squeeze
from email_router.edge.connect.ledger_rows import TOKEN_HELD
from email_router.edge.connect.values import Item, Value

PACKED = "PACKED"
"""The row beside the state that holds what was composed, where that is small."""

LONGEST_EVIDENCE = 1000
"""Bytes that are kept of what was said of a change: a history of 50 then takes 60 KB of the 400 that a row may have."""

_MOST_RESULTS = 120_000
"""Compressed bytes beyond which the words said of single recipients are shortened: their addresses stand in the row twice."""

_SHORTER = (200, 100, 50, 0)
OVERTAKEN = {
    EmailStatus.FAILED: (EmailStatus.SENT, EmailStatus.UNKNOWN, EmailStatus.SENDING),
    EmailStatus.SENT: (EmailStatus.UNKNOWN, EmailStatus.SENDING),
}
"""What a report may replace."""

NOTED = "#history = list_append(if_not_exists(#history, :empty), :entry)"


@dataclass(frozen=True, slots=True)
class _Results:
    of: tuple[RecipientResult, ...]


def noted(entry: HistoryEntry) -> dict[str, Value]:
    """Return the values by which a transition is added to the history."""
    return {":status": entry.status.value, ":entry": [written_entry(entry)], ":empty": []}


def written_entry(entry: HistoryEntry) -> Item:
    """Return a transition as it stands in the row."""
    written: Item = {"at": micros(entry.at), "status": entry.status.value}
    if entry.evidence:
        written["evidence"] = cut(entry.evidence)
    if entry.request:
        written["request"] = entry.request
    return written


def written_results(results: Sequence[RecipientResult]) -> bytes:
    """Return the results compressed: a mail may have hundreds of recipients, and their evidence is much the same.

    Where it is not, the words said of each are shortened until the row holds them; who has the mail and who has not is never cut.
    """
    written = squeeze(_Results(tuple(results)))
    for most in _SHORTER:
        if len(written) <= _MOST_RESULTS:
            break
        written = squeeze(_Results(tuple(replace(one, evidence=one.evidence[:most]) for one in results)))
    return written


def cut(text: str) -> str:
    """Return as much of the text as is kept of it, whole characters."""
    if len(text) <= LONGEST_EVIDENCE // 4:  # of at most four bytes each
        return text
    return text.encode("utf-8", "surrogatepass")[:LONGEST_EVIDENCE].decode("utf-8", "ignore")


def as_read(state: OutgoingState) -> tuple[str, dict[str, Value]]:
    """Return condition and values by which a row is still as it was when the state was read."""
    seen: dict[str, Value] = {":token": state.token, ":before": state.status.value, ":length": len(state.history)}
    return f"{TOKEN_HELD} AND #status = :before AND size(#history) = :length", seen


def fields(state: OutgoingState) -> Item:
    """Return the attributes of a new row: what changes as such, the rest compressed."""
    composed = replace(state, history=(), results=(), reason=None, provider_id=None, due=None)
    return {
        "composed": squeeze(composed),
        "status": state.status.value,
        "attempts": state.attempts,
        "token": state.token,
        "changed": micros(state.changed),
        "due": micros(state.due) if state.due else None,
        "reason": state.reason,
        "provider_id": state.provider_id,
        "draft": state.draft or None,
        "results": written_results(state.results) if state.results else None,
        "history": [written_entry(one) for one in state.history],
    }


def state_of(item: Item) -> OutgoingState:
    """Return the state that a row holds."""
    history = tuple(
        HistoryEntry(_at(one["at"]), EmailStatus(one["status"]), one.get("evidence", ""), one.get("request", ""))
        for one in item["history"]
    )
    return replace(
        expand(OutgoingState, item["composed"]),
        status=EmailStatus(item["status"]),
        attempts=item["attempts"],
        token=item["token"],
        changed=_at(item["changed"]),
        due=instant(item.get("due")),
        reason=item.get("reason"),
        provider_id=item.get("provider_id"),
        draft=item.get("draft", ""),
        results=expand(_Results, item["results"]).of if item.get("results") else (),
        history=history,
    )


def _at(written: int) -> datetime:
    at = instant(written)
    if at is None:
        raise ValueError("an outgoing state without its time")
    return at
