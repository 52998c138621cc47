"""Mail in Exchange Online reaches the CRM because Graph told of it: the stack's own functions and address, no poll in between."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from email_router.cli.embedded.quiet import wait_until_quiet
from email_router.cli.embedded.stack import DeployedStack
from email_router.core.flows.schedule import interval
from email_router.edge.connect.https import hang_up
from tests.e2e.installation import ORGANISATION, Installation, installation
from tests.simulators.certificates import Authority
from tests.simulators.front import Front
from tests.simulators.graph.process import CLIENT, SECRET, TENANT, GraphProcess

SALES = "sales@contoso.example"
MAIL = (
    "From: Erin <erin@fabrikam.example>\r\nTo: sales@contoso.example\r\nSubject: Order %d\r\n"
    "Date: Tue, 24 Nov 2026 11:00:00 +0000\r\nMessage-ID: <push%d@fabrikam.example>\r\n\r\nHello\r\n"
)


@dataclass
class There:
    """The stack, the simulated Graph, and the address between them."""

    running: Installation
    graph: GraphProcess
    front: Front

    def look_after(self) -> None:
        """Let a tick look after the subscriptions."""
        self.running.cloud.stack.invoke("renew_subscriptions", {})
        wait_until_quiet(self.running.cloud.stack, within=60)

    def subjects(self) -> list[str]:
        return [email.subject for email in self.running.emails()]


def configuration(graph: GraphProcess, folder: Path) -> Path:
    (folder / "ca.pem").write_text(graph.authority.pem)
    file = folder / "router.toml"
    file.write_text(
        f"""
[organisation]
name = "{ORGANISATION}"

[[profiles]]
name = "online"
direction = "incoming"
server = "exchange-online"
tenant_id = "{TENANT}"
client_id = "{CLIENT}"
endpoint = "{graph.endpoint}"
authority = "{graph.endpoint}"
ca_bundle = "ca.pem"
credentials = {{ env = "GRAPH_SECRET" }}
minimum_polling_interval = "1m"
maximum_polling_interval = "15m"

[[mailboxes]]
address = "{SALES}"
kind = "queue"
incoming = "online"
accept = "all"
"""
    )
    return file


@pytest.fixture(scope="module")
def there(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    folder = tmp_path_factory.mktemp("push")
    with (
        pytest.MonkeyPatch.context() as patch,
        GraphProcess(folder / "graph", authority=authority) as graph,
        Front(authority.issue("localhost")) as front,
        installation({"NotificationUrl": front.url}) as running,
    ):
        patch.setenv("GRAPH_SECRET", SECRET)
        stack = running.cloud.stack
        url_id = stack.outputs["NotificationUrl"].removeprefix("https://").partition(".")[0]
        front.behind = f"{stack.endpoint.url}/_aws/lambda-url/{url_id}"
        graph.mailbox_state(SALES, "ok")
        graph.notifications(ca_pem=authority.pem)
        running.publish(configuration(graph, folder))
        yield There(running, graph, front)
    hang_up()


def within(seconds: float, met: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if met():
            return True
        time.sleep(0.2)
    return met()


def test_a_tick_subscribes_to_the_mailbox_and_the_scheduler_relies_on_it(there: There) -> None:
    there.look_after()

    (made,) = there.graph.notifications()["subscriptions"]
    (listed,) = there.running.services.schedule.mailboxes()
    now = datetime.now(UTC)
    assert made["mailbox"] == SALES
    assert made["notificationUrl"].startswith(there.front.url)
    assert listed.pushed_until is not None
    assert listed.pushed_until - now > timedelta(minutes=4100)
    assert interval(listed, now) == 900


def test_a_message_reaches_the_crm_because_graph_told_of_it(there: There) -> None:
    there.look_after()
    there.graph.put_message(SALES, (MAIL % (1, 1)).encode())

    assert within(60, lambda: "Order 1" in there.subjects())

    posted = there.graph.notifications()["posted"]
    assert [one["status"] for one in posted] == [202]


def test_a_subscription_that_graph_removed_is_made_anew_and_the_mailbox_looked_into(there: There) -> None:
    there.look_after()
    (before,) = there.graph.notifications()["subscriptions"]
    there.graph.notifications(lose=True)
    there.graph.put_message(SALES, (MAIL % (2, 2)).encode())
    there.graph.notifications(lose=False)

    there.graph.notifications(lifecycle={"mailbox": SALES, "event": "subscriptionRemoved"})

    assert within(60, lambda: len(there.graph.notifications()["subscriptions"]) == 1)
    assert within(60, lambda: "Order 2" in there.subjects())
    (after,) = there.graph.notifications()["subscriptions"]
    assert after["id"] != before["id"]


def test_with_every_notification_lost_the_safety_poll_brings_the_mail(there: There) -> None:
    there.look_after()
    there.graph.notifications(lose=True)
    there.graph.put_message(SALES, (MAIL % (3, 3)).encode())

    there.running.route()

    assert "Order 3" in there.subjects()
    there.graph.notifications(lose=False)


def test_push_switched_off_ends_the_subscription_and_the_reliance_on_it(there: There, tmp_path: Path) -> None:
    there.look_after()
    file = configuration(there.graph, tmp_path)
    file.write_text(file.read_text().replace('maximum_polling_interval = "15m"', "push = false"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAPH_SECRET", SECRET)
        there.running.publish(file)

    there.look_after()

    (listed,) = there.running.services.schedule.mailboxes()
    assert there.graph.notifications()["subscriptions"] == []
    assert listed.pushed_until is None


def test_a_mailbox_taken_out_of_the_configuration_loses_its_subscription_with_the_next_tick(
    there: There, tmp_path: Path
) -> None:
    file = configuration(there.graph, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAPH_SECRET", SECRET)
        there.running.publish(file)
        there.look_after()
        assert len(there.graph.notifications()["subscriptions"]) == 1
        file.write_text(
            file.read_text().replace(f'"{SALES}"', '"else@contoso.example"').replace("\nmin", "\npush = false\nmin")
        )
        there.running.publish(file)

    there.look_after()

    assert there.graph.notifications()["subscriptions"] == []


def test_a_flood_of_notifications_leaves_one_order_on_the_queue(there: There) -> None:
    told = there.graph.notifications()["posted"][0]
    stack = there.running.cloud.stack
    stack.stop_queues()
    query = told["url"].partition("?")[2]
    forged = {**told["value"][0], "clientState": "forged"}
    bodies = [json.dumps({"value": [told["value"][0], forged] * 20}).encode()] * 80

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda body: posted_to(f"{there.front.behind}/?{query}", body), bodies))

    assert set(statuses) == {202}
    assert orders(stack).count("notification") == 1  # the minute may have brought one of its own


def orders(stack: DeployedStack) -> list[str]:
    """Take all orders off the queue of mailboxes; return their reasons."""
    queue, sqs = stack.queue("MailboxWorkQueue"), stack.client("sqs")
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [str(json.loads(one["Body"])["reason"]) for one in messages]
    return found


def posted_to(url: str, body: bytes) -> int:
    with urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST"), timeout=60) as answer:
        return int(answer.status)
