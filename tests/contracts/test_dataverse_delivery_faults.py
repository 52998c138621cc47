"""One fault at each call of a delivery to Dataverse, and two deaths at each pair: every mail is one activity, complete, claimed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.cloud import Clients
from tests.contracts.dataverse_faults import Enumeration
from tests.contracts.dataverse_page import Run
from tests.contracts.dataverse_rig import Rig


@pytest.fixture
def every(moto_clients: Clients, dataverse: Rig) -> Iterator[Enumeration]:
    with mock_aws():
        yield Enumeration(lambda planted: Run(moto_clients, dataverse, planted))


@pytest.mark.long
def test_whatever_goes_wrong_once_every_mail_is_one_complete_activity(every: Enumeration) -> None:
    found, runs = every.once()

    assert found == []
    assert {call.partition(".")[0] for call in every.calls()} == {"dataverse", "dynamodb", "blobs"}
    assert runs >= 70


def test_a_worker_that_dies_twice_in_a_row_loses_and_doubles_nothing(every: Enumeration) -> None:
    assert every.two_deaths() == []


def test_a_batch_of_which_dataverse_carries_out_a_part_is_completed(every: Enumeration) -> None:
    found, requests = every.carried_out_in_part("unavailable")

    assert found == []
    assert requests >= 12
