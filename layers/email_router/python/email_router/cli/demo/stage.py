"""The demo's servers as processes of this machine, under a throw-away CA: POP3, SMTP, Graph, an Exchange server, and Dataverse if wanted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from email_router.cli.demo import dynamics
from email_router.cli.demo.world import ANN, IDA, SUPPORT, Servers
from email_router.cli.demo.writing import Sample
from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.trouble import EmbeddedCloudError

if TYPE_CHECKING:
    from tests.simulators.ews.process import EwsProcess
    from tests.simulators.graph.process import GraphProcess
    from tests.simulators.pop3 import Pop3Process
    from tests.simulators.smtp import SmtpProcess


class CrmKind(StrEnum):
    """The CRM that the demo works with."""

    BUILTIN = "builtin"
    DATAVERSE = "dataverse"


ONLINE = frozenset({ANN, IDA})
"""The mailboxes of Exchange Online."""


@dataclass(frozen=True)
class Stage:
    """The servers that run."""

    pop3: Pop3Process
    smtp: SmtpProcess
    graph: GraphProcess
    exchange: EwsProcess
    servers: Servers
    secrets: dict[str, str]

    def put(self, sample: Sample) -> str:
        """Put a mail into its mailbox; return the id by which the router's source names it."""
        if sample.mailbox in ONLINE:
            return self.graph.put_message(sample.mailbox, sample.raw)
        if sample.mailbox == SUPPORT:
            given = self.exchange.put(sample.mailbox, sample.raw)
            return given.replace("+", "_").replace("/", "-")  # ids of Exchange are named as Graph names them
        return self.pop3.put(sample.mailbox, sample.raw, sample.name)

    def left(self, mailbox: str, address: str) -> list[bytes]:
        """Return what left a mailbox of Exchange for an address of somebody else, as it left."""
        return (self.graph if mailbox in ONLINE else self.exchange).outside(address)


@contextmanager
def stage(folder: Path, crm: CrmKind = CrmKind.BUILTIN) -> Iterator[Stage]:
    """Start the servers with what they keep below the folder, Dataverse where it is the CRM; end them in any case."""
    _reach_the_simulators()
    from tests.simulators import pop3, smtp  # noqa: PLC0415 - only a checkout has them
    from tests.simulators.certificates import make_authority  # noqa: PLC0415
    from tests.simulators.dataverse.process import SummaryProcess  # noqa: PLC0415
    from tests.simulators.ews import process as ews  # noqa: PLC0415
    from tests.simulators.graph.process import CLIENT, SECRET, TENANT, GraphProcess  # noqa: PLC0415

    authority = make_authority(folder)
    certificate = authority.issue()
    seed = {
        "applications": [{"client_id": CLIENT, "secrets": [SECRET]}],
        "mailboxes": [{"address": address} for address in sorted(ONLINE)],
    }
    with ExitStack() as running:
        dataverse = SummaryProcess(
            folder / "dataverse", authority=authority, seed=dynamics.rows(), certificate=certificate
        )
        inbox, outbox, graph, exchange, *crms = _at_once(
            running,
            lambda: pop3.Pop3Process.start(folder / "pop3", certificate=certificate),
            lambda: smtp.SmtpProcess.start(folder / "smtp", certificate=certificate),
            GraphProcess(folder / "graph", authority=authority, seed=seed, certificate=certificate).start,
            ews.EwsProcess(folder / "exchange", authority, certificate).start,
            *([dataverse.start] if crm is CrmKind.DATAVERSE else []),
        )
        url = crms[0].url if crms else ""
        servers = Servers(inbox.tls_port, outbox.port, graph.endpoint, TENANT, CLIENT, exchange.port, ews.SERVICE, url)
        secrets = {
            "DEMO_POP3_PASSWORD": pop3.PASSWORD,
            "DEMO_SMTP_PASSWORD": smtp.PASSWORD,
            "DEMO_GRAPH_SECRET": SECRET,
            "DEMO_EXCHANGE_PASSWORD": ews.PASSWORD,
            "DEMO_DATAVERSE_SECRET": SECRET,
        }
        yield Stage(inbox, outbox, graph, exchange, servers, secrets)


def _at_once(running: ExitStack, *starts: Callable[[], Any]) -> list[Any]:
    """Start servers side by side and return them; each that started is stopped with `running`, also where another did not start."""

    def start(begin: Callable[[], Any]) -> Any:  # noqa: ANN401 - each server has a class of its own
        server = begin()
        running.callback(server.stop)
        return server

    with ThreadPoolExecutor(len(starts)) as threads:
        return list(threads.map(start, starts))


def _reach_the_simulators() -> None:
    """The simulators lie in the checkout's tests/, which a copy of the package alone has not."""
    root = str(Checkout.find().root)
    if not (Path(root) / "tests" / "simulators").is_dir():
        raise EmbeddedCloudError(
            f"demo needs the simulators of a checkout, and {root}/tests/simulators is missing: clone the repository anew"
        )
    if root not in sys.path:
        sys.path.append(root)
