"""Events for other CRMs, from the mail that comes to the CRM that follows: all of a demo's, and none lost by a function that dies."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any

import pytest

from email_router.cli.demo.stage import CrmKind
from email_router.cli.demo.world import ORGANISATION
from email_router.core.activity import EmailStatus
from email_router.core.write_back import WriteBack
from tests.crm_event_schemas import check
from tests.deliveries import ANN, NOW, SALES, delivery, later, outgoing
from tests.e2e.crm_demo import DELIVERED, RECEIVED, RESULTED, Played, play
from tests.e2e.crm_followers import Event, OtherCrm, Watch, follower
from tests.e2e.installation import Installation, installation
from tests.shared import PROJECT


@pytest.fixture(scope="module")
def played() -> Played:
    """The demo with Dynamics 365, in a process of its own: what it sets ends with it.  The other tests are about the built-in CRM."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        return processes.submit(play, CrmKind.DATAVERSE).result()


@pytest.mark.long
def test_every_event_of_the_demo_fits_its_schema(played: Played) -> None:
    for event in played.events:
        check(event["detail-type"], event["detail"])
        assert (event["source"], event["detail"]["organisation"]) == ("email-router", ORGANISATION)
        assert event["detail"]["shortened"] == []


@pytest.mark.long
def test_every_activity_is_told_once_with_its_mailboxes(played: Played) -> None:
    delivered = [one for one in played.told["messages"] if one["verdict"] == "delivered"]

    assert len(played.of(DELIVERED)) > 5
    assert sorted(one["activity"] for one in played.of(DELIVERED)) == sorted({one["activity"] for one in delivered})
    mailboxes = {(one["activity"], one["mailbox"]) for one in [*played.of(DELIVERED), *played.of(RECEIVED)]}
    assert mailboxes == {(one["activity"], mailbox) for one in delivered for mailbox in one["receipts"]}
    assert len(played.of(RECEIVED)) > 0


@pytest.mark.long
def test_an_activity_is_told_as_it_was_matched(played: Played) -> None:
    told = {one["activity"]: one for one in played.told["messages"] if one["verdict"] == "delivered"}

    for event in played.of(DELIVERED):
        message = told[event["activity"]]
        assert event["correlation_method"] == message["correlation_method"]
        assert event["correlated"] == message["correlated"]
        assert event["regarding"] == message["regarding"]
        assert event["message_id"] == message["message_id"]
    assert {one["correlation_method"] for one in played.of(DELIVERED)} > {"none", "in_reply_to", "tracking_token"}
    assert any(party["record"] for one in played.of(DELIVERED) for party in one["parties"])


@pytest.mark.long
def test_every_result_is_told_and_the_latest_one_is_the_demo_s(played: Played) -> None:
    latest: dict[str, Event] = {}
    for one in sorted(played.of(RESULTED), key=lambda event: int(event["sequence"])):
        latest[one["activity"]] = one
    ended = {one["activity"]: one for one in played.told["outgoing"] if one["status"] in {"sent", "failed"}}

    assert {activity: one["status"] for activity, one in latest.items()} == {
        activity: one["status"] for activity, one in ended.items()
    }
    for activity, one in latest.items():
        assert one["message_id"] == ended[activity]["message_id"]
        assert [recipient["address"] for recipient in one["recipients"]] == ended[activity]["to"]
    bounced = [one["activity"] for one in played.told["outgoing"] if one["case"] == "bounce"]
    in_order = sorted(played.of(RESULTED), key=lambda one: int(one["sequence"]))
    for activity in bounced:
        assert [one["status"] for one in in_order if one["activity"] == activity] == ["sent", "failed"]
    assert bounced


@pytest.mark.long
def test_what_an_event_names_can_be_read_and_holds_what_it_says(played: Played) -> None:
    bodies = [json.loads(played.objects[one["body"]["key"]]) for one in played.of(DELIVERED) if one["body"]]

    assert len(bodies) > 5
    assert all(set(one) == {"text", "html"} and one["text"] for one in bodies)
    for event in played.of(RESULTED):
        assert event["message_id"].encode() in played.objects[event["message"]["key"]]
    for one in (file for event in played.of(DELIVERED) for file in event["attachments"]):
        assert len(played.objects[one["content"]["key"]]) == one["size"]


@pytest.mark.long
def test_ids_are_of_facts_and_nothing_was_set_aside(played: Played) -> None:
    ids = [one["detail"]["id"] for one in played.events]

    assert len(set(ids)) == len(ids)
    assert played.dead == []


@pytest.mark.long
def test_the_page_s_example_brings_the_other_crm_to_the_same_state_in_any_order(played: Played) -> None:
    """Each event came twice, in a random order; a result that comes late changes nothing."""
    kept, messages = played.other.kept, played.of(DELIVERED)

    for event in messages:
        activity = kept[f"/activities/{event['activity']}"]
        assert activity["subject"] == event["subject"]
        assert activity["text"] == (json.loads(played.objects[event["body"]["key"]])["text"] if event["body"] else "")
    for told in played.told["outgoing"]:
        if told["status"] in {"sent", "failed"}:
            assert kept[f"/activities/{told['activity']}/result"]["status"] == told["status"]
    assert sum("/mailboxes/" in path for path in kept) == len(played.of(RECEIVED))
    assert len(played.other.calls) <= len(played.events)
    assert all(played.other.calls.count(f"/activities/{one['activity']}") == 1 for one in messages)


@pytest.fixture(scope="module")
def there() -> Iterator[Installation]:
    with installation({"PublishEvents": "true"}) as running:
        yield running


@pytest.fixture(scope="module")
def watch(there: Installation) -> Watch:
    return Watch.begin(there.cloud.stack, "contoso")


@pytest.fixture
def events(watch: Watch) -> Iterator[Watch]:
    """The watch, with nothing seen yet and nothing set aside at the end."""
    watch.until_quiet()
    watch.seen.clear()
    yield watch
    stack = watch.stack
    answer = stack.client("sqs").receive_message(QueueUrl=stack.queue("CrmEventDeadLetters"))
    assert answer.get("Messages", []) == []


@dataclass(frozen=True)
class House:
    """The stores of contoso."""

    there: Installation

    def __getattr__(self, name: str) -> Any:
        return getattr(self.there.services, name)("contoso")

    @property
    def crm(self) -> Any:
        from email_router.edge.crm.builtin import BuiltinCrm

        services = self.there.services
        tables = services.environment.crm_table, services.environment.router_table
        return BuiltinCrm(services.clients.dynamodb, *tables, "contoso", services.blobs("contoso"))


@pytest.fixture
def contoso(there: Installation) -> House:
    return House(there)


def test_a_function_that_is_killed_while_it_puts_loses_no_event(
    there: Installation, contoso: House, events: Watch
) -> None:
    """The write is durable, the bus never answers, the function is killed by its timeout: the stream gives the change again."""
    stack, functions = there.cloud.stack, there.cloud.stack.client("lambda")
    name = stack.function("publish_events")
    lease = contoso.states.lease(SALES, NOW, later(330))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        stack.set_environment(
            "publish_events", {"AWS_ENDPOINT_URL_EVENTBRIDGE": f"http://127.0.0.1:{deaf.getsockname()[1]}"}
        )
        functions.update_function_configuration(FunctionName=name, Timeout=3)

        contoso.crm.deliver([delivery(901)], lease)
        _wait_for_a_failure(there)
        assert events.take() == []

    stack.set_environment("publish_events", {"AWS_ENDPOINT_URL_EVENTBRIDGE": stack.endpoint.url})
    functions.update_function_configuration(FunctionName=name, Timeout=60)

    (event,) = events.until(1)
    assert event["detail"]["activity"] == delivery(901).activity.id


def _wait_for_a_failure(there: Installation, within: float = 30) -> None:
    functions, deadline = there.cloud.stack.client("lambda"), time.monotonic() + within
    while time.monotonic() < deadline:
        sources = functions.list_event_source_mappings(FunctionName=there.cloud.stack.function("publish_events"))
        if any(one.get("LastProcessingResult") == "FAILED" for one in sources["EventSourceMappings"]):
            return
        time.sleep(0.2)
    raise AssertionError("the function was not killed")


def test_idle_polls_leases_and_what_is_on_its_way_call_nobody(
    there: Installation, contoso: House, events: Watch
) -> None:
    before = _calls(there)

    lease = contoso.states.lease(ANN, NOW, later(330))
    contoso.crm.create_outgoing(outgoing("waiting"))
    contoso.crm.postpone(["waiting"], later(60))
    contoso.ledger.reserve_token("CRM:0001001", delivery(1).links[0].email, NOW)
    events.until_quiet()

    assert lease
    assert events.seen == []
    assert _calls(there) == before
    contoso.crm.cancel("waiting")
    events.until(1)
    assert _calls(there) == before + 1  # what is counted is counted right


def _calls(there: Installation) -> int:
    """Return how often the function was started."""
    logs = there.cloud.stack.client("logs")
    group = there.cloud.stack.client("lambda").get_function_configuration(
        FunctionName=there.cloud.stack.function("publish_events")
    )["LoggingConfig"]["LogGroup"]
    found = logs.filter_log_events(logGroupName=group)["events"]
    return sum(one["message"].startswith("START") for one in found)


def test_a_row_that_cannot_be_read_is_set_aside_and_told_when_it_is_mended(there: Installation, events: Watch) -> None:
    """What lies in the dead letters is an event of Lambda, as the page says: with it the function is called once more."""
    stack = there.cloud.stack
    given = json.loads((PROJECT / "events/publish_events/unreadable_row.json").read_text())
    whole = given["Records"][1]["dynamodb"]["NewImage"]

    assert stack.invoke("publish_events", given) == {"batchItemFailures": []}

    (event,) = events.until(1)
    queue = stack.queue("CrmEventDeadLetters")
    (message,) = stack.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    stack.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    set_aside = json.loads(message["Body"])
    set_aside["Records"][0]["dynamodb"]["NewImage"] = whole  # as a function that can read it would
    stack.invoke("publish_events", set_aside)
    (_, again) = events.until(2)
    assert again["detail"]["id"] == event["detail"]["id"]


def test_an_e_mail_that_ends_before_it_is_taken_up_is_told(contoso: House, events: Watch) -> None:
    contoso.crm.create_outgoing(outgoing("refused-1"))
    contoso.crm.create_outgoing(outgoing("cancelled-1"))
    contoso.crm.write_back(
        WriteBack(activity="refused-1", status=EmailStatus.FAILED, reason="it has no recipient address")
    )
    contoso.crm.cancel("cancelled-1")

    told = {one["detail"]["activity"]: one["detail"] for one in events.until(2)}

    for one in told.values():
        check(RESULTED, one)
    assert (told["refused-1"]["status"], told["refused-1"]["reason"]) == ("failed", "it has no recipient address")
    assert (told["cancelled-1"]["status"], told["cancelled-1"]["attempts"]) == ("cancelled", 0)


def test_a_result_is_told_by_the_state_and_not_again_by_the_crm_s_row(contoso: House, events: Watch) -> None:
    _taken_up(contoso, "settled-1")
    state = contoso.outgoing.claim("settled-1", NOW, "test")
    contoso.outgoing.settle(state, EmailStatus.FAILED, later(1), evidence="550 no such user")
    contoso.crm.write_back(WriteBack(activity="settled-1", status=EmailStatus.FAILED, reason="550 no such user"))

    events.until(1)

    (event,) = events.until_quiet()
    assert event["detail"]["recipients"][0]["outcome"] == "refused"
    assert event["detail"]["email"]["parties"][0]["address"] == SALES


def test_a_worker_that_dies_after_the_crm_cancelled_leaves_the_cancellation_told(contoso: House, events: Watch) -> None:
    """The command cancels in the CRM first; where it dies then, the state waits for ever and never tells."""
    _taken_up(contoso, "cancelled-2")
    contoso.crm.cancel("cancelled-2")
    (first,) = events.until(1)

    contoso.outgoing.settle(
        contoso.outgoing.get("cancelled-2"), EmailStatus.CANCELLED, later(1), evidence="by a person"
    )
    (_, second) = events.until(2)

    assert first["detail"]["status"] == second["detail"]["status"] == "cancelled"
    assert first["detail"]["id"] == second["detail"]["id"]
    assert int(first["detail"]["sequence"]) < int(second["detail"]["sequence"])


def _taken_up(contoso: House, activity: str) -> None:
    from email_router.core.sending import HistoryEntry, OutgoingState

    contoso.crm.create_outgoing(outgoing(activity))
    history = (HistoryEntry(NOW, EmailStatus.PENDING, "composed"),)
    state = OutgoingState(
        activity=activity,
        status=EmailStatus.PENDING,
        sender=SALES,
        message_id=f"<{activity}@contoso.example>",
        recipients=("erin@fabrikam.example",),
        changed=NOW,
        history=history,
    )
    contoso.outgoing.prepare(replace(state))


def test_the_example_calls_again_what_the_other_crm_refused(there: Installation, contoso: House, events: Watch) -> None:
    contoso.crm.create_outgoing(outgoing("refused-2"))
    contoso.crm.write_back(WriteBack(activity="refused-2", status=EmailStatus.FAILED, reason="no recipient"))
    (event,) = events.until(1)
    other = OtherCrm(refuses=1)

    with other.running(), follower(there.cloud.stack, other) as follow:
        with pytest.raises(urllib.error.HTTPError):
            follow.handler(event, None)
        assert other.kept == {}
        assert follow.handler(event, None) == "followed"
        assert follow.handler(event, None) == "seen"

    assert other.kept["/activities/refused-2/result"]["status"] == "failed"
    assert len(other.calls) == 2
