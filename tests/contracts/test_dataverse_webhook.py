"""The webhook is registered in Dynamics 365 once, whoever registers it how often, and what it posts is what the stack takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.webhooks import KEY_HEADER, path_of, tells_of_nothing_to_send, webhook_key
from email_router.edge.crm.dataverse_webhook import Webhook, register, remove
from email_router.wiring.webhooks import Webhooks
from tests.contracts.dataverse_rig import EMAIL, Rig
from tests.fakes import FixedClock
from tests.memory.nudging import MemoryCollects, MemoryOutgoingNudges
from tests.simulators.certificates import Authority
from tests.simulators.front import Front

SECRET = "stack-secret"
STATUSES: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [202]),
    ({"duplicate": True}, [202, 202]),
    ({"oversize": True}, [202]),
    ({"delay": 0.3}, [202]),
]


class Desk:
    """The stack's side, behind a front with TLS; `failing` statuses are answered first."""

    def __init__(self) -> None:
        self.collects = MemoryCollects()
        self.nudges = MemoryOutgoingNudges()
        self.failing: list[int] = []
        self.events: list[dict[str, Any]] = []
        self._webhooks = Webhooks(
            secret=lambda: SECRET, nudges=lambda _: self.nudges, collects=self.collects, now=FixedClock().now
        )

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        self.events.append(event)
        if self.failing:
            return {"statusCode": self.failing.pop(0), "body": ""}
        return self._webhooks.answer(event, "contoso")


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def webhook(desk: Desk, authority: Authority, dataverse: Rig) -> Iterator[Webhook]:
    with Front(authority.issue("localhost"), desk.answer) as front:
        dataverse.process.webhooks(ca_pem=authority.pem, lose=False, duplicate=False, oversize=False, delay=0)
        url = f"{front.url}{path_of('contoso')}"
        key = webhook_key(SECRET, "contoso")
        yield Webhook(stack="email-router", organisation="contoso", url=url, header=KEY_HEADER, key=key)


def pending(dataverse: Rig) -> None:
    dataverse.outgoing()
    dataverse.process.put("email", activityid=EMAIL, statecode=1, statuscode=6)


def within(seconds: float, met: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not met() and time.monotonic() < end:
        time.sleep(0.05)
    return met()


def test_it_is_registered_as_an_asynchronous_step_after_the_status_changed(dataverse: Rig, webhook: Webhook) -> None:
    assert register(dataverse.client, webhook) == ["Update", "Send"]

    (endpoint,) = dataverse.process.rows("serviceendpoint")
    update, _ = dataverse.process.rows("sdkmessageprocessingstep")
    assert (endpoint["contract"], endpoint["authtype"], endpoint["url"]) == (8, 5, webhook.url)
    assert endpoint["authvalue"] == f'<settings><setting name="{KEY_HEADER}" value="{webhook.key}" /></settings>'
    assert (update["mode"], update["stage"], update["filteringattributes"]) == (1, 40, "statuscode")
    assert update["eventhandler"] == {"table": "serviceendpoint", "id": endpoint["serviceendpointid"]}
    assert update["asyncautodelete"] is True


def test_registering_again_changes_what_stands_and_makes_nothing_new(dataverse: Rig, webhook: Webhook) -> None:
    register(dataverse.client, webhook)
    (endpoint,) = dataverse.process.rows("serviceendpoint")
    for step in dataverse.process.rows("sdkmessageprocessingstep"):
        key = step["sdkmessageprocessingstepid"]
        dataverse.process.put("sdkmessageprocessingstep", sdkmessageprocessingstepid=key, statecode=1, statuscode=2)

    register(dataverse.client, replace(webhook, url="https://moved.example/crm/contoso", key="another"))

    (moved,) = dataverse.process.rows("serviceendpoint")
    assert moved["serviceendpointid"] == endpoint["serviceendpointid"]
    assert moved["url"] == "https://moved.example/crm/contoso"
    assert "another" in moved["authvalue"]
    assert [one["statecode"] for one in dataverse.process.rows("sdkmessageprocessingstep")] == [0, 0]


def test_two_stacks_and_two_organisations_have_webhooks_of_their_own(dataverse: Rig, webhook: Webhook) -> None:
    others = replace(webhook, stack="email-router-test"), replace(webhook, organisation="fabrikam")
    for one in (webhook, *others):
        register(dataverse.client, one)

    assert remove(dataverse.client, others[0])

    assert len(dataverse.process.rows("serviceendpoint")) == 2
    assert len(dataverse.process.rows("sdkmessageprocessingstep")) == 4


def test_removing_leaves_nothing_and_is_repeatable(dataverse: Rig, webhook: Webhook) -> None:
    register(dataverse.client, webhook)

    assert [remove(dataverse.client, webhook) for _ in range(2)] == [True, False]
    assert dataverse.process.rows("serviceendpoint") == dataverse.process.rows("sdkmessageprocessingstep") == []


def test_a_privilege_that_is_missing_is_named(dataverse: Rig, webhook: Webhook) -> None:
    dataverse.process.settings(denied=["prvCreateServiceEndpoint"])

    with pytest.raises(MailboxBlocked, match="prvCreateServiceEndpoint"):
        register(dataverse.client, webhook)


@pytest.mark.parametrize(("how", "statuses"), STATUSES, ids=str)
def test_what_dynamics_posts_starts_a_collect(
    dataverse: Rig, webhook: Webhook, desk: Desk, how: dict[str, Any], statuses: list[int]
) -> None:
    register(dataverse.client, webhook)
    before = len(dataverse.process.webhooks(**how))

    pending(dataverse)

    assert within(10, lambda: len(dataverse.process.webhooks()) == before + len(statuses))
    posted = dataverse.process.webhooks()[before:]
    assert [one["status"] for one in posted] == statuses
    assert desk.collects.started == ["contoso"]
    assert ("x-ms-dynamics-msg-size-exceeded" in desk.events[0]["headers"]) is bool(how.get("oversize"))


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_webhook_that_met_a_broken_gateway_is_posted_once_more(
    dataverse: Rig, webhook: Webhook, desk: Desk, status: int
) -> None:
    register(dataverse.client, webhook)
    desk.failing = [status]

    pending(dataverse)

    assert within(10, lambda: bool(desk.collects.started))
    assert len(desk.events) == 2


def test_what_the_router_itself_makes_of_an_e_mail_starts_nothing(dataverse: Rig, webhook: Webhook, desk: Desk) -> None:
    pending(dataverse)
    register(dataverse.client, webhook)
    before = len(dataverse.process.webhooks())

    dataverse.client.call("PATCH", f"emails({EMAIL})", {"statecode": 1, "statuscode": 7})

    assert within(10, lambda: len(dataverse.process.webhooks()) == before + 1)
    (one,) = dataverse.process.webhooks()[before:]
    assert one["status"] == 202
    assert tells_of_nothing_to_send(one["body"].encode())
    assert json.loads(one["body"])["InputParameters"]
    assert desk.collects.started == []


def test_a_webhook_with_another_secret_is_refused(dataverse: Rig, webhook: Webhook, desk: Desk) -> None:
    register(dataverse.client, replace(webhook, key=webhook_key("another", "contoso")))
    before = len(dataverse.process.webhooks())

    pending(dataverse)

    assert within(10, lambda: len(dataverse.process.webhooks()) > before)
    assert dataverse.process.webhooks()[-1]["status"] == 403
    assert desk.collects.started == []
