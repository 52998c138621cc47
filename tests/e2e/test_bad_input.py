"""Bad input of every kind: a clear word that says what to do, the right exit code, nothing lost, nobody else stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import KEEP_LOGS, Ran
from tests.cli.standing import held
from tests.e2e.command import email_router
from tests.flows.house import mail
from tests.servers import DovecotServer
from tests.simulators.certificates import Authority, self_signed
from tests.simulators.pop3 import Pop3Process

GOOD = "good@contoso.example"

PROFILE = """
[[profiles]]
name = "{name}"
direction = "incoming"
server = "pop3"
host = "{host}"
port = {port}
security = "{security}"
{ca}
credentials = {{ env = "{password}" }}
"""

MAILBOX = """
[[mailboxes]]
address = "{address}"
kind = "queue"
incoming = "{profile}"
accept = "all"
"""

PASSWORDS = {"GOOD_PASSWORD": "dovecot-password", "WRONG_PASSWORD": "wrong"}
LONG_LINE = "a" * 100_000


@dataclass
class Round:
    """One `local --once` over good and bad mailboxes."""

    ended: Ran
    told: dict[str, Any]
    state: Path
    logged: list[str]

    def mailbox(self, address: str) -> dict[str, Any]:
        """What is told of a mailbox."""
        return next(one for one in self.told["mailboxes"] if one["address"] == address)

    def messages(self, address: str) -> list[dict[str, Any]]:
        """What is told of a mailbox's messages."""
        return [one for one in self.told["messages"] if one["mailbox"] == address]

    def run(self, *arguments: object) -> Ran:
        """Run a command on the state."""
        return email_router(*arguments, "--state", self.state)


@pytest.fixture(scope="module")
def told(dovecot: DovecotServer, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    folder = tmp_path_factory.mktemp("bad")
    untrusted = Pop3Process.start(folder / "self-signed", "secret", self_signed(folder, "localhost"))
    ca = f'ca_bundle = "{authority.ca}"'
    profiles = [
        PROFILE.format(
            name="good", host="localhost", port=dovecot.pop3s, security="tls", ca=ca, password="GOOD_PASSWORD"
        ),
        PROFILE.format(
            name="no-host", host="nowhere.invalid", port=995, security="tls", ca=ca, password="GOOD_PASSWORD"
        ),
        PROFILE.format(
            name="self-signed",
            host="localhost",
            port=untrusted.tls_port,
            security="tls",
            ca=ca,
            password="GOOD_PASSWORD",
        ),
        PROFILE.format(name="closed", host="localhost", port=9, security="tls", ca=ca, password="GOOD_PASSWORD"),
    ]
    # Dovecot's static password serves every user, so a wrong one needs a server that knows better.
    stern = Pop3Process.start(folder / "stern", "right", authority.issue("localhost"))
    profiles.append(
        PROFILE.format(
            name="stern", host="localhost", port=stern.tls_port, security="tls", ca=ca, password="WRONG_PASSWORD"
        )
    )
    boxes = [
        (GOOD, "good"),
        ("empty@contoso.example", "good"),
        ("host@contoso.example", "no-host"),
        ("signed@contoso.example", "self-signed"),
        ("closed@contoso.example", "closed"),
        ("login@contoso.example", "stern"),
    ]
    stern.put("login@contoso.example", mail(90))
    for raw in messages().values():
        dovecot.put(GOOD, raw)
    file = folder / "router.toml"
    mailboxes = [MAILBOX.format(address=address, profile=profile) for address, profile in boxes]
    file.write_text("\n".join(['[organisation]\nname = "contoso"', *profiles, *mailboxes]))
    variables = {**PASSWORDS, KEEP_LOGS: f"{folder}.logs"}
    ended = email_router("local", "--config", file, "--once", "--json", "--state", folder / "state", env=variables)
    logged = [line for line in Path(f"{folder}.logs").read_text("utf-8").splitlines() if line.startswith("{")]
    with held(folder / "state"):
        yield Round(ended, ended.json, folder / "state", logged)
    untrusted.stop()
    stern.stop()


def messages() -> dict[str, bytes]:
    """Messages that break others, among good ones."""
    big = mail(3, subject="sixty megabytes").replace(
        b"Hello", (b"0123456789abcdef" * 4 + b"\r\n") * (60 * 1024 * 1024 // 66)
    )
    charset = mail(5, subject="unknown charset", text="Gr\u00fc\u00dfe").replace(
        b"charset=utf-8", b"charset=x-unheard-of"
    )
    return {
        "first": mail(1, subject="first"),
        "empty": b"",
        "big": big,
        "long line": mail(4, subject="long line", text=LONG_LINE),
        "charset": charset,
        "last": mail(6, subject="last"),
    }


def test_the_round_ends_with_1_because_a_mailbox_is_in_error_and_all_others_were_served(told: Round) -> None:
    assert told.ended.code == 1
    assert {one["address"]: one["status"] for one in told.told["mailboxes"]} == {
        GOOD: "ok",
        "empty@contoso.example": "idle",
        "host@contoso.example": "error",
        "signed@contoso.example": "error",
        "closed@contoso.example": "error",
        "login@contoso.example": "error",
    }


@pytest.mark.parametrize(
    ("mailbox", "kind", "said", "mend"),
    [
        ("host@contoso.example", "host_unknown", "nowhere.invalid", "host"),
        ("signed@contoso.example", "certificate", "certificate", "ca_bundle"),
        ("login@contoso.example", "login_refused", "login@contoso.example", "password"),
        ("closed@contoso.example", "", "localhost", ""),
    ],
)
def test_each_trouble_says_what_it_is_and_what_to_do(
    told: Round, mailbox: str, kind: str, said: str, mend: str
) -> None:
    error = told.mailbox(mailbox)["error"]

    assert kind in error["kind"]
    assert said in error["text"]
    assert mend in error["mend"]
    assert error["mend"]
    assert "Traceback" not in told.ended.err


def test_no_secret_address_subject_or_text_stands_in_what_the_functions_log(told: Round) -> None:
    words = (
        *PASSWORDS.values(),
        "right",
        "Hello",
        "aaaaaaaa",
        "0123456789abcdef",
        "unheard-of",
        "@contoso",
        "@",
        "sixty megabytes",
    )

    assert sum('"mailbox not served"' in line for line in told.logged) >= 4
    said = [f"{one}: {line}" for one in words for line in told.logged if one in line]
    assert said == []
    passwords = [one for one in PASSWORDS.values() if len(one) > 5]
    assert [one for one in passwords for said in (told.ended.out, told.ended.err) if one in said] == []


def test_the_good_mailbox_lost_nothing(told: Round) -> None:
    verdicts = sorted((one["subject"], one["verdict"], one["reason"]) for one in told.messages(GOOD))

    assert verdicts == [
        ("", "quarantined", "unreadable"),
        ("first", "delivered", "accept_all"),
        ("last", "delivered", "accept_all"),
        ("long line", "delivered", "accept_all"),
        ("sixty megabytes", "delivered", "over_limit"),
        ("unknown charset", "delivered", "accept_all"),
    ]


def test_what_the_messages_hold_is_in_the_crm(told: Round) -> None:
    emails = {one["subject"]: one for one in told.run("emails", "--json").json["emails"]}

    assert LONG_LINE in emails["long line"]["text"]
    assert "Gr" in emails["unknown charset"]["text"]
    assert emails["sixty megabytes"]["text"] == ""


def test_the_empty_message_is_listed_as_undeliverable_with_what_to_do(told: Round) -> None:
    listed = told.run("undeliverable", "list")

    assert listed.code == 0
    assert "unreadable" in listed.out


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('acept = "all"', "accept"),
        ('accept = "everything"', "all"),
        ('incoming = "nowhere"', "nowhere"),
    ],
)
def test_a_configuration_with_a_mistake_starts_nothing_and_names_the_place(
    tmp_path: Path, wrong: str, said: str
) -> None:
    file = tmp_path / "router.toml"
    mailbox = f'[[mailboxes]]\naddress = "a@contoso.example"\nkind = "queue"\n{wrong}\n'
    file.write_text(f'[organisation]\nname = "contoso"\n\n{mailbox}')

    ended = email_router("local", "--config", file, "--once", "--json", "--state", tmp_path / "state")

    assert ended.code == 2
    assert ended.out == ""
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "state").exists()


def test_a_configuration_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    ended = email_router("local", "--config", tmp_path / "none.toml", "--once", "--state", tmp_path / "state")

    assert ended.code == 2
    assert "none.toml" in ended.err


def test_inspect_of_a_file_that_cannot_be_opened_goes_on_with_the_others(tmp_path: Path) -> None:
    good = tmp_path / "good.eml"
    good.write_bytes(mail(1))

    ended = email_router("inspect", tmp_path / "none.eml", good, "--json")

    first, second = ended.out.splitlines()
    assert ended.code == 1
    assert "cannot open" in first
    assert '"An order"' in second
