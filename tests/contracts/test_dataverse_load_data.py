"""`load-data` and its fellows: what Dynamics 365 has and the file does not, as a piece of the file; the settings that are followed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from email_router.cli import earlier_emails as earlier_command
from email_router.cli import load_data as command
from email_router.cli import show as show_command
from email_router.cli import status as status_command
from email_router.cli.backend import Backend
from email_router.cli.servers import MailServers
from email_router.core.conversation_index import encode
from email_router.core.errors import ConfigurationError
from email_router.core.flows.lookup import LedgerToday
from email_router.core.ledger import KnownEmail, Link, LinkKind, Wanted
from email_router.core.mailbox import Accept, MailboxKind
from email_router.core.matching import match
from email_router.core.parse import parse
from email_router.edge.crm import dataverse_earlier
from email_router.wiring.clock import CLOCK
from email_router.wiring.configuration import load
from email_router.wiring.services import Services
from tests.cli.running import run
from tests.cloud import Place
from tests.contracts.dataverse_published import FILE, services_of
from tests.contracts.dataverse_rig import Rig
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT

ANN = "7f0a4b0e-0d0c-4d0a-8f3e-5f2a6f1c0010"
ORGANIZATION = "7f0a4b0e-0d0c-4d0a-8f3e-5f2a6f1c0003"
VARIABLES = {"DATAVERSE_SECRET": SECRET}
OFFICE = "office@contoso.example"


def written(dataverse: Rig, folder: Path, follow: str = "") -> Path:
    """Write a configuration file that has one outgoing profile and the mailbox office@."""
    (folder / "ca.pem").write_text(dataverse.process.authority.pem)
    text = FILE.format(url=dataverse.process.url, tenant=TENANT, client=CLIENT)
    text = text.replace('ca_bundle = "ca.pem"', f'ca_bundle = "ca.pem"\nfollow = [{follow}]')
    path = folder / "router.toml"
    path.write_text(text)
    return path


def mailboxes(dataverse: Rig) -> None:
    """Make a queue's, a user's and a forward mailbox, and the one that is configured."""
    put = dataverse.process.put
    queue = dataverse.queue("help@contoso.example", incomingemailfilteringmethod=2)
    put("systemuser", systemuserid=ANN, fullname="Ann", internalemailaddress="ann@contoso.example")
    put("usersettings", systemuserid=ANN, incomingemailfilteringmethod=3)
    queue_there = {"regardingobjectid": {"table": "queue", "id": queue}, "outgoingemaildeliverymethod": 2}
    ann_there = {"regardingobjectid": {"table": "systemuser", "id": ANN}, "emailrouteraccessapproval": 1}
    there: dict[str, dict[str, Any]] = {
        'Help "desk"\x7f': {"emailaddress": "help@contoso.example", **queue_there},
        "Ann": {"emailaddress": "ann@contoso.example", **ann_there},
        "Office": {"emailaddress": OFFICE, "emailrouteraccessapproval": 2},
    }
    for name, more in there.items():
        put("mailbox", name=name, **more)


def test_the_piece_of_a_file_can_be_added_to_it(dataverse: Rig, tmp_path: Path) -> None:
    mailboxes(dataverse)
    path = written(dataverse, tmp_path)

    ran = run("load-data", "--config", "router.toml", "--toml", folder=tmp_path, variables=VARIABLES)

    assert (ran.code, ran.err) == (0, "")
    path.write_text(f"{path.read_text()}\n{ran.out}")
    added = load(path, VARIABLES).configuration.mailboxes[1:]
    assert [(one.kind, one.address, one.name, one.outgoing, one.accept, one.approved) for one in added] == [
        (MailboxKind.USER, "ann@contoso.example", "Ann", None, Accept.RECORDS, True),
        (MailboxKind.QUEUE, "help@contoso.example", 'Help "desk"\x7f', "out", Accept.CONTACTS, False),
    ]
    assert '# outgoing = "out"' in ran.out
    assert "set outgoing of the mailbox to None" in ran.out


def test_what_is_followed_is_not_written_into_the_piece(dataverse: Rig, tmp_path: Path) -> None:
    mailboxes(dataverse)
    path = written(dataverse, tmp_path, '"mailboxes"')

    ran = run("load-data", "--config", "router.toml", "--toml", folder=tmp_path, variables=VARIABLES)

    assert ran.code == 0
    path.write_text(f"{path.read_text()}\n{ran.out}")
    assert "help@contoso.example" in load(path, VARIABLES).configuration.follows.accept


def test_without_the_privilege_what_users_accept_is_left_out(dataverse: Rig, tmp_path: Path) -> None:
    mailboxes(dataverse)
    written(dataverse, tmp_path)
    dataverse.process.settings(denied=["prvReadUserSettings"])

    ran = run("load-data", "--config", "router.toml", "--json", folder=tmp_path, variables=VARIABLES)

    assert {one["address"]: one["accept"] for one in ran.json["mailboxes"]} == {
        "ann@contoso.example": "",
        "help@contoso.example": "contacts",
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--json", "--toml"), "give one of them"),
        (("--refresh", "--config", "router.toml"), "what is published"),
        (("--emails", "1d", "--config", "router.toml"), "what is published"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    ran = run("load-data", *options, folder=tmp_path)

    assert (ran.code, said in ran.err) == (2, True)


@pytest.mark.parametrize(("follow", "refused"), [('follow = ["tracking"]', "no settings of its own"), ("", "")])
def test_the_built_in_crm_has_nothing_to_follow(follow: str, refused: str, tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text(f'[organisation]\nname = "contoso"\n[organisation.crm]\n{follow}\n')

    ran = run("load-data", "--config", "router.toml", folder=tmp_path)

    assert ran.code == 2
    assert refused in ran.err


@pytest.fixture
def published(dataverse: Rig, moto_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Services in which a version is published that follows all, and the commands opened on them."""
    mailboxes(dataverse)
    services = services_of(moto_place)
    backend = Backend(services, save=lambda: None, count=lambda _organisation: {})
    text = written(dataverse, tmp_path, '"tracking", "mailboxes"').read_text()
    (tmp_path / "router.toml").write_text(text)
    backend.publish(load(tmp_path / "router.toml", VARIABLES))

    @contextmanager
    def opened(*_: object) -> Iterator[Backend]:
        yield Backend(services, save=lambda: None, count=lambda _organisation: {})

    @contextmanager
    def servers(*_: object) -> Iterator[MailServers]:
        configuration = services.configurations.current("contoso")
        yield MailServers(configuration, lambda _profile: "", crm_secret=lambda: SECRET)

    monkeypatch.setattr(command, "opened_for_change", opened)  # the clouds of this test
    monkeypatch.setattr(earlier_command, "opened_for_change", opened)
    monkeypatch.setattr(command, "opened_servers", servers)
    monkeypatch.setattr(show_command, "opened", opened)
    monkeypatch.setattr(status_command, "opened", opened)
    return services


def test_refresh_reads_the_settings_now_and_says_how_they_stand(
    published: Services, dataverse: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    dataverse.process.put("organization", organizationid=ORGANIZATION, trackingprefix="NEW:", hashmaxcount=5000)

    command.load_data(json=True, refresh=True)

    told = json.loads(capsys.readouterr().out)
    assert "ann@contoso.example" in {one["address"] for one in told["mailboxes"]}
    assert published.configurations.current("contoso").tracking.prefix == "NEW:"
    assert set(told["followed"]) == {"read", "tracking", "accept", "approved", "not_approved", "problems"}
    assert {"prefix", "base", "user_digits"} <= set(told["followed"]["tracking"])
    assert told["followed"]["not_approved"] == [OFFICE]
    assert "hash_max_count is '5000'" in told["followed"]["problems"][0]


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("command_of", [show_command.show, status_command.status])
def test_show_and_status_say_what_is_followed(command_of: Any, capsys: pytest.CaptureFixture[str]) -> None:
    command_of(json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["followed"]["read"]
    assert told["followed"]["approved"] == [OFFICE]

    command_of()
    assert f"{OFFICE} is not served: its address is not approved in Dynamics 365" in capsys.readouterr().err


SENT, CAME, OLD, DRAFT = (f"1111111{number}-1111-4111-8111-111111111111" for number in range(4))
INDEX = bytes([1, *range(21)])
WINDOW = timedelta(days=3650)


def earlier(dataverse: Rig) -> None:
    """Make what Dynamics 365 had before: an e-mail that left, one that came, one that is too old, and a draft."""
    for key in (SENT, CAME, OLD, DRAFT):
        dataverse.outgoing(key)
    there: dict[str, dict[str, Any]] = {
        SENT: {"messageid": "<sent@OUTLOOK.example>", "trackingtoken": "CRM0001001", "statecode": 1, "statuscode": 3},
        CAME: {
            "subject": "Broken lamp",
            "messageid": "<came@example.com>",
            "conversationindex": encode(INDEX),
            "directioncode": False,
            "statecode": 1,
            "statuscode": 4,
        },
        OLD: {"messageid": "<old@example.com>", "createdon": "2001-01-01T00:00:00Z", "statecode": 1, "statuscode": 3},
        DRAFT: {"messageid": "<draft@example.com>"},
    }
    for key, more in there.items():
        dataverse.process.put("email", activityid=key, **more)


def continued(services: Services, header: str) -> str | None:
    """Return the e-mail that an answer with this header continues, as the road would find it."""
    lookup = LedgerToday(services.ledger("contoso"), CLOCK.now() - WINDOW)
    message = parse(f"From: bob@example.com\r\nTo: office@contoso.example\r\n{header}\r\n\r\nYes\r\n".encode())
    found = match(message, lookup, services.configurations.current("contoso").tracking).match
    return found.email.activity if found else None


def test_answers_find_the_e_mails_that_were_there_before(
    published: Services, dataverse: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier(dataverse)
    by_id, by_thread = (
        "In-Reply-To: <sent@outlook.example>",
        f"Subject: Re: Broken lamp\r\nThread-Index: {encode(INDEX)}",
    )
    assert continued(published, by_id) is None

    command.load_data(json=True, emails="180d")

    told = json.loads(capsys.readouterr().out)["emails"]
    assert (told["read"], told["known"]) == (2, 2)
    assert continued(published, by_id) == SENT
    assert continued(published, "Subject: Re: Offer crm0001001") == SENT
    assert continued(published, "References: <came@example.com>") == CAME
    assert continued(published, by_thread) == CAME
    assert continued(published, "In-Reply-To: <old@example.com>") is None
    assert continued(published, "In-Reply-To: <draft@example.com>") is None


def test_a_token_of_a_prefix_that_nobody_looks_for_is_no_way_back_and_is_not_continued(
    published: Services, dataverse: Rig
) -> None:
    earlier(dataverse)
    dataverse.process.put("email", activityid=SENT, trackingtoken="OTHER0001001")

    command.load_data(emails="180d")

    (known,) = published.ledger("contoso").find(Wanted(message_ids=("<sent@OUTLOOK.example>",))).message_ids.values()
    assert known.token is None


def test_what_the_router_knows_of_newer_e_mails_stands_and_a_second_time_changes_nothing(
    published: Services, dataverse: Rig
) -> None:
    earlier(dataverse)
    ledger = published.ledger("contoso")
    newer = KnownEmail(activity="newer", at=CLOCK.now(), token="CRM0001001")
    ledger.link([Link(LinkKind.TOKEN, "CRM0001001", newer)])

    for _ in range(2):
        command.load_data(emails="180d")

    assert continued(published, "Subject: Re: Offer CRM0001001") == "newer"
    assert continued(published, "In-Reply-To: <sent@OUTLOOK.example>") == SENT


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("age", ["180", "180 years", "999999999d"])
def test_an_age_that_is_none_is_refused(age: str) -> None:
    with pytest.raises(ConfigurationError, match="--emails"):
        command.load_data(emails=age)


def test_more_e_mails_than_a_page_are_read_to_the_end(
    published: Services, dataverse: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier(dataverse)
    monkeypatch.setattr(dataverse_earlier, "_PAGE", 1)

    command.load_data(json=True, emails="180d")

    assert json.loads(capsys.readouterr().out)["emails"]["known"] == 2
