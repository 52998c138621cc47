"""The ports of what both roads live in: time, counters, alerts, blobs, secrets, configurations, queues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from email_router.core.alerts import Alert
from email_router.core.octets import Octets
from email_router.core.settings import Configuration
from email_router.core.work import MailboxWork, OutgoingWork


class Clock(Protocol):
    """The time, in UTC."""

    def now(self) -> datetime:
        """Return the instant, timezone-aware."""


class Meters(Protocol):
    """The counters of docs/counters.md."""

    def count(self, name: str, value: int = 1) -> None:
        """Add `value` to the counter of this name (IncomingMessagesDelivered, ...)."""


class Alerts(Protocol):
    """What was raised in one organisation for a person to see to, and is not settled yet."""

    def raise_alert(self, alert: Alert) -> bool:
        """Keep the alert; one of the same kind about the same that is open already stays as it is, and names its messages too.  Repeatable.

        An open alert that names MOST_MESSAGES takes no more.  True when none was open.
        """

    def all(self) -> Sequence[Alert]:
        """Return the open alerts, newest first, the messages of each in the order of their names."""

    def settle(self, alert_id: str) -> bool:
        """Remove the alert; False when none of this id is open."""


class BlobStore(Protocol):
    """Bytes too large for a row.  Keys are paths below the organisation."""

    def put(self, key: str, data: Octets) -> None:
        """Store the bytes, which need not be held; repeatable."""

    def put_stream(self, key: str, pieces: Iterable[bytes]) -> int:
        """Store the pieces as one blob without holding all of them in memory; return the size in bytes."""

    def get(self, key: str) -> bytes:
        """Return the bytes; KeyError when there are none."""

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield the bytes in pieces; KeyError, before the first one, when there are none."""

    def delete(self, key: str) -> None:
        """Remove the bytes; repeatable."""


class Secrets(Protocol):
    """Passwords, client secrets and certificates by name."""

    def get(self, name: str) -> str:
        """Return the secret's text.  Raises ConfigurationError when there is no such secret."""

    def renewed(self, name: str) -> bool:
        """Read it anew, after a server refused it; tell whether it is another.  Raises as get does."""


class Configurations(Protocol):
    """The published configuration."""

    def organisations(self) -> Sequence[str]:
        """Return the names of all organisations."""

    def current(self, organisation: str) -> Configuration:
        """Return the published version.  Raises ConfigurationError when nothing is published."""


class WorkQueues(Protocol):
    """The queues between the functions."""

    def put_mailboxes(self, work: Iterable[MailboxWork]) -> int:
        """Queue passes over mailboxes, in batches; return how many."""

    def put_outgoing(self, work: Iterable[OutgoingWork]) -> int:
        """Queue e-mails to send; return how many orders."""
