"""Break the rules on purpose, one small change at a time, and see whether the tests notice.

`python -m tests.mutation` mutates core/matching and core/screening with mutmut, runs their tests against every mutant, and prints how many
were killed and which survived.  A survivor that was judged harmless stands in survivors.toml with the reason; any other makes the
exit code 1, and 2 says that this environment lacks what the tests need.  It takes some minutes, works in a copy of the project, and needs a
package index for mutmut itself.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
JUDGED = Path(__file__).with_name("survivors.toml")
MUTATED = (
    "src/email_router/core/matching/*.py",
    "src/email_router/core/screening/*.py",
    "src/email_router/core/acceptance.py",
)
TESTS = (
    "tests/core/test_match*.py",
    "tests/core/test_screen*.py",
    "tests/core/test_accept*.py",
    "tests/core/test_internal_email.py",
    "tests/flows/test_golden_mails.py",
)
AIM = 0.9
_NEEDED = ("pytest", "pytest_timeout", "hypothesis")
_NOT_COPIED = (
    ".git",
    ".venv",
    ".venv*",
    "cdk.out",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
)
_SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {mutated}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=--import-mode=importlib", "--timeout=60"]
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false
timeout_constant = 5.0
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small change, by its module, the lines it takes away and puts in, and what the tests made of it."""

    name: str
    status: str
    change: str

    @property
    def module(self) -> str:
        """The file that was changed, as its dotted name below core."""
        return self.name.split(".x")[0].removeprefix("email_router.core.")

    @property
    def killed(self) -> bool:
        """Tell whether a test noticed; a mutant that never ends was noticed, too."""
        return self.status in {"killed", "timeout", "segfault", "caught by type check"}


def main() -> int:
    """Run the mutants and print the result; 1 when too few were killed or a survivor was never judged."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--children", type=int, default=os.cpu_count() or 1, help="how many run at once")
    arguments.add_argument("--only", default="", help="a pattern of mutants' names, such as *loop*")
    chosen = arguments.parse_args()
    if lacking := [name for name in _NEEDED if find_spec(name) is None]:
        print(f"not installed here: {', '.join(lacking)}; `make check` installs what the tests need", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        place = _copy(Path(folder))
        tool = _install(Path(folder))
        _mutmut(tool, place, "run", "--max-children", str(chosen.children), *([chosen.only] if chosen.only else []))
        mutants = list(_results(tool, place))
    return _report(mutants)


def _copy(folder: Path) -> Path:
    """Copy the project with its package under src, where mutmut looks for it, beside the shared material."""
    place = folder / "project"
    shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    shutil.move(place / "layers" / "email_router" / "python", place / "src")
    if (ROOT.parent / "shared").is_dir():
        (folder / "shared").symlink_to(ROOT.parent / "shared")
        (place / "shared").symlink_to(ROOT.parent / "shared")
    tests = sorted(str(file.relative_to(place)) for pattern in TESTS for file in place.glob(pattern))
    project = place / "pyproject.toml"
    project.write_text(project.read_text("utf-8") + _SETTINGS.format(mutated=list(MUTATED), tests=tests), "utf-8")
    return place


def _install(folder: Path) -> Path:
    """Install mutmut beside this environment, for this run only."""
    target = folder / "tool"
    wanted = ROOT / "requirements" / "mutation.txt"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--target",
        str(target),
        "-r",
        str(wanted),
    ]
    subprocess.run(command, check=True)
    return target


def _mutmut(tool: Path, place: Path, *arguments: str) -> str:
    """Run mutmut in the copy; what it prints while it runs goes to standard error."""
    environment = os.environ | {"PYTHONPATH": f"{place / 'src'}{os.pathsep}{tool}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", "from mutmut.__main__ import cli; cli()", *arguments]
    listening = arguments[0] != "run"
    done = subprocess.run(
        command, cwd=place, env=environment, check=True, text=True, stdout=subprocess.PIPE if listening else sys.stderr
    )
    return done.stdout or ""


def _results(tool: Path, place: Path) -> Iterator[Mutant]:
    """Read what became of every mutant."""
    for line in _mutmut(tool, place, "results", "--all", "true").splitlines():
        name, _, status = line.strip().rpartition(": ")
        if not name or status == "not checked":
            continue
        survived = status not in {"killed", "timeout"}
        yield Mutant(name, status, _change(_mutmut(tool, place, "show", name)) if survived else "")


def _change(difference: str) -> str:
    """Return the lines that a mutant takes away and puts in, on one line."""
    lines = [line for line in difference.splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
    return " => ".join(" ".join(line[1:].split()) for line in lines)


def _report(mutants: list[Mutant]) -> int:
    judged = tomllib.loads(JUDGED.read_text("utf-8")) if JUDGED.exists() else {}
    survivors = [one for one in mutants if not one.killed]
    for module, count in sorted(Counter(one.module for one in mutants).items()):
        left = sum(one.module == module for one in survivors)
        print(f"{module:45} {count:5} mutants, {count - left:5} killed")
    for one in survivors:
        reason = judged.get(one.module, {}).get(one.change)
        print(
            f"{'judged' if reason else 'NEW'}: {one.module} ({one.status})\n    {one.change}"
            + (f"\n    {reason}" if reason else "")
        )
    share = 1 - len(survivors) / len(mutants) if mutants else 0.0
    unknown = sum(one.change not in judged.get(one.module, {}) for one in survivors)
    print(f"{len(mutants)} mutants, {share:.1%} killed, {len(survivors)} survived, {unknown} of them not judged yet")
    return 0 if share >= AIM and not unknown else 1


if __name__ == "__main__":
    sys.exit(main())
