"""The stack works by itself: its own schedules fetch and send, without anybody calling a function."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from email_router.cli.embedded.quiet import wait_until_quiet
from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
from email_router.core.mailbox import Direction
from tests.e2e.installation import installation
from tests.flows.house import NOW, mail
from tests.simulators.certificates import Authority
from tests.simulators.pop3 import Pop3Process
from tests.simulators.smtp import PASSWORD, USER, SmtpProcess

CONFIGURATION = """
[organisation]
name = "contoso"

[[profiles]]
name = "in"
direction = "incoming"
server = "pop3"
host = "127.0.0.1"
port = {pop3}
security = "none"
minimum_polling_interval = "1m"
maximum_polling_interval = "1m"
credentials = {{ env = "SCHEDULE_PASSWORD" }}

[[profiles]]
name = "out"
direction = "outgoing"
server = "smtp"
host = "localhost"
port = {smtp}
security = "starttls"
ca_bundle = "{ca}"
username = "{user}"
credentials = {{ env = "SCHEDULE_PASSWORD_OUT" }}

[[mailboxes]]
address = "sales@contoso.example"
kind = "queue"
incoming = "in"
outgoing = "out"
accept = "all"
"""


def test_within_two_minutes_mail_has_come_in_and_gone_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smtp_process: SmtpProcess, authority: Authority
) -> None:
    server = Pop3Process.start(tmp_path / "pop3", password="secret")
    monkeypatch.setenv("SCHEDULE_PASSWORD", "secret")
    monkeypatch.setenv("SCHEDULE_PASSWORD_OUT", PASSWORD)
    server.put("sales@contoso.example", mail(1))
    file = tmp_path / "router.toml"
    file.write_text(CONFIGURATION.format(pop3=server.port, smtp=smtp_process.port, ca=authority.ca, user=USER))
    parties = (Party(Role.FROM, "sales@contoso.example"), Party(Role.TO, "erin@fabrikam.example"))
    pending = EmailActivity(
        id="scheduled-1",
        direction=Direction.OUTGOING,
        status=EmailStatus.PENDING,
        subject="By itself",
        parties=parties,
        created=NOW,
    )
    try:
        with installation() as there:
            there.publish(file)
            there.backend.organisation().crm.create_outgoing(pending)
            deadline = time.monotonic() + 135
            while time.monotonic() < deadline:
                done = {email.status for email in there.emails()}
                if done == {EmailStatus.RECEIVED, EmailStatus.SENT}:
                    break
                time.sleep(1)
            wait_until_quiet(there.cloud.stack, within=30)

            assert {email.status for email in there.emails()} == {EmailStatus.RECEIVED, EmailStatus.SENT}
    finally:
        server.stop()
