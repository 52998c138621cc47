"""Bound what one message may cost: the sizes and counts above which the router stops reading."""

from __future__ import annotations

from dataclasses import dataclass, field

OVER_LIMIT = "over limit"
"""Every defect that tells of a limit begins with these words."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a message may hold at most; above it the rest is not read and a defect names the limit.

    `bytes` is the whole message (35 MB, what Exchange Online takes by default), `header_bytes` one header block, `header_length` one
    field; `addresses` counts one address header, `parameters` one Content-Type or Content-Disposition.  `text` is what is read in place,
    text and html of all parts together in bytes: a part that no longer fits is attached.
    """

    bytes: int = 35 * 1024 * 1024
    depth: int = 50
    parts: int = 1_000
    headers: int = 1_000
    header_bytes: int = 256 * 1024
    header_length: int = 64 * 1024
    addresses: int = 2_000
    parameters: int = 100
    text: int = 8 * 1024 * 1024


@dataclass(slots=True)
class Defects:
    """Collect what was wrong with the bytes, each thing once, in the order met."""

    found: dict[str, None] = field(default_factory=dict)

    def add(self, text: str) -> None:
        """Note one defect in words; the same words again change nothing."""
        self.found.setdefault(text)

    def over(self, what: str) -> None:
        """Note that a limit was passed; `what` names it and its figure."""
        self.found.setdefault(f"{OVER_LIMIT}: {what}")

    def as_tuple(self) -> tuple[str, ...]:
        """Return all defects in the order they were met."""
        return tuple(self.found)
