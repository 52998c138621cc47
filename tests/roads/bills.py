"""Hold a stack on which work is counted, and do sums with what was counted."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from typing import Any

from email_router.core.mailbox import Mailbox
from email_router.wiring import observe
from tests.roads import rows
from tests.roads.stack import BUCKET, ORGANISATION, Stack, stack
from tests.roads.units import Meter, kept
from tests.roads.world import SALES, begin, contoso, work

_TABLES = ("RouterTable", "CrmTable")

Bill = dict[str, Any]


class Count:
    """A stack with a meter; `work` holds what was counted so far."""

    def __init__(self, made: Stack, meter: Meter) -> None:
        self.stack = made
        self.work: dict[str, Bill] = {}
        self.settings: dict[str, Bill] = {}
        self.row_bytes = 0
        self._meter = meter
        meter.client = made.services.clients.dynamodb

    def of(self, act: Callable[[], object], *functions_at_work: str, orders: int = 0) -> Bill:
        """Count what `act` asks; each order costs two requests more, that Lambda makes to receive and to delete it."""
        before, self._meter.sums = self._lying(), defaultdict(float, sqs_requests=2 * orders)
        with written() as log:
            act()
        after = self._lying()
        found: Bill = {"invocations": dict(Counter(functions_at_work))} if functions_at_work else {}
        found |= {name: value for name, value in self._meter.sums.items() if value}
        found |= {name: after[name] - before[name] for name in after if after[name] > before[name]}
        # To the next hundred: some ids and times in the log are longer than others.
        return found | ({"log_bytes": round(len(log.getvalue()), -2)} if log.getvalue() else {})

    def orders(self, function: str, *bodies: str) -> Bill:
        """Count what a function asks for orders of its queue."""
        return self.of(partial(self.stack.order, function, *bodies), function, orders=len(bodies))

    def passes(self, mailbox: str, reason: str = "schedule") -> Bill:
        """Count a pass over a mailbox, a minute later."""
        self.stack.later(60)
        return self.orders("route_mailbox", work(mailbox, reason))

    def cold(self, function: str, act: Callable[[], Bill], between: Callable[[], object] = int) -> tuple[Bill, Bill]:
        """Return what a process asks when it reads its settings, and the bill of `act` in one that has them."""
        self.stack.loaded.pop(function, None)
        first = act()
        between()
        later = act()
        return less(first, later), later

    def unnudged(self) -> None:
        """Let the next notification be the first again."""
        self.stack.services.nudges(ORGANISATION).clear(SALES)

    def _lying(self) -> dict[str, int]:
        clients = self.stack.services.clients
        lying = [(table, one) for table in _TABLES for one in rows.all_items(table)]
        going = [(one, days) for one in lying if (days := self._days_left(one[1])) is not None]
        blobs = clients.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {
            "kept_bytes": kept(one for one in lying if "expires" not in one[1]),
            "expiring_bytes": kept(one for one, _ in going),
            "expiring_byte_days": sum(kept(iter([one])) * days for one, days in going),
            "blob_bytes": sum(one["Size"] for one in blobs),
        }

    def _days_left(self, item: dict[str, Any]) -> int | None:
        """Return in how many days DynamoDB removes a row, None where it stays."""
        found = item.get("expires")
        return round((float(found["N"]) - self.stack.now.timestamp()) / 86_400) if found else None


@contextmanager
def written() -> Iterator[io.StringIO]:
    """Take what functions write to their log, counters included."""
    text = io.StringIO()
    before = observe.log.registered_handler.setStream(text)  # type: ignore[attr-defined]  # a stream's handler
    try:
        with redirect_stdout(text):
            yield text
    finally:
        observe.log.registered_handler.setStream(before)  # type: ignore[attr-defined]  # as above


@contextmanager
def counting(*boxes: Mailbox) -> Iterator[Count]:
    """Give a stack that counts, with these mailboxes."""
    meter = Meter()
    with stack(meter.begun, meter.answered) as made:
        begin(made, contoso(*boxes))
        yield Count(made, meter)


def both(one: Bill, other: Bill) -> Bill:
    """Return the sum of two bills."""
    return _combined(one, other, 1)


def less(one: Bill, other: Bill) -> Bill:
    """Return what one bill has beyond another."""
    return _combined(one, other, -1)


def _combined(one: Bill, other: Bill, sign: int) -> Bill:
    numbers = {name: value for name, value in one.items() if name != "invocations"}
    for name, value in other.items():
        if name != "invocations":
            numbers[name] = numbers.get(name, 0) + sign * value
    found: Bill = {name: value for name, value in numbers.items() if value > 0}
    works: Counter[str] = Counter(one.get("invocations", {}))
    works.update(other.get("invocations", {}) if sign > 0 else {})
    return found | ({"invocations": dict(works)} if works and sign > 0 else {})


def plain(bill: Bill) -> Bill:
    """Return a bill as the file has it."""
    return {name: one if isinstance(one, dict) else round(one, 3) for name, one in sorted(bill.items())}
