"""An Exchange server that answers oddly, asks for absurd waits or drips: told of its mailbox, never a crash, never for ever."""

from __future__ import annotations

import contextlib
import threading
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from email_router.core.errors import TryLater
from email_router.core.fetched import Listed, Position
from email_router.core.mailbox import AfterDelivery, Authentication, Direction, Mailbox, Profile
from email_router.core.ports import Reach
from email_router.edge.connect import ews, ews_wire, patience
from email_router.edge.connect.ews_transport import open_session
from email_router.edge.connect.https import Place
from email_router.edge.sources.ews import EwsSource
from tests.edge.ews.reading import RAW, source
from tests.edge.test_https import Scripted
from tests.simulators.ews.process import PASSWORD, TOKEN, EwsProcess
from tests.simulators.ews.server import ENVELOPE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tests.simulators.certificates import Authority

DAY = 24 * 3600


def read(opened: EwsSource, position: Position | None = None, size: int = 10, limit: int = 10**6) -> list[bytes]:
    """Read everything beyond the position."""
    with closing(opened):
        pages = opened.pages(position or Position(), size)
        return [one.raw for page in pages for one in opened.fetch(page.listed, limit)]


def later(opened: EwsSource, act: Callable[[EwsSource], object] = read) -> TryLater:
    """Do it; return why that is for later."""
    with closing(opened), pytest.raises(TryLater) as raised:
        act(opened)
    return raised.value


# Waits


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120),
        ("1000000000", DAY),
        ("9" * 400, DAY),
        ("-5", 0),
        ("\u00b2", 0),
        ("soon", 0),
        (format_datetime(datetime(2099, 1, 1, tzinfo=UTC), usegmt=True), DAY),
        (format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True), 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_without_soap_is_at_most_a_day(
    server: EwsProcess, address: str, status: int, told: str, seconds: float
) -> None:
    server.fault("SyncFolderItems", "status", status=status, headers={"Retry-After": told, "Content-Type": "text/html"})

    trouble = later(source(server, address))

    assert (trouble.after, trouble.shared) == (seconds, True)


def test_a_wait_until_a_moment_is_read_as_the_seconds_until_then(server: EwsProcess, address: str) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    server.fault("SyncFolderItems", "status", status=503, headers={"Retry-After": moment})

    assert 3600 < later(source(server, address)).after <= 7200


@pytest.mark.parametrize("kind", ["code", "fault"])
@pytest.mark.parametrize(("told", "seconds"), [("7000", 7), ("9" * 17, DAY)])
def test_a_busy_server_is_asked_again_after_a_day_at_the_latest(
    server: EwsProcess, address: str, kind: str, told: str, seconds: float
) -> None:
    server.fault("SyncFolderItems", kind, code="ErrorServerBusy", values={"BackOffMilliseconds": told})

    trouble = later(source(server, address))

    assert (trouble.kind, trouble.after) == ("throttled", seconds)


@pytest.mark.parametrize("told", ["\u00b2", "9" * 5000, "soon", "-1"])
def test_no_back_off_of_a_message_is_too_odd_to_read(server: EwsProcess, address: str, told: str) -> None:
    server.fault("SyncFolderItems", "code", code="ErrorServerBusy", values={"BackOffMilliseconds": told})

    trouble = later(source(server, address))

    assert (trouble.kind, trouble.after) == ("throttled", DAY if told.isascii() and told.isdigit() else 60)


@pytest.mark.parametrize("code", ["ErrorServerBusy", "ErrorMailboxMoveInProgress", "ErrorTimeoutExpired"])
def test_a_server_that_is_busy_is_no_mailbox_s_failure(server: EwsProcess, address: str, code: str) -> None:
    server.fault("SyncFolderItems", "code", code=code)

    assert later(source(server, address)).shared


# Answers of an unexpected shape

MESSAGE = (
    '<m:{0}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{1}</m:{0}ResponseMessage>'
)
STATED = "<m:SyncState>s</m:SyncState><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>"


def answering(operation: str, *messages: str) -> str:
    """Return an answer that holds these response messages."""
    told = "".join(MESSAGE.format(operation, one) for one in messages)
    body = f"<m:{operation}Response><m:ResponseMessages>{told}</m:ResponseMessages></m:{operation}Response>"
    return ENVELOPE.format(body)


def synced(*items: str) -> str:
    """Return the answer to a sync that tells of these items."""
    rows = "".join(f"<t:Create><t:Message>{item}</t:Message></t:Create>" for item in items)
    return answering("SyncFolderItems", f"{STATED}<m:Changes>{rows}</m:Changes>")


@pytest.mark.parametrize(
    "body",
    [
        answering("SyncFolderItems"),
        answering("SyncFolderItems", STATED, STATED),
        synced("<t:Size>1</t:Size>"),
        synced('<t:ItemId ChangeKey="c"/>'),
        answering("SyncFolderItems", "<m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>"),
        answering("SyncFolderItems", "<m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>"),
        "<html><body>Sign in</body></html>",
        "",
    ],
)
def test_an_answer_of_an_unexpected_shape_is_told_of_the_mailbox(server: EwsProcess, address: str, body: str) -> None:
    server.fault("SyncFolderItems", "raw", body=body)

    trouble = later(source(server, address))

    assert trouble.kind == "ews_answer"
    assert address in str(trouble)


def test_a_sync_that_does_not_come_on_is_given_up(server: EwsProcess, address: str) -> None:
    state = "<m:SyncState>s</m:SyncState><m:IncludesLastItemInRange>false</m:IncludesLastItemInRange>"
    server.fault("SyncFolderItems", "raw", body=answering("SyncFolderItems", state), times=50)

    assert later(source(server, address)).kind == "ews_answer"


@pytest.mark.parametrize(
    ("item", "size"),
    [
        (f"<t:Size>{'9' * 5000}</t:Size>", None),
        ("<t:Size>\u00b2</t:Size>", None),
        ("<t:Size>-1</t:Size>", None),
        ("<t:DateTimeReceived>2026-01-01T00:00:00</t:DateTimeReceived><t:Size>5</t:Size>", 5),
        ("<t:DateTimeReceived>0001-01-01T00:00:00+14:00</t:DateTimeReceived><t:Size>5</t:Size>", 5),
        ("<t:DateTimeReceived>yesterday</t:DateTimeReceived>", None),
    ],
)
def test_an_odd_size_or_time_costs_no_message(server: EwsProcess, address: str, item: str, size: int | None) -> None:
    timed = '<t:ItemId Id="b"/><t:DateTimeReceived>2026-02-01T00:00:00Z</t:DateTimeReceived><t:Size>7</t:Size>'
    server.fault("SyncFolderItems", "raw", body=synced(f'<t:ItemId Id="a"/>{item}', timed))

    since = datetime(2000, 1, 1, tzinfo=UTC) if "0001" not in item else None
    with closing(source(server, address, process_received_after=since)) as opened:
        (page,) = opened.pages(Position(), 10)

    assert [(one.source_id, one.size) for one in page.listed] == [("a", size), ("b", 7)]


def mark_read(opened: EwsSource) -> None:
    """Dispose of a message."""
    opened.dispose(["a"], AfterDelivery.MARK_READ)


def read_header(opened: EwsSource) -> None:
    """Read a message that is too large."""
    list(opened.fetch([Listed("a", 10**9)], 10))


def set_aside(opened: EwsSource) -> None:
    """Find, or make, the folder for what nobody can deliver."""
    opened.set_aside(["a"])


@pytest.mark.parametrize(
    ("operation", "act", "messages"),
    [
        ("GetItem", mark_read, ("<m:Items><t:Message/></m:Items>",)),
        ("GetItem", read_header, ()),
        ("GetItem", read_header, ("<m:Items/>", "<m:Items/>")),
        ("FindFolder", set_aside, ()),
        ("FindFolder", set_aside, ("<m:RootFolder/>", "<m:RootFolder/>")),
    ],
)
def test_an_odd_answer_while_reading_or_disposing_is_told_of_the_mailbox(
    server: EwsProcess, address: str, operation: str, act: Callable[[EwsSource], object], messages: tuple[str, ...]
) -> None:
    server.fault(f":{operation}", "raw", body=answering(operation, *messages), times=9)

    trouble = later(source(server, address), act)

    assert trouble.kind == "ews_answer"
    assert address in str(trouble)


def test_a_document_type_is_refused_in_an_answer_that_is_valid_else(server: EwsProcess, address: str) -> None:
    declared = '<!DOCTYPE s:Envelope [<!ENTITY a "expanded">]>'
    server.fault("SyncFolderItems", "raw", body=synced().replace("?>", f"?>{declared}", 1))

    trouble = later(source(server, address))

    assert "declares a document type" in str(trouble)
    assert address in str(trouble)


def test_an_answer_beyond_what_is_held_in_memory_is_not_read(
    server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ews_wire, "_LARGEST_ANSWER", 100_000)
    server.fault("SyncFolderItems", "raw", body=" " * 200_000)

    assert later(source(server, address)).kind == "answer_size"


# Pages without mail


@dataclass
class Marks:
    """A folder in which nothing but read marks happened: `asked` tells how many changes each request wanted."""

    left: int
    asked: list[int] = field(default_factory=list)

    def call(self, payload: Any, **_: Any) -> list[Any]:
        """Answer a sync as an Exchange server does."""
        self.asked.append(most := int(payload.findtext("{*}MaxChangesReturned")))
        self.left = max(0, self.left - most)
        last = str(not self.left).lower()
        state = f"<m:SyncState>s{self.left}</m:SyncState><m:IncludesLastItemInRange>{last}</m:IncludesLastItemInRange>"
        (message,) = ews_wire_messages(answering("SyncFolderItems", state))
        return [message]


def ews_wire_messages(text: str) -> list[Any]:
    """Return the response messages of an answer."""
    from lxml import etree  # type: ignore[import-untyped]

    return list(etree.fromstring(text.encode()).iter("{*}SyncFolderItemsResponseMessage"))


@pytest.mark.parametrize(("size", "marks"), [(1, 3000), (50, 3000), (512, 100_000)])
def test_read_marks_without_mail_are_passed_in_few_requests_and_saved_on_the_way(
    server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch, size: int, marks: int
) -> None:
    folder = Marks(marks)
    opened = source(server, address)
    monkeypatch.setattr(opened._client, "call", folder.call)

    pages, before = [], 0
    for page in opened.pages(Position(), size):
        assert len(folder.asked) - before <= 10
        before = len(folder.asked)
        pages.append(page)

    assert len(folder.asked) <= marks // 100 + 2
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert len({page.position for page in pages}) == len(pages) > 1
    assert not any(page.listed for page in pages)


def test_after_a_death_each_message_still_has_a_page_of_its_own(server: EwsProcess, address: str) -> None:
    for _ in range(3):
        server.put(address, RAW)

    with closing(source(server, address)) as opened:
        assert [len(page.listed) for page in opened.pages(Position(), 1)] == [1, 1, 1]


# The line


def test_a_token_that_was_refused_is_forgotten_and_asked_for_once_more(
    server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(address, RAW)
    tokens = ["refused"]
    monkeypatch.setattr(ews, "access_token", lambda account: tokens[-1])
    monkeypatch.setattr(
        ews, "forget_token", lambda account, token: tokens.append(TOKEN) if token == "refused" else None
    )
    endpoint = f"{server.root}/EWS/Exchange.asmx"
    online = {"server": "exchange-online", "protocol": "ews", "endpoint": endpoint, "tenant_id": "t", "client_id": "c"}

    assert read(source(server, address, "a secret", **online)) == [RAW]
    assert tokens == ["refused", TOKEN]


def test_no_proxy_of_the_environment_is_asked(
    server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(address, RAW)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    place = Place("localhost", server.port, Reach(loopback=True))

    with open_session(place) as session:
        chosen = session.merge_environment_settings(server.root, {}, None, None, None)

    raws = read(source(server, address))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name)

    assert not chosen["proxies"]
    assert raws == [RAW]


def test_each_request_names_the_mailbox_for_the_front_ends_of_exchange(server: EwsProcess, address: str) -> None:
    server.put(address, RAW)

    read(source(server, address))

    assert {row["anchor"] for row in server.requests()} == {address}


def test_the_body_of_a_message_over_the_limit_is_never_asked_for(server: EwsProcess, address: str) -> None:
    server.put(address, RAW + b"x" * 5000)

    with closing(source(server, address)) as opened:
        (page,) = opened.pages(Position(), 10)
        (fetched,) = opened.fetch(page.listed, 1000)

    assert not fetched.complete
    assert fetched.raw.startswith(b"From: ann")
    assert not server.requests("IncludeMimeContent>true")


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 99999\r\n\r\n"])
def test_a_server_that_drips_is_given_up(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, address: str, before: bytes
) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 0.5)
    ended = threading.Event()

    def drip(line: ssl.SSLSocket, number: int) -> None:
        with contextlib.suppress(OSError):
            line.recv(65536)
            line.sendall(before)
            while not ended.wait(0.02):
                line.sendall(b"1")

    dripping = Scripted(authority, drip)
    profile = Profile(
        name="in",
        direction=Direction.INCOMING,
        server="exchange",
        host="localhost",
        port=dripping.place.port,
        username="u",
        authentication=Authentication.CLEAR_TEXT,
        ca_pem=authority.pem,
    )

    trouble = later(EwsSource(profile, Mailbox(address=address), PASSWORD, Reach(loopback=True)))
    ended.set()
    dripping.close()

    assert trouble.kind in {"timeout", "connection_lost"}
    assert trouble.shared
