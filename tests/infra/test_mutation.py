"""Mutation testing says what it lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_without_the_tests_packages_it_says_how_to_install_them() -> None:
    bare = [sys.executable, "-S", "-m", "tests.mutation"]  # -S: an environment without any package

    ran = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 2
    assert ran.stderr == (
        "not installed here: pytest, pytest_timeout, hypothesis; `make check` installs what the tests need\n"
    )
