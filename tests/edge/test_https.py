"""Lines kept and lost: when a request is said to be unsent, and when nobody knows."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from email_router.core.access_course import Onlooker
from email_router.core.errors import ConfigurationError, TryLater
from email_router.core.ports import Reach
from email_router.edge.connect import https, patience
from email_router.edge.connect.https import AnswerLost, Place, ask, hang_up
from tests.simulators.certificates import Authority

Script = Callable[[ssl.SSLSocket, int], None]
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Scripted:
    """A server whose every connection is handled by a function: what arrived is in `requests`."""

    def __init__(self, authority: Authority, script: Script) -> None:
        certificate, key = authority.issue()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._script = script
        self.connections = 0
        self.hung_up = threading.Event()
        self.place = Place("127.0.0.1", self._socket.getsockname()[1], Reach(loopback=True), authority.pem)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._handle, args=(plain, self.connections), daemon=True).start()

    def _handle(self, plain: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), plain, self._context.wrap_socket(plain, server_side=True) as line:
            self._script(line, number)
        self.hung_up.set()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def scripted(authority: Authority) -> Iterator[Callable[[Script], Scripted]]:
    servers: list[Scripted] = []

    def start(script: Script) -> Scripted:
        servers.append(Scripted(authority, script))
        return servers[-1]

    yield start
    hang_up()
    for server in servers:
        server.close()


def request_of(line: ssl.SSLSocket) -> bytes:
    """Read one whole request; a server that hangs up on an unread rest resets the line."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        more = line.recv(65536)
        if not more:
            raise ConnectionResetError
        seen += more
    head, _, body = seen.partition(b"\r\n\r\n")
    announced = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    while announced and len(body) < int(announced[1]):
        body += line.recv(65536)
    return head + b"\r\n\r\n" + body


def answer_once(line: ssl.SSLSocket, number: int) -> None:
    request_of(line)
    line.sendall(_OK)


def answer_each(line: ssl.SSLSocket, number: int) -> None:
    while True:
        answer_once(line, number)


def answer_for_ever(line: ssl.SSLSocket, number: int) -> None:
    while line.recv(65536):
        line.sendall(_OK)


def test_a_line_is_used_again(scripted: Callable[[Script], Scripted]) -> None:
    server = scripted(answer_for_ever)

    assert [ask(server.place, "GET", "/", {}).read() for _ in range(3)] == [b"ok"] * 3
    assert server.connections == 1


def test_a_kept_line_that_was_hung_up_is_replaced(scripted: Callable[[Script], Scripted]) -> None:
    server = scripted(answer_once)

    assert [ask(server.place, "GET", "/", {}).read() for _ in range(3)] == [b"ok"] * 3
    assert server.connections == 3


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_must_not_be_repeated_takes_a_line_that_has_just_answered(
    scripted: Callable[[Script], Scripted], method: str
) -> None:
    server = scripted(answer_each)

    for _ in range(5):
        assert ask(server.place, method, "/send", {}, b"x", repeatable=False).read() == b"ok"

    assert server.connections == 1


def test_what_must_not_be_repeated_leaves_an_older_line_to_those_who_may_ask_twice(
    scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = scripted(answer_each)
    ask(server.place, "GET", "/", {}).read()
    monkeypatch.setattr(https, "FRESH_SECONDS", 0.0)

    assert ask(server.place, "POST", "/send", {}, b"x", repeatable=False).read() == b"ok"
    assert server.connections == 2
    assert ask(server.place, "GET", "/", {}).read() == b"ok"
    assert server.connections == 2


def test_two_seconds_are_the_age_of_a_line_that_has_just_answered() -> None:
    assert https.FRESH_SECONDS == 2


def test_what_must_not_be_repeated_takes_no_line_that_the_server_has_hung_up(
    scripted: Callable[[Script], Scripted],
) -> None:
    server = scripted(answer_once)
    ask(server.place, "GET", "/", {}).read()
    server.hung_up.wait(5)

    assert ask(server.place, "POST", "/send", {}, b"x", repeatable=False).read() == b"ok"
    assert server.connections == 2


def test_what_must_not_be_repeated_is_asked_once_though_its_kept_line_breaks(
    scripted: Callable[[Script], Scripted],
) -> None:
    seen: list[bytes] = []

    def breaks(line: ssl.SSLSocket, number: int) -> None:
        request_of(line)
        line.sendall(_OK)
        seen.append(request_of(line))

    server = scripted(breaks)
    ask(server.place, "GET", "/", {}).read()

    with pytest.raises(AnswerLost):
        ask(server.place, "POST", "/send", {}, b"x", repeatable=False)

    assert (len(seen), server.connections) == (1, 1)


def test_a_request_that_was_not_answered_may_have_been_carried_out(scripted: Callable[[Script], Scripted]) -> None:
    def take(line: ssl.SSLSocket, number: int) -> None:
        request_of(line)

    server = scripted(take)

    with pytest.raises(AnswerLost) as caught:
        ask(server.place, "POST", "/send", {}, b"x", repeatable=False)
    assert (caught.value.kind, caught.value.shared) == ("connection_lost", True)
    assert server.connections == 1


def test_a_refused_connection_sent_nothing(authority: Authority) -> None:
    with pytest.raises(TryLater) as caught:
        ask(Place("127.0.0.1", 1, Reach(loopback=True), authority.pem), "POST", "/send", {}, b"x", repeatable=False)
    assert not isinstance(caught.value, AnswerLost)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\nwho knows whether this is all",
        b"HTTP/1.1 200 OK\r\nConte",
        b"HTTP/1.1 2",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_breaks_off_is_no_answer(scripted: Callable[[Script], Scripted], answer: bytes) -> None:
    def cut(line: ssl.SSLSocket, number: int) -> None:
        line.recv(65536)
        line.sendall(answer)

    server = scripted(cut)
    with pytest.raises(AnswerLost):
        ask(server.place, "GET", "/", {}).read()


def test_an_answer_left_unread_ends_its_line(scripted: Callable[[Script], Scripted]) -> None:
    server = scripted(answer_for_ever)
    ask(server.place, "GET", "/", {}).close()

    assert ask(server.place, "GET", "/", {}).read() == b"ok"
    assert server.connections == 2


def test_a_redirect_is_an_answer_and_not_followed(scripted: Callable[[Script], Scripted]) -> None:
    def elsewhere(line: ssl.SSLSocket, number: int) -> None:
        line.recv(65536)
        line.sendall(b"HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")

    server = scripted(elsewhere)
    answer = ask(server.place, "GET", "/", {})
    assert (answer.status, answer.read()) == (302, b"")
    assert server.connections == 1


def test_an_endless_answer_is_not_held_in_memory(
    scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("email_router.edge.connect.https._LARGEST_ANSWER", 100_000)

    def endless(line: ssl.SSLSocket, number: int) -> None:
        line.recv(65536)
        line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                line.sendall(b"8000\r\n" + b"x" * 32768 + b"\r\n")
        except OSError:
            return

    with pytest.raises(TryLater) as caught:
        ask(scripted(endless).place, "GET", "/", {}).read()
    assert caught.value.kind == "answer_size"


@pytest.mark.parametrize(
    "url", ["http://x", "x", "https://", "https://u@x", "https://u:p@x", "https://x:99999", "https://[x", "", "//x"]
)
def test_only_https_leads_anywhere(url: str) -> None:
    with pytest.raises(ConfigurationError, match="https://"):
        Place.of(url, Reach())


@pytest.mark.parametrize(
    "before", [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"]
)
def test_an_answer_that_drips_is_given_up_wherever_it_drips(
    scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(patience, "SLOWEST", 1000.0)
    ended = threading.Event()

    def drip(line: ssl.SSLSocket, number: int) -> None:
        line.recv(65536)
        with contextlib.suppress(OSError):
            line.sendall(before)
            while not ended.wait(0.02):
                line.sendall(b"1")

    with pytest.raises(AnswerLost) as caught:
        ask(scripted(drip).place, "GET", "/", {}).read()
    ended.set()

    assert (caught.value.kind, caught.value.shared) == ("timeout", True)


def test_who_takes_an_answer_slowly_does_not_use_up_the_patience_with_the_server(
    scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(patience, "SLOWEST", 1e12)

    def much(line: ssl.SSLSocket, number: int) -> None:
        request_of(line)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + b"x" * 400_000)

    pieces = ask(scripted(much).place, "GET", "/", {}).limited()
    first = len(next(pieces))
    time.sleep(1.2)

    assert first + sum(map(len, pieces)) == 400_000


def test_a_kept_line_is_as_patient_as_a_fresh_one(scripted: Callable[[Script], Scripted]) -> None:
    def slowly(line: ssl.SSLSocket, number: int) -> None:
        while line.recv(65536):
            time.sleep(0.2)
            line.sendall(_OK)

    server = scripted(slowly)
    ask(server.place, "GET", "/", {}).read()
    (kept,) = https._LINES._idle[server.place, None]
    kept.sock.settimeout(0.01)  # as an answer leaves it whose patience was nearly used up

    assert ask(server.place, "GET", "/", {}).read() == b"ok"
    assert server.connections == 1


def test_what_comes_earns_more_patience() -> None:
    waiting = patience.Patience()
    waiting.note(patience.ANSWER_SECONDS, 0)
    assert waiting.left() <= 0

    waiting.note(0, 60 * int(patience.SLOWEST))

    assert waiting.left() == pytest.approx(60)


def test_a_line_that_was_opened_before_a_witness_serves_only_where_it_is_told_of(
    scripted: Callable[[Script], Scripted],
) -> None:
    def answering(line: ssl.SSLSocket, number: int) -> None:
        while line.recv(65536):
            line.sendall(_OK)

    def say(witness: Onlooker | None) -> int:
        place = replace(server.place, reach=replace(server.place.reach, witness=witness))
        ask(place, "GET", "/", {}).read()
        return server.connections

    server = scripted(answering)
    first, second = Onlooker(""), Onlooker("")

    assert [say(who) for who in (None, first, first, second, None, first)] == [1, 2, 2, 3, 3, 3]
    hang_up(first)
    assert [say(who) for who in (None, second, first)] == [3, 3, 4]
    hang_up()
    assert [say(who) for who in (None, second, first)] == [5, 6, 7]
