"""How long functions are at work: the calls and round trips that were counted, by what each takes, and CPU as their memory gives it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from email_router.cli.cost.load import Load
from email_router.cli.cost.tables import Counts, Prices

_OF_A_POLL = "idle poll"
_CPU = {
    _OF_A_POLL: "cpu_seconds_of_a_poll",
    "message": "cpu_seconds_of_a_message",
    "e-mail sent": "cpu_seconds_of_an_e_mail",
}
_NO_CALL_OF_THEIR_OWN = {
    "attachment": "route_mailbox",
    "gauges told": "schedule_mailboxes",
    "subscription looked at": "renew_subscriptions",
}
"""Work that a function does beside its own, and the function."""


def busy(load: Load, done: Mapping[str, float], counts: Counts, prices: Prices) -> dict[str, float]:
    """Return the seconds for which each function is at work in a month; `done` is how often each piece of work is done."""
    found: dict[str, float] = defaultdict(float)
    for work, often in done.items():
        for function in counts.work[work].invocations or [_NO_CALL_OF_THEIR_OWN.get(work, "")]:
            if function:
                found[function] += often * seconds_of(work, function, counts, prices)
    assumed = prices.assumed
    found["route_mailbox"] += done["message compared"] / 1000 * assumed["seconds_per_1000_compared"]
    read, queued = done["schedule tick"] * load.mailboxes, done["mailbox queued"]
    found["schedule_mailboxes"] += read / 1000 * assumed["seconds_schedule_per_1000_mailboxes"]
    found["schedule_mailboxes"] += queued / 1000 * assumed["seconds_schedule_per_1000_queued"]
    return found


def seconds_of(work: str, function: str, counts: Counts, prices: Prices) -> float:
    """Return how long a function is at work for one piece of work: it waits for AWS and for mail servers, and computes in between."""
    assumed, waits = prices.assumed, prices.round_trips.get(work, 0)
    thinking = (1 + (not work.startswith(_OF_A_POLL))) * assumed["seconds_a_server_thinks"] if waits else 0.0
    waiting = counts.work[work].aws_calls * assumed["seconds_of_an_aws_call"]
    waiting += waits * assumed["seconds_of_a_round_trip"] + thinking
    share = min(1.0, counts.memory[function] / assumed["mb_of_a_whole_cpu"])
    return waiting + _cpu(work, assumed) / share


def _cpu(work: str, assumed: Mapping[str, float]) -> float:
    for start, name in _CPU.items():
        if work.startswith(start):
            return assumed[name]
    return 0.0 if work in _NO_CALL_OF_THEIR_OWN else assumed["cpu_seconds_of_anything_else"]
