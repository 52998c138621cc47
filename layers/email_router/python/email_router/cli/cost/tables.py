"""Read the tables that a bill is made of: prices (prices.toml), and what each piece of work asks of AWS (counts.json).

The counts are no estimates: they are taken from the real functions at work, and a test takes them anew (`python -m benchmarks counts` writes
the file).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

_PLACE = "email_router.cli.cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What `per` of a unit cost in US dollars, and where that stands."""

    service: str
    usd: float
    per: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """One region's prices on one day, what is assumed, and what a pair of servers would cost there.

    `round_trips` is how often a piece of work waits for a mail server, by the name of the work.
    """

    region: str
    date: str
    price: Mapping[str, Price]
    always_on: Mapping[str, Any]
    assumed: Mapping[str, float]
    round_trips: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a piece of work asks of AWS: invocations by function, calls, units, requests, and bytes that stay in tables, bucket and log.

    Of the bytes in tables those that expire are told apart, with the days for which they lie there.
    Parts of a whole are fractions: a message that shares a call with nine others takes a tenth of it.
    """

    invocations: Mapping[str, float] = field(default_factory=dict)
    aws_calls: float = 0
    write_units: float = 0
    read_units: float = 0
    sqs_requests: float = 0
    s3_writes: float = 0
    s3_reads: float = 0
    secret_requests: float = 0
    ses_messages: float = 0
    events: float = 0
    log_bytes: float = 0
    kept_bytes: float = 0
    expiring_bytes: float = 0
    expiring_byte_days: float = 0
    blob_bytes: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The work by name, what a process of a function asks each time that it reads its settings, and what stands in the stack.

    `memory` is in MB, by function.
    """

    work: Mapping[str, Bill]
    settings: Mapping[str, Bill]
    memory: Mapping[str, int]
    standing: Mapping[str, float]


@cache
def prices() -> Prices:
    """Return the table of prices."""
    read = tomllib.loads(_text("prices.toml"))
    return Prices(**{**read, "price": {name: Price(**one) for name, one in read["price"].items()}})


@cache
def counts() -> Counts:
    """Return what was counted."""
    read = json.loads(_text("counts.json"))
    bills = {part: {name: Bill(**one) for name, one in read[part].items()} for part in ("work", "settings")}
    return Counts(**{**read, **bills})


def _text(name: str) -> str:
    return resources.files(_PLACE).joinpath(name).read_text("utf-8")
