"""The emulator keeps the whole log of each invocation, however late its lines come."""

from __future__ import annotations

import queue
import threading
import time
from types import SimpleNamespace

import pytest

from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.counters import log_lines
from email_router.cli.embedded.launcher import LAST_LINE, keep_logs_whole
from email_router.cli.embedded.session import EmbeddedCloud

SCRIPT = "def run():\n    while True:\n        _real_stdout.flush()\n\nrun()\n"


def _runtime() -> SimpleNamespace:
    return SimpleNamespace(_PYTHON_WORKER_SCRIPT=SCRIPT, Worker=type("Worker", (), {}))


def _listening(worker: SimpleNamespace, lines: list[str]) -> str:
    """Give the worker these lines, each a while after the last, and return what it takes for the log."""
    worker._stderr_queue = queue.Queue()

    def write() -> None:
        for line in lines:
            time.sleep(0.3)  # longer than the emulator would listen in all
            worker._stderr_queue.put(line)

    worker._stderr_thread = threading.Thread(target=write)
    worker._stderr_thread.start()
    log: str = worker._drain_stderr_bounded()
    return log


def test_the_log_ends_with_the_last_line_of_its_invocation() -> None:
    runtime = _runtime()
    keep_logs_whole(runtime)
    worker = runtime.Worker()

    assert _listening(worker, ["first", "counters", LAST_LINE]) == "first\ncounters"


def test_the_log_of_a_function_that_died_is_what_it_had_written() -> None:
    runtime = _runtime()
    keep_logs_whole(runtime)

    assert _listening(runtime.Worker(), ["first", "last words"]) == "first\nlast words"


def test_a_function_says_when_it_has_written_everything_before_it_answers() -> None:
    runtime = _runtime()
    keep_logs_whole(runtime)

    assert runtime._PYTHON_WORKER_SCRIPT.index(repr(LAST_LINE)) < runtime._PYTHON_WORKER_SCRIPT.index(
        "_real_stdout.flush()"
    )


def test_another_emulator_is_refused() -> None:
    with pytest.raises(SystemExit, match="ministack"):
        keep_logs_whole(SimpleNamespace(_PYTHON_WORKER_SCRIPT="something else"))


def test_the_line_that_ends_a_log_is_seen_by_nobody(checkout: Checkout) -> None:
    with EmbeddedCloud(None, checkout=checkout) as cloud:
        cloud.stack.invoke("record_event", {"hello": 1})

        lines = list(log_lines(cloud.stack))

    assert any(line.startswith("REPORT") for line in lines)
    assert not any(LAST_LINE in line for line in lines)
