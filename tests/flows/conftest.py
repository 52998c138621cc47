"""Share the two simulators of Exchange Online."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from email_router.edge.connect import ews, passed
from email_router.edge.connect.https import hang_up
from tests.flows.house import NOW
from tests.flows.online import Online
from tests.simulators.ews.process import EwsProcess
from tests.simulators.graph.process import GraphProcess

if TYPE_CHECKING:
    from tests.simulators.certificates import Authority

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def servers(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[EwsProcess, GraphProcess]]:
    folder = tmp_path_factory.mktemp("online")
    graph = GraphProcess(folder / "graph", authority=authority)
    with EwsProcess(folder / "ews", authority) as exchange, graph, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ews, "today", NOW.date)  # before Exchange Online ends it
        exchange.control("settings", {"tokens": ["simulated.*"]})  # what the simulated Entra grants
        yield exchange, graph
    hang_up()


@pytest.fixture
def online(servers: tuple[EwsProcess, GraphProcess], monkeypatch: pytest.MonkeyPatch) -> Iterator[Online]:
    exchange, graph = servers
    monkeypatch.setattr(passed, "now", lambda: NOW)
    address = f"moved{next(_NUMBERS)}@contoso.example"
    exchange.control("mailbox", {"address": address})
    graph.mailbox_state(address, "ok")
    yield Online(exchange, graph, address)
    exchange.control("clear", {})
    graph.clear_faults()
