"""Hold a whole embedded cloud for one command: emulator, stack, saved state."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from email_router.cli.embedded import checkpoint
from email_router.cli.embedded.assets import build_assets
from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.counters import read_counters
from email_router.cli.embedded.deployment import attach, deploy
from email_router.cli.embedded.endpoint import Endpoint
from email_router.cli.embedded.lock import locked
from email_router.cli.embedded.ministack import MiniStack
from email_router.cli.embedded.quiet import StillBusyError, wait_until_at_rest
from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.embedded.trouble import EmbeddedCloudError
from email_router.core.counters import added

_ENDPOINT_FILE = "endpoint.json"
_PARALLEL = max(2, min(4, os.cpu_count() or 2))
"""Each is a process; more of them than cores only wait for each other."""

_ENDS_WITHIN = 10.0


@dataclass(slots=True)
class EmbeddedCloud:
    """Emulator, stack and state between `with` and its end.

    `folder` keeps the state across runs; None is for a demo and leaves nothing behind.  `environment` goes to the emulator and to
    every function, `parameters` to the template.  `stores_only`: nothing runs there, one only looks at what is stored or changes it.
    At the end, also after an error, the queues are stopped and the state is saved.
    """

    folder: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    parallel: int = _PARALLEL
    stores_only: bool = False
    checkout: Checkout = field(default_factory=Checkout.find)
    _resources: ExitStack = field(default_factory=ExitStack, repr=False)
    _ministack: MiniStack | None = None
    _stack: DeployedStack | None = None
    _counted_before: Mapping[str, int] = field(default_factory=dict)

    @property
    def stack(self) -> DeployedStack:
        """The stack that stands."""
        if self._stack is None:
            raise EmbeddedCloudError("the embedded cloud is not running: enter it first")
        return self._stack

    @property
    def ministack(self) -> MiniStack:
        """The emulator that runs."""
        if self._ministack is None:
            raise EmbeddedCloudError("the embedded cloud is not running: enter it first")
        return self._ministack

    def counters(self) -> dict[str, int]:
        """The metrics of this run and of all runs saved before, added up."""
        return added(self._counted_before, read_counters(self.stack))

    def save(self) -> None:
        """Make the state of now the one in force.  Without a folder there is nothing to do."""
        if self.folder is not None:
            checkpoint.save(self.stack, self.folder, self.counters())

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            scratch = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix="email-router-")))
            if self.folder is not None:
                opening.enter_context(locked(self.folder))
            # Not in the state's folder: when that is full, only the saving fails, with a clear word.
            ministack = MiniStack(scratch, checkout=self.checkout, environment=self.environment)
            if self.folder is not None:
                opening.callback(_keep_log, ministack.log_file, self.folder)
            endpoint = Endpoint(opening.enter_context(ministack).endpoint)
            stack = self._deploy(endpoint)
            if self.folder is not None:
                self._counted_before = checkpoint.load(stack, self.folder)
                opening.callback(_announce(self.folder, endpoint).unlink, missing_ok=True)
            self._ministack, self._stack = ministack, stack
            self._resources = opening.pop_all()
        return self

    def _deploy(self, endpoint: Endpoint) -> DeployedStack:
        if self.stores_only:
            return deploy(endpoint, self.checkout.template, {}, self.parameters, stores_only=True)
        stack = deploy(endpoint, self.checkout.template, build_assets(self.checkout), self.parameters)
        stack.limit_parallel(self.parallel)
        return stack

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            try:
                if self.folder is not None:
                    if not self.stores_only:
                        self._bring_to_rest()
                    self.save()
            except (BotoCoreError, ClientError) as silence:
                raise EmbeddedCloudError(
                    f"the AWS emulator ended by itself, so nothing new is saved ({silence}); see {self.folder}/ministack.log"
                ) from silence
            finally:
                self._ministack = self._stack = None

    def _bring_to_rest(self) -> None:
        """Take no more from the queues and let what runs end, so that nothing is done after the state was saved."""
        self.stack.stop_queues()
        with suppress(StillBusyError):
            wait_until_at_rest(self.stack, within=_ENDS_WITHIN)


def attach_running(folder: Path) -> DeployedStack | None:
    """The stack of the command that runs on this folder in another process, or None when none runs."""
    try:
        endpoint = Endpoint(json.loads((folder / _ENDPOINT_FILE).read_text())["endpoint"])
        directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with directly.open(f"{endpoint.url}/_ministack/health", timeout=5):
            return attach(endpoint)
    except (OSError, ValueError, KeyError, BotoCoreError, ClientError):
        return None


def _keep_log(log: Path, folder: Path) -> None:
    """Leave the emulator's log where a person finds it; for want of room, not."""
    with suppress(OSError):
        shutil.copyfile(log, folder / log.name)


def _announce(folder: Path, endpoint: Endpoint) -> Path:
    announced = folder / _ENDPOINT_FILE
    unfinished = announced.with_suffix(".unfinished")
    content: dict[str, Any] = {"endpoint": endpoint.url, "pid": os.getpid()}
    unfinished.write_text(json.dumps(content))
    return unfinished.replace(announced)
