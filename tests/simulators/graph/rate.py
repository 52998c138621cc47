"""Count the requests for each mailbox: Exchange answers 10,000 in ten minutes (learn.microsoft.com/graph/throttling-limits)."""

from __future__ import annotations

import time
from collections import defaultdict, deque

from tests.simulators.graph.flight import mailbox_of
from tests.simulators.graph.http import GraphFailure, Reply, Request

_WINDOW = 600.0


class Rate:
    """The times of the last requests by mailbox; `most` is how many of them are answered in ten minutes."""

    def __init__(self) -> None:
        self.most = 10_000
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def refusal(self, request: Request) -> Reply | None:
        """Count the request; return Graph's refusal when it is one too many."""
        mailbox = mailbox_of(request.path) if request.path.lower().startswith("/v1.0/") else ""
        if not mailbox:
            return None
        times, now = self._times[mailbox], time.monotonic()
        while times and now - times[0] >= _WINDOW:
            times.popleft()
        if len(times) >= self.most:
            wait = str(int(_WINDOW - (now - times[0])) + 1)
            words = "Application is over its MailboxRequestRate limit."
            return GraphFailure(429, "ApplicationThrottled", words, {"Retry-After": wait}).reply
        times.append(now)
        return None
