"""Start and stop MiniStack, the AWS emulator that runs the stack on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.trouble import EmbeddedCloudError

REGION = "us-east-1"
ACCOUNT = "000000000000"
_RUN = "run-"
_STARTS_WITHIN = 60.0
_STOPS_WITHIN = 5.0
_PASSED_ON = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "TZ"),
)
"""How this machine reaches real mail servers; everything else of the caller's environment stays outside."""


class MiniStack:
    """One emulator on a free loopback port, with an environment, temporary folder and process group of its own.

    It keeps nothing: what must outlive it is saved by checkpoint.py.  It dies with this process, also on SIGKILL (launcher.py).
    """

    def __init__(
        self, folder: Path, *, checkout: Checkout | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._checkout = checkout or Checkout.find()
        self._folder = folder
        self._run_folder = folder
        self._given_environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.log_file = folder / "ministack.log"
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Where every AWS client of this machine and of the functions goes."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The emulator's process, also its process group."""
        if self._process is None:
            raise EmbeddedCloudError("the AWS emulator is not running: start it first")
        return self._process.pid

    def start(self) -> Self:
        """Return when it answers.  Another process may take the free port first: then once more, three times at most."""
        for attempts_left in (2, 1, 0):
            self._spawn()
            if self._answers():
                return self
            self.stop()
            if not attempts_left or "already in use" not in self._log_tail():
                break
        raise EmbeddedCloudError(
            f"the AWS emulator did not start: {self._log_tail() or 'it said nothing'} (log: {self.log_file}). "
            "Run make setup once more; if that does not help, remove .venv/ministack and .build first."
        )

    def stop(self) -> None:
        """Ask the whole group to end, then end it; leaves no process and no temporary file behind."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOPS_WITHIN)
        with suppress(ProcessLookupError):  # the group: functions that are still at work
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin:
            process.stdin.close()
        shutil.rmtree(self._run_folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self) -> None:
        python = self._checkout.emulator_python
        for left_behind in self._folder.glob(f"{_RUN}*"):  # the machine stopped
            shutil.rmtree(left_behind, ignore_errors=True)
        # A name of its own: the watch over a run that was killed may still be removing that one's folder.
        self._run_folder = Path(tempfile.mkdtemp(prefix=_RUN, dir=self._folder))
        (self._run_folder / "tmp").mkdir()
        self.port = _free_port()
        launcher = Path(__file__).with_name("launcher.py")
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the emulator that make setup installed
                # -P: the launcher's folder stays off the path, for there our ministack.py would hide the emulator.
                [python, "-P", launcher, self._run_folder],
                env=self._environment(),
                cwd=self._run_folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _environment(self) -> dict[str, str]:
        # Every function inherits this.  Nothing of the caller's credentials or AWS settings may reach them.
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        around_the_proxy = ",".join(
            filter(None, [passed.get("NO_PROXY") or passed.get("no_proxy"), "127.0.0.1,localhost"])
        )
        scratch = str(self._run_folder / "tmp")
        return passed | {
            "NO_PROXY": around_the_proxy,
            "no_proxy": around_the_proxy,
            "PATH": os.defpath,
            "HOME": str(self._run_folder),
            "TMPDIR": scratch,
            "LANG": "C.UTF-8",
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "PERSIST_STATE": "0",
            "S3_DATA_DIR": f"{scratch}/s3",
            "STATE_DIR": f"{scratch}/state",
            "DOCKER_HOST": "unix:///nonexistent",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",  # they would take fixed ports
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            **self._given_environment,
        }

    def _answers(self) -> bool:
        directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + _STARTS_WITHIN
        while self._process and self._process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), directly.open(f"{self.endpoint}/_ministack/health", timeout=5):
                return self._process.poll() is None
            time.sleep(0.05)
        return False

    def _log_tail(self) -> str:
        with suppress(OSError):
            return " | ".join(self.log_file.read_text(errors="replace").strip().splitlines()[-3:])
        return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
