"""A simulated Graph for the tests of a module, and a mailbox of its own for each of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from email_router.core.ports import Reach
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_errors import GraphReply
from email_router.edge.connect.https import hang_up
from tests.simulators.graph.process import SECRET, GraphProcess

MAIL = b"From: a@example.com\r\nSubject: x\r\nMessage-ID: <%d@example.com>\r\n\r\nx\r\n"
DELTA = "/mailFolders/inbox/messages/delta"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        yield running
    hang_up()


class GraphBox:
    """A mailbox, and Graph's answers whatever they are; `client` asks for default ids."""

    def __init__(self, graph: GraphProcess) -> None:
        self.address = f"box{next(_numbers)}@contoso.example"
        self.graph = graph
        graph.mailbox_state(self.address, "ok")
        self.client = self.signed_in()

    def signed_in(self, *, immutable: bool = False) -> GraphClient:
        """Return a client of the mailbox."""
        return GraphClient(self.graph.profile(), self.address, SECRET, Reach(loopback=True), immutable=immutable)

    def call(self, method: str, path: str, client: GraphClient | None = None, **more: Any) -> GraphReply:
        """Call a path of the mailbox, or a link that Graph gave."""
        asking = client or self.client
        target = path if path.startswith("https") else f"{asking.user}{path}"
        return asking.call(method, target, accept=range(400, 600), **more)
