"""Keep in DynamoDB where each outgoing e-mail stands: the truth about what was tried.

`ORG#o#OUTGOING#activity | STATE`; each attempt is claimed by one conditional write that raises the fencing token, and settled on condition
of it.  What was composed never changes and lies compressed in the row; operators list the rows through the index `schedule`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from email_router.core.activity import EmailStatus
from email_router.core.sending import HistoryEntry, OutgoingState
from email_router.edge.connect.compact import expand, instant, micros, sortable, squeeze
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import ABSENT, STATE, TOKEN_HELD
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item, Value

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_INDEX = "schedule"
_LONGEST_EVIDENCE = 1000
_OVERTAKEN = {
    EmailStatus.FAILED: (EmailStatus.SENT, EmailStatus.UNKNOWN, EmailStatus.SENDING),
    EmailStatus.SENT: (EmailStatus.UNKNOWN, EmailStatus.SENDING),
}
_NOTED = "#history = list_append(if_not_exists(#history, :empty), :entry)"


class DynamoOutgoingStates:
    """The states of one organisation's outgoing e-mails."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)

    def get(self, activity: str) -> OutgoingState | None:
        """Return the state, or None."""
        item = self._table.get(self._place(activity))
        return _state_of(item) if item else None

    def prepare(self, state: OutgoingState) -> OutgoingState:
        """Write the state if there is none; return the one that stands."""
        pk, sk = self._place(state.activity)
        listed = {"spk": self._keys.outgoing_list, "ssk": f"{sortable(state.changed)}#{state.activity}"}
        try:
            self._table.put({"pk": pk, "sk": sk, **listed, **_fields(state)}, ABSENT)
        except ConditionFailed as standing:
            return _state_of(standing.item)
        return state

    def claim(self, activity: str, now: datetime, request: str) -> OutgoingState | None:
        """Begin the next attempt by one conditional write; None when the e-mail does not wait, or not yet.

        When AWS did the work and its answer was lost, the SDK's next try meets our own mark in the row: the attempt is ours.
        """
        mark = uuid.uuid4().hex
        entry = HistoryEntry(now, EmailStatus.SENDING, request=request)
        changes = f"SET #status = :status, #changed = :now, #mark = :mark, {_NOTED}"
        waiting = {":pending": EmailStatus.PENDING.value, ":deferred": EmailStatus.DEFERRED.value}
        values: dict[str, Value] = {":now": micros(now), ":mark": mark, ":one": 1, **waiting}
        try:
            after = self._table.update(
                self._place(activity),
                f"{changes} REMOVE #due ADD #attempts :one, #token :one",
                {**values, **_noted(entry)},
                condition="#status IN (:pending, :deferred) AND (attribute_not_exists(#due) OR #due <= :now)",
                returns="ALL_NEW",
            )
        except ConditionFailed as failed:
            return _state_of(failed.item) if failed.item.get("mark") == mark else None
        return _state_of(after)

    def settle(
        self,
        state: OutgoingState,
        status: EmailStatus,
        now: datetime,
        *,
        evidence: str,
        due: datetime | None = None,
        provider_id: str | None = None,
    ) -> bool:
        """Turn the state into what became of it, if the token still stands and no report came before that says otherwise."""
        values: dict[str, Value] = {":now": micros(now), ":reason": evidence[:_LONGEST_EVIDENCE]}
        expression = f"SET #status = :status, #changed = :now, #reason = :reason, {_NOTED}"
        if provider_id:
            expression, values = f"{expression}, #provider_id = :provider", {**values, ":provider": provider_id}
        if due:
            expression, values = f"{expression}, #due = :due", {**values, ":due": micros(due)}
        else:
            expression = f"{expression} REMOVE #due"
        values |= {":token": state.token, ":before": state.status.value}
        condition = f"{TOKEN_HELD} AND #status IN (:before, :status)"
        return self._note(state.activity, expression, values, condition, HistoryEntry(now, status, evidence))

    def keep_draft(self, state: OutgoingState, draft: str) -> bool:
        """Keep the draft's id, if the token still stands."""
        values: dict[str, Value] = {":draft": draft, ":token": state.token}
        try:
            self._table.update(self._place(state.activity), "SET #draft = :draft", values, condition=TOKEN_HELD)
        except ConditionFailed:
            return False
        return True

    def report(self, activity: str, status: EmailStatus, now: datetime, *, evidence: str) -> bool:
        """Note what was learned afterwards: failed wins over sent, sent over unknown; all else changes nothing."""
        overtaken = _OVERTAKEN.get(status)
        if not overtaken:
            return False
        names = {f":over{number}": one.value for number, one in enumerate(overtaken)}
        values: dict[str, Value] = {":now": micros(now), ":reason": evidence[:_LONGEST_EVIDENCE], **names}
        expression = f"SET #status = :status, #changed = :now, #reason = :reason, {_NOTED}"
        condition = f"#status IN ({', '.join(names)})"
        return self._note(activity, expression, values, condition, HistoryEntry(now, status, evidence))

    def all(self) -> Sequence[OutgoingState]:
        """Return all, newest first."""
        listed = self._table.query(
            "#spk = :spk", {":spk": self._keys.outgoing_list}, index=_INDEX, fields="#pk, #sk, #ssk"
        )
        order = {(item["pk"], item["sk"]): item["ssk"] for item in listed}
        items = sorted(self._table.get_all(order), key=lambda item: order[item["pk"], item["sk"]], reverse=True)
        return [_state_of(item) for item in items]

    def _place(self, activity: str) -> Place:
        return self._keys.outgoing(activity), STATE

    def _note(
        self, activity: str, expression: str, values: Mapping[str, Value], condition: str, entry: HistoryEntry
    ) -> bool:
        """Change the state with its history; False when the condition does not hold and the entry is not there already."""
        try:
            self._table.update(self._place(activity), expression, {**values, **_noted(entry)}, condition=condition)
        except ConditionFailed as failed:
            return bool(failed.item.get("history", [])[-1:] == [_entry(entry)])
        return True


def _noted(entry: HistoryEntry) -> dict[str, Value]:
    return {":status": entry.status, ":entry": [_entry(entry)], ":empty": []}


def _entry(entry: HistoryEntry) -> Item:
    written: Item = {"at": micros(entry.at), "status": entry.status.value}
    if entry.evidence:
        written["evidence"] = entry.evidence[:_LONGEST_EVIDENCE]
    if entry.request:
        written["request"] = entry.request
    return written


def _fields(state: OutgoingState) -> Item:
    """Return the attributes: what changes as such, the rest compressed."""
    return {
        "composed": squeeze(replace(state, history=(), reason=None, provider_id=None, due=None)),
        "status": state.status.value,
        "attempts": state.attempts,
        "token": state.token,
        "changed": micros(state.changed),
        "due": micros(state.due) if state.due else None,
        "reason": state.reason,
        "provider_id": state.provider_id,
        "draft": state.draft or None,
        "history": [_entry(one) for one in state.history],
    }


def _state_of(item: Item) -> OutgoingState:
    composed = expand(OutgoingState, item["composed"])
    history = tuple(
        HistoryEntry(_at(one["at"]), EmailStatus(one["status"]), one.get("evidence", ""), one.get("request", ""))
        for one in item["history"]
    )
    return replace(
        composed,
        status=EmailStatus(item["status"]),
        attempts=item["attempts"],
        token=item["token"],
        changed=_at(item["changed"]),
        due=instant(item.get("due")),
        reason=item.get("reason"),
        provider_id=item.get("provider_id"),
        draft=item.get("draft", ""),
        history=history,
    )


def _at(written: int) -> datetime:
    at = instant(written)
    if at is None:
        raise ValueError("an outgoing state without its time")
    return at
