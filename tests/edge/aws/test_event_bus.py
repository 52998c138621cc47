"""How events are put: ten a call and within the bytes, refused entries again and nothing else, and what no event can be made of is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws

from email_router.cli.embedded.ministack import ACCOUNT, REGION
from email_router.core.crm_event_size import MOST_BYTES
from email_router.core.crm_events import Change, CrmEvent, DetailType
from email_router.core.errors import ConfigurationError, TryLater
from email_router.edge.stores import event_bus
from email_router.edge.stores.event_bus import EventBridgeBus, SqsSetAside
from tests.cloud import Place
from tests.deliveries import NOW
from tests.edge.aws.test_aws_errors import _Raw

Answer = Callable[[list[dict[str, Any]]], tuple[int, dict[str, Any]] | None]


class Bus:
    """A bus whose answers a test chooses; None lets moto answer.  `calls` holds the entries of each call."""

    def __init__(self, client: Any) -> None:
        client.create_event_bus(Name="crm-events")
        self.calls: list[list[dict[str, Any]]] = []
        self.answer: Answer = lambda _: None
        client.meta.events.register("before-send.events.PutEvents", self._asked)
        self.bus = EventBridgeBus(client, "crm-events")

    def _asked(self, request: Any, **_: Any) -> AWSResponse | None:
        entries = json.loads(request.body)["Entries"]
        self.calls.append(entries)
        answer = self.answer(entries)
        if answer is None:
            return None
        return AWSResponse(request.url, answer[0], {}, _Raw(json.dumps(answer[1]).encode()))  # type: ignore[arg-type]  # enough of a body

    def ids(self) -> list[list[str]]:
        return [[json.loads(one["Detail"])["id"] for one in call] for call in self.calls]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    monkeypatch.setattr(event_bus, "pause", lambda _: None)  # the waits between rounds
    session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test", region_name=REGION)
    with mock_aws(), closing(session.client("events")) as client:
        yield Bus(client)


def events(count: int, filling: int = 0) -> list[CrmEvent]:
    return [
        CrmEvent(
            type=DetailType.FURTHER_RECEIPT,
            at=NOW,
            detail={"id": str(number), "shortened": [], "filling": ["x" * 100] * (filling // 100)},
        )
        for number in range(count)
    ]


def some_refused(*refused: str, code: str = "ThrottlingException") -> Answer:
    def answer(entries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        told = [
            {"ErrorCode": code, "ErrorMessage": "no"}
            if json.loads(one["Detail"])["id"] in refused
            else {"EventId": "e"}
            for one in entries
        ]
        return 200, {"FailedEntryCount": len(refused), "Entries": told}

    return answer


def test_ten_events_are_put_a_call(given: Bus) -> None:
    assert given.bus.put(events(23)) == 23
    assert [len(call) for call in given.calls] == [10, 10, 3]
    assert given.calls[0][0]["Source"] == "email-router"
    assert given.calls[0][0]["EventBusName"] == "crm-events"
    assert given.calls[0][0]["DetailType"] == "FurtherReceipt.v1"


def test_no_call_is_larger_than_one_event_may_be(given: Bus) -> None:
    assert given.bus.put(events(5, filling=100_000)) == 5
    assert [len(call) for call in given.calls] == [2, 2, 1]
    assert all(sum(len(one["Detail"].encode()) for one in call) <= MOST_BYTES for call in given.calls)


def test_nothing_to_put_calls_nobody(given: Bus) -> None:
    assert given.bus.put([]) == 0
    assert given.calls == []


def test_an_entry_that_is_refused_for_now_is_put_again_alone(given: Bus) -> None:
    first = some_refused("1", "2")
    given.answer = lambda entries: first(entries) if len(given.calls) == 1 else None

    assert given.bus.put(events(4)) == 4
    assert given.ids() == [["0", "1", "2", "3"], ["1", "2"]]


def test_what_is_refused_for_good_tells_how_far_it_came_and_stops_there(given: Bus) -> None:
    given.answer = some_refused("11")

    assert given.bus.put(events(25)) == 11
    assert [len(call) for call in given.calls] == [10, 10, 1, 1, 1]  # the third ten are not begun


def test_a_bus_that_does_not_answer_is_tried_later(given: Bus) -> None:
    given.answer = lambda _: (503, {"__type": "ServiceUnavailable"})

    with pytest.raises(TryLater):
        given.bus.put(events(3))


def test_what_was_taken_before_a_bus_fell_silent_is_told(given: Bus) -> None:
    given.answer = lambda entries: (503, {"__type": "x"}) if json.loads(entries[0]["Detail"])["id"] == "10" else None

    assert given.bus.put(events(15)) == 10


def test_a_bus_that_is_not_there_is_a_matter_of_the_deployment(given: Bus) -> None:
    given.answer = lambda _: (400, {"__type": "ResourceNotFoundException"})

    with pytest.raises(ConfigurationError):
        given.bus.put(events(1))


def kept(place: Place) -> Any:
    answer = place.clients.sqs.receive_message(QueueUrl=place.mailbox_queue)
    return json.loads(answer["Messages"][0]["Body"])


def change(new: int = 10, old: int = 10) -> Change:
    told = {
        "Keys": {"pk": {"S": "ORG#contoso#EMAIL#a"}, "sk": {"S": "EMAIL"}},
        "NewImage": {"data": {"S": "n" * new}},
        "OldImage": {"data": {"S": "o" * old}},
        "SequenceNumber": "7",
        "ApproximateCreationDateTime": 1793610000.0,
    }
    return Change(sequence="7", record={"eventID": "e", "dynamodb": told})


@pytest.mark.parametrize(
    ("given_change", "parts"),
    [
        (change(), {"NewImage", "OldImage"}),
        (change(old=240_000, new=20_000), {"NewImage"}),
        (change(new=300_000), set()),
    ],
    ids=["whole", "without what was before", "keys alone"],
)
def test_what_is_set_aside_is_an_event_by_which_the_function_is_called_again(
    moto_place: Place, given_change: Change, parts: set[str]
) -> None:
    SqsSetAside(moto_place.clients.sqs, moto_place.mailbox_queue).keep(given_change, "cannot be read")

    message = kept(moto_place)
    told = message["Records"][0]["dynamodb"]
    assert set(told) >= {"Keys", "SequenceNumber"}
    assert set(told) & {"NewImage", "OldImage"} == parts
    assert message["why"] == "cannot be read"
