"""One fault at each call of a delivery by the server, and two deaths at each pair: every mail is one e-mail there, whole, claimed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.cloud import Clients
from tests.contracts.dataverse_rig import Rig
from tests.contracts.dataverse_server_page import ServerRun
from tests.faults.seam import Fault, faults_of

_ODD = frozenset({Fault.CLOCK_FORWARD, Fault.CLOCK_BACK})
"""The adapter looks at no clock."""


@pytest.fixture
def aws(moto_clients: Clients) -> Iterator[Clients]:
    with mock_aws():
        yield moto_clients


def calm(aws: Clients, dataverse: Rig) -> list[str]:
    run = ServerRun(aws, dataverse)
    run.play()
    assert list(run.broken_rules()) == []
    return run.seam.calls


def test_whatever_goes_wrong_once_every_mail_is_one_email(aws: Clients, dataverse: Rig) -> None:
    calls = calm(aws, dataverse)
    found, runs = [], 0

    for site, name in enumerate(calls):
        for fault in faults_of(name):
            if fault not in _ODD:
                run = ServerRun(aws, dataverse, {site: fault})
                if (
                    fault is Fault.OVERTAKEN
                ):  # what a worker hands over whose lease ran out in its sleep, only Dataverse can refuse
                    run.refusing()
                run.play()
                runs += 1
                found += [f"{fault.value}, at call {site} ({name}): {one}" for one in run.broken_rules()]

    assert found == []
    assert {name.partition(".")[0] for name in calls} == {"dataverse", "dynamodb", "blobs"}
    assert runs >= 50


def test_a_worker_that_dies_twice_in_a_row_loses_and_doubles_nothing(aws: Clients, dataverse: Rig) -> None:
    calls = calm(aws, dataverse)
    found = []

    for site in range(len(calls)):
        run = ServerRun(aws, dataverse, {site: Fault.DIES_AFTER})
        run.play_until_death()
        run.play_again({site // 2: Fault.DIES_AFTER})
        found += [f"calls {site} and {site // 2}: {one}" for one in run.broken_rules()]

    assert found == []


def test_a_batch_of_which_dataverse_carries_out_a_part_is_completed(aws: Clients, dataverse: Rig) -> None:
    ServerRun(aws, dataverse).play()
    requests = len(dataverse.process.requests("/api/data/"))
    found = []

    for done in range(requests):
        run = ServerRun(aws, dataverse)
        fault = "throttled" if done % 2 else "unavailable"
        dataverse.process.fault("/api/data/", fault, skip=done, times=1000)
        run.play_until_death()
        dataverse.process.clear_faults()
        run.play_again({})
        found += [f"after {done} requests: {one}" for one in run.broken_rules()]

    assert found == []
    assert requests >= 8
