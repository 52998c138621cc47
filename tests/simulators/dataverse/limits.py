"""The service protection limits of one user (learn.microsoft.com/power-apps/developer/data-platform/api-limits)."""

from __future__ import annotations

import threading
import time
from collections import deque

from tests.simulators.dataverse.errors import DataverseFailure


class Limits:
    """Counts requests, their time, and how many run at once, in a sliding window."""

    def __init__(self) -> None:
        self.window = 300.0
        self.requests = 6000
        self.seconds = 1200.0
        self.at_once = 52
        self.running = 0
        self.most_at_once = 0
        self._spent: deque[tuple[float, int, float]] = deque()
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Let a request in, or refuse it by the limit it breaks; `leave` follows in both cases."""
        with self._lock:
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            requests, seconds = self._used()
            if self.running > self.at_once:
                raise _refused("0x80072326", f"Number of concurrent requests exceeded the limit of {self.at_once}.", 1)
            if requests >= self.requests:
                words = f"Number of requests exceeded the limit of {self.requests} over time window of {self.window:.0f} seconds."
                raise _refused("0x80072322", words, self._wait())
            if seconds >= self.seconds:
                words = (
                    f"Combined execution time of incoming requests exceeded limit of {self.seconds * 1000:.0f} milliseconds "
                    f"over time window of {self.window:.0f} seconds. Decrease number of concurrent requests or reduce the "
                    "duration of requests and try again later."
                )
                raise _refused("0x80072321", words, self._wait())

    def leave(self, seconds: float) -> None:
        """Note that a request is done, and what it took."""
        with self._lock:
            self.running -= 1
        self.spend(1, seconds)

    def spend(self, requests: int, seconds: float) -> None:
        """Use up a part of what the window allows."""
        with self._lock:
            self._spent.append((time.monotonic(), requests, seconds))

    def clear(self) -> None:
        """Forget what was used."""
        with self._lock:
            self._spent.clear()
            self.most_at_once = self.running

    def remaining(self) -> dict[str, str]:
        """Return the headers that tell what is left."""
        with self._lock:
            requests, seconds = self._used()
        return {
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(max(self.requests - requests, 0)),
            "x-ms-ratelimit-time-remaining-xrm-requests": f"{max(self.seconds - seconds, 0):.2f}",
        }

    def _used(self) -> tuple[int, float]:
        while self._spent and self._spent[0][0] < time.monotonic() - self.window:
            self._spent.popleft()
        return sum(row[1] for row in self._spent), sum(row[2] for row in self._spent)

    def _wait(self) -> int:
        """Return the seconds until the oldest request leaves the window."""
        return max(1, round(self._spent[0][0] + self.window - time.monotonic()))


def _refused(code: str, words: str, seconds: int) -> DataverseFailure:
    return DataverseFailure(429, code, words, {"Retry-After": str(seconds)})
