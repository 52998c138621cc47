"""An SMTP relay in a thread that follows a script: any answer to any command, and a line that breaks at any byte."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulators.listener import Listener
from tests.simulators.tls import server_side


@dataclass
class Script:
    """What the relay says.  `answers` maps a command's first words to its answer; "final" is the answer to the final dot.

    An empty answer closes the line.  `cut_sent` and `cut_received` close it after so many bytes, in the first `cut_sessions` sessions;
    `extensions` are those of EHLO, `secured` those after STARTTLS; `after_starttls` is sent in the same breath as the answer to STARTTLS.
    """

    greeting: str = "220 ready"
    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 1000000", "8BITMIME")
    secured: tuple[str, ...] = ("PIPELINING", "AUTH PLAIN LOGIN")
    answers: dict[str, str] = field(default_factory=dict)
    cut_sent: int | None = None
    cut_received: int | None = None
    cut_sessions: int = 1
    most_mails: int = 1_000
    after_starttls: str = ""


class CutError(Exception):
    """The line is to break here."""


class Relay:
    """Listens on a free port of this machine.  `commands` is what clients said, `taken` the mails that came whole, as they were sent."""

    def __init__(self, script: Script | None = None, certificate: tuple[Path, Path] | None = None) -> None:
        self.script = script or Script()
        self.commands: list[str] = []
        self.taken: list[bytes] = []
        self.sessions = 0
        self.received = 0
        self.sent = 0
        self.context = server_side(*certificate) if certificate else None
        self._listener = Listener(self._serve)
        self.port = self._listener.port

    def stop(self) -> None:
        """Stop listening."""
        self._listener.stop()

    def _serve(self, line: socket.socket) -> None:
        self.sessions += 1
        line.settimeout(10)
        session = _Session(self, line)
        with contextlib.suppress(CutError, OSError):
            session.run()
        session.line.close()


class _Session:
    def __init__(self, relay: Relay, line: socket.socket) -> None:
        self.relay = relay
        self.script = relay.script
        self.line = line
        self.buffer = b""
        cut = relay.sessions <= self.script.cut_sessions
        self.left_to_send = self.script.cut_sent if cut else None
        self.left_to_receive = self.script.cut_received if cut else None
        self.extensions = self.script.extensions
        self.sender = False
        self.recipients = 0
        self.mails = 0

    def run(self) -> None:
        self.say(self.script.greeting)
        while True:
            command = self.read_until(b"\r\n").decode("utf-8", "replace")
            self.relay.commands.append(command)
            scripted = next((text for start, text in self.script.answers.items() if command.startswith(start)), None)
            if scripted is None:
                self.answer(command.partition(" ")[0].upper())
                continue
            self.say(scripted)
            if command == "DATA" and scripted.startswith("354"):
                self.data()

    def answer(self, verb: str) -> None:
        """Answer as a good server does."""
        if verb == "EHLO":
            lines = ["relay.example", *self.extensions]
            self.say("\r\n".join([*(f"250-{each}" for each in lines[:-1]), f"250 {lines[-1]}"]))
        elif verb == "STARTTLS" and self.relay.context is not None:
            self.send(b"220 go on\r\n" + self.script.after_starttls.encode())
            self.line = self.relay.context.wrap_socket(self.line, server_side=True)
            self.buffer, self.extensions = b"", self.script.secured
        elif verb == "AUTH":
            self.say("235 welcome")
        elif verb == "DATA" and self.recipients:
            self.say("354 go on")
            self.data()
        elif verb == "QUIT":
            self.say("221 bye")
            raise CutError
        elif verb == "DATA" or (verb == "RCPT" and not self.sender):
            self.say("503 what for")
        else:
            self.sender = verb == "MAIL" or (self.sender and verb != "RSET")
            self.recipients = 0 if verb in {"MAIL", "RSET"} else self.recipients + (verb == "RCPT")
            self.say("250 OK")

    def data(self) -> None:
        """Take one mail, its lines with their dots as they were sent."""
        content = self.read_until(b"\r\n.\r\n", start=b"\r\n")
        self.relay.taken.append(content[2:] + b"\r\n")
        self.sender, self.recipients = False, 0
        self.mails += 1
        self.say(self.script.answers.get("final", "250 taken"))
        if self.mails >= self.script.most_mails:
            raise CutError

    def read_until(self, end: bytes, start: bytes = b"") -> bytes:
        self.buffer = start + self.buffer
        while (found := self.buffer.find(end)) < 0:
            if self.left_to_receive == 0:
                raise CutError
            piece = self.line.recv(min(65536, self.left_to_receive or 65536))
            if not piece:
                raise CutError
            self.relay.received += len(piece)
            if self.left_to_receive is not None:
                self.left_to_receive -= len(piece)
            self.buffer += piece
        content, self.buffer = self.buffer[:found], self.buffer[found + len(end) :]
        return content

    def say(self, text: str) -> None:
        if not text:
            raise CutError
        self.send(text.encode() + b"\r\n")

    def send(self, data: bytes) -> None:
        if self.left_to_send is not None:
            self.line.sendall(data[: self.left_to_send])
            self.left_to_send -= len(data)
            if self.left_to_send <= 0:
                raise CutError
        else:
            self.line.sendall(data)
        self.relay.sent += len(data)
