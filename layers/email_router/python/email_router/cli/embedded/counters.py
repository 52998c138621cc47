"""Add up the metrics that the functions printed to their logs.

On AWS, CloudWatch reads lines in embedded metric format from a function's log and makes metrics of them.  The emulator keeps the
lines in CloudWatch Logs and makes nothing of them, so the same lines are read and added here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from email_router.cli.embedded.stack import DeployedStack
from email_router.core.counters import RATES, added

NAMESPACE = "EmailRouter"


def read_counters(stack: DeployedStack, namespace: str = NAMESPACE) -> dict[str, int]:
    """The sum of each metric of the namespace over all functions and dimensions since the emulator started; of speeds the highest."""
    total: dict[str, int] = {}
    for line in log_lines(stack):
        if '"_aws"' in line:
            total = added(total, _metrics(line, namespace))
    return total


def log_lines(stack: DeployedStack) -> Iterator[str]:
    """All lines of all functions' logs, in the emulator's order."""
    logs = stack.client("logs")
    for group in logs.get_paginator("describe_log_groups").paginate().search("logGroups[].logGroupName"):
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                yield event["message"]


def _metrics(line: str, namespace: str) -> Counter[str]:
    """The values of one line; what only looks like a metric counts nothing (a log line may quote one)."""
    found: Counter[str] = Counter()
    try:
        entry: dict[str, Any] = json.loads(line)
        directives: list[dict[str, Any]] = entry["_aws"]["CloudWatchMetrics"]
    except (ValueError, TypeError, KeyError):
        return found
    for directive in directives:
        if directive.get("Namespace") == namespace:
            for metric in directive.get("Metrics", []):
                value = entry.get(metric["Name"], 0)
                values = value if isinstance(value, list) else [value]
                speed = metric["Name"] in RATES
                found[metric["Name"]] += math.ceil(max(values)) if speed else int(sum(values))
    return found
