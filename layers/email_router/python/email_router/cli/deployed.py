"""Ask a deployed stack on AWS for its names and counters, with the caller's own credentials."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from email_router.core.counters import COUNTERS, RATES, added
from email_router.core.errors import ConfigurationError

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef, MetricOutputTypeDef

_NAMESPACE = "EmailRouter"
_DAY = 86_400
_ASKED_AT_ONCE = 500
_KEPT = timedelta(days=455)
"""CloudWatch keeps hourly values for 455 days."""


def outputs(stack: str) -> dict[str, str]:
    """Return the outputs of the stack.  Raises ConfigurationError that says what AWS answered."""
    try:
        found = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    except (BotoCoreError, ClientError) as refusal:
        raise ConfigurationError(
            f"the stack {stack} cannot be read: {refusal}; check its name, AWS_REGION and your credentials"
        ) from refusal
    return {output["OutputKey"]: output["OutputValue"] for output in found}


def counters(organisation: str) -> Mapping[str, int]:
    """Return the sums of the 21 counters over the last 455 days, and the highest of speeds: of one organisation, or of all.

    A counter that has not moved for two weeks is not listed by CloudWatch and counts as 0.
    """
    told = dict.fromkeys(COUNTERS, 0)
    try:
        cloudwatch = boto3.client("cloudwatch")
        for name, value in _sums(cloudwatch, _listed(cloudwatch, organisation)):
            told = added(told, {name: value})
    except (BotoCoreError, ClientError) as refusal:
        raise ConfigurationError(
            f"CloudWatch cannot be asked: {refusal}; check AWS_REGION and your credentials"
        ) from refusal
    return {name: told.get(name, 0) for name in COUNTERS}


def _listed(cloudwatch: CloudWatchClient, organisation: str) -> list[MetricOutputTypeDef]:
    """Return the metrics of the counters, each combination of dimensions once."""
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=_NAMESPACE)
    found = (metric for page in pages for metric in page["Metrics"])
    wanted = (metric for metric in found if metric["MetricName"] in COUNTERS and _of(metric, organisation))
    return list({str((metric["MetricName"], metric.get("Dimensions"))): metric for metric in wanted}.values())


def _sums(cloudwatch: CloudWatchClient, metrics: Sequence[MetricOutputTypeDef]) -> Iterator[tuple[str, int]]:
    now = datetime.now(UTC)
    for start in range(0, len(metrics), _ASKED_AT_ONCE):
        chunk = metrics[start : start + _ASKED_AT_ONCE]
        queries = [_query(number, metric) for number, metric in enumerate(chunk)]
        asked = cloudwatch.get_paginator("get_metric_data")
        for page in asked.paginate(MetricDataQueries=queries, StartTime=now - _KEPT, EndTime=now):
            for result in page["MetricDataResults"]:
                name, values = chunk[int(result["Id"].removeprefix("m"))]["MetricName"], result["Values"]
                yield name, math.ceil(max(values, default=0)) if name in RATES else round(sum(values))


def _of(metric: MetricOutputTypeDef, organisation: str) -> bool:
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", [])}
    return not organisation or dimensions.get("organisation") == organisation


def _query(number: int, metric: MetricOutputTypeDef) -> MetricDataQueryTypeDef:
    stat = "Maximum" if metric["MetricName"] in RATES else "Sum"
    return {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": _DAY, "Stat": stat}}
