"""Tell the scheduler which mailboxes open circuits keep back.  A tick that finds none open costs one query."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from email_router.core.circuits import places
from email_router.core.flows.schedule import KeptBack, nothing_keeps_back
from email_router.core.mailbox import Direction
from email_router.core.work import ScheduledMailbox
from email_router.wiring.services import Services


def kept_back(services: Services, now: datetime) -> KeptBack:
    """Return what tells the places whose open circuits keep a mailbox back, as they stand now."""
    found = {
        organisation: frozenset(one.place for one in services.circuits(organisation).all_open() if one.is_open(now))
        for organisation in services.open_circuits.organisations()
    }
    if not any(found.values()):
        return nothing_keeps_back
    configurations = {name: services.configurations.current(name) for name, opened in found.items() if opened}

    def keeps_back(mailbox: ScheduledMailbox) -> Sequence[str]:
        configuration = configurations.get(mailbox.organisation)
        if configuration is None:
            return ()
        opened = found[mailbox.organisation]
        return [place for place in places(configuration, mailbox.mailbox, Direction.INCOMING) if place in opened]

    return keeps_back
