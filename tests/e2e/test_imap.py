"""Mails of the corpora by IMAP from a real Dovecot, through the deployed functions; and `local` on the same server."""

from __future__ import annotations

from pathlib import Path

import pytest

from email_router.core.ledger import Outcome
from tests.cli.running import run
from tests.cli.schemas import RUN, check
from tests.e2e.installation import ORGANISATION, installation
from tests.e2e.test_dovecot import corpus_mails, expected_keys
from tests.servers import DovecotServer
from tests.simulators.certificates import Authority

CONFIGURATION = """
[organisation]
name = "contoso"

[[profiles]]
name = "imap-in"
direction = "incoming"
server = "imap"
host = "localhost"
port = {port}
security = "{security}"
ca_bundle = "{ca}"
folders = ["INBOX"]
credentials = {{ env = "IMAP_PASSWORD" }}

[[mailboxes]]
address = "{mailbox}"
kind = "queue"
incoming = "imap-in"
accept = "all"
auto_reply = "deliver"
bulk = "deliver"
delivery_report = "deliver"
after_delivery = "{after}"
"""


def test_every_mail_is_accounted_for_once_and_what_was_delivered_is_moved(
    dovecot: DovecotServer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = "imap-corpora@contoso.example"
    mails = dict(list(corpus_mails().items())[:150])
    for raw in mails.values():
        dovecot.put(mailbox, raw)
    monkeypatch.setenv("IMAP_PASSWORD", dovecot.password)
    file = tmp_path / "router.toml"
    text = CONFIGURATION.format(port=dovecot.imaps, security="tls", ca=authority.ca, mailbox=mailbox, after="move")
    file.write_text(text)

    with installation() as there:
        there.publish(file)
        there.route(within=240)
        there.route(within=240)
        keys = expected_keys(mails)
        ledger = there.services.ledger(ORGANISATION)
        receipts = {key: ledger.receipts(key) for key in keys}
        outcomes = [receipt.outcome for found in receipts.values() for receipt in found]
        traces = there.traces()

        assert [names for key, names in keys.items() if len(receipts[key]) != 1] == []
        assert len({trace.source_id for trace in traces}) == len(mails)
        assert len(there.emails()) == outcomes.count(Outcome.DELIVERED) > 100
        assert there.state(mailbox).error_kind == ""
        archived = dovecot.mailbox(mailbox) / ".Archive"
        moved = sum(1 for part in ("new", "cur") for _ in (archived / part).iterdir())
        assert dovecot.count(mailbox) + moved == len(mails)
        assert moved >= outcomes.count(Outcome.DELIVERED)


@pytest.mark.long
def test_local_reads_an_imap_mailbox_and_leaves_it_as_it_was(
    dovecot: DovecotServer, authority: Authority, tmp_path: Path
) -> None:
    mailbox = "imap-local@contoso.example"
    for number in range(3):
        head = f"From: Carla <carla@fabrikam.example>\r\nTo: {mailbox}\r\nMessage-ID: <{number}@fabrikam.example>\r\n"
        dovecot.put(mailbox, f"{head}Subject: mail {number}\r\n\r\nhello\r\n".encode())
    (tmp_path / "ca.pem").write_text(authority.pem)
    text = CONFIGURATION.format(port=dovecot.imap, security="starttls", ca="ca.pem", mailbox=mailbox, after="delete")
    (tmp_path / "router.toml").write_text(text)

    variables = {"IMAP_PASSWORD": dovecot.password}
    ran = run("local", "--config", "router.toml", "--once", "--json", folder=tmp_path, variables=variables)

    check(ran.json, RUN)
    assert ran.code == 0
    assert [(one["subject"], one["verdict"], one["source"]) for one in ran.json["messages"]] == [
        (f"mail {number}", "delivered", "imap") for number in range(3)
    ]
    assert dovecot.count(mailbox) == 3
    assert [path for path in dovecot.files(mailbox) if path.name.endswith("S")] == []
