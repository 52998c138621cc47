"""How the router logs in to an Exchange server, and whose mailbox it says it means."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Position
from email_router.core.mailbox import Authentication, Direction, Mailbox
from email_router.core.ports import Reach
from email_router.core.sending import Envelope, SendOutcome
from email_router.edge.connect import ews
from email_router.edge.connect.https import hang_up
from email_router.edge.connect.microsoft_login import Account, access_token
from email_router.edge.senders.ews import EwsSender
from email_router.edge.sources.ews import EwsSource
from tests.simulators.certificates import make_authority
from tests.simulators.ews.process import PASSWORD, TOKEN, EwsProcess
from tests.simulators.graph.process import CLIENT, SECRET, TENANT, GraphProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulators.certificates import Authority

_NUMBERS = itertools.count(1)
RAW = b"From: ann@example.org\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nbody\r\n"
OUTSIDE = "kim@fabrikam.example"
HERE = Reach(loopback=True)


@pytest.fixture
def address(server: EwsProcess) -> str:
    """A mailbox with one message."""
    found = f"login{next(_NUMBERS)}@contoso.example"
    server.put(found, RAW)
    return found


@pytest.fixture(scope="module")
def entra(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a simulated Entra, which knows the application CLIENT."""
    with GraphProcess(tmp_path_factory.mktemp("entra"), authority=authority) as running:
        yield running.endpoint
    hang_up()


def read(server: EwsProcess, address: str, secret: str = PASSWORD, /, **changes: Any) -> list[bytes]:
    """Read the mailbox."""
    with closing(EwsSource(server.profile(**changes), Mailbox(address=address), secret, HERE)) as opened:
        return [one.raw for page in opened.pages(Position(), 10) for one in opened.fetch(page.listed, 1_000_000)]


WAYS = {
    "own": {"access": "own", "username": "", "authentication": Authentication.CLEAR_TEXT},
    "delegate": {"access": "delegate"},
    "impersonation": {"access": "impersonation"},
}


@pytest.mark.parametrize("access", WAYS)
def test_each_access_names_the_mailbox_in_its_own_way(server: EwsProcess, address: str, access: str) -> None:
    assert read(server, address, PASSWORD, **WAYS[access]) == [RAW]

    first, *_ = [row["request"] for row in server.requests("SyncFolderItems")]
    assert (f"EmailAddress>{address}<" in first) is (access == "delegate")
    assert (f"SmtpAddress>{address}<" in first) is (access == "impersonation")
    assert {row["user"] for row in server.requests()} == {address if access == "own" else "router"}


@pytest.mark.parametrize("access", WAYS)
def test_each_access_sends_from_the_mailbox_itself(server: EwsProcess, address: str, access: str) -> None:
    profile = server.profile(direction=Direction.OUTGOING, **WAYS[access])
    message_id = f"<out-{address}>"
    raw = f"From: {address}\r\nTo: {OUTSIDE}\r\nSubject: x\r\nMessage-ID: {message_id}\r\n\r\nhello\r\n".encode()
    envelope = Envelope(
        organisation="contoso", activity=address, sender=address, recipients=(OUTSIDE,), message_id=message_id
    )

    with closing(EwsSender(profile, Mailbox(address=address), PASSWORD, HERE)) as sender:
        result = sender.send(envelope, raw)

    assert result.outcome is SendOutcome.ACCEPTED
    assert sum(message_id.encode() in one for one in server.outside(OUTSIDE)) == 1
    assert [one["raw"] for one in server.messages(address, "sentitems")] == [raw]


def test_an_account_without_the_right_to_impersonate_blocks_and_is_told_which_role(
    server: EwsProcess, address: str
) -> None:
    with pytest.raises(MailboxBlocked) as blocked:
        read(server, address, PASSWORD, authentication=Authentication.CLEAR_TEXT, username="CONTOSO\\nobody")

    assert blocked.value.kind == "access_denied"
    assert "ApplicationImpersonation" in blocked.value.mend


def test_hybrid_modern_authentication_asks_entra_for_a_token_of_the_server(
    server: EwsProcess, address: str, entra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Account] = []

    def noted(account: Account) -> str:
        asked.append(account)
        return access_token(account)

    monkeypatch.setattr(ews, "access_token", noted)
    server.control("settings", {"tokens": [TOKEN, "simulated.*"]})
    application = {"tenant_id": TENANT, "client_id": CLIENT, "authority": entra}

    raws = read(server, address, SECRET, authentication=Authentication.OAUTH, **application)

    assert raws == [RAW]
    assert {account.resource for account in asked} == {"https://localhost"}
    assert {row["user"] for row in server.requests()} == {"app"}


def test_messages_are_asked_for_one_at_a_time(server: EwsProcess, address: str) -> None:
    for _ in range(4):
        server.put(address, RAW)

    assert len(read(server, address)) == 5
    with_mime = server.requests("IncludeMimeContent>true")
    assert [row["request"].count(":ItemId ") for row in with_mime] == [1] * 5


def test_a_certificate_of_an_authority_that_is_not_in_the_bundle_is_refused(
    server: EwsProcess, address: str, tmp_path: Path
) -> None:
    with pytest.raises(MailboxBlocked) as blocked:
        read(server, address, PASSWORD, ca_pem=make_authority(tmp_path).pem)

    assert blocked.value.kind == "certificate"


def test_neither_version_nor_login_nor_time_zones_are_probed(server: EwsProcess, address: str) -> None:
    read(server, address)

    operations = [re.findall(r"Body><m:(\w+)", row["request"]) for row in server.requests()]
    assert operations == [["SyncFolderItems"], ["GetItem"]]
