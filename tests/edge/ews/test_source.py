"""The EWS source beside what every source promises: states, folders, logins, throttling, hostile answers."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from email_router.core.errors import MailboxBlocked, MessageRefused, TryLater
from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery, Authentication, Mailbox
from email_router.core.ports import Reach
from email_router.edge.connect import ews
from email_router.edge.connect.graph_position import Cursor as GraphCursor
from email_router.edge.connect.graph_position import Cursors as GraphCursors
from email_router.edge.sources.ews import EwsSource
from tests.shared import PROJECT
from tests.simulators.certificates import self_signed
from tests.simulators.ews.process import PASSWORD, TOKEN, EwsProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulators.certificates import Authority

_NUMBERS = itertools.count(1)
RAW = b"From: ann@example.org\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nbody\r\n"


@pytest.fixture
def address(server: EwsProcess) -> str:
    """A new, empty mailbox."""
    found = f"case{next(_NUMBERS)}@contoso.example"
    server.control("mailbox", {"address": found})
    return found


def source(server: EwsProcess, address: str, secret: str = PASSWORD, /, **changes: Any) -> EwsSource:
    """Open the mailbox."""
    return EwsSource(server.profile(**changes), Mailbox(address=address), secret, Reach(loopback=True))


def read(opened: EwsSource, position: Position) -> tuple[list[bytes], Position]:
    """Read everything beyond the position."""
    raws = []
    with closing(opened):
        for page in opened.pages(position, 10):
            raws += [one.raw for one in opened.fetch(page.listed, 1_000_000)]
            position = page.position
    return raws, position


def test_an_idle_check_is_one_request_that_reads_no_message(server: EwsProcess, address: str) -> None:
    server.put(address, RAW)
    _, position = read(source(server, address), Position())
    server.control("clear", {})

    with closing(source(server, address)) as opened:
        assert not opened.has_news(Position(mark=position.mark))

    (only,) = server.requests()
    assert "SyncFolderItems" in only["request"]


def test_messages_come_over_one_connection(server: EwsProcess, address: str) -> None:
    for _ in range(12):
        server.put(address, RAW)
    server.control("clear", {})

    raws, _ = read(source(server, address), Position())

    assert len(raws) == 12
    assert len({row["connection"] for row in server.requests()}) == 1


def test_a_message_bears_the_id_by_which_graph_knows_it(server: EwsProcess, address: str) -> None:
    made = server.put(address, RAW)
    assert {"+", "/"} <= set(made)

    with closing(source(server, address)) as opened:
        (page,) = opened.pages(Position(), 10)
        (rows,) = opened.inventory(10)
        (one,) = page.listed
        assert one.source_id == rows[0].source_id == made.replace("+", "_").replace("/", "-")
        assert b"".join(opened.stream(one.source_id)) == b"".join(opened.stream(made)) == RAW
        opened.dispose([one.source_id], AfterDelivery.MARK_READ)

    assert [row["is_read"] for row in server.messages(address)] == [True]


def test_a_sync_state_that_the_server_has_lost_begins_anew(server: EwsProcess, address: str) -> None:
    server.put(address, RAW)
    _, position = read(source(server, address), Position())
    server.control("settings", {"expire_sync": True})

    assert source(server, address).has_news(position)
    raws, newer = read(source(server, address), position)

    assert raws == [RAW]
    assert newer != position
    assert read(source(server, address), newer)[0] == []


@pytest.mark.parametrize(
    "foreign",
    [
        GraphCursors({"inbox": GraphCursor("https://graph.microsoft.com/v1.0/x/delta?$deltatoken=1")}).position(),
        Position(b"\0\1", "12 34"),
        Position(b"[]", "[]"),
        Position(b'{"ews": 5}', ""),
    ],
)
def test_a_position_of_another_kind_of_source_lists_everything(
    server: EwsProcess, address: str, foreign: Position
) -> None:
    server.put(address, RAW)

    assert source(server, address).has_news(replace(foreign, cursor=b""))
    assert read(source(server, address), foreign)[0] == [RAW]


def test_a_position_of_a_server_of_one_s_own_begins_anew_in_graph(server: EwsProcess, address: str) -> None:
    server.put(address, RAW)
    _, position = read(source(server, address), Position())

    assert GraphCursors.of(position) == GraphCursors()
    assert GraphCursors.of(Position(mark=position.mark)) == GraphCursors()


def test_what_was_received_before_the_bound_is_not_listed(server: EwsProcess, address: str) -> None:
    bound = datetime(2026, 11, 1, tzinfo=UTC)
    server.put(address, RAW, received=bound - timedelta(seconds=1))
    server.put(address, RAW + b"new\r\n", received=bound)

    raws, _ = read(source(server, address, process_received_after=bound), Position())

    assert raws == [RAW + b"new\r\n"]


def test_several_folders_are_read_and_one_that_is_missing_blocks(server: EwsProcess, address: str) -> None:
    server.put(address, RAW)
    server.put(address, RAW + b"junk\r\n", folder="junkemail")

    raws, position = read(source(server, address, folders=("inbox", "junkemail")), Position())

    assert raws == [RAW, RAW + b"junk\r\n"]
    assert set(json.loads(position.cursor)["ews"]) == {"inbox", "junkemail"}
    with pytest.raises(MailboxBlocked) as blocked:
        source(server, address, folders=("Sales/Old",)).has_news(Position(mark='{"ews": {"Sales/Old": "x"}}'))
    assert blocked.value.kind == "folder_missing"


@pytest.mark.parametrize(
    ("how", "folder", "is_read"),
    [
        (AfterDelivery.MARK_READ, "inbox", True),
        (AfterDelivery.MOVE, "Archive", False),
        (AfterDelivery.DELETE, "deleteditems", False),
    ],
)
def test_a_message_is_disposed_of_twice_without_an_error(
    server: EwsProcess, address: str, how: AfterDelivery, folder: str, *, is_read: bool
) -> None:
    item = server.put(address, RAW)

    for _ in range(2):
        with closing(source(server, address)) as opened:
            opened.dispose([item], how)

    (only,) = server.messages(address)
    assert (only["folder"], only["is_read"]) == (folder, is_read)


def test_what_nobody_can_deliver_is_set_aside(server: EwsProcess, address: str) -> None:
    items = [server.put(address, RAW) for _ in range(2)]

    with closing(source(server, address)) as opened:
        opened.set_aside(items[:1])
        opened.set_aside(items)

    assert [one["folder"] for one in server.messages(address)] == ["Undeliverable"] * 2


def test_our_own_disposal_is_no_news(server: EwsProcess, address: str) -> None:
    server.put(address, RAW)
    with closing(source(server, address)) as opened:
        (page,) = opened.pages(Position(), 10)
        opened.dispose([one.source_id for one in page.listed], AfterDelivery.MARK_READ)

    with closing(source(server, address)) as later:
        assert not later.has_news(page.position)
        assert later.position() not in {None, page.position}


@pytest.mark.parametrize("kind", ["code", "fault"])
def test_a_busy_server_says_how_long_to_wait(server: EwsProcess, address: str, kind: str) -> None:
    server.fault("SyncFolderItems", kind, code="ErrorServerBusy", values={"BackOffMilliseconds": "297749"})

    with pytest.raises(TryLater) as later:
        read(source(server, address), Position())

    assert (later.value.kind, later.value.after) == ("throttled", 297.749)
    assert len(server.requests("SyncFolderItems")) == 1


def test_the_inner_code_of_an_internal_error_counts(server: EwsProcess, address: str) -> None:
    inner = {"InnerErrorResponseCode": "ErrorServerBusy"}
    server.fault("SyncFolderItems", "code", code="ErrorInternalServerError", values=inner)

    with pytest.raises(TryLater) as later:
        read(source(server, address), Position())

    assert later.value.kind == "throttled"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ErrorNonExistentMailbox", "mailbox_missing"),
        ("ErrorImpersonateUserDenied", "access_denied"),
        ("ErrorAccessDenied", "access_denied"),
        ("ErrorQuotaExceeded", "mailbox_full"),
        ("ErrorPasswordExpired", "login_refused"),
    ],
)
def test_a_mailbox_that_cannot_be_served_is_blocked(server: EwsProcess, address: str, code: str, kind: str) -> None:
    server.fault("SyncFolderItems", "code", code=code)

    with pytest.raises(MailboxBlocked) as blocked:
        read(source(server, address), Position())

    assert blocked.value.kind == kind
    assert address in str(blocked.value)
    assert blocked.value.mend


@pytest.mark.parametrize("code", ["ErrorMailboxStoreUnavailable", "ErrorInternalServerError", "ErrorNobodyKnows"])
def test_other_trouble_may_pass(server: EwsProcess, address: str, code: str) -> None:
    server.fault("SyncFolderItems", "code" if code != "ErrorNobodyKnows" else "fault", code=code)

    with pytest.raises(TryLater):
        read(source(server, address), Position())


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [(403, MailboxBlocked, "access_denied"), (302, MailboxBlocked, "foreign_link"), (503, TryLater, "ews_answer")],
)
def test_a_status_without_soap_is_understood(
    server: EwsProcess, address: str, status: int, error: type[MailboxBlocked | TryLater], kind: str
) -> None:
    headers = {"Location": "https://169.254.169.254/", "Retry-After": "30"}
    server.fault("SyncFolderItems", "status", status=status, headers=headers)

    with pytest.raises(error) as raised:
        read(source(server, address), Position())

    assert raised.value.kind == kind
    assert getattr(raised.value, "after", 30) == 30


@pytest.mark.parametrize("authentication", [Authentication.WINDOWS, Authentication.CLEAR_TEXT])
def test_a_wrong_password_blocks_and_is_not_told(
    server: EwsProcess, address: str, authentication: Authentication
) -> None:
    with pytest.raises(MailboxBlocked) as blocked:
        read(source(server, address, "wrong-secret", authentication=authentication), Position())

    assert blocked.value.kind == "login_refused"
    assert "wrong-secret" not in f"{blocked.value}{blocked.value.mend}"


@pytest.mark.parametrize("schema", ["Exchange2013", "Exchange2013_SP1"])
def test_an_older_server_is_asked_in_its_own_schema(server: EwsProcess, address: str, schema: str) -> None:
    server.control("settings", {"schema": schema})
    server.put(address, RAW)

    assert read(source(server, address), Position())[0] == [RAW]
    assert f'Version="{schema}"' in server.requests()[-1]["request"]


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        '<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        "no xml at all",
        "<html><body>hello</body></html>",
        "",
    ],
)
def test_an_answer_that_is_no_soap_is_not_believed(server: EwsProcess, address: str, body: str) -> None:
    server.fault("SyncFolderItems", "raw", body=body)

    with pytest.raises(TryLater) as later:
        read(source(server, address), Position())

    assert later.value.kind == "ews_answer"


@pytest.mark.parametrize("kind", ["cut", "lose_answer"])
def test_a_line_that_breaks_in_a_message_is_told_and_loses_nothing(server: EwsProcess, address: str, kind: str) -> None:
    server.put(address, RAW + b"x" * 300_000)
    server.fault("IncludeMimeContent", kind, times=2)

    with pytest.raises(TryLater) as later:
        read(source(server, address), Position())
    server.control("clear", {})

    assert later.value.kind == "connection_lost"
    assert len(read(source(server, address), Position())[0]) == 1


def test_a_message_that_exchange_cannot_render_is_never_taken_for_an_empty_one(
    server: EwsProcess, address: str
) -> None:
    server.put(address, RAW)
    server.fault("IncludeMimeContent", "code", code="ErrorMimeContentConversionFailed", times=2)

    with closing(source(server, address)) as opened:
        (page,) = opened.pages(Position(), 10)
        (fetched,) = opened.fetch(page.listed, 1_000_000)
        with pytest.raises(MessageRefused) as refused:
            list(opened.stream(fetched.source_id))

    assert (fetched.raw.rstrip(), fetched.complete) == (RAW.partition(b"\r\n\r\n")[0], False)
    assert refused.value.kind == "unreadable"


def test_a_self_signed_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "own")

    with EwsProcess(tmp_path / "server", authority, authority.issue()) as good:
        other = replace(good.profile(), ca_pem=certificate[0].read_text())
        opened = EwsSource(other, Mailbox(address="a@contoso.example"), PASSWORD, Reach(loopback=True))
        with pytest.raises(MailboxBlocked) as blocked:
            opened.has_news(Position(mark='{"ews": {"inbox": "x"}}'))

    assert blocked.value.kind == "certificate"


@pytest.mark.parametrize("host", ["169.254.169.254", "10.1.2.3", "127.0.0.1"])
def test_an_address_that_the_router_may_not_reach_is_never_connected_to(server: EwsProcess, host: str) -> None:
    opened = EwsSource(server.profile(host=host), Mailbox(address="a@contoso.example"), PASSWORD, Reach())

    with pytest.raises(MailboxBlocked) as blocked:
        opened.has_news(Position(mark='{"ews": {"inbox": "x"}}'))

    assert blocked.value.kind == "network_denied"


def online(server: EwsProcess) -> dict[str, Any]:
    """What makes the profile one of Exchange Online by EWS."""
    endpoint = f"{server.root}/EWS/Exchange.asmx"
    return {"server": "exchange-online", "protocol": "ews", "endpoint": endpoint, "tenant_id": "t", "client_id": "c"}


def test_exchange_online_is_read_with_a_token_and_impersonation(
    server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ews, "access_token", lambda account: TOKEN)
    server.put(address, RAW)

    raws, _ = read(source(server, address, "a secret", **online(server)), Position())

    assert raws == [RAW]
    assert all(f"SmtpAddress>{address}<" in row["request"] for row in server.requests())


def test_exchange_online_explains_a_403_with_its_dates(
    server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ews, "access_token", lambda account: TOKEN)
    server.fault("SyncFolderItems", "status", status=403)

    with pytest.raises(MailboxBlocked) as blocked:
        read(source(server, address, "a secret", **online(server)), Position())

    for word in ("2026-10-01", "2027-04-01", "EWSAllowedAppIDs", "graph"):
        assert word in blocked.value.mend


def test_exchange_online_by_ews_is_refused_from_its_last_day_on(
    server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ews, "today", lambda: date(2027, 4, 1))

    with pytest.raises(MailboxBlocked) as blocked:
        source(server, address, "a secret", **online(server))

    assert "graph" in blocked.value.mend


def test_exchangelib_is_loaded_for_ews_mailboxes_only() -> None:
    code = (
        "import sys; import email_router.wiring.adapters, email_router.wiring.registry as r;"
        "import email_router.wiring.configuration_checks; r.adapter(r.SOURCES, 'pop3'); r.adapter(r.SOURCES, 'imap');"
        "before = {'exchangelib', 'lxml', 'requests_ntlm'} & set(sys.modules);"
        "r.adapter(r.SOURCES, 'exchange'); print(before, 'exchangelib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set() True"
