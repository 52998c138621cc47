"""Odd answers of IMAP servers: what is said unasked, in another order or against the standard, and how words and numbers are read."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.errors import RouterError
from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.imap_answers import instant_of, tokens
from email_router.edge.connect.imap_names import decode_utf7, encode_utf7, uid_set
from tests.edge.imap.reading import a_pass, mail, opened

if TYPE_CHECKING:
    from tests.simulators.imap import ImapServer

_HUGE = b"9" * 5000
_ODD_ANSWERS = {
    "STATUS": (
        b'* STATUS "INBOX" (MESSAGES %b UIDNEXT %b UIDVALIDITY 7)\r\nTAG OK\r\n',
        b"* STATUS\r\n* STATUS %b\r\nTAG OK\r\n",
    ),
    "EXAMINE": (
        b"* %b EXISTS\r\n* OK [UIDVALIDITY %b] x\r\n* OK [UIDNEXT %b] x\r\nTAG OK\r\n",
        b"* OK [UIDVALIDITY \xc2\xb2] x\r\nTAG OK\r\n",
    ),
    "UID SEARCH": (b"* SEARCH %b \xc2\xb2 1\r\nTAG OK\r\n", b"* SEARCH (MODSEQ %b)\r\nTAG OK [X %b]\r\n"),
    "UID FETCH": (
        b"* 1 FETCH (UID %b RFC822.SIZE 1)\r\nTAG OK\r\n",
        b'* %b FETCH (UID 1 RFC822.SIZE %b INTERNALDATE "01-Jan-0001 00:00:00 +9999")\r\nTAG OK\r\n',
        b'* 1 FETCH (UID 1 RFC822.SIZE 9 INTERNALDATE "99-Foo-0000 99:99:99 +0000")\r\nTAG OK\r\n',
        b"* 1 FETCH (UID 1 RFC822.SIZE 9 BODY[] {%b}\r\nTAG OK\r\n",
        b"* 1 FETCH " + b"(" * 5000 + b"\r\nTAG OK\r\n",
        b"* FETCH\r\n* 1 FETCH\r\n* 1 FETCH ()\r\nTAG OK\r\n",
    ),
}


@pytest.mark.parametrize(
    ("command", "said"), [(command, said) for command, all_said in _ODD_ANSWERS.items() for said in all_said]
)
def test_no_answer_is_so_odd_that_a_pass_fails_of_itself(server: ImapServer, command: str, said: bytes) -> None:
    server.inbox.put(mail(1))
    server.script.answers = {command: said.replace(b"%b", _HUGE)}

    with contextlib.closing(opened(server)) as source, contextlib.suppress(RouterError):
        source.has_news(Position(mark="x"))
    with contextlib.suppress(RouterError):
        a_pass(opened(server), Position())
    with contextlib.closing(opened(server)) as source, contextlib.suppress(RouterError):
        list(source.stream("INBOX/7.1"))
    with contextlib.closing(opened(server)) as source, contextlib.suppress(RouterError):
        list(source.inventory(10))
    with contextlib.closing(opened(server)) as source, contextlib.suppress(RouterError):
        source.dispose(["INBOX/7.1"], AfterDelivery.MOVE)


@pytest.mark.parametrize(
    "noise",
    [
        b"* 5 EXPUNGE\r\n* 4 EXISTS\r\n* 0 RECENT\r\n",
        b"* 1 FETCH (FLAGS (\\Seen))\r\n",
        b'* 1 FETCH (UID 1 FLAGS (\\Seen "x)" {4}\r\n)\r\n) X NIL))\r\n',
        b"* OK [ALERT] words that end in {100}\r\n",
        b"* 1 FETCH (MODSEQ (5) UID 1)\r\n",
        b"* VANISHED 7:9\r\n",
    ],
)
def test_what_the_server_says_unasked_disturbs_nothing(server: ImapServer, noise: bytes) -> None:
    mails = [mail(number) for number in range(3)]
    for raw in mails:
        server.inbox.put(raw)
    server.script.before = {"UID": noise, "STATUS": noise, "EXAMINE": noise}

    assert [each.raw for each in a_pass(opened(server))[0]] == mails


@pytest.mark.parametrize(
    "row",
    [
        b"* 1 FETCH (BODY[] {13}\r\nSubject: x\r\n\r UID 1)\r\n",
        b'* 1 FETCH (FLAGS (\\Recent) BODY[] "Subject: x\r\n"'[:-3] + b'" UID 1)\r\n',
        b"* 1 fetch (uid 1 flags () body[] {12}\r\nSubject: x\r\n)\r\n",
    ],
)
def test_attributes_are_found_in_whatever_order_they_stand(server: ImapServer, row: bytes) -> None:
    server.inbox.put(b"Subject: x")
    server.script.answers = {"UID FETCH 1 (UID BODY": row + b"TAG OK\r\n"}

    (only,) = a_pass(opened(server))[0]

    assert only.raw.startswith(b"Subject: x")
    assert only.complete


# Words and numbers


@given(st.text())
def test_modified_utf7_comes_back_as_it_was(name: str) -> None:
    try:
        name.encode("utf-16-be")
    except UnicodeEncodeError:
        return
    coded = encode_utf7(name)

    assert coded.isascii()
    assert decode_utf7(coded) == name


@pytest.mark.parametrize(
    ("name", "coded"),
    [
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Tom & Jerry", "Tom &- Jerry"),
        ("Entwürfe", "Entw&APw-rfe"),
    ],
)
def test_names_are_written_as_the_standard_shows(name: str, coded: str) -> None:
    assert encode_utf7(name) == coded


@given(st.sets(st.integers(1, 2**32 - 1)))
def test_a_set_names_its_uids_and_no_others(uids: set[int]) -> None:
    told = uid_set(sorted(uids)).decode()
    parts = [part.partition(":") for part in told.split(",") if part]

    named = [one for first, _, last in parts for one in range(int(first), int(last or first) + 1)]
    assert named == sorted(uids)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.binary(max_size=40))
def test_any_bytes_are_read_without_an_error(parts: list[bytes], text: bytes) -> None:
    list(tokens(parts))
    instant_of(text)


def test_reading_an_answer_takes_time_in_proportion_to_its_length() -> None:
    def cpu(length: int) -> float:
        began = time.process_time()
        list(tokens([b'"' + b'\\"' * length]))
        return time.process_time() - began

    assert min(cpu(200_000) for _ in range(5)) < 30 * max(min(cpu(20_000) for _ in range(5)), 1e-4)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        (b"17-Jul-1996 02:44:25 -0700", datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)),
        (b" 1-nov-2026 00:00:60 +0000", datetime(2026, 11, 1, 0, 0, 59, tzinfo=UTC)),
        (b"31-Feb-2026 00:00:00 +0000", None),
        (b"1-Xxx-2026 00:00:00 +0000", None),
        (b"1-Nov-2026 00:00:00 +9999", None),
    ],
)
def test_times_of_receipt_are_read_and_bad_ones_are_none(text: bytes, instant: datetime | None) -> None:
    assert instant_of(text) == instant
