"""MiniStack as a process: what it may see, and that it never outlives us."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.ministack import MiniStack
from email_router.cli.embedded.trouble import EmbeddedCloudError

PARENT = """
import sys, time
from pathlib import Path
from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.ministack import MiniStack
ministack = MiniStack(Path(sys.argv[1]), checkout=Checkout(Path(sys.argv[2]))).start()
print(ministack.pid, ministack.port, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


def test_it_answers_on_loopback_only_and_leaves_nothing_behind(checkout: Checkout, tmp_path: Path) -> None:
    with MiniStack(tmp_path, checkout=checkout) as ministack:
        pid = ministack.pid
        with urllib.request.urlopen(f"{ministack.endpoint}/_ministack/health", timeout=5) as answer:
            assert answer.status == 200
        with socket.socket() as another:
            another.settimeout(1)
            with pytest.raises(ConnectionRefusedError):  # it would answer there if it listened on all addresses
                another.connect(("127.0.0.2", ministack.port))

    assert not alive(pid)
    assert [path.name for path in tmp_path.iterdir()] == ["ministack.log"]


def test_nothing_of_the_callers_aws_settings_reaches_it(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-callers")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://example.invalid")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")

    with MiniStack(tmp_path, checkout=checkout, environment={"MARK": "given"}) as ministack:
        environment = Path(f"/proc/{ministack.pid}/environ").read_bytes().decode().split("\0")

    assert "MARK=given" in environment
    assert "AWS_SECRET_ACCESS_KEY=test" in environment
    assert not [entry for entry in environment if entry.startswith(("AWS_ENDPOINT_URL=", "PYTHONPATH="))]


def test_it_dies_with_a_parent_that_was_killed(checkout: Checkout, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(checkout.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline().split()[0])
        assert alive(pid)

        parent.send_signal(signal.SIGKILL)

        assert gone_within(pid, 5)
    deadline = time.monotonic() + 5
    while list(tmp_path.glob("run-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not list(tmp_path.glob("run-*"))


def test_a_missing_environment_says_make_setup(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedCloudError, match="run make setup"):
        MiniStack(tmp_path, checkout=Checkout(tmp_path)).start()


def test_a_start_that_fails_tells_the_emulators_own_words(tmp_path: Path) -> None:
    broken = tmp_path / ".venv" / "ministack" / "bin"
    broken.mkdir(parents=True)
    (broken / "python").write_text("#!/bin/sh\necho no such library >&2\nexit 1\n")
    (broken / "python").chmod(0o755)

    with pytest.raises(EmbeddedCloudError, match="no such library"):
        MiniStack(tmp_path, checkout=Checkout(tmp_path)).start()
