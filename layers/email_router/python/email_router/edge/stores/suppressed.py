"""Remember in DynamoDB which addresses may lie on the account's suppression list of Amazon SES: `SES | SUPPRESSED`, shared by all workers.

Learned from bounces and complaints, after which SES puts an address on the list by itself; the list is asked before one of these is written
to again.  Only digests are kept, the latest few thousand: what is forgotten here SES holds back all the same, and says so by an event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from email_router.core.errors import TryLater
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import SES_ACCOUNT

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from email_router.edge.connect.values import Value

READ_AGAIN = timedelta(seconds=60)
"""How old a worker's copy may be."""

MOST = 4_000
"""Addresses that are kept: 32 KB, a read of 8 units a minute."""

_PLACE = (SES_ACCOUNT, "SUPPRESSED")
_DIGEST = 8
_ROUNDS = 10


class DynamoSuppressed:
    """What one AWS account may not write to."""

    def __init__(self, client: DynamoDBClient, table: str, now: Callable[[], datetime]) -> None:
        self._table = Table(client, table)
        self._now = now
        self._copy: frozenset[bytes] = frozenset()
        self._read_at: datetime | None = None

    def holds(self, address: str) -> bool:
        """Tell whether the address may lie on the list; what was learned in the last minute may be missing."""
        now = self._now()
        if self._read_at is None or now - self._read_at >= READ_AGAIN:
            self._copy = frozenset(self._read()[0])
            self._read_at = now
        return _digest(address) in self._copy

    def learn(self, addresses: Iterable[str]) -> None:
        """Remember these; repeatable."""
        new = [_digest(address) for address in addresses]
        self._change(lambda kept: [*kept, *(one for one in dict.fromkeys(new) if one not in kept)][-MOST:])

    def forget(self, address: str) -> None:
        """Remember this one no more: it was taken off the list; repeatable."""
        gone = _digest(address)
        self._copy -= {gone}
        self._change(lambda kept: [one for one in kept if one != gone])

    def _read(self) -> tuple[list[bytes], int]:
        """Return the digests, oldest first, and the version of the row."""
        item = self._table.get(_PLACE)
        if item is None:
            return [], 0
        held: bytes = item["digests"]
        return [held[at : at + _DIGEST] for at in range(0, len(held), _DIGEST)], item["version"]

    def _change(self, change: Callable[[list[bytes]], list[bytes]]) -> None:
        for _ in range(_ROUNDS):
            kept, version = self._read()
            changed = change(kept)
            if changed == kept:
                return
            pk, sk = _PLACE
            item: dict[str, Value] = {"pk": pk, "sk": sk, "digests": b"".join(changed), "version": version + 1}
            unchanged = "#version = :version" if version else "attribute_not_exists(#pk)"
            try:
                self._table.put(item, unchanged, {":version": version} if version else None)
            except ConditionFailed:
                continue
            return
        raise TryLater("the suppressed addresses are written by many at once; this comes again", kind="aws_busy")


def _digest(address: str) -> bytes:
    return hashlib.sha256(address.strip().casefold().encode("utf-8", "surrogatepass")).digest()[:_DIGEST]
