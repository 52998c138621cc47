"""From a configuration file to Dynamics 365: published, read back from the stores, signed in, and used by both roads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from email_router.cli.place import Place as Commands
from email_router.core.activity import EmailStatus
from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.core.flows.collect_outgoing import CollectOutgoing
from email_router.core.flows.outgoing import Delays, Outgoing
from email_router.core.flows.send_email import SendEmail
from email_router.core.parse import parse
from email_router.edge.crm.dataverse import DataverseCrm
from email_router.wiring.configuration import load
from email_router.wiring.environment import Environment
from email_router.wiring.events import outgoing_work
from email_router.wiring.publishing import publish
from email_router.wiring.services import GivenClients, Services
from tests.cloud import Place, aws_stores
from tests.contracts import dataverse_rig
from tests.contracts.dataverse_rig import EMAIL, Rig
from tests.deliveries import later
from tests.fakes import CountingMeters, FixedClock, MemoryAlerts
from tests.flows.house import NOW, House, mail
from tests.memory.sender import MemorySender
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT

FILE = """
[organisation]
name = "contoso"
[organisation.crm]
kind = "dataverse"
url = "{url}"
authority = "{url}"
tenant_id = "{tenant}"
client_id = "{client}"
credentials = {{ env = "DATAVERSE_SECRET" }}
ca_bundle = "ca.pem"
[[profiles]]
name = "out"
direction = "outgoing"
server = "smtp"
host = "smtp.contoso.example"
credentials = {{ env = "DATAVERSE_SECRET" }}
[[mailboxes]]
address = "office@contoso.example"
kind = "queue"
outgoing = "out"
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    yield from dataverse_rig.rig(tmp_path_factory.mktemp("dataverse"))


@pytest.fixture
def dataverse(running: Rig) -> Iterator[Rig]:
    yield from dataverse_rig.afresh(running)


def services_of(place: Place) -> Services:
    environment = Environment(
        router_table=place.router,
        crm_table=place.crm,
        data_bucket=place.bucket,
        secret_prefix=place.prefix,
        allow_loopback=True,
        config_update_period=0,
    )
    given = place.clients
    return Services(environment, GivenClients(given.dynamodb, given.s3, given.sqs, given.secrets))


@pytest.fixture
def services(moto_place: Place, dataverse: Rig, tmp_path: Path) -> Services:
    made = services_of(moto_place)
    (tmp_path / "ca.pem").write_text(dataverse.process.authority.pem)
    text = FILE.format(url=dataverse.process.url, tenant=TENANT, client=CLIENT)
    (tmp_path / "router.toml").write_text(text)
    read = load(tmp_path / "router.toml", {"DATAVERSE_SECRET": SECRET})
    publish(read, made.configurations, made.secrets, made.states("contoso"), None)
    return made


def test_what_was_published_signs_in_and_reads(services: Services, dataverse: Rig) -> None:
    contact = dataverse.contact()

    crm = services.crm(services.configurations.current("contoso"))

    assert isinstance(crm, DataverseCrm)
    assert [one.id for one in crm.resolve(["ann@example.com"])["ann@example.com"]] == [contact]


def test_a_crm_without_its_secret_blocks_and_says_what_to_do(services: Services) -> None:
    configuration = services.configurations.current("contoso")
    options = {name: value for name, value in configuration.crm.options.items() if name != "secret"}

    with pytest.raises(MailboxBlocked) as blocked:
        services.crm(replace(configuration, crm=replace(configuration.crm, options=options)))

    assert blocked.value.kind == "credentials"


def test_what_a_command_does_in_the_built_in_crm_only_is_refused_in_words(services: Services) -> None:
    place = Commands(services, services.configurations.current("contoso"))

    with pytest.raises(ConfigurationError, match="built-in CRM only"):
        place.emails()
    assert place.crm.resolve(["nobody@example.com"]) == {}


def test_an_e_mail_of_a_user_leaves_and_its_answer_comes_back_to_it(
    services: Services, dataverse: Rig, moto_place: Place
) -> None:
    configuration = services.configurations.current("contoso")
    dataverse.outgoing(description="<p>Our offer</p>")
    dataverse.process.put("email", activityid=EMAIL, statecode=1, statuscode=6)
    contact = dataverse.contact("Bob", "bob@example.com")
    dataverse.client.call(
        "PATCH", f"emails({EMAIL})", {"regardingobjectid_contact_email@odata.bind": f"/contacts({contact})"}
    )
    stores, clock, sender = aws_stores(moto_place), FixedClock(NOW), MemorySender()
    crm = services.crm(configuration)
    shared = {
        "configuration": configuration,
        "clock": clock,
        "meters": CountingMeters(),
        "crm": crm,
        "queues": stores.queues,
    }
    CollectOutgoing(**shared, delays=Delays()).collect()  # type: ignore[arg-type]  # ports by name
    outgoing = Outgoing(
        **shared,  # type: ignore[arg-type]  # as above
        ledger=stores.ledger,
        alerts=MemoryAlerts(),
        outgoing=stores.outgoing,
        blobs=stores.blobs,
        open_sender=lambda _profile, _mailbox: sender,
    )
    (_, order) = moto_place.bodies(moto_place.outgoing_queue)[0]
    assert order["activities"] == [EMAIL]

    SendEmail(outgoing, "request").send(outgoing_work(order), later(9_999_999))

    ((_, composed),) = sender.sent
    sent = parse(composed)
    row = dataverse.email()
    assert (row["statuscode"], row["subject"], row["messageid"]) == (3, sent.subject, sent.message_id)
    assert row["trackingtoken"]
    assert row["trackingtoken"] in sent.subject
    house = House(mail(1, to="sales@contoso.example", extra=f"In-Reply-To: {sent.message_id}\r\n"))
    house.states, house.ledger, house.blobs = stores.states, stores.ledger, stores.blobs
    house.crm = crm  # type: ignore[assignment]  # another CRM

    house.route()

    (answer,) = [one for one in dataverse.process.rows("email") if one["activityid"] != EMAIL]
    assert (answer["statuscode"], answer["parentactivityid"]["id"]) == (4, EMAIL)
    assert answer["regardingobjectid"] == {"table": "contact", "id": contact}
    assert EmailStatus.SENT is crm.email(EMAIL).status  # type: ignore[union-attr]  # it is there
