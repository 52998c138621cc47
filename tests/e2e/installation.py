"""A whole installation for a test: the stack in the embedded cloud with a published configuration, its functions run by the cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from email_router.cli.backend import PARAMETERS, Backend, of_cloud
from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.quiet import wait_until_quiet
from email_router.cli.embedded.session import EmbeddedCloud
from email_router.core.activity import EmailActivity
from email_router.core.ledger import Trace
from email_router.core.mailbox_state import MailboxState
from email_router.wiring.configuration import load
from email_router.wiring.services import Services

ORGANISATION = "contoso"


@dataclass
class Installation:
    """The running stack and its stores."""

    cloud: EmbeddedCloud
    backend: Backend

    @property
    def services(self) -> Services:
        """The stores."""
        return self.backend.services

    def publish(self, file: Path) -> None:
        """Publish a configuration file."""
        self.backend.publish(load(file))

    def route(self, within: float = 120) -> None:
        """Let every mailbox be served once, and wait until all is quiet."""
        self.cloud.stack.invoke("schedule_mailboxes", {"all": True})
        wait_until_quiet(self.cloud.stack, within=within)

    def send(self, within: float = 60) -> None:
        """Let every pending e-mail be sent, and wait until all is quiet."""
        self.cloud.stack.invoke("collect_outgoing", {})
        wait_until_quiet(self.cloud.stack, within=within)

    def emails(self) -> list[EmailActivity]:
        """Every activity of the built-in CRM, oldest first."""
        return list(self.backend.organisation().crm.emails())

    def traces(self) -> list[Trace]:
        """Everything that was asked of messages."""
        return list(self.services.ledger(ORGANISATION).traces_since(datetime(2000, 1, 1, tzinfo=UTC)))

    def state(self, mailbox: str) -> MailboxState:
        """How a mailbox stands."""
        return self.services.states(ORGANISATION).read(mailbox)


@contextmanager
def installation(
    parameters: Mapping[str, str] | None = None, *, checkout: Checkout | None = None, folder: Path | None = None
) -> Iterator[Installation]:
    """Start an embedded cloud with the stack; the functions may reach loopback."""
    cloud = EmbeddedCloud(
        folder=folder,
        parameters={**PARAMETERS, "ConfigUpdatePeriod": "0", **(parameters or {})},
        checkout=checkout or Checkout.find(),
    )
    with cloud:
        yield Installation(cloud, of_cloud(cloud))
