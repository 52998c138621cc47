"""Play the demo with events switched on, look at what is on the bus, and let another CRM follow it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from email_router.cli.demo import play as demo
from email_router.cli.demo.stage import CrmKind
from email_router.cli.demo.world import ORGANISATION
from email_router.cli.embedded.session import EmbeddedCloud
from tests.e2e.crm_followers import Event, OtherCrm, Watch, follower

DELIVERED, RECEIVED, RESULTED = "ActivityDelivered.v1", "FurtherReceipt.v1", "OutgoingResult.v1"


@dataclass
class Played:
    """A demo with events switched on: what it tells, what was on the bus, the objects named there, and the CRM that followed."""

    told: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    other: OtherCrm = field(default_factory=OtherCrm)

    def of(self, kind: str) -> list[Event]:
        return [one["detail"] for one in self.events if one["detail-type"] == kind]


def watched(played: Played) -> type[EmbeddedCloud]:
    """The demo's cloud, with events switched on and a watch on the bus; before it ends, another CRM follows what was seen."""

    class Watched(EmbeddedCloud):
        def __enter__(self) -> Any:
            self.parameters = {**self.parameters, "PublishEvents": "true"}
            super().__enter__()
            self_watch.append(Watch.begin(self.stack, ORGANISATION))
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            try:
                if kind is None:
                    played.events = self_watch[0].until_quiet()
                    _look_into(self, played)
            finally:
                super().__exit__(kind, error, trace)

    self_watch: list[Watch] = []
    return Watched


def _look_into(cloud: EmbeddedCloud, played: Played) -> None:
    stack = cloud.stack
    for place in _places([one["detail"] for one in played.events]):
        found = stack.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])
        played.objects[place["key"]] = found["Body"].read()
    answer = stack.client("sqs").receive_message(QueueUrl=stack.queue("CrmEventDeadLetters"), MaxNumberOfMessages=10)
    played.dead = [one["Body"] for one in answer.get("Messages", [])]
    twice = [*played.events, *played.events]
    random.Random(7).shuffle(twice)  # the same disorder each time
    with played.other.running(), follower(stack, played.other) as follow:
        for event in twice:
            follow.handler(event, None)


def _places(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        if set(value) == {"bucket", "key"}:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _places(one)


def play(crm: CrmKind) -> Played:
    """Play the demo with this CRM.  In a process of its own: the demo's cloud is replaced by one that is watched."""
    played = Played()
    demo.EmbeddedCloud = watched(played)  # type: ignore[attr-defined]  # the same cloud, with events switched on
    played.told = demo.play([], crm, lambda _: None).json
    return played
