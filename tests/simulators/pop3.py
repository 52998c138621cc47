"""A small POP3 server that can be told to misbehave: `python -m tests.simulators.pop3 FOLDER`.

Everything lies in the folder (see pop3_folder.py), so that a test, the demo and the server need no other channel; `ready` tells the
ports once it listens.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from tests.simulators.pop3_folder import Faults, Store
from tests.simulators.process import start_process, stop_process
from tests.simulators.tls import server_side

__all__ = ["PASSWORD", "TOKEN", "Faults", "Pop3Process", "Pop3Server", "Store"]

PASSWORD = "pop3-password"
TOKEN = "pop3-token"


class CutError(Exception):
    """The session has sent as much as it was told to."""


class Session:
    """One client's session: what STAT, LIST and UIDL say stays as it was at login."""

    def __init__(self, server: Pop3Server, line: socket.socket, *, secured: bool) -> None:
        """Serve the client on this line; `secured` tells that TLS is on it already."""
        self.server = server
        self.store = server.store
        self.faults = server.store.faults()
        self.line = line
        self.secured = secured
        self.reader: BinaryIO = line.makefile("rb")
        self.user = ""
        self.listed: list[tuple[str, Path]] | None = None
        self.deleted: set[int] = set()
        self.sent = 0

    def run(self) -> None:
        """Greet and answer until the client or a fault ends it."""
        try:
            self.send((self.faults.greeting or "+OK POP3 simulator ready").encode() + b"\r\n")
            while line := self.reader.readline():
                self.store.log(line.rstrip(b"\r\n"))
                if self.faults.delay:
                    time.sleep(self.faults.delay)
                if not self.answer(line.decode("utf-8", "replace").rstrip("\r\n")):
                    break
        except (CutError, OSError):
            pass
        finally:
            if self.listed is not None:
                self.server.locked.discard(self.user)
            self.reader.close()
            with contextlib.suppress(OSError):
                self.line.shutdown(socket.SHUT_RDWR)
            self.line.close()

    def send(self, data: bytes) -> None:
        """Send, or cut the line where the faults say so."""
        if self.faults.cut_after is not None and self.sent + len(data) >= self.faults.cut_after:
            self.line.sendall(data[: max(0, self.faults.cut_after - self.sent)])
            raise CutError
        self.sent += len(data)
        self.server.sent += len(data)
        self.line.sendall(data)

    def say(self, text: str, block: bytes | None = None) -> bool:
        """Send an answer, with its block where it has one."""
        data = text.encode() + b"\r\n"
        if block is not None:
            if block and not block.endswith(b"\r\n"):
                block += b"\r\n"
            stuffed = (b"\r\n" + block).replace(b"\r\n.", b"\r\n..")[2:]
            data += stuffed + b".\r\n"
        self.send(data)
        return True

    def answer(self, line: str) -> bool:
        """Answer one command; False ends the session."""
        scripted = next(
            (text for start, text in self.faults.answers.items() if line.upper().startswith(start.upper())), None
        )
        if scripted is not None:
            return scripted != "" and self.say(scripted)
        verb, _, argument = line.partition(" ")
        method = getattr(self, f"do_{verb.lower()}", None)
        if method is None or (
            self.listed is None and verb.upper() not in {"CAPA", "STLS", "USER", "PASS", "AUTH", "QUIT"}
        ):
            return self.say("-ERR unknown command")
        return bool(method(argument))

    def do_capa(self, _argument: str) -> bool:
        """RFC 2449 5."""
        if not self.faults.capa:
            return self.say("-ERR unknown command")
        words = ["USER", "UIDL", "RESP-CODES", "AUTH-RESP-CODE"]
        words += ["TOP"] * self.faults.top + ["PIPELINING"] * self.faults.pipelining
        words += ["STLS"] * (self.faults.stls and not self.secured)
        return self.say("+OK", "\r\n".join(words).encode())

    def do_stls(self, _argument: str) -> bool:
        """RFC 2595 4."""
        if self.server.context is None or not self.faults.stls or self.secured:
            return self.say("-ERR no TLS here")
        self.send(b"+OK begin TLS\r\n" + self.faults.inject_after_stls.encode())
        self.reader.close()
        self.line = self.server.context.wrap_socket(self.line, server_side=True)
        self.reader = self.line.makefile("rb")
        self.secured = True
        return True

    def do_user(self, argument: str) -> bool:
        """RFC 1939 7."""
        self.user = argument.casefold()
        return self.say("+OK")

    def do_pass(self, argument: str) -> bool:
        """RFC 1939 7, with the codes of RFC 2449 and 3206."""
        if argument != self.server.password:
            return self.say("-ERR [AUTH] Authentication failed.")
        deadline = time.monotonic() + self.server.lock_seconds
        while self.user in self.server.locked and time.monotonic() < deadline:
            time.sleep(0.01)  # a session that was cut is about to end
        if self.user in self.server.locked:
            return self.say("-ERR [IN-USE] Mailbox is in use by another session.")
        self.server.locked.add(self.user)
        self.listed = self.store.messages(self.user)
        return self.say("+OK Logged in.")

    def do_auth(self, argument: str) -> bool:
        """RFC 5034 4, with Google's and Microsoft's XOAUTH2: the token on a line of its own, a challenge when it is refused."""
        if argument.upper() != "XOAUTH2":
            return self.say("-ERR [AUTH] Protocol error.")
        self.say("+ ")
        said = base64.b64decode(self.reader.readline().strip()).decode()
        user, _, token = said.partition("\1auth=Bearer ")
        if token.rstrip("\1") != self.server.token:
            self.say("+ " + base64.b64encode(b'{"status":"400"}').decode())
            self.store.log(b"challenge answered: " + self.reader.readline().strip())
            return self.say("-ERR [AUTH] token refused")
        self.user = user.removeprefix("user=").casefold()
        return self.do_pass(self.server.password)

    def do_stat(self, _argument: str) -> bool:
        """RFC 1939 5."""
        rows = list(self.rows())
        return self.say(f"+OK {len(rows)} {sum(size for _, _, size in rows)}")

    def do_list(self, _argument: str) -> bool:
        """RFC 1939 5."""
        return self.say("+OK", "\r\n".join(f"{number} {size}" for number, _, size in self.rows()).encode())

    def do_uidl(self, argument: str) -> bool:
        """RFC 1939 7."""
        if argument:
            found = next((uid for number, uid, _ in self.rows() if str(number) == argument), None)
            return self.say(f"+OK {argument} {found}" if found is not None else "-ERR no such message")
        return self.say("+OK", "\r\n".join(f"{number} {uid}" for number, uid, _ in self.rows()).encode())

    def do_retr(self, argument: str) -> bool:
        """RFC 1939 5."""
        raw = self.raw(argument)
        return self.say("-ERR no such message") if raw is None else self.say("+OK message follows", raw)

    def do_top(self, argument: str) -> bool:
        """RFC 1939 7, whatever the number of lines: only the header is sent."""
        raw = self.raw(argument.partition(" ")[0])
        if raw is None or not self.faults.top:
            return self.say("-ERR no such message")
        head, end, _ = raw.partition(b"\r\n\r\n")
        return self.say("+OK top follows", head + end)

    def do_dele(self, argument: str) -> bool:
        """RFC 1939 5."""
        if self.raw(argument) is None:
            return self.say("-ERR no such message")
        self.deleted.add(int(argument))
        return self.say("+OK marked")

    def do_noop(self, _argument: str) -> bool:
        """RFC 1939 5."""
        return self.say("+OK")

    def do_quit(self, _argument: str) -> bool:
        """RFC 1939 6: only now is anything deleted."""
        for number in self.deleted:
            _, path = (self.listed or [])[number - 1]
            path.unlink(missing_ok=True)
            path.with_suffix(".uid").unlink(missing_ok=True)
        self.deleted.clear()
        self.say("+OK bye")
        return False

    def rows(self) -> list[tuple[int, str, int]]:
        """Return number, unique id and size of what is listed and not marked."""
        return [
            (number, uid, self.faults.list_size if self.faults.list_size is not None else _wire_size(path))
            for number, (uid, path) in enumerate(self.listed or [], 1)
            if number not in self.deleted
        ]

    def raw(self, argument: str) -> bytes | None:
        """Return a listed message's bytes, or None."""
        if not argument.isdigit() or int(argument) in self.deleted or not 0 < int(argument) <= len(self.listed or []):
            return None
        _, path = (self.listed or [])[int(argument) - 1]
        return path.read_bytes() if path.exists() else None


class Pop3Server:
    """Listens on a plain port (with STLS where there is a certificate) and on a TLS port; each session has its thread."""

    def __init__(self, folder: Path, password: str = PASSWORD, certificate: tuple[Path, Path] | None = None) -> None:
        """Listen at once, on free ports of this machine."""
        self.store = Store(folder)
        self.password = password
        self.token = TOKEN
        self.locked: set[str] = set()
        self.lock_seconds = 2.0
        self.sessions = 0
        self.sent = 0
        self.context: ssl.SSLContext | None = None
        self._servers = [self._listen(tls=False)]
        self.port = int(self._servers[0].server_address[1])
        self.tls_port = 0
        if certificate:
            self.context = server_side(*certificate)
            self._servers.append(self._listen(tls=True))
            self.tls_port = int(self._servers[1].server_address[1])

    def put(self, mailbox: str, raw: bytes, unique_id: str = "") -> str:
        """Add a message; return its unique id."""
        return self.store.put(mailbox, raw, unique_id)

    def messages(self, mailbox: str) -> list[bytes]:
        """Return what lies in the mailbox, oldest first."""
        return [path.read_bytes() for _, path in self.store.messages(mailbox)]

    def stop(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _listen(self, *, tls: bool) -> socketserver.ThreadingTCPServer:
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                line: socket.socket = self.request
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                outer.sessions += 1
                try:
                    if tls and outer.context:
                        line = outer.context.wrap_socket(line, server_side=True)
                    Session(outer, line, secured=tls).run()
                except OSError:  # a client that refuses our certificate
                    line.close()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server


class Pop3Process:
    """The server in a process of its own."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], ports: tuple[int, int]) -> None:
        """Hold the running process; use start()."""
        self.store = Store(folder)
        self.port, self.tls_port = ports
        self._process = process

    @classmethod
    def start(cls, folder: Path, password: str = PASSWORD, certificate: tuple[Path, Path] | None = None) -> Pop3Process:
        """Start the server on its folder and wait until it listens; `certificate` holds the files of certificate and key."""
        command = [sys.executable, "-m", "tests.simulators.pop3", str(folder), "--password", password]
        if certificate:
            command += ["--certificate", str(certificate[0]), "--key", str(certificate[1])]
        process, ready = start_process(command, folder)
        return cls(folder, process, (ready["port"], ready["tls_port"]))

    def put(self, mailbox: str, raw: bytes, unique_id: str = "") -> str:
        """Add a message; return its unique id."""
        return self.store.put(mailbox, raw, unique_id)

    def messages(self, mailbox: str) -> list[bytes]:
        """Return what lies in the mailbox, oldest first."""
        return [path.read_bytes() for _, path in self.store.messages(mailbox)]

    def stop(self) -> None:
        """Stop the process."""
        stop_process(self._process)


def _wire_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def main() -> None:
    """Serve until the process is ended."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--password", default=PASSWORD)
    arguments.add_argument("--certificate", type=Path)
    arguments.add_argument("--key", type=Path)
    given = arguments.parse_args()
    certificate = (given.certificate, given.key) if given.certificate else None
    server = Pop3Server(given.folder, given.password, certificate)
    (given.folder / "ready").write_text(json.dumps({"port": server.port, "tls_port": server.tls_port}))
    threading.Event().wait()


if __name__ == "__main__":
    main()
