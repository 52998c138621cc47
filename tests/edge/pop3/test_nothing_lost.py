"""Nothing is lost, shortened or deleted unasked by POP3, whatever a message holds and wherever the line breaks."""

from __future__ import annotations

import contextlib
import tracemalloc
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from email_router.core.errors import TryLater
from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery
from tests.edge.pop3.reading import ADDRESS, LIMIT, NEVER_READ, a_pass, opened
from tests.simulators.pop3 import Faults, Pop3Process, Pop3Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from email_router.edge.sources.pop3 import Pop3Source

# Broken lines


def cut_pass(source: Pop3Source) -> tuple[list[bytes], Position]:
    """Read what comes before the line breaks; the position counts only where its page came whole."""
    got: list[bytes] = []
    position = NEVER_READ
    with closing(source), contextlib.suppress(TryLater):
        for page in source.pages(position, 100):
            for each in source.fetch(page.listed, LIMIT):
                got.append(each.raw)  # noqa: PERF401 - what came before the break counts
            position = page.position
    return got, position


def test_a_line_cut_at_any_byte_loses_nothing_and_shortens_nothing(server: Pop3Server) -> None:
    mails = [b"Subject: %d\r\n\r\n.dots\r\n..\r\n%s\r\n" % (number, b"x" * 100) for number in range(3)]
    for raw in mails:
        server.put(ADDRESS, raw)

    a_pass(opened(server))
    outcomes = set()
    for cut in range(server.sent + 1):
        server.store.set_faults(Faults(cut_after=cut))
        got, position = cut_pass(opened(server))
        outcomes.add(len(got))
        assert got == mails[: len(got)], cut
        server.store.set_faults(Faults())
        server.locked.clear()
        rest = [each.raw for each in a_pass(opened(server), position)[0]]
        assert rest == ([] if position.cursor else mails), cut

    assert outcomes == {0, 1, 2, 3}


def test_a_line_cut_at_any_byte_while_deleting_deletes_nothing_else(server: Pop3Server) -> None:
    for cut in range(300):
        server.store.set_faults(Faults())
        server.locked.clear()
        kept, doomed = server.put(ADDRESS, b"Subject: kept\r\n\r\n"), server.put(ADDRESS, b"Subject: doomed\r\n\r\n")
        server.store.set_faults(Faults(cut_after=cut))
        with closing(opened(server)) as source:
            try:
                source.dispose([doomed], AfterDelivery.DELETE)
                assert doomed not in [unique_id for unique_id, _ in server.store.messages(ADDRESS)]
            except TryLater:
                pass
        server.store.set_faults(Faults())
        server.locked.clear()
        assert kept in [unique_id for unique_id, _ in server.store.messages(ADDRESS)]
        with closing(opened(server)) as source:
            source.dispose([kept, doomed], AfterDelivery.DELETE)
        assert server.messages(ADDRESS) == []


def test_a_session_lost_after_reading_is_opened_anew_for_deleting(server: Pop3Server) -> None:
    first, second = (server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number) for number in range(2))
    with closing(opened(server)) as source:
        for page in source.pages(Position(), 10):
            list(source.fetch(page.listed, LIMIT))
        assert source._session is not None
        source._session._line._socket.shutdown(2)
        server.locked.clear()
        source.dispose([first], AfterDelivery.DELETE)

    assert [unique_id for unique_id, _ in server.store.messages(ADDRESS)] == [second]


def test_a_deletion_that_the_server_does_not_confirm_is_told(server: Pop3Server) -> None:
    unique_id = server.put(ADDRESS, b"Subject: x\r\n\r\n")
    server.store.set_faults(Faults(answers={"QUIT": "-ERR some deleted messages not removed"}))

    with closing(opened(server)) as source, pytest.raises(TryLater, match="not removed"):
        source.dispose([unique_id], AfterDelivery.DELETE)

    assert len(server.messages(ADDRESS)) == 1


def test_a_deletion_of_half_a_page_is_done_at_the_latest_when_the_source_is_closed(server: Pop3Server) -> None:
    for number in range(4):
        server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number)

    with closing(opened(server)) as source:
        (page,) = source.pages(Position(), 10)
        list(source.fetch(page.listed[:2], LIMIT))
        source.dispose([page.listed[0].source_id], AfterDelivery.DELETE)
        assert len(server.messages(ADDRESS)) == 4

    assert len(server.messages(ADDRESS)) == 3
    assert server.sessions == 1


@pytest.mark.parametrize("how", [AfterDelivery.LEAVE, AfterDelivery.MARK_READ, AfterDelivery.MOVE])
def test_pop3_can_only_delete_so_every_other_wish_leaves_the_messages(server: Pop3Server, how: AfterDelivery) -> None:
    unique_id = server.put(ADDRESS, b"Subject: x\r\n\r\n")

    with closing(opened(server)) as source:
        source.dispose([unique_id], how)

    assert len(server.messages(ADDRESS)) == 1
    assert server.sessions == 0


# Exactness


def test_an_empty_message_is_a_message(server: Pop3Server) -> None:
    server.put(ADDRESS, b"")
    server.put(ADDRESS, b"Subject: x\r\n\r\n")

    first, second = a_pass(opened(server))[0]

    assert (first.raw, first.size, first.complete, first.vanished) == (b"", 0, True, False)
    assert second.raw == b"Subject: x\r\n\r\n"


def test_a_message_of_60_mb_costs_no_more_memory_than_the_limit(tmp_path: Path) -> None:
    server = Pop3Process.start(tmp_path / "pop3")
    try:
        server.put(ADDRESS, b"Subject: large\r\n\r\n" + (b"x" * 998 + b"\r\n") * 60_000)
        server.put(ADDRESS, b"Subject: small\r\n\r\n")
        server.store.set_faults(Faults(top=False, list_size=100))

        tracemalloc.start()
        large, small = a_pass(opened(server), limit=LIMIT)[0]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    finally:
        server.stop()

    assert (large.raw, large.complete) == (b"Subject: large\r\n\r\n", False)
    assert (small.raw, small.complete) == (b"Subject: small\r\n\r\n", True)
    assert peak < 6 * LIMIT


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pop3Server]:
    """One simulator for many examples."""
    server = Pop3Server(tmp_path_factory.mktemp("pop3"))
    yield server
    server.stop()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.lists(
        st.sampled_from(
            [b".", b"..", b"\r\n", b"x", b"\r", b"\n", b"\0", b"\xff", b".\r", b"y" * 9000, b"\r\n." * 3000]
        )
    ).map(b"".join)
)
def test_any_bytes_come_whole_and_in_pieces_as_they_were(shared_server: Pop3Server, body: bytes) -> None:
    raw = b"Subject: x\r\n\r\n" + body + b"\r\n"
    for _, path in shared_server.store.messages(ADDRESS):
        path.unlink()
    unique_id = shared_server.put(ADDRESS, raw)

    source = opened(shared_server)
    whole = a_pass(source)[0][0]
    with closing(opened(shared_server)) as streaming:
        pieces = b"".join(streaming.stream(unique_id))

    assert whole.raw == raw
    assert pieces == raw
