"""Gather what the CRM is to be told, and tell it of many e-mails together.

Only of what may wait a moment: that an e-mail was sent, that one waits again.  The state holds it already; if the worker dies before the CRM
is told, the next order writes it back.
"""

from __future__ import annotations

from email_router.core.errors import MessageRefused
from email_router.core.ports import Crm
from email_router.core.write_back import WriteBack


class Telling:
    """What one order has still to tell the CRM."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self._later: list[WriteBack] = []

    def later(self, told: WriteBack) -> None:
        """Keep what is told with the next `tell`."""
        self._later.append(told)

    def tell(self) -> None:
        """Tell all of it.  What the CRM does not take stands there better than it is told here.

        When the CRM cannot be reached all is kept.  Raises MessageRefused when it refuses some, all others being written.
        """
        if self._later:
            try:
                self._crm.write_back_all(self._later)
            except MessageRefused:
                self._later = []
                raise
            self._later = []
