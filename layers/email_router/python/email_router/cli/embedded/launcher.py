"""Run MiniStack until standard input closes: it then dies with its functions, however its parent died.

Started by ministack.py with the emulator's own interpreter as `python launcher.py RUN_FOLDER`: standard library and ministack only.
The parent holds the other end of standard input and never writes; the kernel closes it even when the parent is killed by SIGKILL.
"""

import importlib.util
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

LAST_LINE = "\x1eend of the invocation"
_PATIENCE = 10.0
_AFTER_THE_ANSWER = "        _real_stdout.flush()\n\nrun()\n"


def die_with_the_parent(run_folder: str) -> None:
    """Wait for the end of standard input, then let a small shell outside our process group end the whole group."""
    while os.read(0, 4096):
        pass
    # A busy function does not notice that its emulator is gone, so the whole group is killed, ourselves included.
    subprocess.Popen(  # noqa: S603 - fixed words, our own group and folder
        ["/bin/sh", "-c", 'kill -KILL "-$1"; sleep 0.2; rm -rf -- "$2"', "sh", str(os.getpgrp()), run_folder],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def keep_logs_whole(runtime: SimpleNamespace) -> None:
    """Let a function end its log of an invocation with a line by which the emulator knows that it has everything.

    The emulator (1.5.33) listens 5 ms after the last line and 250 ms in all.  On a busy machine the rest, and with it counters, would go
    into the log of the next invocation, or be lost where there is none.  Raises SystemExit when the emulator is another than that.
    """
    script: str = runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001 - pinned by its hash
    if script.count(_AFTER_THE_ANSWER) != 1:
        sys.exit(
            "the emulator's worker is not the one that launcher.py knows: compare its version with requirements/ministack.txt"
        )
    ending = f"        print({LAST_LINE!r}, file=sys.stderr, flush=True)\n"
    runtime._PYTHON_WORKER_SCRIPT = script.replace(_AFTER_THE_ANSWER, ending + _AFTER_THE_ANSWER)  # noqa: SLF001
    runtime.Worker._drain_stderr_bounded = _whole_log  # noqa: SLF001


def _whole_log(worker: SimpleNamespace) -> str:
    """Return what the function wrote, up to its last line; without one as soon as its process has ended, or after ten seconds."""
    lines: list[str] = []
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        ended = not worker._stderr_thread.is_alive()  # noqa: SLF001
        try:
            line = worker._stderr_queue.get(timeout=0 if ended else 0.05)  # noqa: SLF001
        except queue.Empty:
            if ended:
                break
            continue
        if line == LAST_LINE:
            break
        lines.append(line)
    return "\n".join(lines)


def fork_functions(runtime: SimpleNamespace) -> None:
    """Let functions be forked from a process that has imported what they have in common (forking.py), where Linux has what that needs."""
    if not hasattr(os, "pidfd_open"):
        return
    place = importlib.util.spec_from_file_location("forking", Path(__file__).with_name("forking.py"))
    if place is None or place.loader is None:
        sys.exit("forking.py is not beside launcher.py: the checkout is not whole")
    forking = importlib.util.module_from_spec(place)
    place.loader.exec_module(forking)
    runtime.subprocess = SimpleNamespace(**vars(subprocess) | {"Popen": forking.Forks().open})


def main() -> None:
    """Become the leader of a process group of our own, watch the parent, run the emulator in this process."""
    os.setsid()
    threading.Thread(target=die_with_the_parent, args=(sys.argv[1],), daemon=True).start()
    from ministack.app import main as serve  # type: ignore[import-not-found]  # noqa: PLC0415 - of the emulator's environment, after the watch began
    from ministack.core import lambda_runtime  # type: ignore[import-not-found]  # noqa: PLC0415

    keep_logs_whole(lambda_runtime)
    fork_functions(lambda_runtime)
    sys.argv = ["ministack"]
    serve()


if __name__ == "__main__":
    main()
