"""Share what can be done now among those who want it: whoever wants little gets it whole, the rest is split evenly."""

from __future__ import annotations

from collections.abc import Mapping


def shares(quota: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """Return how many each gets: together `quota` at most, but one for everybody who wants any where the quota has so many.

    Who comes first in `wanted` gets what cannot be split evenly.
    """
    left, waiting = max(0, quota), sorted(wanted, key=lambda name: wanted[name])
    given: dict[str, int] = {}
    for number, name in enumerate(waiting):
        part = -(-left // (len(waiting) - number))
        given[name] = min(wanted[name], part)
        left -= given[name]
    return {name: given[name] for name in wanted}
