"""Until when everything in a folder was passed: what the positions of EWS and of Graph say to each other.

Both read the same mailbox of Exchange Online, and neither can go on from the other's sync state.  What they share is the time of receipt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OVERLAP = timedelta(days=1)
"""How much is looked at again: clocks of servers differ, and a message may show up some time after it was received."""

_NONE, _RESUMES = "-", "resumes"
_ALIKE = frozenset({"inbox", "junkemail", "deleteditems", "sentitems", "drafts", "outbox"})
_GRAPH_ALONE = frozenset({"archive", "clutter", "msgfolderroot"})


@dataclass(frozen=True, slots=True)
class Passed:
    """How far one folder was read, by time of receipt.

    `until` is proven: when it was written, everything in the folder that was received before had been passed.  `reached` is the latest time
    that a round which is not over has listed; it proves nothing, for neither protocol promises an order.  `resumes` is set for the first
    round after the other protocol: that one alone leaves out what was received more than OVERLAP before `until`.
    """

    until: datetime | None = None
    reached: datetime | None = None
    resumes: bool = False

    def after(self, received: Iterable[datetime | None], *, ended: bool) -> Passed:
        """Return it once a page with these times was passed; `ended` tells that nothing else lies in the folder.

        No time to come is believed: an imported message may bear any.
        """
        reached = max((one for one in (self.reached, *received) if one is not None), default=None)
        if not ended:
            return replace(self, reached=reached)
        proven = [self.until] if self.until else []
        proven += [min(reached, now())] if reached else []
        return Passed(max(proven, default=None))

    def anew(self) -> Passed:
        """Return it for a round that begins again."""
        return replace(self, reached=None)

    def skips(self, received: datetime | None) -> bool:
        """Tell whether a message received then was passed already, by the other protocol."""
        if not self.resumes or self.until is None or received is None:
            return False
        return received < self.until - OVERLAP

    def text(self) -> str:
        """Write it; empty where nothing is known."""
        if self == NOTHING_PASSED:
            return ""
        times = [_written(one) if one else _NONE for one in (self.until, self.reached)]
        return ",".join([*times, _RESUMES] if self.resumes else times)

    @classmethod
    def of_text(cls, text: str) -> Passed:
        """Read what `text` wrote; anything else tells nothing."""
        until, _, rest = text.partition(",")
        reached, _, word = rest.partition(",")
        try:
            return cls(_read(until), _read(reached), word == _RESUMES)
        except ValueError:
            return cls()


NOTHING_PASSED = Passed()


def carried_over(told: Mapping[str, object]) -> dict[str, Passed]:
    """Return what another protocol's texts say for a first round, by the names of folders that mean the same to both.

    A path that begins with a well-known name is none: EWS takes it for what people see, Graph for the folder that every mailbox has.
    """
    read = {name: Passed.of_text(text) for name, text in told.items() if isinstance(text, str) and _is_alike(name)}
    return {name: Passed(one.until, resumes=True) for name, one in read.items() if one.until is not None}


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def _is_alike(name: str) -> bool:
    return name.casefold() in _ALIKE or name.casefold().partition("/")[0] not in _ALIKE | _GRAPH_ALONE


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(text: str) -> datetime | None:
    if text in {"", _NONE}:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment
