"""What the EWS source makes of refusals, hostile answers and broken lines: named, blocked or tried again later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.fetched import Position
from email_router.core.mailbox import Authentication, Mailbox
from email_router.core.ports import Reach
from email_router.edge.sources.ews import EwsSource
from tests.simulators.certificates import self_signed
from tests.simulators.ews.process import PASSWORD, EwsProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulators.certificates import Authority
from tests.edge.ews.reading import RAW, read, source


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
