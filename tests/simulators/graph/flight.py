"""Count what is under way for each mailbox: Exchange answers four requests at a time (learn.microsoft.com/graph/throttling-limits)."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.simulators.graph.http import GraphFailure, Reply, Request, plain_path

MOST = 4

_MAILBOX = re.compile(r"(?:^|/)users/([^/?]+)", re.IGNORECASE)


class Flight:
    """Requests that have come and are not answered yet, by mailbox.  A batch counts as the four of its requests that run at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        """The most that were ever under way at a time, by mailbox."""

    @contextmanager
    def under_way(self, request: Request) -> Iterator[Reply | None]:
        """Count the request while it is answered; yield Graph's refusal when it is one too many."""
        mailbox, weight = _weight(request)
        with self._lock:
            self._now[mailbox] += weight
            self.most[mailbox] = max(self.most[mailbox], self._now[mailbox])
            over = bool(mailbox) and self._now[mailbox] > MOST
        try:
            yield _refusal() if over else None
        finally:
            with self._lock:
                self._now[mailbox] -= weight


def _refusal() -> Reply:
    words = "Application is over its MailboxConcurrency limit."
    return GraphFailure(429, "ApplicationThrottled", words, {"Retry-After": "1"}).reply


def _weight(request: Request) -> tuple[str, int]:
    if not request.path.lower().startswith("/v1.0/"):
        return "", 1
    if not request.path.lower().endswith("/$batch"):
        return mailbox_of(request.path), 1
    try:
        asked = json.loads(request.body)["requests"]
        chained = any(one.get("dependsOn") for one in asked)
        return mailbox_of(str(asked[0]["url"])), 1 if chained else min(len(asked), MOST)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "", 1


def mailbox_of(path: str) -> str:
    """Return the mailbox that a path is of, or nothing."""
    found = _MAILBOX.search(plain_path(path))
    return found[1].lower() if found else ""
