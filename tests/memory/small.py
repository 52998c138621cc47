"""Remember in memory what is small: time, counters, blobs, secrets, queues and configurations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from email_router.core.errors import ConfigurationError
from email_router.core.octets import Octets, pieces_of
from email_router.core.settings import Configuration
from email_router.core.subscriptions import SubscriptionWork
from email_router.core.work import MailboxWork, OutgoingWork


class FixedClock:
    """A clock that stands until it is told to move."""

    def __init__(self, at: datetime = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return the instant."""
        return self.at

    def advance(self, seconds: float) -> datetime:
        """Move on by so many seconds; return the new instant."""
        self.at += timedelta(seconds=seconds)
        return self.at


class CountingMeters:
    """Counters that can be looked at: `meters.counts["IncomingMessagesDelivered"]`."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str, value: int = 1) -> None:
        """Add to a counter."""
        self.counts[name] += value


class MemoryBlobs:
    """A blob store in a dictionary, `blobs.stored`."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    def put(self, key: str, data: Octets) -> None:
        """Store the bytes."""
        self.stored[key] = data[:]

    def put_stream(self, key: str, pieces: Iterable[bytes]) -> int:
        """Store the pieces; nothing is stored when they break off."""
        data = b"".join(pieces)
        self.stored[key] = data
        return len(data)

    def get(self, key: str) -> bytes:
        """Return the bytes, or raise KeyError."""
        return self.stored[key]

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield the bytes in pieces, or raise KeyError."""
        return pieces_of(self.get(key))

    def delete(self, key: str) -> None:
        """Remove the bytes."""
        self.stored.pop(key, None)


class MemorySecrets:
    """Secrets in a dictionary, `secrets.texts`."""

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        self.texts = dict(texts or {})

    def get(self, name: str) -> str:
        """Return the secret's text."""
        if name not in self.texts:
            raise ConfigurationError(f"secret {name}: expected to exist, none found; publish the configuration again")
        return self.texts[name]

    def put(self, name: str, text: str) -> None:
        """Write the secret."""
        self.texts[name] = text

    def refresh(self, name: str) -> str:
        """Read the secret again."""
        return self.get(name)

    def renewed(self, name: str) -> bool:
        """Tell that it is the one that was read before: nothing is kept beside it."""
        return not self.get(name)


class MemoryQueues:
    """Queues as lists, `queues.mailboxes`, `queues.outgoing` and `queues.subscriptions`."""

    def __init__(self) -> None:
        self.mailboxes: list[MailboxWork] = []
        self.outgoing: list[OutgoingWork] = []
        self.subscriptions: list[SubscriptionWork] = []

    def put_mailboxes(self, work: Iterable[MailboxWork]) -> int:
        """Queue passes over mailboxes."""
        orders = list(work)
        self.mailboxes.extend(orders)
        return len(orders)

    def put_outgoing(self, work: Iterable[OutgoingWork]) -> int:
        """Queue e-mails to send."""
        orders = list(work)
        self.outgoing.extend(orders)
        return len(orders)

    def put_subscriptions(self, work: Iterable[SubscriptionWork]) -> int:
        """Queue looks after subscriptions."""
        orders = list(work)
        self.subscriptions.extend(orders)
        return len(orders)


class MemoryConfigurations:
    """Every published version of every organisation."""

    def __init__(self, *published: Configuration) -> None:
        self._versions: dict[str, dict[int, Configuration]] = {}
        self._current: dict[str, int] = {}
        for configuration in published:
            self.publish(configuration)

    def organisations(self) -> Sequence[str]:
        """Return the names of all organisations."""
        return sorted(self._current)

    def current(self, organisation: str) -> Configuration:
        """Return the published version."""
        if organisation not in self._current:
            raise ConfigurationError(f"{organisation}: nothing is published; run `email-router publish`")
        return self._versions[organisation][self._current[organisation]]

    def publish(self, configuration: Configuration) -> int:
        """Keep the configuration as the next version and point to it."""
        versions = self._versions.setdefault(configuration.organisation, {})
        number = max(versions, default=0) + 1
        versions[number] = replace(configuration, version=number)
        self._current[configuration.organisation] = number
        return number

    def versions(self, organisation: str) -> Sequence[int]:
        """Return the kept versions, newest first."""
        return sorted(self._versions.get(organisation, {}), reverse=True)

    def version(self, organisation: str, number: int) -> Configuration:
        """Return one kept version."""
        try:
            return self._versions[organisation][number]
        except KeyError as missing:
            raise ConfigurationError(f"{organisation}: expected version {number}, which is not kept") from missing
