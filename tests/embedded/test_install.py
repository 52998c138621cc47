"""make setup does each step once, and says in plain words what is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from email_router.cli.embedded import install
from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.install import PLANS, SetupFailedError, Step, run, side_by_side

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


def steps(plan: str) -> list[Step]:
    return [step for stage in PLANS[plan] for lane in stage for step in lane]


def test_every_plan_names_files_that_exist() -> None:
    for plan in PLANS:
        for step in steps(plan):
            assert all((ROOT / source).is_file() for source in step.sources)


def test_lanes_run_side_by_side_and_the_steps_of_one_after_each_other(tmp_path: Path) -> None:
    made: list[str] = []
    both = threading.Barrier(2, timeout=60)

    def step(name: str, work: Callable[[], object]) -> Step:
        def make() -> None:
            work()
            made.append(name)

        (tmp_path / name).mkdir()
        return Step(name, name, tmp_path / name, (), make)

    left = (step("a", both.wait), step("b", lambda: None))
    right = (step("c", both.wait),)
    side_by_side((left, right))

    assert made.index("a") < made.index("b")
    assert set(made) == {"a", "b", "c"}


def test_a_lane_that_fails_is_told_when_the_others_have_ended(tmp_path: Path) -> None:
    step = Step("thing", "a thing", tmp_path, (), lambda: run(["false"], "mend it"))
    other = Step("other", "another", tmp_path, (), lambda: None)

    with pytest.raises(SetupFailedError, match="mend it"):
        side_by_side(((step,), (other,)))

    assert (tmp_path / ".made-other").is_file()
    assert not (tmp_path / ".made-thing").exists()


@pytest.mark.parametrize("plan", list(PLANS))
def test_no_two_lanes_write_in_one_environment(plan: str) -> None:
    for stage in PLANS[plan]:
        targets = [{step.target for step in lane} for lane in stage]
        assert len(set().union(*targets)) == sum(map(len, targets))


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


def test_what_speaks_ews_is_found_where_it_was_installed_for_the_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    monkeypatch.setattr(install, "VENV", tmp_path / "venv")
    monkeypatch.setattr(install, "BUILD", tmp_path / "build")

    install.find_exchange()

    (tmp_path / "build" / "exchange" / "python").mkdir(parents=True)
    code = f"import site, sys; site.addsitedir({str(packages)!r}); print(sys.path[-1])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / "build" / "exchange" / "python")


@pytest.mark.parametrize("plan", ["demo", "dev"])
def test_nothing_is_built_for_lambda_unless_it_is_asked_for(plan: str) -> None:
    assert "layer" not in {step.name for step in steps(plan)}
    assert [step.target.name for step in steps("layers") if step.name == "layer"] == [
        "lambda-runtime",
        "lambda-exchange",
        "lambda-email-router",
    ]
