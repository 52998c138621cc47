"""`email-router test-access` against mail servers: POP3, IMAP and SMTP."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.cli.access_told import MAIL, roads
from tests.cli.running import run
from tests.cli.trials import SALES
from tests.simulators.certificates import Authority
from tests.simulators.imap import PASSWORD as IMAP_PASSWORD
from tests.simulators.imap import ImapServer
from tests.simulators.pop3 import PASSWORD as POP3_PASSWORD
from tests.simulators.pop3 import Pop3Process
from tests.simulators.smtp import PASSWORD as SMTP_PASSWORD
from tests.simulators.smtp import SmtpProcess


def test_mailboxes_of_pop3_imap_and_smtp_are_tested_too(
    tmp_path: Path, certificate: tuple[Path, Path], authority: Authority, smtp_process: SmtpProcess
) -> None:
    pop3 = Pop3Process.start(tmp_path / "pop3", certificate=certificate)
    imap = ImapServer(certificate, tls=True)
    before = len(smtp_process.received())

    def bring() -> None:
        while len(smtp_process.received()) == before:
            time.sleep(0.05)
        pop3.put(SALES, smtp_process.received()[-1].raw)

    try:
        pop3.put(SALES, MAIL)
        imap.inbox.put(MAIL)
        _write(tmp_path, authority, pop3.tls_port, imap.port, smtp_process.port)
        variables = {"POP3": POP3_PASSWORD, "IMAP": IMAP_PASSWORD, "SMTP": SMTP_PASSWORD}
        threading.Thread(target=bring, daemon=True).start()

        ran = run("test-access", "--send", "--config", "router.toml", "--json", folder=tmp_path, variables=variables)
    finally:
        pop3.stop()
        imap.stop()

    found = roads(ran.json)
    assert (ran.code, [row["error"] for row in found.values()]) == (0, [None] * 3)
    assert {(road["server"], road["seen"].partition(";")[0]) for road in found.values()} == {
        ("pop3", "logged in"),
        ("imap", "logged in"),
        ("smtp", "sent to itself"),
    }
    assert [one.recipients for one in smtp_process.received()[before:]] == [(SALES,)]
    assert {(one["step"], one["status"]) for row in found.values() for one in row["steps"]} == {
        (name, "ok") for name in ("resolve", "connect", "tls", "authenticate", "read", "send", "find")
    }
    assert all(one["seconds"] >= 0 for row in found.values() for one in row["steps"])


def _write(folder: Path, authority: Authority, pop3: int, imap: int, smtp: int) -> None:
    (folder / "ca.pem").write_text(authority.pem)
    profiles = [
        ("pop3", "incoming", "tls", pop3, ""),
        ("imap", "incoming", "tls", imap, ""),
        ("smtp", "outgoing", "starttls", smtp, 'username = "router"'),
    ]
    text = '[organisation]\nname = "contoso"\n'
    for kind, direction, security, port, more in profiles:
        text += f'[[profiles]]\nname = "{kind}"\ndirection = "{direction}"\nserver = "{kind}"\nhost = "localhost"\n'
        text += f'port = {port}\nsecurity = "{security}"\nca_bundle = "ca.pem"\ncredentials = {{ env = "{kind.upper()}" }}\n{more}\n'
    text += f'[[mailboxes]]\naddress = "{SALES}"\nkind = "queue"\nincoming = "pop3"\noutgoing = "smtp"\n'
    text += '[[mailboxes]]\naddress = "ann@contoso.example"\nincoming = "imap"\n'
    (folder / "router.toml").write_text(text)
