"""Tell other CRMs what has changed: each change that means something becomes one event, and none is passed over.

Repeatable: an event's id is made of what it tells, its body is stored under a name of its own.  Whoever dies in between leaves changes that
the stream gives again; what was put already is put once more, and its readers know it by its id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from email_router.core import crm_event_details as details
from email_router.core.crm_events import (
    Change,
    CrmEvent,
    EventBus,
    Fact,
    Facts,
    FurtherReceipt,
    NewActivity,
    PlacedBlobs,
    SetAside,
)
from email_router.core.errors import MessageRefused, TryLater


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """How many events were put and changes set aside, and the first change that must come again (None: none)."""

    events: int = 0
    set_aside: int = 0
    again: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishEvents:
    """Publishes the changes of one part of a stream.  `blobs` are those of an organisation."""

    facts: Facts
    bus: EventBus
    set_aside: SetAside
    blobs: Callable[[str], PlacedBlobs]

    def publish(self, changes: Sequence[Change]) -> Published:
        """Publish in order, up to the first change that must come again: the stream gives that one and all behind it once more."""
        made: list[tuple[Change, CrmEvent]] = []
        aside, again, why = 0, None, ""
        for change in changes:
            try:
                event = self._event(change)
            except MessageRefused as refusal:
                try:
                    self.set_aside.keep(change, str(refusal))
                except TryLater as trouble:
                    again, why = change.sequence, str(trouble)
                    break
                aside += 1
            except TryLater as trouble:
                again, why = change.sequence, str(trouble)
                break
            else:
                if event:
                    made.append((change, event))
        try:
            taken = self.bus.put([event for _, event in made])
        except TryLater as trouble:
            taken, why = 0, str(trouble)
        if taken < len(made):
            again, why = made[taken][0].sequence, why or "the bus did not take every event"
        return Published(events=taken, set_aside=aside, again=again, why=why)

    def _event(self, change: Change) -> CrmEvent | None:
        fact = self.facts.of(change)
        return self._told(fact) if fact else None

    def _told(self, fact: Fact) -> CrmEvent:
        blobs = self.blobs(fact.organisation)
        if isinstance(fact, NewActivity):
            return details.delivered(fact, _body(fact, blobs), blobs.place)
        if isinstance(fact, FurtherReceipt):
            return details.received(fact)
        if fact.state and fact.composed:
            blobs.put(fact.state.blob, fact.composed)  # where the event says that it lies
        return details.resulted(fact, blobs.place)


def _body(fact: NewActivity, blobs: PlacedBlobs) -> str | None:
    """Store text and HTML where readers of the event find them; return the blob's key, None for a mail without."""
    activity = fact.activity
    if not (activity.text or activity.html):
        return None
    key = f"body/{activity.id}.json"
    body = {"text": activity.text or None, "html": activity.html or None}
    blobs.put(key, json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    return key
