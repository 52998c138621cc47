"""One mailbox of Exchange Online over both simulators with the same mails: by EWS and by Graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from email_router.core.mailbox import Mailbox, Profile
from email_router.core.ports import Reach
from email_router.wiring import registry
from tests.flows.house import NOW, House
from tests.simulators.ews.process import EwsProcess
from tests.simulators.graph.process import SECRET, GraphProcess


@dataclass
class Online:
    """One mailbox of Exchange Online, as EWS shows it and as Graph does."""

    ews: EwsProcess
    graph: GraphProcess
    address: str

    def put(self, *mails: bytes, at: datetime = NOW, folder: str = "inbox") -> None:
        """Let mails arrive."""
        for raw in mails:
            self.ews.put(self.address, raw, folder, at)
            self.graph.put_message(self.address, raw, folder, received=at)

    def profile(self, protocol: str, **changes: Any) -> Profile:
        """The profile of an application that Entra knows, for one of the two protocols."""
        endpoint = f"{self.ews.root}/EWS/Exchange.asmx" if protocol == "ews" else self.graph.endpoint
        return self.graph.profile(protocol=protocol, endpoint=endpoint, name="in", **changes)

    def house(self, protocol: str, **changes: Any) -> House:
        """The incoming road, its source opened as the registry says for the profile of the time."""
        house = House()
        house.configure(profile=self.profile(protocol, **changes))

        def opened(profile: Profile, mailbox: Mailbox) -> Any:
            make = registry.adapter(registry.SOURCES, registry.kind_of(profile))
            return make(profile, replace(mailbox, address=self.address), SECRET, Reach(loopback=True))

        house._open = opened  # type: ignore[method-assign]  # the road's one inlet
        return house


def delivered(house: House) -> list[str]:
    return sorted(one.message_id or "" for one in house.crm.activities.values())


def ids(*numbers: int) -> list[str]:
    return sorted(f"<m{number}@fabrikam.example>" for number in numbers)
