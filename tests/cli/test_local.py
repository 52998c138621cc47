"""`local` against mail servers on this machine, and the other commands on the state that it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import Ran, run
from tests.cli.schemas import (
    ALL_COUNTERS,
    EMAILS,
    EXPLANATION,
    OUTGOING_LIST,
    RUN,
    check,
)
from tests.cli.standing import held
from tests.simulators import pop3, smtp
from tests.simulators.certificates import Authority

SALES, EMPTY, BAD = "sales@contoso.example", "empty@contoso.example", "bad@contoso.example"
CARLA = "carla@fabrikam.example"
VARIABLES = {"GOOD": pop3.PASSWORD, "WRONG": "wrong", "SMTP": smtp.PASSWORD}
CRM = f"kind,address,name,owner\ncontact,{CARLA},Carla Reyes,ann@contoso.example\n"


def profile(name: str, port: int, variable: str) -> str:
    return f"""
[[profiles]]
name = "{name}"
direction = "incoming"
server = "pop3"
host = "localhost"
port = {port}
ca_bundle = "ca.pem"
credentials = {{ env = "{variable}" }}
"""


def configuration(inbox: pop3.Pop3Process, outbox: smtp.SmtpProcess) -> str:
    return f"""
[organisation]
name = "contoso"
{profile("good", inbox.tls_port, "GOOD")}{profile("wrong", inbox.tls_port, "WRONG")}
[[profiles]]
name = "smtp-out"
direction = "outgoing"
server = "smtp"
host = "localhost"
port = {outbox.port}
security = "starttls"
ca_bundle = "ca.pem"
username = "router"
credentials = {{ env = "SMTP" }}

[[mailboxes]]
address = "{SALES}"
kind = "queue"
incoming = "good"
outgoing = "smtp-out"
after_delivery = "delete"

[[mailboxes]]
address = "{EMPTY}"
incoming = "good"

[[mailboxes]]
address = "{BAD}"
incoming = "wrong"
"""


def mail(number: int, headers: str = "") -> bytes:
    head = (
        f"From: Carla <{CARLA}>\r\nTo: {SALES}\r\nSubject: mail {number}\r\nMessage-ID: <{number}@fabrikam.example>\r\n"
    )
    return (head + f"Date: Mon, 23 Nov 2026 10:0{number}:00 +0000\r\n{headers}\r\nhello {number}\r\n").encode()


@dataclass
class House:
    folder: Path
    inbox: pop3.Pop3Process
    outbox: smtp.SmtpProcess

    def run(self, *arguments: str) -> Ran:
        return run(*arguments, folder=self.folder, variables=VARIABLES)

    def local(self, *more: str) -> Ran:
        return self.run("local", "--config", "router.toml", "--once", "--json", *more)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("local")
    inbox = pop3.Pop3Process.start(folder / "pop3", certificate=authority.issue())
    outbox = smtp.SmtpProcess.start(folder / "smtp", certificate=authority.issue())
    (folder / "ca.pem").write_text(authority.pem)
    (folder / "router.toml").write_text(configuration(inbox, outbox))
    (folder / "crm.csv").write_text(CRM)
    yield House(folder, inbox, outbox)
    inbox.stop()
    outbox.stop()


@pytest.fixture(scope="module")
def first(house: House) -> Ran:
    """The first run: records imported, three mails and one that is none in the mailbox."""
    with held(house.folder / ".email-router"):
        assert house.run("publish", "router.toml").code == 0
        assert house.run("crm", "import", "crm.csv", "--json").json == {"imported": 1}
    for number in range(3):
        house.inbox.put(SALES, mail(number))
    house.inbox.put(SALES, b"\x00\x01\x02 this is no mail at all")
    return house.local()


def test_local_routes_what_it_can_and_ends_with_1_for_the_mailbox_in_error(first: Ran) -> None:
    check(first.json, RUN)
    assert first.code == 1
    assert [(one["subject"], one["verdict"]) for one in first.json["messages"]] == [
        ("mail 0", "delivered"),
        ("mail 1", "delivered"),
        ("mail 2", "delivered"),
        ("", "quarantined"),
    ]
    assert [(one["address"], one["status"], one["fetched"]) for one in first.json["mailboxes"]] == [
        (SALES, "ok", 4),
        (EMPTY, "idle", 0),
        (BAD, "error", 0),
    ]
    error = first.json["mailboxes"][2]["error"]
    assert error["kind"] == "login_refused"
    assert "password" in error["mend"]
    assert first.json["counters"]["IncomingMessagesDelivered"] == 3


def test_local_tells_that_it_leaves_messages_in_their_mailbox(house: House, first: Ran) -> None:
    assert f"{SALES}: local leaves messages in their mailbox although after_delivery is delete" in first.err
    assert len(house.inbox.messages(SALES)) >= 4


@pytest.fixture(scope="module")
def second(house: House, first: Ran) -> Ran:
    """The second run: an e-mail was written, nothing new had come."""
    assert first.out
    sent = house.run(
        *("send", "--from", SALES, "--to", CARLA, "--subject", "Your order", "--text", "Thank you."),
        *("--attach", "crm.csv", "--json"),
    )
    assert sent.code == 0
    assert sent.json["status"] == "pending"
    return house.local()


def test_a_second_run_finds_nothing_new_and_sends_what_was_written(house: House, second: Ran) -> None:
    check(second.json, RUN)
    assert second.json["messages"] == []
    assert [(one["subject"], one["status"], one["sender"]) for one in second.json["outgoing"]] == [
        ("Your order CRM:0001001", "sent", "smtp")
    ]
    assert b"Subject: Your order CRM:0001001" in house.outbox.received()[0].raw


@pytest.mark.long
def test_an_answer_to_what_was_sent_matches_in_the_next_run(house: House, second: Ran) -> None:
    sent = second.json["outgoing"][0]
    house.inbox.put(SALES, mail(7, f"In-Reply-To: {sent['message_id']}\r\n"))

    third = house.local("--dispose")

    check(third.json, RUN)
    (answer,) = third.json["messages"]
    assert (answer["correlation_method"], answer["correlated"]) == ("in_reply_to", sent["activity"])
    assert f"{SALES}: delete of 4 delivered messages" in third.err
    assert house.inbox.messages(SALES) == [b"\x00\x01\x02 this is no mail at all"]


def test_counters_add_up_over_the_runs(house: House, second: Ran) -> None:
    assert second.out

    told = house.run("counters", "--json").json

    check(told, ALL_COUNTERS)
    assert told["IncomingMessagesDelivered"] >= 3
    assert told["OutgoingMessagesDelivered"] == 1


@pytest.mark.long
def test_after_another_prefix_an_answer_with_the_old_token_still_matches(house: House, second: Ran) -> None:
    sent = second.json["outgoing"][0]
    file = house.folder / "router.toml"
    before = file.read_text()
    file.write_text(
        before.replace('name = "contoso"\n', 'name = "contoso"\n\n[organisation.tracking]\nprefix = "NEW:"\n', 1)
    )
    subject = f"Subject: Re: Your order {sent['tracking_token']}"
    house.inbox.put(SALES, mail(8).replace(b"Subject: mail 8", subject.encode()))

    try:
        told = house.local()
    finally:
        file.write_text(before)

    (answer,) = (one for one in told.json["messages"] if one["message_id"] == "<8@fabrikam.example>")
    emails = house.run("emails", "--json").json["emails"]
    with_token = {one["activity"] for one in emails if one["tracking_token"] == sent["tracking_token"]}
    assert sent["activity"] in with_token
    assert answer["correlation_method"] == "tracking_token"
    assert answer["correlated"] in with_token
    assert "the prefix was CRM: and is NEW: now; tokens of CRM: are still found" in told.err
    assert house.run("show", "--json").json["tracking"]["earlier_prefixes"] == ["CRM:"]


@pytest.fixture(scope="module")
def looked_at(house: House, second: Ran) -> Iterator[House]:
    """The house when all runs are over: commands look at what they left."""
    assert second.out
    with held(house.folder / ".email-router"):
        yield house


def test_emails_lists_the_activities_oldest_first(looked_at: House) -> None:
    told = looked_at.run("emails", "--json").json

    check(told, EMAILS)
    subjects = [email["subject"] for email in told["emails"]]
    assert subjects[:4] == ["mail 0", "mail 1", "mail 2", "Your order CRM:0001001"]
    assert told["emails"][0]["from"][0]["record"]["kind"] == "contact"
    assert told["emails"][0]["receipts"] == [SALES]
    assert told["emails"][3]["attachments"][0]["name"] == "crm.csv"


def test_explain_gives_every_question_and_its_answer(looked_at: House) -> None:
    told = looked_at.run("explain", "1@fabrikam.example", "--json").json

    check(told, EXPLANATION)
    assert told["message_id"] == "<1@fabrikam.example>"
    assert [one["question"] for one in told["trace"]][-1] == "accept_all"


def test_explain_of_an_unknown_message_ends_with_1(looked_at: House) -> None:
    told = looked_at.run("explain", "nobody@knows.example", "--json")

    assert (told.code, told.out) == (1, "")
    assert "no trace of this message" in told.err


def test_outgoing_lists_what_was_sent(looked_at: House) -> None:
    told = looked_at.run("outgoing", "list", "--json").json

    check(told, OUTGOING_LIST)
    assert [one["status"] for one in told["outgoing"]] == ["sent"]


def alerts_of(looked_at: House, kind: str) -> list[dict[str, str]]:
    return [one for one in looked_at.run("alerts", "--json").json["alerts"] if one["kind"] == kind]


def test_a_quarantined_message_is_listed_exported_and_tried_again(looked_at: House) -> None:
    (entry,) = looked_at.run("undeliverable", "list", "--json").json["undeliverable"]
    (alert,) = alerts_of(looked_at, "quarantined")
    assert alert["about"] == entry["id"]
    assert looked_at.run("alerts", "--settle", alert["id"]).code == 2  # it ends with the message

    assert looked_at.run("undeliverable", "show", entry["id"], "--json").json == entry
    assert looked_at.run("undeliverable", "export", entry["id"], "--to", "raw.eml").code == 0
    assert (looked_at.folder / "raw.eml").read_bytes().strip() == b"\x00\x01\x02 this is no mail at all"
    assert looked_at.run("undeliverable", "retry", entry["id"]).code == 0
    assert looked_at.run("undeliverable", "list", "--json").json == {"undeliverable": []}
    assert alerts_of(looked_at, "quarantined") == []
    assert looked_at.run("undeliverable", "show", entry["id"]).code == 2


def test_status_ends_with_1_while_a_mailbox_is_in_error(looked_at: House) -> None:
    told = looked_at.run("status", "--json")

    assert told.code == 1
    assert [one["status"] for one in told.json["mailboxes"]] == ["ok", "idle", "error"]
    assert {one["told"]["push_until"] for one in told.json["mailboxes"]} == {None}
    assert all(60 <= one["told"]["polled_every"] <= 900 for one in told.json["mailboxes"])


def test_show_tells_no_secret(looked_at: House) -> None:
    told = looked_at.run("show", "--json")

    assert told.code == 0
    assert told.json["organisation"] == "contoso"
    assert [one["secret"] for one in told.json["profiles"]] == ["contoso/good", "contoso/wrong", "contoso/smtp-out"]
    assert pop3.PASSWORD not in told.out


def test_send_from_a_mailbox_without_an_outgoing_profile_ends_with_2(looked_at: House) -> None:
    told = looked_at.run("send", "--from", EMPTY, "--to", CARLA, "--subject", "x")

    assert told.code == 2
    assert f"--from {EMPTY} is no mailbox with an outgoing profile; those that have one: {SALES}" in told.err
