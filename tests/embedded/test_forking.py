"""A forked function's process is like one that was started: its own environment, folder, pipes and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from email_router.cli.embedded.forking import Forked, Forks

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="elsewhere functions are started as the emulator does it"
)
_PATIENCE = 30.0


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    made = Forks()
    yield made
    made.close()


def forked(forks: Forks, folder: Path, script: str, **environment: str) -> Forked:
    (folder / "_worker.py").write_text(script)
    made = forks.open(
        [sys.executable, str(folder / "_worker.py")], cwd=str(folder), env=environment, stdin=subprocess.PIPE
    )
    assert isinstance(made, Forked)
    return made


def end(process: Forked) -> tuple[str, str]:
    """Return what it wrote, when it has ended."""
    process.stdin.close()
    with process.stdout, process.stderr:
        said = process.stdout.read(), process.stderr.read()
    assert process.wait(_PATIENCE) == 0
    assert process.poll() == 0
    return said


def test_it_has_the_environment_that_was_given_and_no_other(forks: Forks, tmp_path: Path) -> None:
    script = "import os, sys\nprint(sorted(os.environ.items()), os.getcwd(), sys.argv, sys.path[0])\n"

    out, err = end(forked(forks, tmp_path, script, MARK="given"))

    assert err == ""
    assert out == f"[('MARK', 'given')] {tmp_path} ['{tmp_path}/_worker.py'] {tmp_path}\n"


def test_it_reads_and_answers_line_by_line_and_tells_its_errors_apart(forks: Forks, tmp_path: Path) -> None:
    script = "import sys\nfor line in sys.stdin:\n  print(line.upper(), end='', flush=True); print('noted', file=sys.stderr)\n"
    process = forked(forks, tmp_path, script)

    process.stdin.write("grüße\n")
    answer = process.stdout.readline()

    assert answer == "GRÜSSE\n"
    assert process.poll() is None
    assert end(process) == ("", "noted\n")


def test_what_has_not_come_in_time_is_told_and_a_process_that_is_killed_has_ended(forks: Forks, tmp_path: Path) -> None:
    process = forked(forks, tmp_path, "import sys; sys.stdin.read()")

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.kill()

    assert end(process) == ("", "")


def test_a_process_that_is_asked_to_end_ends(forks: Forks, tmp_path: Path) -> None:
    process = forked(forks, tmp_path, "import sys; print('ready', flush=True); sys.stdin.read()")
    assert process.stdout.readline() == "ready\n"

    process.terminate()
    process.wait(_PATIENCE)
    process.terminate()  # once more harms nobody

    assert end(process) == ("", "")


def test_a_script_that_fails_tells_its_traceback(forks: Forks, tmp_path: Path) -> None:
    out, err = end(forked(forks, tmp_path, "print('before')\nraise ValueError('because')\n"))

    assert out == "before\n"
    assert err.endswith("ValueError: because\n")


def test_what_functions_have_in_common_is_there_already_but_nothing_that_read_an_environment(
    forks: Forks, tmp_path: Path
) -> None:
    script = (
        "import sys\n"
        "print('boto3' in sys.modules, 'email_router.core.parse' in sys.modules,\n"
        "      [name for name in sys.modules if name.startswith('email_router.wiring')])\n"
    )

    assert end(forked(forks, tmp_path, script)) == ("True True []\n", "")


def test_two_processes_draw_other_chances(forks: Forks, tmp_path: Path) -> None:
    script = "import random, uuid; print(random.random(), uuid.uuid4())"

    first, second = (end(forked(forks, tmp_path, script)) for _ in range(2))

    assert not set(first[0].split()) & set(second[0].split())


def test_what_is_no_script_of_this_python_is_started_as_ever(forks: Forks, tmp_path: Path) -> None:
    words = [sys.executable, "-c", "print('started')"]

    started = forks.open(words, cwd=str(tmp_path), env={}, stdout=subprocess.PIPE, text=True)

    assert isinstance(started, subprocess.Popen)
    assert started.communicate(timeout=_PATIENCE)[0] == "started\n"


def test_a_script_with_settings_for_the_interpreter_itself_is_started_as_ever(forks: Forks, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('first')\n")
    (tmp_path / "_worker.py").write_text("print('second')\n")
    words, environment = [sys.executable, str(tmp_path / "_worker.py")], {"PYTHONPATH": str(tmp_path)}

    started = forks.open(words, cwd=str(tmp_path), env=environment, stdout=subprocess.PIPE, text=True)

    assert isinstance(started, subprocess.Popen)
    assert started.communicate(timeout=_PATIENCE)[0] == "first\nsecond\n"


def test_a_forking_process_that_has_ended_is_told(tmp_path: Path) -> None:
    forks = Forks()
    end(forked(forks, tmp_path, ""))
    assert forks._process is not None
    forks._process.send_signal(signal.SIGKILL)
    forks._process.wait(_PATIENCE)

    with pytest.raises((RuntimeError, BrokenPipeError, ConnectionResetError)):
        forked(forks, tmp_path, "")
    forks.close()
