"""`email-router local` with a configuration that a user would write, against real servers: Dovecot and Postfix."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from email_router.core.parse import parse
from tests.cli.running import Ran
from tests.e2e.command import PROGRAM, email_router
from tests.flows.house import mail
from tests.servers import DovecotServer, PostfixServer
from tests.simulators.certificates import Authority

CONFIGURATION = """
[organisation]
name = "contoso"

[[profiles]]
name = "pop3-in"
direction = "incoming"
server = "pop3"
host = "localhost"
port = {pop3s}
security = "tls"
ca_bundle = "ca.pem"
credentials = {{ env = "POP3_PASSWORD" }}

[[profiles]]
name = "smtp-out"
direction = "outgoing"
server = "smtp"
host = "localhost"
port = {smtp}
security = "starttls"
ca_bundle = "ca.pem"
username = "{user}"
credentials = {{ env = "SMTP_PASSWORD" }}

[[mailboxes]]
address = "{sales}"
kind = "queue"
incoming = "pop3-in"
outgoing = "smtp-out"
accept = "all"
owner = "ann@contoso.example"
after_delivery = "{after}"
"""


@dataclass
class Office:
    """A folder with a configuration and a state, two mail servers, and a mailbox of its own in them."""

    folder: Path
    dovecot: DovecotServer
    sales: str

    def run(self, *arguments: object, within: float = 240) -> Ran:
        """Run a command on the state."""
        return email_router(*arguments, "--state", self.folder / "state", env=self.env, within=within)

    def local(self, *arguments: object) -> Ran:
        """One round."""
        return self.run("local", "--config", self.folder / "router.toml", "--once", "--json", *arguments)

    @property
    def env(self) -> dict[str, str]:
        """The passwords, as a person exports them."""
        return {"POP3_PASSWORD": self.dovecot.password, "SMTP_PASSWORD": self.dovecot.password}


@pytest.fixture
def office(
    tmp_path: Path, dovecot: DovecotServer, postfix: PostfixServer, authority: Authority, request: pytest.FixtureRequest
) -> Office:
    sales = getattr(request, "param", "sales@contoso.example")
    for file in dovecot.files(sales):
        file.unlink()
    (tmp_path / "ca.pem").write_bytes(Path(authority.ca).read_bytes())
    text = CONFIGURATION.format(pop3s=dovecot.pop3s, smtp=postfix.login_port, user=sales, sales=sales, after="delete")
    (tmp_path / "router.toml").write_text(text)
    return Office(tmp_path, dovecot, sales)


def wait_for_mail(office: Office, count: int) -> None:
    """Wait until Postfix has delivered into the mailbox."""
    deadline = time.monotonic() + 30
    while office.dovecot.count(office.sales) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    assert office.dovecot.count(office.sales) == count


@pytest.mark.long
def test_a_new_mail_comes_in_an_e_mail_goes_out_and_its_answer_finds_it(office: Office) -> None:
    office.dovecot.put(office.sales, mail(1))
    records = office.folder / "people.csv"
    records.write_text("kind,address,name,owner\ncontact,erin@fabrikam.example,Erin Fabrikam,ann@contoso.example\n")

    first = office.local()
    assert (first.code, [one["verdict"] for one in first.json["messages"]]) == (0, ["delivered"]), first.err
    assert office.run("crm", "import", records).code == 0
    sent = office.run(
        "send",
        "--from",
        office.sales,
        "--to",
        "bob@contoso.example",
        "--subject",
        "Your order",
        "--text",
        "It is on its way.",
    )
    assert sent.code == 0, sent.err

    second = office.local()
    (outgoing,) = second.json["outgoing"]
    assert (outgoing["status"], outgoing["tracking_token"], second.json["messages"]) == ("sent", "CRM:0001001", []), (
        second.out
    )

    # bob@ answers as a mail client does; the answer comes by Postfix into Dovecot.
    received = parse(office.dovecot.files("bob@contoso.example")[-1].read_bytes())
    answer = mail(
        2,
        sender="Bob <bob@contoso.example>",
        subject=f"Re: {received.subject}",
        extra=f"In-Reply-To: {received.message_id}\r\n",
    )
    office.dovecot.put(office.sales, answer)
    third = office.local()

    (message,) = third.json["messages"]
    assert (message["rule"], message["correlation_method"], message["correlated"]) == (
        "in_reply_to",
        "in_reply_to",
        outgoing["activity"],
    )
    assert third.json["mailboxes"] == [{"address": office.sales, "status": "ok", "fetched": 1, "error": None}]
    emails = office.run("emails", "--json").json["emails"]
    assert [one["status"] for one in emails] == ["received", "sent", "received"]
    explained = office.run("explain", message["message_id"], "--json").json
    assert explained["reason"] == "accept_all"
    assert {"question": "in_reply_to", "answer": "match"}.items() <= next(
        one for one in explained["trace"] if one["question"] == "in_reply_to"
    ).items()
    assert office.dovecot.count(office.sales) == 2  # local leaves everything where it is


@pytest.mark.long
def test_with_dispose_only_what_the_saved_state_holds_is_deleted(office: Office) -> None:
    office.dovecot.put(office.sales, mail(1))

    ended = office.local("--dispose")

    assert ended.code == 0, ended.err
    assert office.dovecot.count(office.sales) == 0
    assert [one["subject"] for one in office.run("emails", "--json").json["emails"]] == ["An order"]


def test_a_kill_at_any_moment_loses_no_mail(office: Office) -> None:
    for number in range(1, 6):
        office.dovecot.put(office.sales, mail(number))
    command = [str(PROGRAM), "local", "--config", "router.toml", "--once", "--json", "--state", "state"]

    for moment in (0.4, 1.5, 2.2, 2.9, 3.6):
        process = subprocess.Popen(
            command,
            cwd=office.folder,
            env={**os.environ, **office.env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
    ended = office.local()

    assert ended.code == 0, ended.err
    emails = office.run("emails", "--json").json["emails"]
    assert sorted(one["message_id"] for one in emails) == [f"<m{number}@fabrikam.example>" for number in range(1, 6)]
    assert office.dovecot.count(office.sales) == 5


@pytest.mark.long
def test_a_full_disk_keeps_the_old_state_says_so_and_loses_no_mail(office: Office) -> None:
    office.dovecot.put(office.sales, mail(1))
    assert office.local().code == 0
    state = office.folder / "state"
    small = office.folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        subprocess.run(["cp", "-a", f"{state}/.", str(small)], check=True)
        office.dovecot.put(office.sales, mail(2, text=random.Random(2).randbytes(800_000).hex()))

        full = email_router(
            "local", "--config", office.folder / "router.toml", "--once", "--json", "--state", small, env=office.env
        )

        assert full.code == 1
        assert "space" in full.err or "full" in full.err
        held = email_router("emails", "--json", "--state", small, env=office.env).json["emails"]
        assert [one["message_id"] for one in held] == ["<m1@fabrikam.example>"]
        assert office.dovecot.count(office.sales) == 2
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    assert [one["message_id"] for one in office.local().json["messages"]] == ["<m2@fabrikam.example>"]
