"""A configuration whose mailboxes lie at the simulated Exchange Online and Exchange server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cli.running import Ran, run
from tests.simulators.ews.process import PASSWORD, SERVICE, EwsProcess
from tests.simulators.graph.process import CLIENT, SECRET, TENANT, GraphProcess

VARIABLES = {"GRAPH_SECRET": SECRET, "EXCHANGE_PASSWORD": PASSWORD, "POP3_PASSWORD": "x"}


@dataclass(frozen=True)
class Company:
    """Both servers, a folder with the configuration, and the command run there."""

    folder: Path
    graph: GraphProcess
    exchange: EwsProcess
    number: int

    def address(self, name: str) -> str:
        """Return an address of this company's own: its mailboxes are new in each test."""
        return f"{name}{self.number}@contoso.example"

    @property
    def forward(self) -> str:
        """The forward mailbox in Exchange Online."""
        return self.address("forward")

    def run(self, *arguments: str, variables: Mapping[str, str] | None = None) -> Ran:
        """Run the command with the configuration."""
        return run(
            *arguments, "--config", "router.toml", folder=self.folder, variables={**VARIABLES, **(variables or {})}
        )

    def write(self, *, graph_secret: str = "GRAPH_SECRET") -> Path:
        """Write router.toml: ann, bob and the forward mailbox in Exchange Online, eve at the Exchange server, pat at POP3."""
        (self.folder / "ca.pem").write_text(self.graph.authority.pem)
        (self.folder / "exchange.pem").write_text(self.exchange.authority.pem)
        path = self.folder / "router.toml"
        path.write_text(self._text(graph_secret), "utf-8")
        for name in ("ann", "bob", "forward"):
            self.graph.mailbox_state(self.address(name), "ok")
        self.exchange.control("mailbox", {"address": self.address("eve")})
        return path

    def _text(self, graph_secret: str) -> str:
        online = f"""
server = "exchange-online"
tenant_id = "{TENANT}"
client_id = "{CLIENT}"
endpoint = "{self.graph.endpoint}"
authority = "{self.graph.endpoint}"
ca_bundle = "ca.pem"
credentials = {{ env = "{graph_secret}" }}
"""
        own = f"""
server = "exchange"
host = "localhost"
port = {self.exchange.port}
ca_bundle = "exchange.pem"
authentication = "windows"
username = '{SERVICE}'
access = "impersonation"
credentials = {{ env = "EXCHANGE_PASSWORD" }}
"""
        return f"""
[organisation]
name = "contoso"
[[profiles]]
name = "online"
direction = "incoming"{online}
[[profiles]]
name = "online-out"
direction = "outgoing"{online}
[[profiles]]
name = "own"
direction = "incoming"{own}
[[profiles]]
name = "own-out"
direction = "outgoing"{own}
[[profiles]]
name = "pop3"
direction = "incoming"
server = "pop3"
host = "localhost"
port = 1
credentials = {{ env = "POP3_PASSWORD" }}
[[mailboxes]]
address = "{self.address("ann")}"
[[mailboxes]]
address = "{self.address("bob")}"
incoming = "online"
outgoing = "online-out"
[[mailboxes]]
address = "{self.address("eve")}"
incoming = "own"
outgoing = "own-out"
[[mailboxes]]
address = "{self.address("pat")}"
incoming = "pop3"
[[mailboxes]]
address = "{self.forward}"
kind = "forward"
incoming = "online"
"""
