"""Odd answers of POP3 servers: those that can little, numbers that are none, and messages that are not given."""

from __future__ import annotations

import contextlib
import socket
import threading
from contextlib import closing

import pytest

from email_router.core.errors import MessageRefused, TryLater
from email_router.core.fetched import Position
from email_router.edge.connect.line import Line
from email_router.edge.connect.pop3 import Pop3Session
from tests.edge.pop3.reading import ADDRESS, LIMIT, a_pass, opened
from tests.simulators.pop3 import Faults, Pop3Server

# What servers answer


@pytest.mark.parametrize("faults", [Faults(pipelining=False), Faults(capa=False), Faults(top=False, capa=False)])
def test_servers_that_can_little_are_read_all_the_same(server: Pop3Server, faults: Faults) -> None:
    mails = [b"Subject: %d\r\n\r\n%s\r\n" % (number, b"x" * number * 400) for number in range(5)]
    for raw in mails:
        server.put(ADDRESS, raw)
    server.store.set_faults(faults)

    fetched, _ = a_pass(opened(server), limit=1000)

    assert [each.raw for each in fetched if each.complete] == mails[:3]
    assert [each.raw for each in fetched if not each.complete] == [b"Subject: 3\r\n\r\n", b"Subject: 4\r\n\r\n"]


_HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("UIDL", f"+OK\r\n{_HUGE} a\r\n."),
        ("LIST", f"+OK\r\n{_HUGE} 5\r\n."),
        ("STAT", f"+OK {_HUGE} {_HUGE}"),
        ("STAT", "+OK \u00b2 5"),
        ("STAT", "+OK"),
    ],
)
def test_a_number_that_is_none_is_an_unexpected_answer_of_this_mailbox(
    server: Pop3Server, command: str, answer: str
) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")
    server.store.set_faults(Faults(answers={command: answer}))

    with closing(opened(server)) as source, pytest.raises(TryLater) as caught:
        list(source.pages(Position(), 10))

    assert caught.value.kind == "unexpected_answer"
    assert ADDRESS in str(caught.value)


def test_a_size_that_is_no_number_costs_no_message(server: Pop3Server) -> None:
    raw = b"Subject: x\r\n\r\nbody\r\n"
    server.put(ADDRESS, raw)
    server.store.set_faults(Faults(answers={"LIST": f"+OK\r\n1 {_HUGE}\r\n."}))

    assert [each.raw for each in a_pass(opened(server))[0]] == [raw]


@pytest.mark.parametrize("can", [True, False])
def test_a_server_that_does_not_announce_pipelining_gets_one_command_at_a_time(*, can: bool) -> None:
    near, far = socket.socketpair()
    session = Pop3Session(Line(near, "localhost", ADDRESS, 5.0))
    together: list[int] = []

    def serve() -> None:
        with far, contextlib.suppress(OSError):
            while said := far.recv(65536):
                together.append(said.count(b"\r\n"))
                block = b"PIPELINING\r\n" * can + b".\r\n"
                for command in said.splitlines():
                    far.sendall(b"+OK\r\n" + (b"" if command.startswith(b"DELE") else block))

    threading.Thread(target=serve, daemon=True).start()
    assert len(list(session.blocks([b"TOP %d 0" % number for number in range(1, 21)], 1000))) == 20
    session.delete(range(1, 21))
    session.drop()

    assert (max(together) == 1) is not can


def test_a_message_that_the_server_will_not_give_does_not_stop_the_others(server: Pop3Server) -> None:
    for number in range(4):
        server.put(ADDRESS, b"Subject: %d\r\n\r\nbody\r\n" % number)
    server.store.set_faults(
        Faults(answers={"RETR 2": "-ERR cannot open the file", "RETR 3": "-ERR broken", "TOP 3": "-ERR"})
    )

    fetched, _ = a_pass(opened(server))

    assert [(each.raw, each.complete) for each in fetched] == [
        (b"Subject: 0\r\n\r\nbody\r\n", True),
        (b"Subject: 1\r\n\r\n", False),
        (b"", False),
        (b"Subject: 3\r\n\r\nbody\r\n", True),
    ]


def test_a_server_that_gives_no_message_at_all_means_later(server: Pop3Server) -> None:
    for number in range(3):
        server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number)
    server.store.set_faults(Faults(answers={"RETR": "-ERR disk error", "TOP": "-ERR disk error"}))

    with pytest.raises(TryLater, match="disk error"):
        a_pass(opened(server))


def test_a_temporary_refusal_of_one_message_means_later(server: Pop3Server) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")
    server.store.set_faults(Faults(answers={"RETR": "-ERR [SYS/TEMP] try again"}))

    with pytest.raises(TryLater) as caught:
        a_pass(opened(server))

    assert caught.value.kind == "server_trouble"


def test_a_message_that_vanishes_during_the_session_is_told_as_vanished(server: Pop3Server) -> None:
    for number in range(3):
        server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number)

    source = opened(server)
    with closing(source):
        (page,) = source.pages(Position(), 10)
        server.store.messages(ADDRESS)[1][1].unlink()
        fetched = list(source.fetch(page.listed, LIMIT))

    assert [each.vanished for each in fetched] == [False, True, False]


def test_streaming_a_message_that_is_gone_is_refused(server: Pop3Server) -> None:
    with closing(opened(server)) as source, pytest.raises(MessageRefused) as caught:
        list(source.stream("uid-9"))

    assert caught.value.kind == "vanished"
