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
    seen = backlog(stack)
    moved = time.monotonic()
    quiet_since: float | None = None
    before: object = None
    while True:
        now = time.monotonic()
        progress(f"{what}: {seen.left} orders left" if seen.left else what)
        quiet_since = (quiet_since or now) if seen.quiet else None
        if quiet_since is not None and now - quiet_since >= _SETTLE:
            return Wait(quiet=True, backlog=seen)
        signs = (seen, _items(stack)) if not seen.quiet else None
        if signs != before:
            before, moved = signs, now
        limit = _STALLED_AFTER_FAILURE if not seen.quiet and _failed(stack) else _STALLED
        if now - moved > limit:
            return Wait(quiet=False, backlog=seen)
        time.sleep(_POLL)
        seen = backlog(stack)


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
