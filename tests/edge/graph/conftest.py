"""One simulator for all tests of the Graph source, a mailbox of its own for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from email_router.edge.connect.https import hang_up
from tests.simulators.graph.process import GraphProcess

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        yield running
    hang_up()


@pytest.fixture
def graph(process: GraphProcess) -> Iterator[GraphProcess]:
    process.clear_requests()
    yield process
    process.clear_faults()
    process.settings(quirks=[], filter_limit=5000, token_seconds=3599)


@pytest.fixture
def box(graph: GraphProcess) -> str:
    address = f"box{next(_numbers)}@contoso.example"
    graph.mailbox_state(address, "ok")
    return address
