"""Wait until the stack has nothing left to do: its queues are empty and no message is being worked on."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.embedded.trouble import EmbeddedCloudError

_SOON = 5.0
_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Depth:
    """The messages of one queue: ready, received by a function (or by one that died), and due only later."""

    waiting: int = 0
    in_flight: int = 0
    later: int = 0

    @property
    def busy(self) -> bool:
        """Whether something happens now or soon."""
        return bool(self.waiting or self.in_flight)


@dataclass(frozen=True, slots=True)
class Backlog:
    """All queues at one moment, by the last part of their URL."""

    work: Mapping[str, Depth]
    dead: Mapping[str, Depth]

    @property
    def quiet(self) -> bool:
        """Whether no work queue holds anything; dead letters do not count, for nobody works on them."""
        return not any(depth.busy for depth in self.work.values())

    @property
    def left(self) -> int:
        """How many messages are still to be done."""
        return sum(depth.waiting + depth.in_flight for depth in self.work.values())

    @property
    def in_flight(self) -> int:
        """How many messages functions have now, or had when they died."""
        return sum(depth.in_flight for depth in self.work.values())

    @property
    def dead_letters(self) -> int:
        """How many messages were given up."""
        return sum(depth.waiting + depth.in_flight + depth.later for depth in self.dead.values())

    def __str__(self) -> str:
        return ", ".join(
            f"{name}: {depth.waiting} waiting, {depth.in_flight} in work"
            for name, depth in self.work.items()
            if depth.busy
        )


class StillBusyError(EmbeddedCloudError):
    """The deadline passed first.  A message whose function died stays in work until its visibility timeout has passed."""

    def __init__(self, backlog: Backlog, seconds: float) -> None:
        super().__init__(
            f"the stack is still at work after {seconds:.0f} seconds ({backlog}). Wait longer, or look for a function "
            "that failed in the emulator's log: its message comes back only when the queue's visibility timeout ends."
        )
        self.backlog = backlog


def wait_until_quiet(
    stack: DeployedStack,
    *,
    within: float,
    progress: Callable[[Backlog], None] | None = None,
    settle: float = 0.3,
) -> Backlog:
    """Return the backlog once it was seen quiet for `settle` seconds on end: a function that ends may just have sent more.

    `progress` is told each backlog seen.  Calls that come through no queue (streams, schedules) are not seen.
    """
    return _wait(stack, lambda seen: seen.quiet, within, settle, progress)


def wait_until_at_rest(stack: DeployedStack, *, within: float) -> Backlog:
    """Return the backlog once no message is in work; meant for queues that were stopped, and may still hold messages."""
    return _wait(stack, lambda seen: not seen.in_flight, within, 0, None)


def _wait(
    stack: DeployedStack,
    reached: Callable[[Backlog], bool],
    within: float,
    settle: float,
    progress: Callable[[Backlog], None] | None,
) -> Backlog:
    deadline = time.monotonic() + within
    since: float | None = None
    while True:
        seen = backlog(stack)
        if progress:
            progress(seen)
        now = time.monotonic()
        since = (now if since is None else since) if reached(seen) else None
        if since is not None and now - since >= settle:
            return seen
        if now >= deadline:
            raise StillBusyError(seen, within)
        time.sleep(_POLL)


def backlog(stack: DeployedStack) -> Backlog:
    """What the queues hold now, read in one call that touches no message (MiniStack's own endpoint)."""
    dead = stack.dead_letter_queues
    depths = {url: _depth(messages) for url, messages in _messages(stack).items() if url in stack.queues}
    return Backlog(
        work={_name(url): depth for url, depth in depths.items() if url not in dead},
        dead={_name(url): depth for url, depth in depths.items() if url in dead},
    )


def dead_letters(stack: DeployedStack) -> list[dict[str, Any]]:
    """The messages of the dead-letter queues, untouched: queue, body and number of receives."""
    return [
        {"queue": _name(url), "body": message["Body"], "received": message["ReceiveCount"]}
        for url, messages in _messages(stack).items()
        if url in stack.dead_letter_queues
        for message in messages
    ]


def _messages(stack: DeployedStack) -> dict[str, list[dict[str, Any]]]:
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with directly.open(f"{stack.endpoint.url}/_ministack/sqs/messages", timeout=30) as answer:
        accounts: dict[str, dict[str, dict[str, list[dict[str, Any]]]]] = json.load(answer)["messages"]
    return {
        url: messages for regions in accounts.values() for urls in regions.values() for url, messages in urls.items()
    }


def _depth(messages: list[dict[str, Any]]) -> Depth:
    soon = time.time() + _SOON
    waiting = sum(
        message["IsVisible"] or (not message["ReceiveCount"] and message["VisibleAt"] < soon) for message in messages
    )
    in_flight = sum(not message["IsVisible"] and message["ReceiveCount"] > 0 for message in messages)
    return Depth(waiting, in_flight, len(messages) - waiting - in_flight)


def _name(url: str) -> str:
    return urllib.parse.urlparse(url).path.rpartition("/")[2]
