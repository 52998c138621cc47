"""Start and stop a simulator's process; a file "ready" in its folder tells its ports."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 30.0


def start_process(command: Sequence[str], folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, int]]:
    """Start the command at the project's root and wait for its file "ready"; return the process and what the file says."""
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "ready"
    ready.unlink(missing_ok=True)
    with (folder / "process.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if ready.exists() and (text := ready.read_text()).endswith("}"):
            ports: dict[str, int] = json.loads(text)
            return process, ports
        time.sleep(0.02)
    stop_process(process)
    raise RuntimeError(f"{command[2]} did not start: {(folder / 'process.log').read_text()[-2000:]}")


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """End the process, by force after ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
