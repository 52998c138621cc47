"""A line that falls silent, drips or never ends its lines holds nobody for long."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import TryLater
from email_router.edge.connect import patience
from email_router.edge.connect.line import Line, words
from email_router.edge.connect.tls import secure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.simulators.certificates import Authority

SECONDS = 0.3
Pair = tuple[Line, socket.socket]


@pytest.fixture(params=["plain", "tls"])
def pair(request: pytest.FixtureRequest, authority: Authority, certificate: tuple[Path, Path]) -> Iterator[Pair]:
    """A line, and the server's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname(), 10)
        far, _ = listener.accept()
    if request.param == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        ends: list[socket.socket] = []
        server = threading.Thread(target=lambda: ends.append(context.wrap_socket(far, server_side=True)))
        server.start()
        near = secure(near, "localhost", authority.pem)
        server.join()
        far = ends[0]
    line = Line(near, "localhost", "sales@contoso.example at localhost:1", SECONDS)
    yield line, far
    line.close()
    far.close()


@pytest.mark.parametrize("read", [Line.read_line, lambda line: line.read_block(1000), lambda line: list(line.pieces())])
def test_a_server_that_falls_silent_means_later_for_all(pair: Pair, read: Callable[[Line], object]) -> None:
    line, far = pair
    far.sendall(b"half a li")

    begun = time.monotonic()
    with pytest.raises(TryLater) as caught:
        read(line)

    assert (caught.value.kind, caught.value.shared) == ("timeout", True)
    assert time.monotonic() - begun < 10 * SECONDS
    assert "sales@contoso.example" in str(caught.value)
    assert not line.open


def test_an_answer_that_drips_has_as_long_as_one_that_flows(pair: Pair) -> None:
    line, far = pair

    def drip() -> None:
        with contextlib.suppress(OSError):
            for _ in range(100):
                far.sendall(b"x")
                time.sleep(SECONDS / 5)

    dripping = threading.Thread(target=drip)
    dripping.start()
    begun = time.monotonic()
    with pytest.raises(TryLater) as caught:
        line.read_line()
    lasted = time.monotonic() - begun
    dripping.join()

    assert caught.value.kind == "timeout"
    assert lasted < 10 * SECONDS


@pytest.mark.parametrize(
    "read",
    [
        lambda line: line.read_block(10_000),
        lambda line: line.read_block(0),
        lambda line: list(line.pieces()),
        lambda line: list(line.exactly(10_000)),
        lambda line: line.read_exactly(10_000, 10_000),
    ],
)
def test_a_message_that_drips_is_given_up_though_the_line_is_never_silent(
    pair: Pair, read: Callable[[Line], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", SECONDS)
    monkeypatch.setattr(patience, "SLOWEST", 10_000.0)
    line, far = pair
    line.seconds = 60.0
    ended = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not ended.wait(SECONDS / 30):
                far.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    with pytest.raises(TryLater) as caught:
        read(line)
    ended.set()
    dripping.join()

    assert (caught.value.kind, caught.value.shared) == ("timeout", True)
    assert not line.open


def test_a_line_that_waited_long_for_one_message_is_patient_with_the_next(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", SECONDS)
    line, far = pair

    def slowly() -> None:
        for _ in range(4):
            time.sleep(SECONDS / 2)
            far.sendall(b"a\r\n.\r\n")

    sending = threading.Thread(target=slowly)
    sending.start()

    assert [line.read_block(100) for _ in range(4)] == [(b"a\r\n", True)] * 4
    sending.join()


def test_an_answer_line_without_end_is_given_up(pair: Pair) -> None:
    line, far = pair
    flood = threading.Thread(target=_flood, args=(far,))
    flood.start()

    with pytest.raises(TryLater, match="without end"):
        line.read_line()
    flood.join()


def _flood(far: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(100):
            far.sendall(b"x" * 65536)


def test_a_closed_line_is_a_lost_connection(pair: Pair) -> None:
    line, far = pair
    far.close()

    with pytest.raises(TryLater) as caught:
        line.read_line()

    assert caught.value.kind == "connection_lost"


def test_lines_and_blocks_are_read_in_turn_however_they_arrive(pair: Pair) -> None:
    line, far = pair
    wire = b"+OK\r\n..a\r\nb\r\n.\r\n+OK two\n.\r\n" * 50

    def trickle() -> None:
        for at in range(0, len(wire), 7):
            far.sendall(wire[at : at + 7])

    sending = threading.Thread(target=trickle)
    sending.start()
    for _ in range(50):
        assert line.read_line() == b"+OK"
        assert line.read_block(1000) == (b".a\r\nb\r\n", True)
        assert line.read_line() == b"+OK two"
        assert line.read_block(1000) == (b"", True)
    sending.join()


def test_a_servers_words_are_fit_for_a_log() -> None:
    assert words(b" -ERR \x1b[31mred\x00 \xff" + b"x" * 1000)[:20] == "-ERR ?[31mred? \ufffdxxxx"
    assert len(words(b"x" * 1000)) == 200
