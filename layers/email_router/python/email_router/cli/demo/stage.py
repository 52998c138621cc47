"""The demo's mail servers: POP3, SMTP and Microsoft Graph as processes of this machine, under a throw-away certificate authority."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from email_router.cli.demo.world import ANN, Servers
from email_router.cli.demo.writing import Sample
from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.trouble import EmbeddedCloudError

if TYPE_CHECKING:
    from tests.simulators.graph.process import GraphProcess
    from tests.simulators.pop3 import Pop3Process
    from tests.simulators.smtp import SmtpProcess


@dataclass(frozen=True)
class Stage:
    """The servers that run."""

    pop3: Pop3Process
    smtp: SmtpProcess
    graph: GraphProcess
    servers: Servers
    secrets: dict[str, str]

    def put(self, sample: Sample) -> str:
        """Put a mail into its mailbox; return the id that the server gives it."""
        if sample.mailbox == ANN:
            return self.graph.put_message(sample.mailbox, sample.raw)
        return self.pop3.put(sample.mailbox, sample.raw, sample.name)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Start the servers with what they keep below the folder; end them in any case."""
    _reach_the_simulators()
    from tests.simulators import pop3, smtp  # noqa: PLC0415 - only a checkout has them
    from tests.simulators.certificates import make_authority  # noqa: PLC0415
    from tests.simulators.graph.process import CLIENT, SECRET, TENANT, GraphProcess  # noqa: PLC0415

    authority = make_authority(folder)
    with ExitStack() as running:
        inbox = pop3.Pop3Process.start(folder / "pop3", certificate=authority.issue())
        running.callback(inbox.stop)
        outbox = smtp.SmtpProcess.start(folder / "smtp", certificate=authority.issue())
        running.callback(outbox.stop)
        seed = {"applications": [{"client_id": CLIENT, "secrets": [SECRET]}], "mailboxes": [{"address": ANN}]}
        graph = running.enter_context(GraphProcess(folder / "graph", authority=authority, seed=seed))
        servers = Servers(inbox.tls_port, outbox.port, graph.endpoint, TENANT, CLIENT)
        secrets = {
            "DEMO_POP3_PASSWORD": pop3.PASSWORD,
            "DEMO_SMTP_PASSWORD": smtp.PASSWORD,
            "DEMO_GRAPH_SECRET": SECRET,
        }
        yield Stage(inbox, outbox, graph, servers, secrets)


def _reach_the_simulators() -> None:
    """The simulators lie in the checkout's tests/, which a copy of the package alone has not."""
    root = str(Checkout.find().root)
    if not (Path(root) / "tests" / "simulators").is_dir():
        raise EmbeddedCloudError(
            f"demo needs the simulators of a checkout, and {root}/tests/simulators is missing: clone the repository anew"
        )
    if root not in sys.path:
        sys.path.append(root)
