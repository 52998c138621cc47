"""`email-router local` and the commands beside it with an organisation of Dynamics 365: Dovecot, Postfix, and the simulator of Dataverse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from email_router.core.parse import parse
from tests.cli.running import Ran
from tests.e2e.command import email_router
from tests.e2e.test_local import CONFIGURATION
from tests.flows.house import mail
from tests.servers import DovecotServer, PostfixServer
from tests.simulators.certificates import Authority
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT, SummaryProcess

SALES = "sales@contoso.example"
BOB = "bob@contoso.example"
DYNAMICS = """
[organisation.crm]
kind = "dataverse"
url = "{url}"
authority = "{url}"
tenant_id = "{tenant}"
client_id = "{client}"
credentials = {{ env = "DATAVERSE_SECRET" }}
ca_bundle = "ca.pem"
"""
QUEUE = "5b6f5d0e-3f0a-5a53-8d57-0f5f0a9b2c12"
CONTACT = "5b6f5d0e-3f0a-5a53-8d57-0f5f0a9b2c13"


@dataclass
class Office:
    """A folder with a configuration and a state, the mail servers, and the people in Dynamics 365."""

    folder: Path
    dovecot: DovecotServer
    dataverse: SummaryProcess

    def run(self, *arguments: object, secret: str = SECRET) -> Ran:
        """Run a command on the state."""
        secrets = {"POP3_PASSWORD": self.dovecot.password, "SMTP_PASSWORD": self.dovecot.password}
        return email_router(*arguments, "--state", self.folder / "state", env={**secrets, "DATAVERSE_SECRET": secret})

    def local(self) -> Ran:
        """One round."""
        ended = self.run("local", "--config", self.folder / "router.toml", "--once", "--json")
        assert ended.code == 0, ended.err
        return ended

    def statuses(self) -> list[int]:
        """Return the statuscode of every e-mail there, in order."""
        return sorted(row["statuscode"] for row in self.dataverse.rows("email"))


@pytest.fixture
def office(tmp_path: Path, dovecot: DovecotServer, postfix: PostfixServer, authority: Authority) -> Iterator[Office]:
    for address in (SALES, BOB):
        for file in dovecot.files(address):
            file.unlink()
    (tmp_path / "ca.pem").write_bytes(Path(authority.ca).read_bytes())
    seed = {
        "queue": [{"queueid": QUEUE, "name": "Sales", "emailaddress": SALES}],
        "contact": [{"contactid": CONTACT, "firstname": "Bob", "lastname": "Brandt", "emailaddress1": BOB}],
    }
    with SummaryProcess(tmp_path / "dataverse", authority=authority, seed=seed) as dataverse:
        text = CONFIGURATION.format(
            pop3s=dovecot.pop3s, smtp=postfix.login_port, user=SALES, sales=SALES, after="leave"
        )
        there = DYNAMICS.format(url=dataverse.url, tenant=TENANT, client=CLIENT)
        (tmp_path / "router.toml").write_text(text + there)
        yield Office(tmp_path, dovecot, dataverse)
        assert dataverse.violations() == []


@pytest.mark.long
def test_mail_comes_into_dynamics_365_an_e_mail_leaves_from_there_and_its_answer_finds_it(office: Office) -> None:
    office.dovecot.put(SALES, mail(1))

    (came,) = office.local().json["messages"]
    assert (came["verdict"], came["reason"], office.statuses()) == ("delivered", "accept_all", [4])

    attached = office.folder / "offer.txt"
    attached.write_bytes(b"twenty bikes")
    letter = ("--from", SALES, "--to", BOB, "--subject", "Your order", "--text", "1 < 2\nBye")
    sent = office.run("send", *letter, "--attach", attached, "--json")
    assert (sent.code, office.statuses()) == (0, [4, 6]), sent.err

    (outgoing,) = office.local().json["outgoing"]
    assert (outgoing["activity"], outgoing["status"]) == (sent.json["activity"], "sent")
    assert outgoing["subject"] == f"Your order {outgoing['tracking_token']}"
    left = parse(office.dovecot.files(BOB)[-1].read_bytes())
    assert (left.text, left.message_id) == ("1 < 2\nBye", outgoing["message_id"])
    assert [(one.name, one.content) for one in left.attachments] == [("offer.txt", b"twenty bikes")]

    answer = f"In-Reply-To: {left.message_id}\r\n"
    office.dovecot.put(SALES, mail(2, sender=f"Bob <{BOB}>", subject="Re: Your order", extra=answer))
    (message,) = office.local().json["messages"]
    assert (message["rule"], message["correlated"]) == ("in_reply_to", outgoing["activity"])

    emails = office.run("emails", "--json").json["emails"]
    assert [(one["status"], one["correlated"], one["receipts"]) for one in emails if one["status"] == "sent"] == [
        ("sent", None, [])
    ]
    assert {one["activity"]: one["receipts"] for one in emails if one["status"] == "received"} == {
        came["activity"]: [SALES],
        message["activity"]: [SALES],
    }


@pytest.mark.long
def test_what_users_of_dynamics_365_do_there_is_refused_and_so_is_a_command_without_the_secret(office: Office) -> None:
    assert office.run("publish", office.folder / "router.toml").code == 0
    people = office.folder / "people.csv"
    people.write_text("kind,address,name,owner\ncontact,erin@fabrikam.example,Erin Fabrikam,\n")

    ended = office.run("crm", "import", people)
    assert (ended.code, "import them there" in ended.err) == (2, True), ended.err
    unable = office.run("emails", secret="")
    assert (unable.code, "set the environment variable DATAVERSE_SECRET" in unable.err) == (2, True), unable.err
