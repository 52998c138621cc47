"""The EWS source beside what every source promises: positions, ids, folders, disposal, its library."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.errors import MailboxBlocked, MessageRefused
from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.graph_position import Cursor as GraphCursor
from email_router.edge.connect.graph_position import Cursors as GraphCursors
from tests.edge.ews.reading import RAW, read, source
from tests.shared import PROJECT
from tests.simulators.ews.process import EwsProcess


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


@pytest.mark.parametrize("schema", ["Exchange2013", "Exchange2013_SP1"])
def test_an_older_server_is_asked_in_its_own_schema(server: EwsProcess, address: str, schema: str) -> None:
    server.control("settings", {"schema": schema})
    server.put(address, RAW)

    assert read(source(server, address), Position())[0] == [RAW]
    assert f'Version="{schema}"' in server.requests()[-1]["request"]


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


def test_exchangelib_is_loaded_for_ews_mailboxes_only() -> None:
    code = (
        "import sys; import email_router.wiring.adapters, email_router.wiring.registry as r;"
        "import email_router.wiring.configuration_checks; r.adapter(r.SOURCES, 'pop3'); r.adapter(r.SOURCES, 'imap');"
        "before = {'exchangelib', 'lxml', 'requests_ntlm'} & set(sys.modules);"
        "r.adapter(r.SOURCES, 'exchange'); print(before, 'exchangelib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set() True"
