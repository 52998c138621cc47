"""Keep every published configuration in DynamoDB, and point to the one that holds.

`ORG#o | CONFIGURATION#version#part` is the whole configuration, compressed, in parts that fit a row; `ORG#o | ORG` points to a version.
Publishing writes the parts first and the pointer last, by a conditional write: a crash between leaves a version nobody points to.
What is known of a CRM's settings (`ORG#o | FOLLOWED`) is laid over a version that follows them, in memory only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from email_router.core.errors import ConfigurationError, TryLater
from email_router.core.followed import applied
from email_router.core.settings import Configuration
from email_router.edge.connect.compact import expand, squeeze
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.followed_row import place_of, unpacked
from email_router.edge.connect.keys import ORGANISATIONS, Keys
from email_router.edge.connect.values import Item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_POINTER = "ORG"
_VERSION = "CONFIGURATION#"
_PART = 350_000


def encode_configuration(configuration: Configuration) -> bytes:
    """Return the configuration as compressed bytes."""
    return squeeze(configuration)


def decode_configuration(data: bytes) -> Configuration:
    """Read the bytes of `encode_configuration`."""
    return expand(Configuration, data)


@dataclass(frozen=True, slots=True)
class _Laid:
    """A configuration with the CRM's settings laid over a version: which change of them, and when the row was read."""

    at: float
    number: int
    version: Configuration
    effective: Configuration


class DynamoConfigurations:
    """The configurations of all organisations; a process asks for the version at most once in `ttl` seconds."""

    def __init__(
        self, client: DynamoDBClient, table: str, ttl: float = 300, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table = Table(client, table)
        self._ttl = ttl
        self._clock = clock
        self._kept: dict[str, tuple[float, Configuration]] = {}
        self._laid: dict[str, _Laid] = {}

    def organisations(self) -> Sequence[str]:
        """Return the names of all organisations that were ever published."""
        return [item["sk"] for item in self._table.query("#pk = :pk", {":pk": ORGANISATIONS}, fields="#sk")]

    def current(self, organisation: str) -> Configuration:
        """Return what is in force: the published version, with what is known of the CRM's settings where it follows them.

        The version comes from memory while it is younger than `ttl`, the settings while they are younger than a quarter of it.
        """
        version = self.published(organisation)
        if not (version.follows.tracking or version.follows.mailboxes):
            return version
        laid, now = self._laid.get(organisation), self._clock()
        same = laid is not None and laid.version is version
        if laid is not None and same and now - laid.at < self._ttl / 4:
            return laid.effective
        row = self._table.get(place_of(organisation))
        number = int(row.get("number", 0)) if row else 0
        unchanged = laid is not None and same and laid.number == number
        effective = laid.effective if laid is not None and unchanged else applied(version, unpacked(row))
        self._laid[organisation] = _Laid(now, number, version, effective)
        return effective

    def published(self, organisation: str) -> Configuration:
        """Return the published version as it was published, from memory while it is younger than `ttl`."""
        kept = self._kept.get(organisation)
        now = self._clock()
        if kept and now - kept[0] < self._ttl:
            return kept[1]
        number = self._pointer(organisation).get("current", 0)
        if not number:
            raise ConfigurationError(f"{organisation}: nothing is published; run `email-router publish`")
        same = kept[1] if kept and kept[1].version == number else None
        configuration = same or self.version(organisation, number)
        self._kept[organisation] = (now, configuration)
        return configuration

    def publish(self, configuration: Configuration) -> int:
        """Keep the configuration as the next version and point to it; return its number.

        Raises TryLater when somebody published a later version before this one was pointed to.
        """
        organisation = configuration.organisation
        place = (Keys(organisation).own, _POINTER)
        number = int(self._table.update(place, "ADD #last :one", {":one": 1}, returns="UPDATED_NEW")["last"])
        self._write(replace(configuration, version=number))
        self._table.put({"pk": ORGANISATIONS, "sk": organisation})
        if not self._point(organisation, number):
            raise TryLater(f"{organisation}: version {number} was overtaken by a later one", kind="overtaken")
        return number

    def versions(self, organisation: str) -> Sequence[int]:
        """Return the numbers of the kept versions, newest first."""
        values = {":pk": Keys(organisation).own, ":sk": _VERSION}
        parts = self._table.query("#pk = :pk AND begins_with(#sk, :sk)", values, fields="#sk")
        return sorted({int(part["sk"].split("#")[1]) for part in parts}, reverse=True)

    def version(self, organisation: str, number: int) -> Configuration:
        """Return one kept version.  Raises ConfigurationError when there is none."""
        values = {":pk": Keys(organisation).own, ":sk": f"{_VERSION}{number:08d}#"}
        parts = [item["part"] for item in self._table.query("#pk = :pk AND begins_with(#sk, :sk)", values)]
        if not parts:
            raise ConfigurationError(f"{organisation}: expected version {number}, which is not kept")
        return decode_configuration(b"".join(parts))

    def _pointer(self, organisation: str) -> Item:
        return self._table.get((Keys(organisation).own, _POINTER)) or {}

    def _point(self, organisation: str, number: int) -> bool:
        """Move the pointer unless it is further; this process sees the change at once."""
        place, newer = (Keys(organisation).own, _POINTER), "attribute_not_exists(#current) OR #current < :current"
        try:
            self._table.update(place, "SET #current = :current", {":current": number}, condition=newer)
        except ConditionFailed:
            return False
        self._kept.pop(organisation, None)
        self._laid.pop(organisation, None)
        return True

    def _write(self, configuration: Configuration) -> None:
        data = encode_configuration(configuration)
        pk, version = Keys(configuration.organisation).own, f"{_VERSION}{configuration.version:08d}#"
        for number, start in enumerate(range(0, len(data), _PART)):
            self._table.put({"pk": pk, "sk": f"{version}{number:03d}", "part": data[start : start + _PART]})
