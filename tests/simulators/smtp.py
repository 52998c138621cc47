"""An SMTP server that keeps what it is given and can be told to refuse: `python -m tests.simulators.smtp FOLDER`.

Everything lies in the folder: `mail/<number>.eml` and `<number>.json` are what came and for whom, `faults.json` what is refused,
`ready` the port once it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulators.process import start_process, stop_process
from tests.simulators.tls import server_side

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "router", "smtp-password"


@dataclass
class Faults:
    """What is refused: the answer to MAIL, to RCPT by address, to the final dot; `close_after_data` breaks the line there."""

    mail: str = ""
    rcpt: dict[str, str] = field(default_factory=dict)
    data: str = ""
    close_after_data: bool = False


@dataclass(frozen=True)
class Received:
    """A mail that was accepted."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class Store:
    """The folder: mails and faults."""

    def __init__(self, folder: Path) -> None:
        """Use the folder, made where it is missing."""
        self.folder = folder
        (folder / "mail").mkdir(parents=True, exist_ok=True)

    def keep(self, mail: Received) -> None:
        """Keep one mail."""
        number = len(list((self.folder / "mail").glob("*.eml"))) + 1
        (self.folder / "mail" / f"{number:08d}.eml").write_bytes(mail.raw)
        description = json.dumps({"sender": mail.sender, "recipients": mail.recipients})
        (self.folder / "mail" / f"{number:08d}.json").write_text(description)

    def received(self) -> list[Received]:
        """Return what was accepted, in order."""
        found = []
        for path in sorted((self.folder / "mail").glob("*.json")):
            row = json.loads(path.read_text())
            found.append(Received(row["sender"], tuple(row["recipients"]), path.with_suffix(".eml").read_bytes()))
        return found

    def faults(self) -> Faults:
        """Return what is to be refused."""
        path = self.folder / "faults.json"
        return Faults(**json.loads(path.read_text())) if path.exists() else Faults()

    def set_faults(self, faults: Faults) -> None:
        """Say what is to be refused."""
        temporary = self.folder / "faults.new"
        temporary.write_text(json.dumps(asdict(faults)))
        temporary.rename(self.folder / "faults.json")


class Handler:
    """Answers aiosmtpd's questions from the store's faults."""

    def __init__(self, store: Store) -> None:
        """Keep mails in the store."""
        self.store = store

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the sender, or answer what was scripted."""
        scripted = self.store.faults().mail
        if scripted:
            return scripted
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept the recipient, or answer what was scripted."""
        scripted = self.store.faults().rcpt.get(address)
        if scripted:
            return scripted
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the mail, or answer what was scripted."""
        faults = self.store.faults()
        if faults.data:
            return faults.data
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content or "").encode()
        self.store.keep(Received(envelope.mail_from or "", tuple(envelope.rcpt_tos), raw))
        if faults.close_after_data and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return "250 2.0.0 OK kept"


class SmtpProcess:
    """The server in a process of its own."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], port: int) -> None:
        """Hold the running process; use start()."""
        self.store = Store(folder)
        self.port = port
        self._process = process

    @classmethod
    def start(cls, folder: Path, password: str = PASSWORD, certificate: tuple[Path, Path] | None = None) -> SmtpProcess:
        """Start the server and wait until it listens; with a certificate it wants STARTTLS, then AUTH as "router"."""
        command = [sys.executable, "-m", "tests.simulators.smtp", str(folder), "--password", password]
        if certificate:
            command += ["--certificate", str(certificate[0]), "--key", str(certificate[1])]
        process, ready = start_process(command, folder)
        return cls(folder, process, ready["port"])

    def received(self) -> list[Received]:
        """Return what was accepted, in order."""
        return self.store.received()

    def stop(self) -> None:
        """Stop the process."""
        stop_process(self._process)


def main() -> None:
    """Serve until the process is ended."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult, LoginPassword

    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--password", default=PASSWORD)
    arguments.add_argument("--certificate", type=Path)
    arguments.add_argument("--key", type=Path)
    given = arguments.parse_args()

    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            given.password.encode(),
        )
        return AuthResult(success=right, handled=False)

    context = server_side(given.certificate, given.key) if given.certificate else None
    with socket.create_server(("127.0.0.1", 0)) as free:  # aiosmtpd takes no port 0
        port = free.getsockname()[1]
    controller = Controller(
        Handler(Store(given.folder)),
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=context is not None,
        auth_required=context is not None,
        authenticator=authenticate if context else None,
        data_size_limit=100 * 1024 * 1024,
    )
    controller.start()
    (given.folder / "ready").write_text(json.dumps({"port": port}))
    threading.Event().wait()


if __name__ == "__main__":
    main()
