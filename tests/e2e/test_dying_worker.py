"""A message that ends the process of its worker stops nobody."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from email_router.cli.embedded.checkout import Checkout
from tests.e2e.installation import ORGANISATION, installation
from tests.flows.house import mail
from tests.simulators.pop3 import Pop3Process

PLANTED = '''

_parse_as_written = parse


def parse(raw: bytes, limits: Limits = _DEFAULT_LIMITS) -> Message:  # type: ignore[no-redef]
    """Die like native code does at one subject."""
    if b"Subject: deadly" in raw:
        import os

        os._exit(66)
    return _parse_as_written(raw, limits)
'''

CONFIGURATION = """
[organisation]
name = "contoso"

[[profiles]]
name = "in"
direction = "incoming"
server = "pop3"
host = "127.0.0.1"
port = {port}
security = "none"
credentials = {{ env = "PLANTED_PASSWORD" }}

[[mailboxes]]
address = "sales@contoso.example"
kind = "queue"
incoming = "in"
accept = "all"
"""


def deadly_checkout(root: Path) -> Checkout:
    """Copy the checkout with a parser that ends its process at one message."""
    original = Checkout.find()
    for part in ("functions", "layers", "infra_cdk"):
        shutil.copytree(original.root / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(original.root / "pyproject.toml", root)
    for part in (".venv", ".build"):
        (root / part).mkdir()
    (root / ".venv" / "ministack").symlink_to(original.root / ".venv" / "ministack")
    for layer in ("runtime", "exchange"):
        (root / ".build" / layer).symlink_to(original.root / ".build" / layer)
    parser = root / "layers/email_router/python/email_router/core/parse.py"
    parser.write_text(parser.read_text() + PLANTED)
    return Checkout(root)


def test_a_mailbox_goes_on_after_a_message_that_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Pop3Process.start(tmp_path / "pop3", password="secret")
    monkeypatch.setenv("PLANTED_PASSWORD", "secret")
    for number, subject in enumerate(["first", "deadly", "third"], 1):
        server.put("sales@contoso.example", mail(number, subject=subject))
    file = tmp_path / "router.toml"
    file.write_text(CONFIGURATION.format(port=server.port))
    try:
        with installation({"LeaseSeconds": "2"}, checkout=deadly_checkout(tmp_path / "checkout")) as there:
            there.publish(file)
            there.cloud.stack.set_visibility(1)

            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and len(there.emails()) < 2:
                there.cloud.stack.invoke("schedule_mailboxes", {"all": True})
                time.sleep(2.5)  # the dead worker's lease runs out

            assert sorted(email.subject for email in there.emails()) == ["first", "third"]
            (entry,) = there.services.quarantine(ORGANISATION).entries()
            assert (entry.reason, entry.message_id) == ("unreadable", "<m2@fabrikam.example>")
            assert there.services.blobs(ORGANISATION).get(entry.blob) == mail(2, subject="deadly")
    finally:
        server.stop()
