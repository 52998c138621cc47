"""Logs and counters of a function: one line per outcome, only fields that hold no mail, and metrics in CloudWatch's embedded format."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from email_router.core.counters import GAUGES, rates

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

NAMESPACE = "EmailRouter"

log = Logger(utc=True)
"""The function's logger.  Fields are counts, ids, kinds and mailbox digests: never an address, a subject or a body."""


class EmfMeters:
    """Counters that become CloudWatch metrics when the invocation ends (port Meters), one set per organisation."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._clock = clock
        self._began = clock()

    def of(self, organisation: str) -> OrganisationMeters:
        """Return the meters of one organisation."""
        return OrganisationMeters(self._counts[organisation])

    def begin(self) -> None:
        """Note that an invocation begins: speeds are told of its time."""
        self._began = self._clock()

    def flush(self) -> None:
        """Print what has been counted since the last flush, and how fast; nothing counted, nothing printed."""
        seconds = self._clock() - self._began
        for organisation, counts in self._counts.items():
            if not counts:
                continue
            sys.stdout.write(json.dumps(_metrics(organisation, counts, rates(counts, seconds))) + "\n")
            counts.clear()


def _metrics(organisation: str, counts: Mapping[str, int], speeds: Mapping[str, float]) -> dict[str, Any]:
    """Return a line of CloudWatch's embedded metric format (user guide, "Specification: Embedded metric format").

    Each metric has the dimension organisation and no other: for that the dashboard searches.  What stands is told without any, too: an alarm
    cannot search, it asks for the worst of all organisations.  Powertools would add a dimension for the service.
    """
    told: list[dict[str, str]] = [{"Name": name, "Unit": "Count"} for name in counts]
    told += [{"Name": name, "Unit": "Count/Second"} for name in speeds]
    standing = [one for one in told if one["Name"] in GAUGES]
    directives = [{"Namespace": NAMESPACE, "Dimensions": [["organisation"]], "Metrics": told}]
    directives += [{"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": standing}] if standing else []
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": directives}
    return {"_aws": about, "organisation": organisation, **counts, **speeds}


class OrganisationMeters:
    """The counters of one organisation."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts

    def count(self, name: str, value: int = 1) -> None:
        """Add to a counter."""
        self._counts[name] += value


meters = EmfMeters()


def function(handler: Callable[[Any, LambdaContext], Any]) -> Callable[[Any, LambdaContext], Any]:
    """Wrap a handler: the request id on every log line, the counters flushed whatever happens."""

    @log.inject_lambda_context(clear_state=True)
    def observed(event: Any, context: LambdaContext) -> Any:  # noqa: ANN401 - an event is what AWS sends
        meters.begin()
        try:
            return handler(event, context)
        finally:
            meters.flush()

    return observed


def mailbox_digest(mailbox: str) -> str:
    """Return what stands for a mailbox in a log line: `email-router status` shows the same digest beside its address."""
    return hashlib.sha256(mailbox.encode()).hexdigest()[:12]
