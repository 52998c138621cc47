"""make setup does each step once, and says in plain words what is missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.install import PLANS, SetupFailedError, Step, run

ROOT = Checkout.find().root


def test_a_step_is_done_once_and_again_when_its_source_changes(tmp_path: Path) -> None:
    made: list[str] = []
    source = tmp_path / "requirements.txt"
    source.write_text("one")
    step = Step("thing", "a thing", tmp_path, (str(source),), lambda: made.append(source.read_text()))

    step.run()
    step.run()
    source.write_text("two")
    step.run()

    assert made == ["one", "two"]


def test_a_step_that_failed_is_done_again(tmp_path: Path) -> None:
    tries: list[int] = []

    def fail_once() -> None:
        tries.append(1)
        if len(tries) == 1:
            run(["false"], "mend it")

    step = Step("thing", "a thing", tmp_path, (), fail_once)
    with pytest.raises(SetupFailedError, match="ended with 1: mend it"):
        step.run()
    step.run()
    step.run()

    assert len(tries) == 2


def test_every_plan_names_files_that_exist() -> None:
    for plan in PLANS.values():
        for step in plan:
            assert all((ROOT / source).is_file() for source in step.sources)


def test_a_python_that_is_too_old_is_told_before_anything_starts(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)

    told = subprocess.run(
        [shutil.which("make") or "make", "-s", "-C", ROOT, "setup"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 2
    assert told.stdout == ""
    assert "python3 is missing or older than 3.11" in told.stderr


def test_the_makefile_has_the_verbs_and_only_these() -> None:
    verbs = [
        line.partition(":")[0]
        for line in (ROOT / "Makefile").read_text().splitlines()
        if line[:1].isalpha() and ":" in line and ":=" not in line and " = " not in line
    ]

    assert verbs == ["setup", "demo", "test", "check", "bench", "layers", "synth", "deploy"]
