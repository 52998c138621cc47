"""Logs and counters of a function: one line per outcome, only fields that hold no mail, and metrics in CloudWatch's embedded format."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

NAMESPACE = "EmailRouter"

log = Logger(utc=True)
"""The function's logger.  Fields are counts, ids, kinds and mailbox digests: never an address, a subject or a body."""


class EmfMeters:
    """Counters that become CloudWatch metrics when the invocation ends (port Meters), one set per organisation."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    def of(self, organisation: str) -> OrganisationMeters:
        """Return the meters of one organisation."""
        return OrganisationMeters(self._counts[organisation])

    def flush(self) -> None:
        """Print what has been counted since the last flush; nothing counted, nothing printed."""
        for organisation, counts in self._counts.items():
            if not counts:
                continue
            metrics = Metrics(namespace=NAMESPACE, service="email-router")
            metrics.clear_metrics()
            metrics.add_dimension(name="organisation", value=organisation)
            for name, value in counts.items():
                metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
            metrics.flush_metrics()
            counts.clear()


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
        try:
            return handler(event, context)
        finally:
            meters.flush()

    return observed


def mailbox_digest(mailbox: str) -> str:
    """Return what stands for a mailbox in a log line: `email-router status` shows the same digest beside its address."""
    return hashlib.sha256(mailbox.encode()).hexdigest()[:12]
