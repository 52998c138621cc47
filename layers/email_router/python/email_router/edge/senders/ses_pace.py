"""Keep within what Amazon SES allows the account: so many recipients a second, so many in 24 hours, over all workers together."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client

CHECK_SECONDS = 60.0
"""How old SES's own figures may be."""

QUOTA_SECONDS = 3600.0
"""How long e-mails wait when the quota of 24 hours is used up: the window slides, so some of it may be free by then."""

_HORIZON = timedelta(seconds=5)
_UNBOUNDED = 0


class Allowed(Protocol):
    """What SES allowed when it was asked."""

    @property
    def rate(self) -> float:
        """E-mails a second."""

    @property
    def daily(self) -> int | None:
        """E-mails in 24 hours, or None where nothing bounds them."""

    @property
    def used(self) -> int:
        """How many of those are used."""

    @property
    def checked(self) -> datetime:
        """When SES was asked."""


class Shared(Protocol):
    """What all workers share."""

    def allowance(self) -> Allowed | None:
        """Return what was learned last, or None."""

    def learned(self, rate: float, daily: int | None, used: int, now: datetime) -> None:
        """Keep what SES says now."""

    def take(self, count: int, rate: float, now: datetime, horizon: timedelta) -> datetime | None:
        """Take moments in a row and return the first; None when the next free one lies beyond the horizon."""

    def next_free(self, now: datetime) -> datetime:
        """Return the first moment that nobody has taken."""


class SesPace:
    """The pace of one worker.  Where SES does not tell the account's figures nothing is bounded here: SES throttles, and that delays."""

    def __init__(
        self,
        client: SESV2Client,
        shared: Shared,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._shared = shared
        self._now = now
        self._sleep = sleep
        self._moments: list[datetime] = []
        self._owed = 0
        self._blind_until: datetime | None = None

    def hold(self) -> float:
        """Wait for the next moment that is this worker's and return 0, or the seconds after which to come again."""
        while True:
            if not self._moments:
                seconds = self._reserve(self._now())
                if seconds or not self._moments:
                    return seconds
            moment = self._moments.pop(0)
            self._sleep(max(0.0, (moment - self._now()).total_seconds()))
            if not self._owed:
                return 0.0
            self._owed -= 1

    def sent_to(self, recipients: int) -> None:
        """Count an e-mail's further recipients: rate and quota of SES are of recipients, not of e-mails (developer guide, "Quotas")."""
        self._owed += max(0, recipients - 1)

    def _reserve(self, now: datetime) -> float:
        """Take the moments of the next second; return the seconds to wait where there are none for now."""
        allowed = self._allowed(now)
        if allowed is None or allowed.rate <= 0:
            return 0.0
        if allowed.daily is not None and allowed.used >= allowed.daily:
            return QUOTA_SECONDS
        left = allowed.daily - allowed.used if allowed.daily is not None else int(allowed.rate) + 1
        count = max(1, min(int(allowed.rate), left))
        first = self._shared.take(count, allowed.rate, now, _HORIZON)
        if first is None:
            return max(1.0, (self._shared.next_free(now) - now).total_seconds())
        self._moments = [first + timedelta(seconds=number / allowed.rate) for number in range(count)]
        return 0.0

    def _allowed(self, now: datetime) -> Allowed | None:
        if self._blind_until is not None and now < self._blind_until:
            return None
        found = self._shared.allowance()
        if found is not None and (now - found.checked).total_seconds() < CHECK_SECONDS:
            return found
        try:
            quota = self._client.get_account().get("SendQuota", {})
        except (ClientError, BotoCoreError):
            self._blind_until = now + timedelta(seconds=CHECK_SECONDS)
            return None
        daily = int(quota.get("Max24HourSend", -1))
        used = int(quota.get("SentLast24Hours", 0))
        self._shared.learned(quota.get("MaxSendRate", 0.0), None if daily < _UNBOUNDED else daily, used, now)
        return self._shared.allowance()
