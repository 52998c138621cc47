"""`email-router test-access` against servers of every kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from email_router.core.flows.access import SUBJECT
from email_router.wiring.registry import SENDERS, SOURCES
from tests.cli.exchange import Company
from tests.cli.running import run
from tests.simulators.certificates import Authority
from tests.simulators.ews.process import EwsProcess
from tests.simulators.graph.process import GraphProcess
from tests.simulators.imap import PASSWORD as IMAP_PASSWORD
from tests.simulators.imap import ImapServer
from tests.simulators.pop3 import PASSWORD as POP3_PASSWORD
from tests.simulators.pop3 import Pop3Process
from tests.simulators.smtp import PASSWORD as SMTP_PASSWORD
from tests.simulators.smtp import SmtpProcess

MAIL = b"From: Erin <erin@fabrikam.example>\r\nSubject: An order\r\nMessage-ID: <1@fabrikam.example>\r\n\r\nHello\r\n"
SALES = "sales@contoso.example"
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        yield running


@pytest.fixture(scope="module")
def exchange(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EwsProcess]:
    with EwsProcess(tmp_path_factory.mktemp("ews"), authority) as running:
        yield running


@pytest.fixture
def company(tmp_path: Path, graph: GraphProcess, exchange: EwsProcess) -> Iterator[Company]:
    made = Company(tmp_path, graph, exchange, next(_NUMBERS))
    made.write()
    yield made
    graph.clear_faults()


def roads(told: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return each road by the name of its mailbox and its direction."""
    return {
        (row["address"].partition("@")[0].rstrip("0123456789"), road["direction"]): road
        for row in told["mailboxes"]
        for road in row["roads"]
    }


def test_every_mailbox_is_tested_and_what_is_wrong_is_told_with_its_mend(company: Company) -> None:
    company.graph.put_message(company.address("bob"), MAIL)
    company.exchange.put(company.address("eve"), MAIL)

    ran = company.run("test-access", "--json")

    found = roads(ran.json)
    assert ran.code == 1  # pat's POP3 server is not there
    assert {key: (road["server"], road["status"], road["seen"]) for key, road in found.items() if key[0] != "pat"} == {
        ("bob", "incoming"): ("graph", "ok", "logged in; 1 message, the first can be read"),
        ("bob", "outgoing"): (
            "graph", "ok", f"logged in; the drafts folder of {company.address('bob')} can be read",
        ),
        ("eve", "incoming"): ("ews", "ok", "logged in; 1 message, the first can be read"),
        ("eve", "outgoing"): ("ews", "ok", f"logged in; the drafts folder of {company.address('eve')} can be read"),
        ("forward", "incoming"): ("graph", "ok", "logged in; no message in the folder"),
    }  # fmt: skip
    assert found["pat", "incoming"]["error"]["kind"] == "connection_refused"
    assert found["pat", "incoming"]["error"]["mend"]
    assert [row["status"] for row in ran.json["mailboxes"]] == ["idle", "ok", "ok", "error", "ok"]
    assert ran.json["crm"] is None  # the built-in one asks for no privileges


def test_nothing_is_sent_unasked_and_with_send_each_mailbox_gets_a_mail_of_its_own(company: Company) -> None:
    bob, eve = company.address("bob"), company.address("eve")
    company.run("test-access", bob, eve)
    assert (company.graph.messages(bob), company.exchange.messages(eve)) == ([], [])

    ran = company.run("test-access", bob, eve, "--send", "--json")

    assert (ran.code, [road["status"] for road in roads(ran.json).values()]) == (0, ["ok"] * 4)
    assert {"sent to itself" in road["seen"] for key, road in roads(ran.json).items() if key[1] == "outgoing"} == {True}
    arrived = [row["subject"] for row in company.graph.messages(bob) if row["folder"] == "inbox"]
    assert arrived == [SUBJECT]
    assert [SUBJECT.encode() in row["raw"] for row in company.exchange.messages(eve, "inbox")] == [True]


def test_a_send_that_is_refused_is_an_error_with_the_servers_words(company: Company) -> None:
    company.graph.fault("POST .*/send$", "status", status=403, code="ErrorSendAsDenied", message="no right to send")

    ran = company.run("test-access", company.address("bob"), "--send", "--json")

    road = roads(ran.json)["bob", "outgoing"]
    assert (ran.code, road["status"]) == (1, "error")
    assert "ErrorSendAsDenied" in road["error"]["text"]
    assert road["error"]["mend"]


def test_a_mailbox_that_is_denied_and_one_that_is_unknown_stop_no_other(company: Company) -> None:
    company.graph.mailbox_state(company.address("bob"), "denied")

    ran = company.run("test-access", company.address("bob"), "nobody@contoso.example", company.address("eve"), "--json")

    denied, unknown, good = ran.json["mailboxes"]
    assert ran.code == 1
    assert {road["error"]["kind"] for road in denied["roads"]} == {"access_denied"}
    assert (unknown["error"]["kind"], unknown["roads"]) == ("not_configured", [])
    assert good["status"] == "ok"


def test_people_read_it_in_a_table(company: Company) -> None:
    ran = company.run("test-access", company.address("ann"), company.address("pat"))

    assert ran.code == 1
    assert "it has no profile" in ran.out
    assert "refused the connection" in ran.out
    assert "Check host and port" in ran.out


def test_mailboxes_of_pop3_imap_and_smtp_are_tested_too(
    tmp_path: Path, certificate: tuple[Path, Path], authority: Authority, smtp_process: SmtpProcess
) -> None:
    pop3 = Pop3Process.start(tmp_path / "pop3", certificate=certificate)
    imap = ImapServer(certificate, tls=True)
    try:
        pop3.put(SALES, MAIL)
        imap.inbox.put(MAIL)
        _write(tmp_path, authority, pop3.tls_port, imap.port, smtp_process.port)
        variables = {"POP3": POP3_PASSWORD, "IMAP": IMAP_PASSWORD, "SMTP": SMTP_PASSWORD}
        before = len(smtp_process.received())

        ran = run("test-access", "--send", "--config", "router.toml", "--json", folder=tmp_path, variables=variables)
    finally:
        pop3.stop()
        imap.stop()

    found = roads(ran.json)
    assert (ran.code, [row["error"] for row in found.values()]) == (0, [None] * 3)
    assert {(road["server"], road["seen"].partition(";")[0]) for road in found.values()} == {
        ("pop3", "logged in"),
        ("imap", "logged in"),
        ("smtp", "sent to itself"),
    }
    assert [one.recipients for one in smtp_process.received()[before:]] == [(SALES,)]


def test_every_kind_of_the_registry_is_tested_by_one_of_these_tests() -> None:
    assert SOURCES.keys() == {"exchange-online", "exchange", "pop3", "imap"}
    assert SENDERS.keys() == {"exchange-online", "exchange", "smtp", "ses"}  # SES: tests/edge/test_probes.py


def _write(folder: Path, authority: Authority, pop3: int, imap: int, smtp: int) -> None:
    (folder / "ca.pem").write_text(authority.pem)
    profiles = [
        ("pop3", "incoming", "tls", pop3, ""),
        ("imap", "incoming", "tls", imap, ""),
        ("smtp", "outgoing", "starttls", smtp, 'username = "router"'),
    ]
    text = '[organisation]\nname = "contoso"\n'
    for kind, direction, security, port, more in profiles:
        text += f'[[profiles]]\nname = "{kind}"\ndirection = "{direction}"\nserver = "{kind}"\nhost = "localhost"\n'
        text += f'port = {port}\nsecurity = "{security}"\nca_bundle = "ca.pem"\ncredentials = {{ env = "{kind.upper()}" }}\n{more}\n'
    text += f'[[mailboxes]]\naddress = "{SALES}"\nkind = "queue"\nincoming = "pop3"\noutgoing = "smtp"\n'
    text += '[[mailboxes]]\naddress = "ann@contoso.example"\nincoming = "imap"\n'
    (folder / "router.toml").write_text(text)
