"""Let the stack do its work once: both roads are started through Lambda's API, everything after that moves by queues and events."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from email_router.cli.embedded.quiet import Backlog, backlog
from email_router.cli.embedded.stack import DeployedStack
from email_router.core.mailbox import Mailbox
from email_router.core.ports import MailboxStates

_POLL = 0.15
_SETTLE = 0.4
_STALLED = 320.0
"""A function ends after 300 seconds at the latest: nothing that stands still longer is being worked on."""
_STALLED_AFTER_FAILURE = 30.0
"""Where a function has failed its message stays in work until the visibility timeout ends: half an hour that nobody waits for."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wait:
    """How a wait ended: `quiet` False when what was left stood still."""

    quiet: bool
    backlog: Backlog


def send_and_fetch(stack: DeployedStack, progress: Progress) -> Wait:
    """Send what is pending and serve every mailbox; return when nothing is left to do or nothing moves any more."""
    send(stack)
    stack.invoke("schedule_mailboxes", {"all": True})
    return wait(stack, progress, "routing mail")


def send(stack: DeployedStack) -> None:
    """Queue the pending e-mails."""
    stack.invoke("collect_outgoing", {})


def fetch(stack: DeployedStack) -> None:
    """Queue a pass over every mailbox, due or not."""
    stack.invoke("schedule_mailboxes", {"all": True})


def wait(stack: DeployedStack, progress: Progress, what: str) -> Wait:
    """Wait until the queues are quiet, or until nothing has changed for so long that nobody works on what they hold."""
    return wait_for(Signs(lambda: backlog(stack), lambda: _items(stack), lambda: _failed(stack)), progress, what)


@dataclass(frozen=True, slots=True)
class Signs:
    """What is looked at while waiting: the queues, what else changes while somebody works, whether a function failed."""

    backlog: Callable[[], Backlog]
    stores: Callable[[], object]
    failed: Callable[[], bool]


def wait_for(
    signs: Signs,
    progress: Progress,
    what: str,
    *,
    stalled: float = _STALLED,
    stalled_after_failure: float = _STALLED_AFTER_FAILURE,
) -> Wait:
    """Wait by these signs; `stalled` and `stalled_after_failure` are the seconds without a change after which waiting ends."""
    moved = time.monotonic()
    quiet_since: float | None = None
    before: object = None
    while True:
        seen, now = signs.backlog(), time.monotonic()
        progress(f"{what}; orders in the queues: {seen.left}" if seen.left else what)
        if seen.quiet:
            quiet_since = quiet_since or now
            if now - quiet_since >= _SETTLE:
                return Wait(quiet=True, backlog=seen)
        else:
            quiet_since = None
            after = (seen, signs.stores())
            if after != before:
                before, moved = after, now
            elif now - moved > (stalled_after_failure if signs.failed() else stalled):
                return Wait(quiet=False, backlog=seen)
        time.sleep(_POLL)


def _items(stack: DeployedStack) -> tuple[int, ...]:
    dynamodb = stack.client("dynamodb")
    return tuple(dynamodb.describe_table(TableName=name)["Table"]["ItemCount"] for name in stack.tables)


def _failed(stack: DeployedStack) -> bool:
    """Tell whether a function failed on what it took last from a queue."""
    mappings: list[dict[str, Any]] = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return any("fail" in str(mapping.get("LastProcessingResult", "")).lower() for mapping in mappings)


def unserved(mailboxes: tuple[Mailbox, ...], states: MailboxStates) -> frozenset[str]:
    """Return the mailboxes whose lease was never given back: their worker died or is still at work."""
    return frozenset(box.key for box in mailboxes if box.incoming and states.read(box.key).lease_until is not None)
