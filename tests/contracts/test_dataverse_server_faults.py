"""One fault at each call of a delivery by the server, and two deaths at each pair: every mail is one e-mail there, whole, claimed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.cloud import Clients
from tests.contracts.dataverse_faults import Enumeration
from tests.contracts.dataverse_page import Run
from tests.contracts.dataverse_rig import Rig
from tests.contracts.dataverse_server_page import ServerRun
from tests.faults.seam import Fault


@pytest.fixture
def every(moto_clients: Clients, dataverse: Rig) -> Iterator[Enumeration]:
    with mock_aws():
        yield Enumeration(lambda planted: ServerRun(moto_clients, dataverse, planted))


def _that_refuses_copies(run: Run, fault: Fault) -> None:
    """What a worker hands over whose lease ran out in its sleep, only Dataverse can refuse."""
    if fault is Fault.OVERTAKEN and isinstance(run, ServerRun):
        run.refusing()


@pytest.mark.long
def test_whatever_goes_wrong_once_every_mail_is_one_email(every: Enumeration) -> None:
    found, runs = every.once(_that_refuses_copies)

    assert found == []
    assert {call.partition(".")[0] for call in every.calls()} == {"dataverse", "dynamodb", "blobs"}
    assert runs >= 45


def test_a_worker_that_dies_twice_in_a_row_loses_and_doubles_nothing(every: Enumeration) -> None:
    assert every.two_deaths() == []


def test_a_batch_of_which_dataverse_carries_out_a_part_is_completed(every: Enumeration) -> None:
    found, requests = every.carried_out_in_part("unavailable", "throttled")

    assert found == []
    assert requests >= 8
