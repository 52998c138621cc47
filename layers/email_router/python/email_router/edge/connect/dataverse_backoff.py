"""Share one back-off among all functions of an organisation: the row `ORG#o | CRM_BACK_OFF` tells until when Dataverse asked to wait.

Every function looks before it calls, at most once a second; who meets a 429 writes the row, where the longer wait stays.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from email_router.core.errors import TryLater
from email_router.edge.connect.compact import instant, micros
from email_router.edge.connect.dynamodb import ConditionFailed

if TYPE_CHECKING:
    from email_router.edge.connect.dynamodb import Table
    from email_router.edge.connect.keys import Keys

MOST_AT_ONCE = 52
"""Requests of one user that Dataverse serves at once (service protection limits)."""

_BACK_OFF = "CRM_BACK_OFF"
_FRESH = 1.0
_THROTTLED = "throttled"


def utc_now() -> datetime:
    """Return the instant."""
    return datetime.now(UTC)


class SharedBackOff:
    """The gate that every request to one organisation's Dataverse passes."""

    def __init__(self, table: Table, keys: Keys, now: Callable[[], datetime] = utc_now) -> None:
        self._table = table
        self._place = keys.own, _BACK_OFF
        self._name = keys.organisation
        self._now = now
        self._until: datetime | None = None
        self._looked = float("-inf")
        self._at_once = threading.BoundedSemaphore(MOST_AT_ONCE)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Let one request pass, at most 52 of this process at once.

        Raises TryLater (throttled, shared) while Dataverse has asked anybody to wait; whoever is asked in here tells the others.
        """
        self._look()
        with self._at_once:
            try:
                yield
            except TryLater as later:
                if later.kind == _THROTTLED:
                    self._tell(later.after)
                raise

    def _look(self) -> None:
        if time.monotonic() - self._looked >= _FRESH:
            item = next(iter(self._table.get_all([self._place])), {})
            self._until, self._looked = instant(item.get("until")), time.monotonic()
        left = (self._until - self._now()).total_seconds() if self._until else 0
        if left > 0:
            text = f"{self._name}: Dataverse has asked to wait {left:.0f} seconds more"
            raise TryLater(text, kind=_THROTTLED, after=left, shared=True)

    def _tell(self, seconds: float) -> None:
        until = self._now() + timedelta(seconds=seconds)
        self._until, self._looked = until, time.monotonic()
        try:
            self._table.update(
                self._place,
                "SET #until = :until",
                {":until": micros(until)},
                condition="attribute_not_exists(#until) OR #until < :until",
            )
        except ConditionFailed:
            self._looked = float("-inf")  # a longer wait stands there
