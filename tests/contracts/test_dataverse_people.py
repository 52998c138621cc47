"""Contacts and leads of unknown senders in Dataverse: each exactly once, whoever else makes them, wherever a worker falls."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from email_router.core.activity import NewPerson, Record
from email_router.core.errors import MailboxBlocked, RouterError
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_page import Calls
from tests.deliveries import ANN, NOW
from tests.fakes import FixedClock
from tests.faults.seam import Fault, Killed, Seam, faults_of

ZOE = NewPerson("Zoe@New.example", "contact", "Zoe van Dyk", ANN)
YAN = NewPerson("yan@new.example", "lead", "yan@new.example")


def made(office: Office) -> list[tuple[str, str, str, str]]:
    return [
        (table, row["firstname"], row["lastname"], row["emailaddress1"])
        for table in ("contact", "lead")
        for row in office.process.rows(table)
    ]


def test_a_person_is_a_row_with_name_address_and_owner(office: Office) -> None:
    ann = office.process.put("systemuser", internalemailaddress=ANN)["systemuserid"]

    found = office.crm.create_people([ZOE, YAN])

    assert made(office) == [
        ("contact", "Zoe van", "Dyk", "Zoe@New.example"),
        ("lead", None, "yan@new.example", "yan@new.example"),
    ]
    (zoe,) = found["zoe@new.example"]
    assert zoe == Record("contact", office.process.rows("contact")[0]["contactid"], "Zoe van Dyk", ANN)
    assert office.process.rows("contact")[0]["ownerid"] == {"table": "systemuser", "id": ann}
    assert office.process.rows("lead")[0]["subject"] == "yan@new.example"


def test_two_workers_who_want_another_kind_make_one_record(office: Office) -> None:
    other = Office(office.place, office.rig)
    client: Any = _Between(office.rig.client, lambda: other.crm.create_people([NewPerson(ZOE.address, "lead", "Z")]))

    found = office.opened(client).create_people([ZOE])

    assert [table for table, *_ in made(office)] == ["lead"]
    assert [one.kind for one in found["zoe@new.example"]] == ["lead"]


class _Between:
    """A client after whose first batch another worker acts."""

    def __init__(self, client: Any, act: Any) -> None:
        self._client, self._act = client, act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch(self, items: Any) -> Any:
        answers = self._client.batch(items)
        act, self._act = self._act, lambda: None
        act()
        return answers


@pytest.mark.parametrize(
    "person", [NewPerson(f"{'a' * 100}@x.example", "contact", "A"), NewPerson("q@x.example", "queue", "Q")]
)
def test_whom_no_table_takes_stays_unresolved(office: Office, person: NewPerson) -> None:
    assert office.crm.create_people([person]) == {}
    assert made(office) == []


def test_a_record_that_dataverse_refuses_keeps_no_other_from_being_made(office: Office) -> None:
    office.process.fault("PATCH .*contacts", "status", status=400, code="0x80040265", message="A plug-in.")

    found = office.crm.create_people([ZOE, YAN])

    assert list(found) == ["yan@new.example"]


def test_a_missing_privilege_is_named(office: Office) -> None:
    office.process.settings(denied=["prvCreateLead"])

    with pytest.raises(MailboxBlocked) as blocked:
        office.crm.create_people([YAN])

    assert "prvCreateLead" in blocked.value.mend


def test_it_takes_two_requests_and_one_more_for_the_owners(office: Office) -> None:
    office.crm.create_people([YAN])
    assert office.outer() == ["POST $batch"] * 2
    office.process.clear_requests()

    office.crm.create_people([ZOE])

    assert office.outer() == ["POST $batch"] * 3


def test_wherever_a_worker_falls_a_person_is_one_record(office: Office) -> None:
    people = [ZOE, YAN]
    calm = _fall(office, people, {})
    assert len(made(office)) == 2
    assert len(calm) >= 5

    for number, name in enumerate(calm):
        for fault in faults_of(name):
            person = NewPerson(f"p{number}.{fault.name}@x.example".casefold(), "contact", "P")
            _fall(office, [person], {number: fault})
            found = office.crm.create_people([person])

            rows = [row for row in made(office) if row[3] == person.address]
            assert (len(rows), len(found[person.address])) == (1, 1), f"{fault} at {name}"


def _fall(office: Office, people: list[NewPerson], planted: dict[int, Fault]) -> list[str]:
    def another_worker() -> None:
        office.crm.create_people(people)

    seam = Seam(FixedClock(NOW), planted, another_worker)
    crm = office.opened(Calls(seam, office.rig.client))  # type: ignore[arg-type]  # a client behind the seam
    crm._crm.client = seam.port("dynamodb", office.place.clients.dynamodb)
    with contextlib.suppress(Killed, RouterError):
        crm.create_people(people)
    return seam.calls
