"""Which changes come again, which are set aside, and that no change is passed over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.crm_events import Change, CrmEvent, Fact, NewActivity, Result
from email_router.core.errors import MessageRefused, TryLater
from email_router.core.flows.publish_events import Published, PublishEvents
from email_router.core.sending import OutgoingState
from tests.deliveries import NOW, delivery
from tests.fakes import MemoryBlobs


class PlacedMemory(MemoryBlobs):
    def place(self, key: str) -> tuple[str, str]:
        return "bucket", key


@dataclass
class Office:
    """The flow among fakes: each change is a number; `unreadable`, `later` and `untold` choose what is met."""

    unreadable: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    untold: set[str] = field(default_factory=set)
    takes: int = 99
    silent: bool = False
    keeps: bool = True
    put_events: list[CrmEvent] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    blobs: PlacedMemory = field(default_factory=PlacedMemory)

    def of(self, change: Change) -> Fact | None:
        if change.sequence in self.unreadable:
            raise MessageRefused("the row cannot be read", kind="unreadable")
        if change.sequence in self.later:
            raise TryLater("table: AWS answered Throttling", shared=True)
        if change.sequence in self.untold:
            return None
        activity = replace(
            delivery(int(change.sequence)).activity, text="" if change.sequence == "9" else "text", html=""
        )
        return NewActivity(organisation="contoso", at=NOW, sequence=change.sequence, activity=activity)

    def put(self, events: Sequence[CrmEvent]) -> int:
        if self.silent and events:
            raise TryLater("event bus: AWS does not answer", shared=True)
        self.put_events += events[: self.takes]
        return min(self.takes, len(events))

    def keep(self, change: Change, why: str) -> None:
        if not self.keeps:
            raise TryLater("queue: AWS does not answer", shared=True)
        assert why
        self.kept.append(change.sequence)

    def publish(self, *sequences: str) -> Published:
        flow = PublishEvents(facts=self, bus=self, set_aside=self, blobs=lambda _: self.blobs)
        return flow.publish([Change(sequence=one, record={}) for one in sequences])

    @property
    def told(self) -> list[str]:
        return [one.detail["sequence"] for one in self.put_events]


def test_all_is_told_in_order() -> None:
    office = Office(untold={"2"})

    done = office.publish("1", "2", "3")

    assert (done.events, done.set_aside, done.again) == (2, 0, None)
    assert office.told == ["1", "3"]


def test_a_change_that_cannot_be_read_is_set_aside_and_stops_nobody() -> None:
    office = Office(unreadable={"2"})

    done = office.publish("1", "2", "3")

    assert (done.events, done.set_aside, done.again) == (2, 1, None)
    assert (office.told, office.kept) == (["1", "3"], ["2"])


def test_one_that_cannot_be_set_aside_comes_again_and_what_was_before_it_is_told() -> None:
    office = Office(unreadable={"2"}, keeps=False)

    done = office.publish("1", "2", "3")

    assert (done.again, office.told) == ("2", ["1"])
    assert "AWS does not answer" in done.why


def test_a_store_in_trouble_lets_the_rest_come_again() -> None:
    office = Office(later={"3"})

    done = office.publish("1", "2", "3", "4")

    assert (done.again, office.told) == ("3", ["1", "2"])


@pytest.mark.parametrize(("takes", "again"), [(0, "1"), (1, "3"), (2, "4")])
def test_the_first_event_that_the_bus_did_not_take_comes_again(takes: int, again: str) -> None:
    office = Office(untold={"2"}, takes=takes)

    done = office.publish("1", "2", "3", "4")

    assert (done.events, done.again) == (takes, again)
    assert done.why


def test_a_bus_that_fails_before_a_store_in_trouble_is_the_earlier_one() -> None:
    office = Office(later={"3"}, takes=1)

    assert office.publish("1", "2", "3").again == "2"


def test_a_silent_bus_lets_all_come_again() -> None:
    office = Office(silent=True, untold={"1"})

    assert office.publish("1", "2", "3").again == "2"


def test_the_same_changes_told_again_have_the_same_ids() -> None:
    office = Office()

    office.publish("1", "2")
    office.publish("1", "2")

    ids = [one.detail["id"] for one in office.put_events]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


def test_a_body_lies_beside_its_event_before_that_is_put_and_a_mail_without_has_none() -> None:
    office = Office()

    office.publish("1", "9")

    first, second = (one.detail["body"] for one in office.put_events)
    assert json.loads(office.blobs.get(first["key"])) == {"text": "text", "html": None}
    assert second is None


@dataclass
class Results(Office):
    """Tells of a result with what was composed."""

    def of(self, change: Change) -> Fact | None:
        state = OutgoingState(
            activity="e1", status=EmailStatus.SENT, sender="sales@contoso.example", blob="outgoing/e1/abc", changed=NOW
        )
        return Result(
            organisation="contoso",
            at=NOW,
            sequence=change.sequence,
            activity="e1",
            status=EmailStatus.SENT,
            reason="250 ok",
            occasion="1",
            state=state,
            composed=b"Subject: Hello",
        )


def test_what_was_composed_lies_where_its_event_says() -> None:
    office = Results()

    office.publish("1")

    ((event,), place) = office.put_events, office.put_events[0].detail["message"]
    assert event.detail["activity"] == "e1"
    assert office.blobs.get(place["key"]) == b"Subject: Hello"
