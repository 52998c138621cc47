"""Each of the 21 counters moves for its cause, and by how much."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from email_router.core import counters
from email_router.core.counters import COUNTERS, RATES, added, rates
from email_router.core.errors import MailboxBlocked, StaleWorker, TryLater
from email_router.core.mailbox import Accept, Direction, Mailbox, Profile
from email_router.core.sending import SendOutcome, SendResult
from email_router.core.settings import Configuration
from email_router.wiring.adapters import Adapters
from email_router.wiring.environment import Environment
from email_router.wiring.observe import EmfMeters
from email_router.wiring.refreshes import Refreshes
from email_router.wiring.services import Services
from tests.fakes import CountingMeters, MemoryConfigurations, fail
from tests.faults.troubled_mailboxes import refuse
from tests.flows.house import SALES, House, mail
from tests.flows.office import Office

Counts = dict[str, int]


def _incoming(house: House, *, rounds: int = 1) -> Counts:
    for _ in range(rounds):
        house.route()
    return dict(house.meters.counts)


def _delivered() -> Counts:
    return _incoming(House(mail(1), mail(2)))


def _discarded() -> Counts:
    return _incoming(House(mail(1), accept=Accept.REPLIES))


def _corrupted() -> Counts:
    return _incoming(House(b"\x00\x01\x02"))


def _undelivered() -> Counts:
    house = House(mail(1))
    refuse(house, 1)
    return _incoming(house)


def _opened() -> Counts:
    return _incoming(House(), rounds=3)


def _not_opened() -> Counts:
    house = House(mail(1))
    fail(house.source, "has_news", MailboxBlocked("refused", kind="login_refused"))
    return _incoming(house, rounds=2)


def _shared_trouble() -> Counts:
    house = House(mail(1))
    fail(house.crm, "resolve", TryLater("the CRM is away", shared=True))
    return _incoming(house)


def _overtaken() -> Counts:
    house = House(mail(1))
    fail(house.states, "advance", StaleWorker("old"))
    return _incoming(house)


def _outgoing(*answers: SendResult) -> Counts:
    office = Office()
    office.write()
    office.sender.answers = list(answers)
    for _ in range(2):
        office.send()
        office.clock.advance(4000)
    return dict(office.meters.counts)


def _answer(outcome: SendOutcome) -> SendResult:
    return SendResult(outcome=outcome, evidence="as the test says")


def _profile(name: str, host: str = "one.example") -> Profile:
    return Profile(name=name, direction=Direction.INCOMING, server="imap", host=host)


def _refreshed() -> Counts:
    first = Configuration(organisation="contoso", profiles=(_profile("a"), _profile("b"), _profile("c")))
    published, meters = MemoryConfigurations(first), EmfMeters()
    refreshes = Refreshes(cast("Services", SimpleNamespace(configurations=published)), meters)
    for _ in range(3):
        refreshes.configuration("contoso")
    published.publish(replace(first, profiles=(_profile("a"), _profile("b", "two.example"), _profile("d"))))
    refreshes.configuration("contoso")
    return dict(meters._counts["contoso"])


def _not_loaded() -> Counts:
    counted, environment = CountingMeters(), Environment(router_table="r", crm_table="c", data_bucket="b")
    unknown = replace(_profile("a"), server="carrier-pigeon")
    adapters = Adapters("contoso", Services(environment), environment, counted)
    with pytest.raises(MailboxBlocked):
        adapters.source(unknown, Mailbox(address=SALES, incoming="a"))
    return dict(counted.counts)


CAUSES: dict[str, tuple[Callable[[], Counts], Counts]] = {
    "mail that becomes an activity": (
        _delivered,
        {counters.INCOMING_DELIVERED: 2, counters.INCOMING_PROCESSED: 2, counters.INCOMING_DISCARDED: 0},
    ),
    "mail that nobody wants": (
        _discarded,
        {counters.INCOMING_DISCARDED: 1, counters.INCOMING_PROCESSED: 1, counters.INCOMING_DELIVERED: 0},
    ),
    "bytes that are no mail": (_corrupted, {counters.INCOMING_CORRUPTED: 1, counters.INCOMING_UNDELIVERED: 1}),
    "mail that the CRM refuses": (_undelivered, {counters.INCOMING_UNDELIVERED: 1, counters.INCOMING_CORRUPTED: 0}),
    "mailboxes that are opened": (
        _opened,
        {
            counters.MAILBOX_ACCESS_ATTEMPTS: 3,
            counters.PROVIDERS_EXECUTED: 3,
            counters.MAILBOX_ACCESS_FAILURES: 0,
            counters.INCOMING_PROCESSED: 0,
        },
    ),
    "a mailbox that refuses us, and is not opened again": (
        _not_opened,
        {
            counters.MAILBOX_ACCESS_ATTEMPTS: 1,
            counters.MAILBOX_ACCESS_FAILURES: 1,
            counters.PROVIDERS_FAILED: 1,
        },
    ),
    "a CRM that is away": (_shared_trouble, {counters.MAILBOX_ACCESS_FAILURES: 0, counters.PROVIDERS_FAILED: 1}),
    "another worker that takes over": (_overtaken, {counters.PROVIDERS_ABORTED: 1, counters.PROVIDERS_FAILED: 0}),
    "an e-mail that a server takes": (
        lambda: _outgoing(_answer(SendOutcome.ACCEPTED)),
        {counters.OUTGOING_DELIVERED: 1, counters.OUTGOING_PROCESSED: 1, counters.OUTGOING_UNDELIVERED: 0},
    ),
    "an e-mail that it takes at the second attempt": (
        lambda: _outgoing(_answer(SendOutcome.DEFERRED)),
        {counters.OUTGOING_DELIVERED: 1, counters.OUTGOING_PROCESSED: 2, counters.OUTGOING_UNDELIVERED: 0},
    ),
    "an e-mail that it refuses": (
        lambda: _outgoing(_answer(SendOutcome.REFUSED)),
        {counters.OUTGOING_DELIVERED: 0, counters.OUTGOING_PROCESSED: 1, counters.OUTGOING_UNDELIVERED: 1},
    ),
    "an e-mail of which nobody knows": (
        lambda: _outgoing(_answer(SendOutcome.UNKNOWN)),
        {counters.OUTGOING_DELIVERED: 0, counters.OUTGOING_UNDELIVERED: 1},
    ),
    "a configuration that is published anew": (
        _refreshed,
        {
            counters.CONFIGURATION_REFRESHES: 2,
            counters.PROVIDERS_STARTED: 4,
            counters.PROVIDERS_REFRESHED: 1,
            counters.PROVIDERS_REMOVED: 1,
        },
    ),
    "an adapter that cannot be made": (_not_loaded, {counters.PROVIDER_LOAD_FAILURES: 1}),
}

ELSEWHERE = {counters.SCHEDULING_CYCLES: "tests/edge/aws/test_scheduler.py", **RATES}
"""Proved by a run of the scheduler, and below by the time of an invocation."""


@pytest.mark.parametrize("cause", CAUSES)
def test_a_counter_moves_for_its_cause(cause: str) -> None:
    run, expected = CAUSES[cause]

    counted = run()

    assert {name: counted.get(name, 0) for name in expected} == expected


def test_every_counter_has_a_cause_that_moves_it() -> None:
    moved = {name for _, expected in CAUSES.values() for name, value in expected.items() if value}

    assert moved | ELSEWHERE.keys() == set(COUNTERS)


def test_a_speed_is_what_was_done_by_the_time_of_the_invocation(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter((0.0, 10.0, 14.0))
    meters = EmfMeters(lambda: next(clock))
    meters.begin()
    meters.of("contoso").count(counters.INCOMING_PROCESSED, 6)

    meters.flush()

    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told[counters.INCOMING_PROCESSED_PER_SECOND] == 1.5
    assert counters.OUTGOING_PROCESSED_PER_SECOND not in told
    (directive,) = told["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["organisation"]]  # as the dashboard searches for it
    units = {one["Name"]: one["Unit"] for one in directive["Metrics"]}
    assert units[counters.INCOMING_PROCESSED_PER_SECOND] == "Count/Second"


def test_what_stands_is_told_without_a_dimension_too_for_the_alarms(capsys: pytest.CaptureFixture[str]) -> None:
    meters = EmfMeters()
    meters.of("contoso").count(counters.OPEN_CIRCUITS, 2)
    meters.of("contoso").count(counters.INCOMING_PROCESSED, 1)

    meters.flush()

    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    of_all = [one for one in told["_aws"]["CloudWatchMetrics"] if one["Dimensions"] == [[]]]
    assert [[one["Name"] for one in directive["Metrics"]] for directive in of_all] == [[counters.OPEN_CIRCUITS]]
    assert (told["organisation"], told[counters.OPEN_CIRCUITS]) == ("contoso", 2)


def test_speeds_are_not_added_up() -> None:
    one = {counters.INCOMING_PROCESSED: 5, counters.INCOMING_PROCESSED_PER_SECOND: 3}
    other = {counters.INCOMING_PROCESSED: 2, counters.INCOMING_PROCESSED_PER_SECOND: 7}

    assert added(one, other) == {counters.INCOMING_PROCESSED: 7, counters.INCOMING_PROCESSED_PER_SECOND: 7}
    assert rates({counters.INCOMING_PROCESSED: 5}, 0) == {}
