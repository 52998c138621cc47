"""`email-router test-access` against Exchange Online, Exchange servers, and mail servers that want a token."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from email_router.core.flows.access import SUBJECT
from email_router.core.mailbox import Authentication, Direction, Profile, Security
from email_router.edge.connect.sasl import xoauth2
from email_router.edge.connect.smtp_login import encoded
from email_router.wiring.registry import SENDERS, SOURCES
from tests.cli.access_told import MAIL, roads
from tests.cli.exchange import Company
from tests.cli.trials import SALES, line_of, road_of, step, told, trial
from tests.simulators.certificates import Authority
from tests.simulators.ews.process import PASSWORD as EWS_PASSWORD
from tests.simulators.ews.process import SERVICE, TOKEN, EwsProcess
from tests.simulators.graph.process import TENANT, GraphProcess
from tests.simulators.imap import ImapServer
from tests.simulators.pop3 import Pop3Server
from tests.simulators.relay import Relay, Script

GOOD_TOKEN = "good-token"
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
    found = [one for road in roads(ran.json).values() for one in road["steps"] if one["step"] == "find"]
    assert [one["status"] for one in found] == ["ok", "ok"]
    assert all("it may be deleted" in one["seen"] for one in found)


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


def test_every_kind_of_the_registry_is_tested_by_one_of_these_tests() -> None:
    assert SOURCES.keys() == {"exchange-online", "exchange", "pop3", "imap"}
    assert SENDERS.keys() == {"exchange-online", "exchange", "smtp", "ses"}  # SES: tests/edge/test_probes.py


@pytest.fixture
def application(graph: GraphProcess) -> Iterator[str]:
    """Give the id of an application that nobody has logged in as; its secret is "good", an expired one "old"."""
    client = f"application-{next(_NUMBERS)}"
    graph.application(client_id=client, secrets=["good"], expired=["old"])
    yield client
    graph.clear_faults()


def outgoing(profile: Profile) -> Profile:
    return replace(profile, name=f"{profile.name}-out", direction=Direction.OUTGOING)


def apart(graph: GraphProcess, application: str) -> Profile:
    """Return a profile whose login host is another than Graph's, as far as names tell."""
    login = graph.endpoint.replace("127.0.0.1", "localhost")
    assert login != graph.endpoint
    return graph.profile(client_id=application, authority=login)


WAY = ("resolve", "connect", "tls")


def test_exchange_online_is_reached_by_a_token_that_serves_both_ways_and_is_asked_for_once(
    graph: GraphProcess, application: str
) -> None:
    graph.mailbox_state(SALES, "ok")
    profile = apart(graph, application)

    first = trial(profile, outgoing(profile), secret="good")

    incoming, out = first.roads
    to_token = {f"token {name}": "ok" for name in (*WAY, "authenticate")}
    to_server = dict.fromkeys((*WAY, "read"), "ok")
    assert told(incoming) == {**to_token, **to_server}
    kept = {f"token {name}": "not_asked" for name in WAY}
    assert told(out) == {**to_token, **kept, **to_server, "send": "not_asked", "find": "not_asked"}
    login = step(incoming, "token authenticate")["seen"]
    assert f"application {application} of tenant {TENANT}, a new token by client secret" in login
    assert "a token that is kept" in step(out, "token authenticate")["seen"]
    assert step(incoming, "tls")["certificate"]["issuer"] == "CN=Throw-away CA"
    assert "good" not in login
    assert "drafts folder" in step(out, "read")["seen"]
    begun = [one for one in incoming.json()["steps"] if one["status"] == "ok"]  # type: ignore[attr-defined]
    assert {one["seconds"] for one in begun} == {1.0}


@pytest.mark.parametrize(
    ("secret", "answer", "kind", "code", "mend"),
    [
        ("old", 0, "secret_expired", 7000222, "Make a new client secret (Entra, App registrations, Certificates"),
        ("none", 0, "login_refused", 7000215, "give its value, not its id"),
        ("good", 65001, "login_refused", 65001, "Grant admin consent"),
        ("good", 500011, "login_refused", 500011, "Grant admin consent"),
        ("good", 53003, "login_refused", 53003, "Conditional Access"),
    ],
)
def test_a_login_that_entra_refuses_is_told_with_its_code_and_where_to_mend_it(
    graph: GraphProcess, application: str, secret: str, answer: int, kind: str, code: int, mend: str
) -> None:
    if answer:
        body = json.dumps({"error": "invalid_grant", "error_codes": [answer], "error_description": f"AADSTS{answer}"})
        graph.fault("POST .*/token$", "says", status=400, body=body)

    road = road_of(graph.profile(client_id=application), secret=secret)

    failed = step(road, "token authenticate")
    assert (failed["error"]["kind"], f"AADSTS{code}" in failed["error"]["text"]) == (kind, True)
    assert mend in failed["error"]["mend"]
    assert (told(road)["token tls"], told(road)["resolve"], told(road)["read"]) == ("ok", "not_reached", "not_reached")


@pytest.mark.parametrize(
    ("fault", "kind", "mend"),
    [
        (
            {"status": 403, "code": "Authorization_RequestDenied", "message": "Insufficient privileges"},
            "access_denied",
            "Grant admin consent",
        ),
        (
            {"status": 403, "code": "ErrorAccessDenied", "message": "Access is denied."},
            "access_denied",
            "Test-ServicePrincipalAuthorization {client} -Resource sales@contoso.example",
        ),
        (
            {"status": 404, "code": "ErrorInvalidUser", "message": "The requested user is invalid."},
            "mailbox_unknown",
            "Get-EXOMailbox sales@contoso.example",
        ),
        (
            {"status": 429, "code": "ApplicationThrottled", "message": "Too many.", "retry_after": "7"},
            "throttled",
            "raise minimum_polling_interval",
        ),
    ],
)
@pytest.mark.parametrize("way", ["incoming", "outgoing"])
def test_what_exchange_online_denies_is_told_at_the_reading(
    graph: GraphProcess, application: str, way: str, fault: dict[str, Any], kind: str, mend: str
) -> None:
    graph.fault("GET .*/mailFolders/", "status", times=5, **fault)
    profile = apart(graph, application)

    road = road_of(profile if way == "incoming" else outgoing(profile), secret="good")

    failed = step(road, "read")
    assert (failed["error"]["kind"], fault["code"] in failed["error"]["text"]) == (kind, True)
    assert mend.format(client=application) in failed["error"]["mend"]
    assert {status for name, status in told(road).items() if name.removeprefix("token ") in WAY} == {"ok"}


@pytest.mark.parametrize("kind", ["graph", "ews"])
def test_a_certificate_over_https_is_refused_and_shown_before_any_login(
    graph: GraphProcess, exchange: EwsProcess, application: str, kind: str
) -> None:
    before = len(graph.requests()), len(exchange.requests())
    profile = graph.profile(client_id=application) if kind == "graph" else exchange.profile()

    road = road_of(replace(profile, ca_pem=""), secret=EWS_PASSWORD)

    failed = step(road, "token tls" if kind == "graph" else "tls")
    assert (failed["error"]["kind"], failed["certificate"]["issuer"]) == ("certificate", "CN=Throw-away CA")
    assert "ca_bundle" in failed["error"]["mend"]
    assert (len(graph.requests()), len(exchange.requests())) == before


def test_an_exchange_server_is_reached_by_ntlm(exchange: EwsProcess) -> None:
    exchange.control("mailbox", {"address": SALES})
    road = road_of(exchange.profile(), secret=EWS_PASSWORD)
    refused = road_of(exchange.profile(), secret="wrong")

    assert told(road) == dict.fromkeys((*WAY, "authenticate", "read"), "ok")
    assert step(road, "authenticate")["seen"] == f"{SERVICE} by NTLM, impersonation of {SALES}"
    assert step(refused, "authenticate")["error"]["kind"] == "login_refused"
    assert told(refused)["read"] == "not_reached"


def test_an_exchange_server_that_knows_no_such_mailbox_says_so_behind_the_login(exchange: EwsProcess) -> None:
    exchange.fault("SyncFolderItems", "code", code="ErrorNonExistentMailbox")

    road = road_of(exchange.profile(), secret=EWS_PASSWORD)

    assert (told(road)["authenticate"], step(road, "read")["error"]["kind"]) == ("ok", "mailbox_missing")


@pytest.fixture
def by_ews(graph: GraphProcess, exchange: EwsProcess, application: str) -> Profile:
    """A profile of Exchange Online by EWS, whose login host gives the token that the server takes."""
    answer = {"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN}
    graph.fault("POST .*/token$", "says", status=200, body=json.dumps(answer))
    return replace(
        graph.profile(client_id=application, protocol="ews"),
        endpoint=f"{exchange.root}/EWS/Exchange.asmx",
        ca_pem=graph.authority.pem + exchange.authority.pem,
    )


def test_exchange_online_by_ews_is_read_with_a_token(exchange: EwsProcess, by_ews: Profile) -> None:
    exchange.control("mailbox", {"address": SALES})

    road = road_of(by_ews, secret="good")

    assert list(told(road).values()) == ["ok"] * 8


def test_ews_that_exchange_online_has_closed_is_told_with_the_list_that_opens_it(
    exchange: EwsProcess, by_ews: Profile
) -> None:
    exchange.fault("SyncFolderItems", "status", status=403)

    failed = step(road_of(by_ews, secret="good"), "read")

    assert (failed["error"]["kind"], "EWS is forbidden" in failed["error"]["text"]) == ("access_denied", True)
    for words in ("2026-10-01", "EWSAllowedAppIDs", f"Set-CASMailbox {SALES} -EwsEnabled $true", 'protocol = "graph"'):
        assert words in failed["error"]["mend"]


@pytest.fixture
def mail_servers(tmp_path: Path) -> Iterator[dict[str, int]]:
    """The ports of mail servers that take the simulators' good token alone."""
    pop3, imap, relay = Pop3Server(tmp_path / "pop3"), ImapServer(), Relay(Script(extensions=("AUTH XOAUTH2",)))
    pop3.token = imap.script.token = GOOD_TOKEN
    relay.script.answers = {
        f"AUTH XOAUTH2 {encoded(xoauth2(SALES, 'another'))}": "535 5.7.3 Authentication unsuccessful"
    }
    yield {"pop3": pop3.port, "imap": imap.port, "smtp": relay.port}
    for server in (pop3, imap, relay):
        server.stop()


@pytest.mark.parametrize(
    ("kind", "mend"), [("imap", "IMAP.AccessAsApp"), ("pop3", "POP.AccessAsApp"), ("smtp", "SMTP.SendAsApp")]
)
@pytest.mark.parametrize("good", [True, False])
def test_a_mail_server_that_wants_a_token_has_the_steps_to_the_tokens_host_too(
    graph: GraphProcess, application: str, mail_servers: dict[str, int], kind: str, mend: str, *, good: bool
) -> None:
    answer = {"token_type": "Bearer", "expires_in": 3600, "access_token": GOOD_TOKEN if good else "another"}
    graph.fault("POST .*/token$", "says", status=200, body=json.dumps(answer), times=2)
    profile = line_of(
        kind,
        mail_servers[kind],
        security=Security.NONE,
        authentication=Authentication.OAUTH,
        authority=graph.endpoint,
        tenant_id=TENANT,
        client_id=application,
        ca_pem=graph.authority.pem,
    )

    road = road_of(profile, secret="good")

    way = {"resolve": "ok", "connect": "ok", "tls": "not_asked", **{f"token {name}": "ok" for name in WAY}}
    assert {name: status for name, status in told(road).items() if name in way} == way
    login = step(road, "authenticate")
    if good:
        assert login["seen"].startswith(f"{SALES} by XOAUTH2, application {application} of tenant {TENANT}")
        assert GOOD_TOKEN not in str(road.json())
    else:
        assert (login["error"]["kind"], mend in login["error"]["mend"]) == ("login_refused", True)


def test_a_mailbox_that_is_not_approved_is_in_error_though_it_can_be_read(company: Company) -> None:
    company.write()
    path = company.folder / "router.toml"
    bob = f'address = "{company.address("bob")}"\n'
    path.write_text(path.read_text("utf-8").replace(bob, f"{bob}approved = false\n"), "utf-8")

    ran = company.run("test-access", company.address("bob"), "--json")

    (row,) = ran.json["mailboxes"]
    assert (ran.code, row["status"], row["error"]["kind"]) == (1, "error", "not_approved")
    assert f'approved = true at [[mailboxes]] "{company.address("bob")}"' in row["error"]["mend"]
    assert [road["status"] for road in row["roads"]] == ["ok", "ok"]
