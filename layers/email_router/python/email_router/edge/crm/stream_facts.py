"""Read from the streams of our tables what there is to tell other CRMs.

An activity is told by its own row, which comes to be in one transaction with its claim, whichever CRM it lies in; an outgoing e-mail by its
state; one that ended before the router took it up, and so has no state, by what the CRM's row says.  Reads only; all of it may be repeated.
The shape of a record: docs.aws.amazon.com/lambda/latest/dg/with-ddb.html; binary values are base64 there.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.crm_events import AT_REST, Change, Fact, FurtherReceipt, NewActivity, Result
from email_router.core.errors import MessageRefused
from email_router.core.ledger import Outcome
from email_router.core.packed import unpacked
from email_router.core.ports import BlobStore
from email_router.edge.connect import ledger_rows, outgoing_rows
from email_router.edge.connect.compact import micros
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys, organisation_of
from email_router.edge.connect.values import Item, unpack_item
from email_router.edge.crm import builtin_rows, dataverse_outgoing

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, zlib.error)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row before and after its change; `old` is None where it is new."""

    pk: str
    sk: str
    new: Item
    old: Item
    at: datetime
    sequence: str

    @property
    def organisation(self) -> str:
        """Whose row it is."""
        return organisation_of(self.pk)


class StreamFacts:
    """Reads changes of the tables `crm` and `router`; `blobs` are those of an organisation."""

    def __init__(
        self, client: DynamoDBClient, crm_table: str, router_table: str, blobs: Callable[[str], BlobStore]
    ) -> None:
        self._crm = Table(client, crm_table)
        self._router = Table(client, router_table)
        self._blobs = blobs

    def of(self, change: Change) -> Fact | None:
        """Return what is to be told of the change, or None."""
        try:
            row = _row(change)
            return self._fact(row) if row.new else None
        except _UNREADABLE as problem:
            keys = change.record.get("dynamodb", {}).get("Keys", "?")
            text = f"the row {keys} cannot be read for an event ({type(problem).__name__})"
            raise MessageRefused(text, kind="unreadable") from problem

    def _fact(self, row: _Row) -> Fact | None:
        if row.sk == builtin_rows.EMAIL and row.new["status"] == EmailStatus.RECEIVED.value:
            return self._activity(row)
        if row.sk in {builtin_rows.EMAIL, dataverse_outgoing.OUTGOING}:
            return self._never_taken_up(row)
        if row.sk == ledger_rows.STATE and "composed" in row.new:
            return self._result(row)
        if row.sk.startswith(ledger_rows.RECEIPT):
            return _further(row)
        return None

    def _activity(self, row: _Row) -> Fact | None:
        if row.old.get("status") == EmailStatus.RECEIVED.value:
            return None
        activity = builtin_rows.activity_of(row.new, self._blobs(row.organisation))
        return NewActivity(organisation=row.organisation, at=row.at, sequence=row.sequence, activity=activity)

    def _result(self, row: _Row) -> Fact | None:
        state = outgoing_rows.state_of(row.new)
        if state.status not in AT_REST or row.old.get("history", [])[-1:] == row.new["history"][-1:]:
            return None
        last = state.history[-1]
        return Result(
            organisation=row.organisation,
            at=last.at,
            sequence=row.sequence,
            activity=state.activity,
            status=state.status,
            reason=last.evidence,
            occasion=f"{micros(last.at)} {last.evidence}",
            state=state,
            email=self._email(row, state.activity),
            composed=self._composed(row) if state.beside else b"",
        )

    def _never_taken_up(self, row: _Row) -> Fact | None:
        """Tell an e-mail's end that only the CRM's row tells: refused as it was, or cancelled while it waited."""
        told = ("status", "reason")
        status = EmailStatus(row.new["status"]) if "status" in row.new else EmailStatus.PENDING
        if status not in AT_REST or [row.old.get(one) for one in told] == [row.new.get(one) for one in told]:
            return None
        activity = row.new["id"] if row.sk == builtin_rows.EMAIL else row.pk.rpartition("#")[2]
        state = self._router.get((Keys(row.organisation).outgoing(activity), ledger_rows.STATE))
        if state and (status is not EmailStatus.CANCELLED or EmailStatus(state["status"]) in AT_REST):
            return None  # the state's own change tells it
        email = None
        if row.sk == builtin_rows.EMAIL:
            email = builtin_rows.activity_of(row.new, self._blobs(row.organisation))
        return Result(
            organisation=row.organisation,
            at=row.at,
            sequence=row.sequence,
            activity=activity,
            status=status,
            reason=row.new.get("reason", ""),
            occasion=row.sequence,
            email=email,
        )

    def _composed(self, row: _Row) -> bytes:
        """Return what was composed where it lies in the table: readers of an event look for it among the blobs."""
        item = self._router.get((row.pk, outgoing_rows.PACKED))
        return unpacked(item["packed"]) if item else b""

    def _email(self, row: _Row, activity: str) -> EmailActivity | None:
        """Return the activity where it is ours: of one in another CRM we hold no parties and no regarding."""
        item = self._crm.get(builtin_rows.place_of(Keys(row.organisation), activity))
        return builtin_rows.activity_of(item, self._blobs(row.organisation)) if item else None


def _further(row: _Row) -> Fact | None:
    receipt = ledger_rows.receipt_of(row.new)
    if receipt.outcome is not Outcome.DELIVERED or not receipt.activity or receipt.copy:
        return None
    if row.old.get("outcome") == receipt.outcome.value and row.old.get("activity") == receipt.activity:
        return None
    return FurtherReceipt(
        organisation=row.organisation,
        at=receipt.at or row.at,
        sequence=row.sequence,
        receipt=receipt,
        activity=receipt.activity,
    )


def _row(change: Change) -> _Row:
    told = change.record["dynamodb"]
    keys = _image(told["Keys"])
    return _Row(
        pk=keys["pk"],
        sk=keys["sk"],
        new=_image(told.get("NewImage") or {}),
        old=_image(told.get("OldImage") or {}),
        at=datetime.fromtimestamp(float(told["ApproximateCreationDateTime"]), UTC),
        sequence=change.sequence,
    )


def _image(written: Mapping[str, Any]) -> Item:
    return unpack_item({name: _typed(value) for name, value in written.items()})


def _typed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a typed value as the SDK gives it: bytes as bytes."""
    ((kind, inner),) = value.items()
    if kind == "B":
        return {kind: base64.b64decode(inner, validate=True)}
    if kind == "M":
        return {kind: {name: _typed(one) for name, one in inner.items()}}
    if kind == "L":
        return {kind: [_typed(one) for one in inner]}
    return {kind: inner}
