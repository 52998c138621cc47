"""Read what is new in a folder by SyncFolderItems, and keep where that has led."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from exchangelib.util import MNS, TNS  # type: ignore[import-untyped]

from email_router.core.fetched import Position
from email_router.edge.connect.ews_errors import STALE_STATE, EwsError, unexpected
from email_router.edge.connect.ews_reading import instant, number, reads
from email_router.edge.connect.ews_wire import child_text, element
from email_router.edge.connect.passed import NOTHING_PASSED, Passed, carried_over

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from email_router.edge.connect.ews import EwsClient

MOST_CHANGES = 512
"""MaxChangesReturned goes from 1 to this (SyncFolderItems operation)."""

_LONGEST_MARK = 4000
_URL_SAFE, _AS_EWS = str.maketrans("+/", "_-"), str.maketrans("_-", "+/")
_FIELDS, _MESSAGE_ID = ("item:DateTimeReceived", "item:Size"), "message:InternetMessageId"
_MAIL = frozenset(
    {"Item", "Message", "MeetingMessage", "MeetingRequest", "MeetingResponse", "MeetingCancellation", "PostItem"}
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The sync state of each folder by the name under which it is read; a folder that is absent was never read.

    `passed` tells until when each was passed, for a change to Graph and from it.
    """

    states: Mapping[str, str] = field(default_factory=dict)
    passed: Mapping[str, Passed] = field(default_factory=dict)

    def position(self) -> Position:
        """Write the cursor; states that are short stand in the mark too, so that the mark alone finds news."""
        passed = {name: text for name, one in self.passed.items() if (text := one.text())}
        text = json.dumps({"ews": dict(self.states), **({"passed": passed} if passed else {})})
        return Position(text.encode(), text if len(text) <= _LONGEST_MARK else "long")

    @classmethod
    def of(cls, position: Position) -> Cursor:
        """Read a position, or its mark where the cursor was not loaded; what another kind of source wrote begins anew.

        One of Graph tells until when each folder was passed.
        """
        try:
            found = json.loads(position.cursor or position.mark)
            if isinstance(folders := found.get("folders"), dict):
                return cls(passed=carried_over({name: one.get("passed") for name, one in folders.items()}))
            passed = {str(name): Passed.of_text(str(text)) for name, text in found.get("passed", {}).items()}
            return cls({str(name): str(state) for name, state in found["ews"].items()}, passed)
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def of_folder(self, name: str) -> Passed:
        """Return until when a folder was passed."""
        return self.passed.get(name) or self.passed.get(name.casefold()) or NOTHING_PASSED

    def after(self, folder: str, state: str, passed: Passed) -> Cursor:
        """Return the cursor once a folder was read to `state`."""
        return Cursor({**self.states, folder: state}, {**self.passed, folder: passed})

    def only(self, names: Iterable[str]) -> Cursor:
        """Return the cursor of these folders: what is no longer read is forgotten."""
        kept = tuple(names)
        states = {name: self.states[name] for name in kept if name in self.states}
        return Cursor(states, {name: self.of_folder(name) for name in kept})


@dataclass(frozen=True, slots=True)
class Row:
    """A message as a sync lists it: its id, as Graph has it, and the key of its version, both of which end when it is moved."""

    id: str
    key: str
    size: int | None
    received: datetime | None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """One answer: the messages that came, oldest first, the state after it, and whether it was the last."""

    rows: tuple[Row, ...]
    state: str
    last: bool


@reads
def read_changes(
    client: EwsClient,
    folder: Any,  # noqa: ANN401 - lxml has no types
    state: str,
    most: int,
    *,
    message_ids: bool = False,
) -> Changes:
    """Ask for at most `most` changes after the state (empty: from the first message on), with Message-IDs where they are wanted.

    A state that the server has lost begins anew: what comes twice, the ledger absorbs.  Raises TryLater for an answer that leads nowhere.
    """
    try:
        (answer,) = client.call(
            _payload(folder, state, min(most, MOST_CHANGES), (*_FIELDS, _MESSAGE_ID) if message_ids else _FIELDS)
        )
    except EwsError as error:
        if error.code == STALE_STATE and state:
            return read_changes(client, folder, "", most, message_ids=message_ids)
        raise client.failed(error) from error
    changes = _changes(answer)
    if not changes.state or (changes.state == state and not changes.last):
        raise unexpected(client.address, "a sync without a state, or with one that does not come on")
    return changes


def _changes(answer: Any) -> Changes:  # noqa: ANN401 - lxml has no types
    rows = [_row(item) for create in answer.iter(f"{{{TNS}}}Create") for item in create if _kind(item) in _MAIL]
    rows.sort(key=lambda row: row.received or datetime.min.replace(tzinfo=UTC))
    last = answer.findtext(f"{{{MNS}}}IncludesLastItemInRange", "true").lower() in {"true", "1"}
    return Changes(tuple(rows), answer.findtext(f"{{{MNS}}}SyncState") or "", last)


def as_graph_has_it(item_id: str) -> str:
    """Return an item's id as Graph writes it, so that what is known of a message is known after a change of protocol, too.

    Both are the same bytes in base64, Graph's fit for a URL (convertToRestId of office.js does this).
    """
    return item_id.translate(_URL_SAFE)


def as_ews_has_it(source_id: str) -> str:
    """Return the id of `as_graph_has_it` as EWS takes it."""
    return source_id.translate(_AS_EWS)


def _payload(folder: Any, state: str, most: int, names: Sequence[str]) -> Any:  # noqa: ANN401 - as above
    fields = [element("t:FieldURI", FieldURI=name) for name in names]
    shape = element("m:ItemShape", element("t:BaseShape", text="IdOnly"), element("t:AdditionalProperties", *fields))
    return element(
        "m:SyncFolderItems",
        shape,
        element("m:SyncFolderId", folder),
        element("m:SyncState", text=state) if state else None,
        element("m:MaxChangesReturned", text=str(most)),
        element("m:SyncScope", text="NormalItems"),
    )


def _kind(item: Any) -> str:  # noqa: ANN401 - as above
    return str(item.tag).rpartition("}")[2]


def _row(item: Any) -> Row:  # noqa: ANN401 - as above
    found = item.find(f"{{{TNS}}}ItemId")
    message_id = child_text(item, "InternetMessageId") or None
    return Row(
        as_graph_has_it(found.get("Id")),
        found.get("ChangeKey", ""),
        number(child_text(item, "Size")),
        instant(child_text(item, "DateTimeReceived")),
        message_id,
    )
