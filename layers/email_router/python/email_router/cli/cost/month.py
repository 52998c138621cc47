"""Price a month: all that it takes of AWS, service by service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from email_router.cli.cost.amounts import amounts
from email_router.cli.cost.load import Load
from email_router.cli.cost.tables import Counts, Prices


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill: so much of something, and what it costs in US dollars."""

    what: str
    amount: float
    usd: float


@dataclass(frozen=True, slots=True)
class Month:
    """The bill of a month, by service in the order of the table of prices."""

    services: Mapping[str, tuple[Line, ...]]

    @property
    def usd(self) -> float:
        """What all of it costs."""
        return sum(self.of(service) for service in self.services)

    def of(self, service: str) -> float:
        """What a service costs."""
        return sum(line.usd for line in self.services[service])


def month(load: Load, counts: Counts, prices: Prices) -> Month:
    """Return the bill of the load."""
    found: dict[str, list[Line]] = defaultdict(list)
    taken = amounts(load, counts, prices)
    for name, price in prices.price.items():
        found[price.service].append(Line(price.unit, taken[name], taken[name] / price.per * price.usd))
    return Month({service: tuple(lines) for service, lines in found.items()})


def pair_of_servers(prices: Prices) -> float:
    """Return what a pair of servers that always run costs in a month; licences, patching, backup and the people are not in it."""
    pair = prices.always_on
    hours = prices.assumed["hours_in_a_month"]
    each = pair["usd_per_hour"] * hours + pair["disk_gb"] * pair["usd_per_disk_gb"]
    return float(pair["servers"] * each)
