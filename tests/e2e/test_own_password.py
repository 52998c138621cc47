"""A mailbox whose password was set alone is served by the functions of the embedded cloud, in this run and in the next one."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from email_router.cli.kept_passwords import FILE, KEY
from email_router.cli.main import app
from tests.cli.running import run
from tests.cli.test_local import mail
from tests.simulators import pop3
from tests.simulators.certificates import Authority

SALES = "sales@contoso.example"
CONFIGURATION = """
[organisation]
name = "contoso"

[[profiles]]
name = "in"
direction = "incoming"
server = "pop3"
host = "localhost"
port = {port}
ca_bundle = "ca.pem"

[[mailboxes]]
address = "sales@contoso.example"
kind = "queue"
incoming = "in"
"""


@pytest.mark.long
def test_a_password_of_its_own_serves_a_mailbox_and_erase_takes_what_came_with_it(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = pop3.Pop3Process.start(tmp_path / "pop3", certificate=authority.issue())
    (tmp_path / "ca.pem").write_text(authority.pem)
    (tmp_path / "router.toml").write_text(CONFIGURATION.format(port=server.tls_port))
    monkeypatch.chdir(tmp_path)
    local = ("local", "--config", "router.toml", "--once", "--json")
    try:
        without = run(*local, folder=tmp_path)
        assert without.json["mailboxes"][0]["error"]["kind"] == "credentials"
        assert f"email-router set-password {SALES}" in without.json["mailboxes"][0]["error"]["mend"]

        told = CliRunner().invoke(app, ["set-password", SALES, "--json"], input=pop3.PASSWORD)
        assert told.exit_code == 0, told.output
        for number in (1, 2):
            server.put(SALES, mail(number))
            served = run(*local, folder=tmp_path)
            assert served.json["mailboxes"][0]["status"] == "ok", served.json
        kept = [one for one in (tmp_path / ".email-router").rglob("*") if one.is_file() and one.name not in {FILE, KEY}]
        assert kept
        assert not any(pop3.PASSWORD.encode() in one.read_bytes() for one in kept)
        assert run("emails", "--json", folder=tmp_path).json["emails"][1]["subject"] == "mail 2"

        erased = run("erase", "carla@fabrikam.example", "--yes", "--json", folder=tmp_path)
        assert (erased.code, erased.json["removed"]["e-mail"], erased.json["left"]) == (0, 2, [])
        assert run("emails", "--json", folder=tmp_path).json["emails"] == []
        assert run(*local, folder=tmp_path).json["messages"] == []
    finally:
        server.stop()
