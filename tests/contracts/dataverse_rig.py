"""A simulated Dataverse, a client signed in at it, and what tests ask of both."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from email_router.core.errors import RouterError
from email_router.core.ports import Reach
from email_router.edge.connect.dataverse import DataverseClient
from email_router.edge.connect.dataverse_address import Address, address_of
from email_router.edge.connect.dataverse_errors import DataverseReply
from email_router.edge.connect.dataverse_signing import application
from email_router.edge.connect.https import hang_up
from tests.shared import shared_path
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT, DataverseProcess

Json = dict[str, Any]

HERE = Reach(loopback=True)
ANY = range(400, 600)
"""Statuses that a test looks at itself."""

EMAIL = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
PEOPLE = "contacts?$select=fullname"


class Rig:
    """The simulator of a module's tests, and a client for it."""

    def __init__(self, process: DataverseProcess) -> None:
        self.process = process
        self.address: Address = address_of(process.url, HERE, process.authority.pem)
        self.client = self.signed_in()

    def signed_in(
        self,
        secret: str = SECRET,
        client_id: str = CLIENT,
        address: Address | None = None,
        anew: Callable[[], str] | None = None,
    ) -> DataverseClient:
        """Return a client that signs in with this secret; at another address, where one is given; `anew` reads the secret again."""
        address = address or self.address
        way = application(
            address,
            tenant_id=TENANT,
            client_id=client_id,
            secret=secret,
            organisation="contoso",
            authority=self.process.url,
            anew=anew,
        )
        return DataverseClient(address, way, "contoso")

    def ask(
        self,
        method: str,
        target: str,
        content: Json | None = None,
        headers: Mapping[str, str] | None = None,
        prefer: str = "",
    ) -> DataverseReply:
        """Ask and return the answer, whatever its status."""
        return self.client.call(
            method, target, content, headers=headers, accept=ANY, prefer=(prefer,) if prefer else ()
        )

    def refused(self, method: str, target: str, content: Json | None = None) -> tuple[int, str, str]:
        """Ask and return status, code and words of the error answer."""
        reply = self.ask(method, target, content)
        error = json.loads(reply.body)["error"]
        return reply.status, error["code"], error["message"]

    def contact(self, name: str = "Ann", address: str = "ann@example.com", **more: Any) -> str:
        """Make a contact and return its id."""
        row = self.process.put("contact", firstname=name, lastname="Lee", emailaddress1=address, **more)
        return str(row["contactid"])

    def queue(self, address: str = "sales@contoso.example", **more: Any) -> str:
        """Make a queue and return its id."""
        return str(self.process.put("queue", name="Sales", emailaddress=address, **more)["queueid"])

    def outgoing(self, key: str = EMAIL, **more: Any) -> None:
        """Make an outgoing draft from a queue to somebody."""
        sender = {
            "participationtypemask": 1,
            "partyid_queue@odata.bind": f"/queues({self.queue('office@contoso.example')})",
        }
        to = {"participationtypemask": 2, "addressused": "bob@example.com"}
        content = {"subject": "Offer", "directioncode": True, "email_activity_parties": [sender, to], **more}
        assert self.client.create(f"emails({key})", content)

    def email(self, key: str = EMAIL) -> Json:
        """Return an e-mail as the simulator holds it."""
        return next(row for row in self.process.rows("email") if row["activityid"] == key)


def rig(folder: Path) -> Iterator[Rig]:
    """Run a simulator for the tests of a module; they are skipped where Microsoft's description is not here."""
    shared_path("contracts", "dataverse-cdm")
    with DataverseProcess(folder) as running:
        yield Rig(running)
    hang_up()


def afresh(one: Rig) -> Iterator[Rig]:
    """Lend the simulator to one test; what was asked or answered against Microsoft's description fails the test."""
    one.process.reset()
    yield one
    assert one.process.violations() == []


def failing(client: DataverseClient, method: str = "GET", target: str = PEOPLE, content: object = None) -> RouterError:
    with pytest.raises(RouterError) as caught:
        client.call(method, target, content)  # type: ignore[arg-type] # tables of cases hold objects
    return caught.value


def attachment(email: str) -> dict[str, object]:
    place = {"objectid_email@odata.bind": f"/emails({email})"}
    body = base64.b64encode(b"hello").decode()
    return {**place, "objecttypecode": "email", "filename": "a.txt", "mimetype": "text/plain", "body": body}
