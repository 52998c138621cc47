"""Each alert is sent once, when it is raised: to the bus, and by the stack's rule in words to the topic."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from email_router.core.alerts import Alert
from email_router.core.errors import ConfigurationError, TryLater
from email_router.edge.stores.alert_bus import EventBridgeAlerts
from email_router.wiring.alerts import SentAlerts
from tests.fakes import FixedClock, MemoryAlerts

NOW = FixedClock().now()
ALERT = Alert(kind="mailbox_disabled", about="ann@contoso.example", text="ann: refused", mend="Set it.", at=NOW)


class Bus:
    def __init__(self, trouble: Exception | None = None) -> None:
        self.told: list[tuple[str, Alert]] = []
        self.trouble = trouble

    def tell(self, organisation: str, alert: Alert) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.told.append((organisation, alert))


def alerts_by(bus: Bus) -> SentAlerts:
    return SentAlerts(MemoryAlerts(), "contoso", bus, lambda: NOW)


def test_an_alert_is_sent_when_it_is_raised_and_not_again_while_it_is_open() -> None:
    bus = Bus()
    alerts = alerts_by(bus)

    assert [alerts.raise_alert(ALERT), alerts.raise_alert(replace(ALERT, text="again"))] == [True, False]
    assert bus.told == [("contoso", ALERT)]
    assert alerts.settle(ALERT.id)
    alerts.raise_alert(ALERT)

    assert len(bus.told) == 2
    assert alerts.all() == [ALERT]


@pytest.mark.parametrize("kept", [replace(ALERT, quiet=True), replace(ALERT, at=NOW + timedelta(hours=1))])
def test_what_is_quiet_or_may_still_settle_itself_stands_in_the_list_alone(kept: Alert) -> None:
    bus = Bus()
    alerts = alerts_by(bus)

    alerts.raise_alert(kept)

    assert (bus.told, alerts.all()) == ([], [kept])


@pytest.mark.parametrize("trouble", [TryLater("away", shared=True), ConfigurationError("no such bus")])
def test_an_alert_that_cannot_be_sent_is_raised_all_the_same(trouble: Exception) -> None:
    alerts = alerts_by(Bus(trouble))

    assert alerts.raise_alert(ALERT)
    assert alerts.all() == [ALERT]


@mock_aws
def test_the_bus_gets_what_a_person_and_a_program_need() -> None:
    client = boto3.client("events", region_name="eu-central-1")
    queues = boto3.client("sqs", region_name="eu-central-1")
    queue = queues.create_queue(QueueName="heard")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client.create_event_bus(Name="alerts")
    pattern = json.dumps({"source": ["email-router.alerts"]})
    client.put_rule(Name="all", EventBusName="alerts", EventPattern=pattern)
    client.put_targets(Rule="all", EventBusName="alerts", Targets=[{"Id": "queue", "Arn": arn}])

    EventBridgeAlerts(client, "alerts").tell("contoso", ALERT)

    (heard,) = queues.receive_message(QueueUrl=queue)["Messages"]
    event = json.loads(heard["Body"])
    assert event["detail-type"] == "E-mail Router alert"
    assert event["detail"] == {
        "organisation": "contoso",
        "id": ALERT.id,
        "kind": "mailbox_disabled",
        "about": "ann@contoso.example",
        "text": "ann: refused",
        "mend": "Set it.",
        "at": NOW.isoformat(),
    }
