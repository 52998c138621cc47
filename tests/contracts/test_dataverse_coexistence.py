"""No mailbox is served by the router and by server-side synchronization: publish and test-access refuse it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from email_router.cli import mailbox_access
from email_router.cli.backend import Backend
from email_router.cli.servers import MailServers
from email_router.core.errors import ConfigurationError
from email_router.core.flows.access import Waiting
from email_router.core.mailbox import Direction
from email_router.wiring.clock import CLOCK
from email_router.wiring.coexistence import served_twice
from email_router.wiring.configuration import Loaded, load
from tests.cloud import Place
from tests.contracts.dataverse_published import FILE, services_of
from tests.contracts.dataverse_rig import HERE, Rig
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT

OFFICE = "office@contoso.example"
SERVER_SIDE = {"outgoingemaildeliverymethod": 2, "outgoingemailstatus": 1}


@pytest.fixture
def loaded(dataverse: Rig, tmp_path: Path) -> Loaded:
    (tmp_path / "ca.pem").write_text(dataverse.process.authority.pem)
    (tmp_path / "router.toml").write_text(FILE.format(url=dataverse.process.url, tenant=TENANT, client=CLIENT))
    return load(tmp_path / "router.toml", {"DATAVERSE_SECRET": SECRET})


def mailbox(dataverse: Rig, more: dict[str, int], address: str = OFFICE) -> None:
    dataverse.process.put("mailbox", name=address, emailaddress=address, **more)


@pytest.mark.parametrize(
    ("there", "twice"),
    [
        ({"outgoingemaildeliverymethod": 2, "outgoingemailstatus": 1}, [Direction.OUTGOING]),
        ({"outgoingemaildeliverymethod": 2, "outgoingemailstatus": 2}, []),
        ({"outgoingemaildeliverymethod": 2, "outgoingemailstatus": 0}, []),
        ({"outgoingemaildeliverymethod": 0, "outgoingemailstatus": 1}, []),
        ({"incomingemaildeliverymethod": 2, "incomingemailstatus": 1}, []),
        ({"outgoingemaildeliverymethod": 2, "outgoingemailstatus": 1, "statecode": 1, "statuscode": 2}, []),
    ],
    ids=["served", "failed there", "not tested there", "switched off", "a direction that is not ours", "inactive"],
)
def test_a_direction_is_served_twice_when_both_serve_it(
    dataverse: Rig, loaded: Loaded, there: dict[str, int], twice: list[Direction]
) -> None:
    mailbox(dataverse, there, OFFICE.upper())

    found = served_twice(loaded.configuration, SECRET, HERE)

    assert list(found.get(OFFICE, ())) == twice


def backend_of(place: Place) -> Backend:
    return Backend(services_of(place), save=lambda: None, count=lambda _organisation: {})


def test_publish_refuses_it_and_publishes_nothing(dataverse: Rig, loaded: Loaded, moto_place: Place) -> None:
    mailbox(dataverse, SERVER_SIDE)
    backend = backend_of(moto_place)

    with pytest.raises(ConfigurationError) as refused:
        backend.publish(loaded)

    assert f"{OFFICE}: its outgoing mail is served by server-side synchronization" in str(refused.value)
    assert "to None" in str(refused.value)
    assert list(backend.services.configurations.organisations()) == []


def test_publish_takes_it_once_it_is_switched_off_there(dataverse: Rig, loaded: Loaded, moto_place: Place) -> None:
    mailbox(dataverse, {"outgoingemaildeliverymethod": 0})

    assert backend_of(moto_place).publish(loaded).version == 1


def test_test_access_names_it_before_it_tries_anything(dataverse: Rig, loaded: Loaded) -> None:
    mailbox(dataverse, SERVER_SIDE)
    servers = MailServers(loaded.configuration, lambda _profile: "", crm_secret=lambda: SECRET)

    asked = mailbox_access.Asked(send=False, waiting=Waiting(0, time.monotonic, time.sleep), clock=CLOCK)
    (road,) = mailbox_access.tested(servers, OFFICE, asked).roads

    assert {one.status for one in road.steps} == {"not_reached", "not_asked"}
    assert road.error is not None
    assert (road.error.kind, "to None" in road.error.mend) == ("served_twice", True)
