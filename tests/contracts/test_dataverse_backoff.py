"""One back-off for all functions of an organisation, kept in one row."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest

from email_router.core.errors import TryLater
from email_router.edge.connect.dataverse_backoff import MOST_AT_ONCE, SharedBackOff
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from tests.cloud import Place
from tests.contracts.dataverse_crm import Office
from tests.deliveries import NOW, delivery
from tests.fakes import FixedClock
from tests.shared import PROJECT


def test_what_one_function_is_told_keeps_all_others_of_the_organisation_back(office: Office) -> None:
    one, other = office.gated(), office.gated()
    office.process.fault("POST .*batch", "throttled", retry_after="17")
    with pytest.raises(TryLater):
        one.resolve(["ann@example.com"])
    office.process.clear_requests()

    with pytest.raises(TryLater) as kept_back:
        other.resolve(["ann@example.com"])

    assert (kept_back.value.kind, kept_back.value.shared) == ("throttled", True)
    assert 10 < kept_back.value.after <= 17
    assert office.outer() == []


def test_a_request_of_a_batch_that_is_throttled_keeps_them_back_too(office: Office) -> None:
    one, other = office.gated(), office.gated()
    office.process.fault("PATCH .*emails", "throttled", retry_after="17")
    with pytest.raises(TryLater):
        one.deliver([delivery(1)], office.lease)

    with pytest.raises(TryLater):
        other.email(delivery(1).activity.id)


def test_trouble_that_is_no_throttling_keeps_nobody_back(office: Office) -> None:
    one, other = office.gated(), office.gated()
    office.process.fault("POST .*batch", "unavailable")
    with pytest.raises(TryLater):
        one.resolve(["ann@example.com"])

    assert other.resolve(["ann@example.com"]) == {}


def gates(place: Place) -> tuple[FixedClock, SharedBackOff, SharedBackOff]:
    clock, table = FixedClock(NOW), Table(place.clients.dynamodb, place.crm)
    one, other = (SharedBackOff(table, Keys("contoso"), clock.now) for _ in range(2))
    return clock, one, other


def throttled(gate: SharedBackOff, seconds: float) -> None:
    with pytest.raises(TryLater), gate.passing():
        raise TryLater("wait", kind="throttled", after=seconds, shared=True)


def test_the_longer_wait_stays_and_ends_when_it_is_over(moto_place: Place) -> None:
    clock, one, other = gates(moto_place)
    late = SharedBackOff(Table(moto_place.clients.dynamodb, moto_place.crm), Keys("contoso"), clock.now)
    with other.passing():
        pass
    throttled(one, 60)
    throttled(other, 5)  # it had looked just before, and was already on its way

    with pytest.raises(TryLater) as kept_back, late.passing():
        pass
    assert kept_back.value.after == 60

    clock.advance(timedelta(seconds=61).total_seconds())
    with one.passing():
        pass


def test_organisations_do_not_keep_one_another_back(moto_place: Place) -> None:
    _, one, _ = gates(moto_place)
    throttled(one, 60)
    stranger = SharedBackOff(Table(moto_place.clients.dynamodb, moto_place.crm), Keys("fabrikam"), FixedClock(NOW).now)

    with stranger.passing():
        pass


def test_no_process_has_more_than_52_requests_under_way(moto_place: Place) -> None:
    _, gate, _ = gates(moto_place)
    with gate.passing():
        pass
    inside, most, lock, go_on = 0, 0, threading.Lock(), threading.Event()

    def request() -> None:
        nonlocal inside, most
        with gate.passing():
            with lock:
                inside += 1
                most = max(most, inside)
            go_on.wait(0.5)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=request) for _ in range(MOST_AT_ONCE + 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (most, inside) == (MOST_AT_ONCE, 0)


def test_one_function_asks_one_thing_at_a_time_and_all_together_stay_below_52(office: Office) -> None:
    office.process.settings(clear_limits=True)
    office.crm.deliver([delivery(number) for number in range(30)], office.lease)
    list(office.crm.pending(NOW, 9))

    assert office.process.settings()["most_at_once"] == 1
    parameters = json.loads((PROJECT / "infra_cdk" / "template.json").read_text("utf-8"))["Parameters"]
    workers = [int(parameters[name]["Default"]) for name in ("MailboxConcurrency", "OutgoingConcurrency")]
    assert sum(workers) < MOST_AT_ONCE // 2
