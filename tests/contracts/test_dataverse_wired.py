"""From a configuration file to Dynamics 365: published, read back from the stores, signed in, and used by both roads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from email_router.cli.outgoing import _hand
from email_router.cli.place import Place as Commands
from email_router.core.activity import EmailStatus
from email_router.core.crm_rulings import Offer
from email_router.core.errors import ConfigurationError, MailboxBlocked, TryLater
from email_router.core.flows.collect_outgoing import CollectOutgoing
from email_router.core.flows.outgoing import Delays, Outgoing
from email_router.core.flows.send_email import SendEmail
from email_router.core.parse import parse
from email_router.edge.crm.dataverse import DataverseCrm
from email_router.edge.crm.dataverse_server import DataverseServerCrm
from email_router.edge.stores.secrets import SecretsManagerSecrets
from email_router.wiring import build
from email_router.wiring.configuration import load
from email_router.wiring.events import outgoing_work
from email_router.wiring.publishing import publish
from email_router.wiring.services import Services
from tests.cli.running import run
from tests.cloud import Place, aws_stores
from tests.contracts.dataverse_published import FILE, services_of
from tests.contracts.dataverse_rig import EMAIL, OTHER, Rig
from tests.deliveries import later, outgoing
from tests.fakes import CountingMeters, FixedClock, MemoryAlerts, fail
from tests.flows.house import NOW, House, mail
from tests.memory.sender import MemorySender
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT

FABRIKAM = """
[organisation]
name = "fabrikam"
[[profiles]]
name = "out"
direction = "outgoing"
server = "smtp"
host = "smtp.fabrikam.example"
credentials = { env = "SMTP_PASSWORD" }
[[mailboxes]]
address = "sales@contoso.example"
kind = "queue"
outgoing = "out"
"""


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


def test_a_dataverse_that_matches_by_itself_is_asked(services: Services, dataverse: Rig) -> None:
    configuration = services.configurations.current("contoso")
    options = {**configuration.crm.options, "deliver": "server"}
    dataverse.queue("office@contoso.example", incomingemailfilteringmethod=0)

    crm = services.crm(replace(configuration, crm=replace(configuration.crm, options=options)))

    assert isinstance(crm, DataverseServerCrm)
    assert not isinstance(services.crm(configuration), DataverseServerCrm)
    offer = Offer(message_id="<1@x>", subject="Hello", sender="bob@x.example", mailbox="office@contoso.example")
    assert [one.reason for one in crm.rule_on([offer])] == ["accept_all"]


def test_a_crm_without_its_secret_blocks_and_says_what_to_do(services: Services) -> None:
    configuration = services.configurations.current("contoso")
    options = {name: value for name, value in configuration.crm.options.items() if name != "secret"}

    with pytest.raises(MailboxBlocked) as blocked:
        services.crm(replace(configuration, crm=replace(configuration.crm, options=options)))

    assert blocked.value.kind == "credentials"


def test_a_secret_that_was_changed_serves_from_the_first_refusal_on(
    services: Services, dataverse: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = services.configurations.current("contoso")
    options = {**configuration.crm.options, "client_id": "rotated"}
    configuration = replace(configuration, crm=replace(configuration.crm, options=options))
    dataverse.process.application(client_id="rotated", secrets=[SECRET])
    crm = services.crm(configuration)
    assert crm.resolve(["ann@example.com"]) == {}
    others = SecretsManagerSecrets(services.clients.secretsmanager, services.environment.secret_prefix)
    others.put(options["secret"], "the new one")  # another process, as `publish` is
    dataverse.process.application(client_id="rotated", secrets=["the new one"])
    dataverse.process.settings(revoke_tokens=True)
    monkeypatch.setattr(services.secrets, "_clock", lambda: monotonic() + 11)  # it was not read just now
    contact = dataverse.contact()

    for opened in (crm, services.crm(configuration)):
        assert [one.id for one in opened.resolve(["ann@example.com"])["ann@example.com"]] == [contact]
    assert services.crm_settings(configuration).settings(["office@contoso.example"]) is not None


def test_a_secret_that_cannot_be_read_again_leaves_the_refusal_as_it_is(
    services: Services, dataverse: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = services.configurations.current("contoso")
    options = {**configuration.crm.options, "client_id": "unread"}
    configuration = replace(configuration, crm=replace(configuration.crm, options=options))
    dataverse.process.application(client_id="unread", secrets=["the new one"])
    crm = services.crm(configuration)
    monkeypatch.setattr(services.secrets, "_clock", lambda: monotonic() + 11)
    fail(services.secrets, "refresh", TryLater("away"))

    with pytest.raises(MailboxBlocked) as refused:
        crm.resolve(["ann@example.com"])

    assert refused.value.kind == "login_refused"


def test_records_are_changed_in_dynamics_and_not_by_the_commands(services: Services) -> None:
    place = Commands(services, services.configurations.current("contoso"))

    for change in (
        lambda: place.import_records([("contact", "bob@example.com", "Bob", "")]),
        lambda: place.crm.merge(EMAIL, OTHER),
        lambda: place.crm.deactivate(OTHER),
        lambda: place.crm.activate(OTHER),
    ):
        with pytest.raises(ConfigurationError, match=r"are those of Dynamics 365 and are \w+ there: "):
            change()
    assert place.crm.resolve(["nobody@example.com"]) == {}


def test_the_commands_list_the_e_mails_that_are_the_router_s(services: Services, dataverse: Rig) -> None:
    place = Commands(services, services.configurations.current("contoso"))
    theirs, to = "served.there@contoso.example", {"participationtypemask": 2, "addressused": "bob@example.com"}
    dataverse.outgoing()
    dataverse.process.put("email", activityid=EMAIL, statecode=1, statuscode=6)
    sender = {"participationtypemask": 1, "addressused": theirs}
    assert dataverse.client.create(f"emails({OTHER})", {"email_activity_parties": [sender, to]})
    dataverse.process.put("email", activityid=OTHER, statecode=1, statuscode=6)

    assert [one.id for one in place.emails()] == [one.id for one in place.emails_of([])] == [EMAIL]

    _hand(place).cancel(EMAIL)

    assert place.emails() == []  # it neither waits nor was it ever the router's
    assert [one.status for one in place.emails_of([EMAIL])] == [EmailStatus.CANCELLED]


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
    shared: dict[str, Any] = {
        "configuration": configuration,
        "clock": clock,
        "meters": CountingMeters(),
        "crm": crm,
        "queues": stores.queues,
    }
    CollectOutgoing(**shared, delays=Delays()).collect()
    road = Outgoing(
        **shared,
        ledger=stores.ledger,
        alerts=MemoryAlerts(),
        outgoing=stores.outgoing,
        blobs=stores.blobs,
        open_sender=lambda _profile, _mailbox: sender,
    )
    (_, order) = moto_place.bodies(moto_place.outgoing_queue)[0]
    assert order["activities"] == [EMAIL]

    SendEmail(road, "request").send(outgoing_work(order), later(9_999_999))

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


def test_e_mails_of_senders_whom_the_router_does_not_serve_are_left_to_dynamics(
    services: Services, dataverse: Rig
) -> None:
    crm = services.crm(services.configurations.current("contoso"))
    theirs = {"participationtypemask": 1, "addressused": "served.there@contoso.example"}
    to = {"participationtypemask": 2, "addressused": "bob@example.com"}
    assert dataverse.client.create(f"emails({OTHER})", {"email_activity_parties": [theirs, to]})
    dataverse.outgoing()
    for key in (EMAIL, OTHER):
        dataverse.process.put("email", activityid=key, statecode=1, statuscode=6)

    assert list(crm.pending(later(9_999_999), 9)) == [(EMAIL, "office@contoso.example")]


@pytest.mark.parametrize("fault", ["throttled", "unavailable", "disabled"])
def test_a_crm_that_cannot_be_asked_keeps_no_other_organisation_s_e_mails_back(
    services: Services, dataverse: Rig, moto_place: Place, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    other = load(FABRIKAM, {"SMTP_PASSWORD": "secret"})
    stores = aws_stores(moto_place, "fabrikam")
    publish(other, services.configurations, services.secrets, services.states("fabrikam"), stores.crm)
    stores.crm.create_outgoing(outgoing("e1"))
    dataverse.process.fault("GET .*emails", fault)
    monkeypatch.setattr(build, "Services", lambda _environment: services)  # the clouds of this test
    collect = build.collect_outgoing(services.environment)

    if fault == "disabled":
        with pytest.raises(MailboxBlocked):
            collect({})
    else:
        assert collect({}) == 1

    ((_, order),) = moto_place.bodies(moto_place.outgoing_queue)
    assert (order["organisation"], order["activities"]) == ("fabrikam", ["e1"])


def test_load_data_lists_the_mailboxes_that_are_not_configured(dataverse: Rig, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(dataverse.process.authority.pem)
    (tmp_path / "router.toml").write_text(FILE.format(url=dataverse.process.url, tenant=TENANT, client=CLIENT))
    queue = dataverse.queue("help@contoso.example", incomingemailfilteringmethod=2)
    there: dict[str, dict[str, Any]] = {
        "help": {"regardingobjectid": {"table": "queue", "id": queue}, "incomingemaildeliverymethod": 2},
        "ann": {"outgoingemaildeliverymethod": 2, "emailrouteraccessapproval": 1},
        "forward": {"isforwardmailbox": True, "incomingemaildeliverymethod": 3},
        "office": {},
        "gone": {"statecode": 1, "statuscode": 2},
    }
    for name, more in there.items():
        dataverse.process.put("mailbox", name=name, emailaddress=f"{name}@contoso.example", **more)

    variables = {"DATAVERSE_SECRET": SECRET}
    ran = run("load-data", "--config", "router.toml", "--json", folder=tmp_path, variables=variables)

    assert ran.code == 0
    assert [tuple(one.values()) for one in ran.json["mailboxes"]] == [
        ("user", "ann@contoso.example", "ann", "none", "server-side", True, ""),
        ("forward", "forward@contoso.example", "forward", "forward", "none", False, ""),
        ("queue", "help@contoso.example", "help", "server-side", "none", False, "contacts"),
    ]


def test_load_data_of_the_built_in_crm_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text(FABRIKAM)

    ran = run("load-data", "--config", "router.toml", folder=tmp_path, variables={"SMTP_PASSWORD": "x"})

    assert (ran.code, "load-data reads Dynamics 365" in ran.err) == (2, True)
