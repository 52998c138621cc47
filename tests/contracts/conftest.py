"""Give the contract tests their stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from email_router.edge.connect.https import hang_up
from tests.cloud import Place, ministack, ministack_clients, ministack_place, moto_clients, moto_place, stores
from tests.contracts import dataverse_rig
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_rig import Rig
from tests.simulators.ews.process import EwsProcess
from tests.simulators.graph.process import GraphProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulators.certificates import Authority

__all__ = ["ministack", "ministack_clients", "ministack_place", "moto_clients", "moto_place", "stores"]


@pytest.fixture(scope="session")
def ews_server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EwsProcess]:
    """A simulated Exchange server for the whole session; each test takes mailboxes of its own."""
    with EwsProcess(tmp_path_factory.mktemp("ews"), authority) as server:
        yield server


@pytest.fixture(scope="session")
def graph_server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    """A simulated Exchange Online for the whole session."""
    with GraphProcess(tmp_path_factory.mktemp("graph"), authority=authority) as server:
        yield server
    hang_up()


@pytest.fixture(scope="module")
def dataverse_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A simulated Dataverse for the tests of a module."""
    yield from dataverse_rig.rig(tmp_path_factory.mktemp("dataverse"))


@pytest.fixture
def dataverse(dataverse_running: Rig) -> Iterator[Rig]:
    """The simulated Dataverse, empty; what was said against Microsoft's description fails the test."""
    yield from dataverse_rig.afresh(dataverse_running)


@pytest.fixture
def office(moto_place: Place, dataverse: Rig) -> Office:
    """The adapter of one organisation over the simulated Dataverse."""
    return Office(moto_place, dataverse)
