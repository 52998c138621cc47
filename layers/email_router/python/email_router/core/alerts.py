"""What a person must see to, in one shape whatever it is about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

MOST_MESSAGES = 50
"""An open alert that names so many messages takes no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that needs a person: what happened to whom (`about`: a mailbox, a user, an entry, a sender), and what to do about it.

    `messages` names the messages behind it, where there may be several: those of the alerts that were raised while this one was open.
    `quiet`: it stands in the list, but nobody is sent it.
    """

    kind: str
    about: str
    text: str
    mend: str
    at: datetime
    messages: tuple[str, ...] = ()
    quiet: bool = False

    @property
    def id(self) -> str:
        """The same for the same trouble of the same one, so that it is told once while it lasts."""
        return f"{self.kind}-{hashlib.sha256(self.about.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
