"""Keep in DynamoDB where each outgoing e-mail stands: the truth about what was tried.

`ORG#o#OUTGOING#activity | STATE`; each attempt is claimed by one conditional write that raises the fencing token, and settled on condition
of it.  What was composed never changes: what is known of it lies compressed in the row, its bytes, where they are few, in `PACKED` beside it.
Operators list the rows through the index `schedule`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from email_router.core.activity import EmailStatus
from email_router.core.ledger import Link
from email_router.core.outgoing_states import Prepared
from email_router.core.sending import (
    BEGUN,
    FIRST_HISTORY,
    MOST_HISTORY,
    HistoryEntry,
    OutgoingState,
    RecipientResult,
)
from email_router.edge.connect import outgoing_rows as rows
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import micros
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import STATE, TOKEN_HELD, link_actions
from email_router.edge.connect.outgoing_rows import NOTED, OVERTAKEN
from email_router.edge.connect.transactions import Cancelled, Place
from email_router.edge.connect.values import Value
from email_router.edge.stores import outgoing_prepared

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_INDEX = "schedule"


class DynamoOutgoingStates:
    """The states of one organisation's outgoing e-mails."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)

    def get(self, activity: str) -> OutgoingState | None:
        """Return the state, or None."""
        item = self._table.get(self._place(activity))
        return rows.state_of(item) if item else None

    def several(self, activities: Sequence[str]) -> Mapping[str, OutgoingState]:
        """Return the states of those that were taken up, 100 a call."""
        found = (rows.state_of(item) for item in self._table.get_all(self._place(one) for one in activities))
        return {state.activity: state for state in found}

    def prepare(self, state: OutgoingState) -> OutgoingState:
        """Write the state if there is none; return the one that stands."""
        return self.prepare_all([Prepared(state=state)])[state.activity]

    def prepare_all(self, prepared: Sequence[Prepared]) -> Mapping[str, OutgoingState]:
        """Write the states with their bytes and ways back, as many e-mails in a transaction as it takes; return what stands."""
        return outgoing_prepared.write(self._table, self._keys, prepared)

    def packed(self, activity: str) -> bytes:
        """Return the packed bytes."""
        item = self._table.get((self._keys.outgoing(activity), rows.PACKED))
        if item is None:
            raise KeyError(activity)
        return bytes(item["packed"])

    def claim(self, activity: str, now: datetime, request: str) -> OutgoingState | None:
        """Begin the next attempt by one conditional write; None when the e-mail does not wait, or not yet.

        When AWS did the work and its answer was lost, the SDK's next try meets our own mark in the row: the attempt is ours.
        """
        mark = uuid.uuid4().hex
        entry = HistoryEntry(now, EmailStatus.SENDING, BEGUN, request)
        changes = f"SET #status = :status, #changed = :now, #mark = :mark, {NOTED}"
        waiting = {":pending": EmailStatus.PENDING.value, ":deferred": EmailStatus.DEFERRED.value}
        values: dict[str, Value] = {":now": micros(now), ":mark": mark, ":one": 1, **waiting}
        try:
            after = self._table.update(
                self._place(activity),
                f"{changes} REMOVE #due ADD #attempts :one, #token :one",
                {**values, **rows.noted(entry)},
                condition="#status IN (:pending, :deferred) AND (attribute_not_exists(#due) OR #due <= :now)",
                returns="ALL_NEW",
            )
        except ConditionFailed as failed:
            return rows.state_of(failed.item) if failed.item.get("mark") == mark else None
        return self._shortened(rows.state_of(after))

    def settle(
        self,
        state: OutgoingState,
        status: EmailStatus,
        now: datetime,
        *,
        evidence: str,
        due: datetime | None = None,
        provider_id: str | None = None,
        results: Sequence[RecipientResult] | None = None,
        attempts: int | None = None,
        request: str = "",
        links: Sequence[Link] = (),
    ) -> bool:
        """Turn the state into what became of it, if the token still stands and no report came before that says otherwise.

        Results are written only where nothing else was written since the state was read: a report may tell of one recipient meanwhile.
        """
        changes: dict[str, Value] = {
            "provider_id": provider_id or None,
            "attempts": attempts,
            "due": micros(due) if due else None,
        }
        condition = f"{TOKEN_HELD} AND #status IN (:before, :status)"
        seen: dict[str, Value] = {":token": state.token, ":before": state.status.value}
        if results is not None:
            changes["results"] = rows.written_results(results)
            condition += " AND size(#history) = :length"
            seen[":length"] = len(state.history)
        entry = HistoryEntry(now, status, evidence, request)
        return self._turn(state.activity, changes, seen, condition, entry, "" if due else " REMOVE #due", links=links)

    def keep_draft(self, state: OutgoingState, draft: str) -> bool:
        """Keep the draft's id, if the token still stands."""
        values: dict[str, Value] = {":draft": draft, ":token": state.token}
        try:
            self._table.update(self._place(state.activity), "SET #draft = :draft", values, condition=TOKEN_HELD)
        except ConditionFailed:
            return False
        return True

    def report(self, activity: str, status: EmailStatus, now: datetime, *, evidence: str, request: str = "") -> bool:
        """Note what was learned afterwards: failed wins over sent, sent over unknown; all else changes nothing."""
        overtaken = OVERTAKEN.get(status)
        if not overtaken:
            return False
        names: dict[str, Value] = {f":over{number}": one.value for number, one in enumerate(overtaken)}
        condition = f"#status IN ({', '.join(names)})"
        return self._turn(activity, {}, names, condition, HistoryEntry(now, status, evidence, request))

    def note(
        self,
        state: OutgoingState,
        status: EmailStatus,
        now: datetime,
        *,
        evidence: str,
        results: Sequence[RecipientResult],
        reason: str | None = None,
        request: str = "",
    ) -> bool:
        """Write what was reported of the recipients, if nothing else has changed since the state was read.

        Where reports have made the history long, its middle goes with a second write.
        """
        entry = HistoryEntry(now, status, evidence, request)
        noted = self._retell(state, results, {}, entry, reason=reason)
        if noted and len(state.history) >= MOST_HISTORY:
            self._shortened(replace(state, history=(*state.history, entry)))
        return noted

    def reopen(
        self,
        state: OutgoingState,
        now: datetime,
        *,
        evidence: str,
        results: Sequence[RecipientResult],
        request: str = "",
    ) -> bool:
        """Let an e-mail that came to rest wait again, one write; the token moves on."""
        begun: dict[str, Value] = {"attempts": 1, "token": state.token + 1}
        entry = HistoryEntry(now, EmailStatus.PENDING, evidence, request)
        return self._retell(state, results, begun, entry, " REMOVE #due, #draft")

    def all(self) -> Sequence[OutgoingState]:
        """Return all, newest first."""
        listed = self._table.query(
            "#spk = :spk", {":spk": self._keys.outgoing_list}, index=_INDEX, fields="#pk, #sk, #ssk"
        )
        order = {(item["pk"], item["sk"]): item["ssk"] for item in listed}
        items = sorted(self._table.get_all(order), key=lambda item: order[item["pk"], item["sk"]], reverse=True)
        return [rows.state_of(item) for item in items]

    def _place(self, activity: str) -> Place:
        return self._keys.outgoing(activity), STATE

    def _retell(
        self,
        state: OutgoingState,
        results: Sequence[RecipientResult],
        changes: Mapping[str, Value],
        entry: HistoryEntry,
        more: str = "",
        reason: str | None = None,
    ) -> bool:
        """Change the results with the state, if nothing else has changed since it was read."""
        condition, seen = rows.as_read(state)
        written = {"results": rows.written_results(results), **changes}
        return self._turn(state.activity, written, seen, condition, entry, more, reason)

    def _turn(
        self,
        activity: str,
        changes: Mapping[str, Value],
        seen: Mapping[str, Value],
        condition: str,
        entry: HistoryEntry,
        more: str = "",
        reason: str | None = None,
        links: Sequence[Link] = (),
    ) -> bool:
        """Change the state with its history; False when the condition does not hold and the entry is not there already."""
        given = {name: value for name, value in changes.items() if value is not None}
        expression = "SET #status = :status, #changed = :now, #reason = :reason, " + NOTED
        expression += "".join(f", #{name} = :new_{name}" for name in given) + more
        said = entry.evidence if reason is None else reason
        values = {":now": micros(entry.at), ":reason": rows.cut(said), **rows.noted(entry)}
        values |= {f":new_{name}": value for name, value in given.items()} | dict(seen)
        try:
            self._write(self._place(activity), expression, values, condition, links)
        except ConditionFailed as failed:
            return bool(failed.item.get("history", [])[-1:] == [rows.written_entry(entry)])
        return True

    def _write(
        self, place: Place, expression: str, values: Mapping[str, Value], condition: str, links: Sequence[Link]
    ) -> None:
        """Change one item, with ways back from ids, which stand where they stand, in one transaction; raises ConditionFailed."""
        if not links:
            self._table.update(place, expression, values, condition=condition)
            return
        name = self._table.name
        actions = [transactions.update(name, place, expression, values, condition)]
        try:
            transactions.write(self._table.client, [*actions, *link_actions(name, self._keys, links).values()])
        except Cancelled as cancelled:
            raise ConditionFailed(cancelled.failed.get(0, {})) from cancelled

    def _shortened(self, state: OutgoingState) -> OutgoingState:
        """Drop the middle of a history that has grown long: more writes than attempts, and only where people and reports made it so."""
        surplus = len(state.history) - MOST_HISTORY
        if surplus <= 0:
            return state
        dropped = range(FIRST_HISTORY, FIRST_HISTORY + surplus)
        expression = "REMOVE " + ", ".join(f"#history[{number}]" for number in dropped)
        condition = f"{TOKEN_HELD} AND size(#history) = :length"
        values: dict[str, Value] = {":token": state.token, ":length": len(state.history)}
        with suppress(ConditionFailed):
            self._table.update(self._place(state.activity), expression, values, condition=condition)
        return state
