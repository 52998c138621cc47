"""What an SMTP server answers, by what it lets the client do (RFC 5321 4.2)."""

from __future__ import annotations

from typing import NamedTuple

from email_router.edge.connect.line import words

_GOOD, _LATER = 2, 4


class Answer(NamedTuple):
    """An SMTP answer: its code, and its lines as they came, without code."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def good(self) -> bool:
        """Tell whether it is a 2xx."""
        return self.code // 100 == _GOOD

    @property
    def later(self) -> bool:
        """Tell whether it is a 4xx."""
        return self.code // 100 == _LATER

    def __str__(self) -> str:
        """Return code and words, fit for a log."""
        return f"{self.code} {' '.join(map(words, self.lines))}"
