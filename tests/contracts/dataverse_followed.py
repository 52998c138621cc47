"""An organisation that follows the settings of the simulated Dataverse."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from email_router.cli.backend import Backend
from email_router.core.flows.follow_settings import FollowSettings
from email_router.core.mailbox import Accept
from email_router.core.settings import Configuration
from email_router.edge.stores.configurations import DynamoConfigurations
from email_router.wiring.clock import CLOCK
from email_router.wiring.configuration import Loaded, load
from email_router.wiring.following import following
from email_router.wiring.services import Services
from tests.cloud import Place
from tests.contracts.dataverse_published import FILE, services_of
from tests.contracts.dataverse_rig import Rig
from tests.fakes import FixedClock
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT

ORGANIZATION = "7f0a4b0e-0d0c-4d0a-8f3e-5f2a6f1c0003"
ANN = "7f0a4b0e-0d0c-4d0a-8f3e-5f2a6f1c0010"
OFFICE = "office@contoso.example"
USER = "ann@contoso.example"
MORE = """
[[mailboxes]]
address = "ann@contoso.example"
outgoing = "out"
"""
PERIOD = 300.0


class Followed:
    """A published configuration that follows everything, its stores, and the settings of the organisation."""

    def __init__(self, place: Place, dataverse: Rig, folder: Path) -> None:
        self.place, self.dataverse, self.folder = place, dataverse, folder
        self.clock = FixedClock()
        self.services: Services = services_of(place)
        (folder / "ca.pem").write_text(dataverse.process.authority.pem)
        self.mailboxes: dict[str, str] = {}
        queue = dataverse.queue(OFFICE, incomingemailfilteringmethod=1)
        dataverse.process.put("systemuser", systemuserid=ANN, fullname="Ann", internalemailaddress=USER)
        dataverse.process.put("usersettings", systemuserid=ANN, incomingemailfilteringmethod=3)
        self.mailbox(OFFICE, regardingobjectid={"table": "queue", "id": queue}, emailrouteraccessapproval=1)
        self.mailbox(USER, regardingobjectid={"table": "systemuser", "id": ANN}, emailrouteraccessapproval=1)
        self.organization(trackingprefix="ACME:;CRM:", enablesmartmatching=True, emailcorrelationenabled=True)
        dataverse.process.clear_requests()

    def mailbox(self, address: str, **values: Any) -> None:
        """Make or change a mailbox's record."""
        known = {"mailboxid": self.mailboxes[address]} if address in self.mailboxes else {}
        row = self.dataverse.process.put("mailbox", name=address, emailaddress=address, **known, **values)
        self.mailboxes[address] = str(row["mailboxid"])

    def organization(self, **values: Any) -> None:
        """Change the organisation's settings."""
        self.dataverse.process.put("organization", organizationid=ORGANIZATION, **values)

    def file(self, follow: str = '"tracking", "mailboxes"', tracking: str = "", more: str = MORE) -> Loaded:
        """Return the configuration as a file that follows says it."""
        text = FILE.format(url=self.dataverse.process.url, tenant=TENANT, client=CLIENT) + more
        text = text.replace('ca_bundle = "ca.pem"', f'ca_bundle = "ca.pem"\nfollow = [{follow}]')
        (self.folder / "router.toml").write_text(f"{text}\n[organisation.tracking]\n{tracking}\n")
        return load(self.folder / "router.toml", {"DATAVERSE_SECRET": SECRET})

    def publish(self, loaded: Loaded | None = None) -> int:
        """Publish the file as the command does."""
        backend = Backend(self.services, save=lambda: None, count=lambda _organisation: {})
        return backend.publish(loaded or self.file()).version

    def current(self) -> Configuration:
        """Return what a function reads that has nothing in memory."""
        store = DynamoConfigurations(self.place.clients.dynamodb, self.place.router, ttl=0)
        return store.current("contoso")

    def follow(self) -> FollowSettings:
        """Return what a function refreshes the settings by."""
        made = following(self.services, self.services.configurations.published("contoso"), self.clock)
        return replace(made, period=PERIOD)

    def later(self, seconds: float = PERIOD) -> datetime:
        """Let time pass; the settings that were read at publishing stand at the machine's time."""
        self.clock.at = CLOCK.now() + timedelta(seconds=seconds)
        return self.clock.at

    def accepted(self) -> dict[str, tuple[Accept, bool]]:
        """Return accept option and approval of each mailbox in force."""
        return {box.key: (box.accept, box.approved) for box in self.current().mailboxes}

    def asked(self) -> list[str]:
        """Return the requests that Dataverse got, a batch as one."""
        made = [one for one in self.dataverse.process.requests() if not one["batched"] and "/api/" in one["path"]]
        return [str(one["path"]) for one in made]
