"""Put together what publishes events for other CRMs from the streams of the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from email_router.core.crm_events import Change
from email_router.core.errors import TryLater
from email_router.core.flows.publish_events import PublishEvents
from email_router.edge.connect import aws
from email_router.edge.crm.stream_facts import StreamFacts
from email_router.edge.stores.event_bus import EventBridgeBus, SqsSetAside
from email_router.wiring.environment import Environment
from email_router.wiring.observe import log
from email_router.wiring.services import Services


def publish_events(environment: Environment) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the function that publishes the records of a stream's batch.

    Its answer names the first record that must come again; Lambda gives that one and all behind it once more
    (docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html).  Where that is the very first it raises TryLater: the
    same records come again, and the failure is counted, so that the alarm rings.
    """
    services = Services(environment)
    publisher = PublishEvents(
        facts=StreamFacts(services.clients.dynamodb, environment.crm_table, environment.router_table, services.blobs),
        bus=EventBridgeBus(aws.events(), environment.crm_event_bus),
        set_aside=SqsSetAside(services.clients.sqs, environment.crm_event_dead_letters_url),
        blobs=services.blobs,
    )

    def run(event: dict[str, Any]) -> dict[str, Any]:
        changes = [_change(record) for record in event["Records"]]
        done = publisher.publish(changes)
        if done.events:
            log.info("crm events published", events=done.events)
        if done.set_aside:
            log.error("changes set aside of which no event can be made", changes=done.set_aside)
        if done.again is not None:
            log.warning("crm events not published, they come again", why=done.why)
            if done.again == changes[0].sequence:
                raise TryLater(done.why, kind="aws_busy", shared=True)
        failures = [] if done.again is None else [{"itemIdentifier": done.again}]
        return {"batchItemFailures": failures}

    return run


def _change(record: dict[str, Any]) -> Change:
    return Change(sequence=str(record["dynamodb"]["SequenceNumber"]), record=record)
