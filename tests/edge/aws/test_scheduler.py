"""The scheduler's tick on a stack's tables: who is queued, who is kept back by an open circuit, and what is told of what stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from email_router.cli.embedded.ministack import REGION
from email_router.core.alerts import Alert
from email_router.core.circuits import place_of
from email_router.core.counters import GAUGES, SCHEDULING_CYCLES
from email_router.core.errors import TryLater
from email_router.core.flows.outgoing_alerts import UNKNOWN_RESULT
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.settings import Configuration
from email_router.edge.connect import aws
from email_router.wiring import build
from email_router.wiring.environment import Environment
from email_router.wiring.gauges import tell_gauges
from email_router.wiring.observe import meters
from email_router.wiring.services import GivenClients, Services
from tests.cloud import Place
from tests.contracts.stores.contents import entry, record, retry

NOW = datetime.now(UTC)
PROFILE = Profile(
    name="in",
    direction=Direction.INCOMING,
    server="imap",
    host="mail.contoso.example",
    credentials_expire=NOW + timedelta(days=20, hours=1),
    minimum_polling_interval=60,
    maximum_polling_interval=60,
)
BOXES = [f"box{number}@contoso.example" for number in range(3)]
AWAY = TryLater("no answer", kind="unreachable", shared=True)


@pytest.fixture
def environment(moto_place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for made in (aws.dynamodb, aws.sqs, aws.s3):
        made.cache_clear()
    yield Environment(
        router_table=moto_place.router,
        crm_table=moto_place.crm,
        data_bucket=moto_place.bucket,
        mailbox_queue_url=moto_place.mailbox_queue,
        config_update_period=0,
    )
    for made in (aws.dynamodb, aws.sqs, aws.s3):
        made.cache_clear()
    meters.flush()


@pytest.fixture
def services(environment: Environment, moto_place: Place) -> Services:
    own = moto_place.clients
    made = Services(environment, GivenClients(own.dynamodb, own.s3, own.sqs, own.secrets))
    boxes = tuple(Mailbox(address=one, incoming="in") for one in BOXES)
    made.configurations.publish(Configuration(organisation="contoso", profiles=(PROFILE,), mailboxes=boxes))
    for one in BOXES:
        made.states("contoso").schedule(one, 60, 60)
    return made


def queued(place: Place) -> list[tuple[str, str]]:
    found = place.clients.sqs.receive_message(QueueUrl=place.mailbox_queue, MaxNumberOfMessages=10).get("Messages", [])
    bodies = [json.loads(one["Body"]) for one in found]
    return sorted((one["mailbox"], one["reason"]) for one in bodies)


def test_a_tick_queues_everybody_whose_minute_it_is_and_counts_itself(
    environment: Environment, services: Services, moto_place: Place
) -> None:
    assert services.schedule
    before = meters._counts["contoso"][SCHEDULING_CYCLES]

    assert build.schedule_mailboxes(environment)({}) == 3

    assert queued(moto_place) == [(one, "schedule") for one in BOXES]
    assert meters._counts["contoso"][SCHEDULING_CYCLES] == before + 1


def test_a_tick_sends_one_probe_behind_an_open_circuit_and_everybody_once_it_is_closed(
    environment: Environment, services: Services, moto_place: Place
) -> None:
    circuits = services.circuits("contoso")
    now = datetime.now(UTC)
    circuits.open(circuits.failed(place_of(PROFILE), "", now), AWAY, now)
    run = build.schedule_mailboxes(environment)
    assert run({}) == 1
    assert [reason for _, reason in queued(moto_place)] == ["probe"]
    assert run({"all": True}) == 3
    assert len(queued(moto_place)) == 3

    (circuit,) = circuits.all_open()
    circuits.close(circuit, now)

    assert run({}) == 3


def test_what_stands_is_told_of_each_organisation(services: Services) -> None:
    states, now = services.states("contoso"), NOW
    for one in BOXES[:2]:
        lease = states.lease(one, now, now + timedelta(minutes=5))
        assert lease is not None
        states.release(lease, record(error_kind="login_refused", next_retry=now))
    other = states.lease(BOXES[0], now, now + timedelta(minutes=5))
    assert other is not None
    states.add_retry(other, replace(retry("m1"), mailbox=BOXES[0], received=now - timedelta(hours=2)))
    services.quarantine("contoso").add(replace(entry("m2"), at=now - timedelta(hours=1)), None)
    for at in (now - timedelta(hours=1), now + timedelta(hours=1)):
        alert = Alert(kind=UNKNOWN_RESULT, about=f"e-{at}", text="nobody knows", mend="ask", at=at)
        services.alerts("contoso").raise_alert(alert)
    circuits = services.circuits("contoso")
    circuits.open(circuits.failed(place_of(PROFILE), "", now), AWAY, now)
    meters._counts["contoso"].clear()

    tell_gauges(services, ["contoso"], now)

    told = meters._counts["contoso"]
    assert {name: told[name] for name in GAUGES} == {
        "FailingMailboxes": 2,
        "FailingMailboxesPercent": 67,
        "OpenCircuits": 1,
        "UndeliverableMessages": 1,
        "OldestUndeliveredSeconds": 7200,
        "UnknownResults": 1,
        "SecretDaysLeft": 20,
    }


def test_what_cannot_be_told_stops_no_tick(services: Services) -> None:
    tell_gauges(services, ["nobody"], NOW)

    assert "FailingMailboxes" not in meters._counts["nobody"]
