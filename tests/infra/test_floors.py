"""The floors of the house: imports run one way, and the check that says so is awake."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import NamedTuple

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = Path("layers/email_router/python/email_router")
CORE_MAY_USE = {"email_router", "nh3", "flufl", "pybase64"}


class Breach(NamedTuple):
    """A line that one contract forbids, and the file below the root that it is planted in."""

    contract: str
    file: str
    line: str


BREACHES = {
    "an adapter imports the wiring": Breach(
        "floors: imports run down only",
        f"{CODE}/edge/stores/s3.py",
        "import email_router.wiring.environment",
    ),
    "a flow imports an adapter": Breach(
        "floors: imports run down only",
        f"{CODE}/core/flows/incoming.py",
        "import email_router.edge.stores.s3",
    ),
    "a rule imports a flow": Breach(
        "floors: imports run down only",
        f"{CODE}/core/matching/in_reply_to.py",
        "import email_router.core.flows.incoming",
    ),
    "a sender imports a store": Breach(
        "inside the edge: adapters know their connection, never each other",
        f"{CODE}/edge/senders/ses.py",
        "import email_router.edge.stores.s3",
    ),
    "the core imports the AWS SDK": Breach(
        "the core speaks only Python",
        f"{CODE}/core/message.py",
        "import boto3",
    ),
    "a matching rule imports another": Breach(
        "a rule knows no other rule",
        f"{CODE}/core/matching/in_reply_to.py",
        "import email_router.core.matching.tracking_token",
    ),
    "a low module of the core imports the wiring": Breach(
        "the core knows no floor above it",
        f"{CODE}/core/message.py",
        "import email_router.wiring.environment",
    ),
    "two modules of the core import each other": Breach(
        "no circles",
        f"{CODE}/core/message.py",
        "import email_router.core.case",
    ),
    "a function imports its neighbour": Breach(
        "a function knows no other function",
        "functions/send_email/handler.py",
        "import functions.route_mailbox.handler",
    ),
}


def lint_imports(root: Path) -> tuple[dict[str, str], int]:
    """Run import-linter on the tree below `root`; return each contract's verdict, and how many files it analysed.

    -S leaves out the environment's own .pth file: functions/ is a namespace, and would be taken from the checkout too.
    """
    path = os.pathsep.join([str(root / CODE.parent), str(root), sysconfig.get_path("purelib")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-S", Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b.*$", done.stdout, re.MULTILINE))
    analysed = re.search(r"Analyzed (\d+) files", done.stdout)
    assert analysed, done.stdout + done.stderr
    return verdicts, int(analysed.group(1))


def contracts() -> set[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}


def files_below(root: Path) -> list[Path]:
    return [*(root / CODE).rglob("*.py"), *(root / "functions").rglob("*.py")]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what import-linter looks at, to plant something in."""
    for part in (CODE, Path("functions")):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_all_contracts_are_kept() -> None:
    verdicts, analysed = lint_imports(ROOT)

    assert verdicts == dict.fromkeys(contracts(), "KEPT")
    # A stray functions/__init__.py once made the check see four files and keep every contract of them.
    assert analysed >= len(files_below(ROOT))


def test_every_file_is_seen_by_the_check() -> None:
    graph = grimp.build_graph("email_router", "functions", cache_dir=None)

    modules = {
        str(file.relative_to(ROOT)): ".".join(file.relative_to(ROOT).with_suffix("").parts)
        .removeprefix("layers.email_router.python.")
        .removesuffix(".__init__")
        for file in files_below(ROOT)
    }

    unseen = [file for file, module in modules.items() if module not in graph.modules]
    assert unseen == [], "these files are in a folder without __init__.py, so that no contract sees them"


def test_no_folder_of_a_function_is_a_package() -> None:
    assert list((ROOT / "functions").rglob("__init__.py")) == []


def test_a_breach_is_planted_for_every_contract() -> None:
    assert {breach.contract for breach in BREACHES.values()} == contracts()


@pytest.mark.parametrize("breach", BREACHES.values(), ids=BREACHES.keys())
def test_a_planted_breach_breaks_the_contract_meant_for_it(breach: Breach, copy: Path) -> None:
    planted = copy / breach.file
    planted.write_text(f"{planted.read_text()}\n{breach.line}\n")

    verdicts, _ = lint_imports(copy)

    assert verdicts[breach.contract] == "BROKEN"


def foreign_imports(source: str) -> set[str]:
    """The top packages that this module imports and that neither Python nor the list of the core holds."""
    named: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            named |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named.add((node.module or "").partition(".")[0] if node.level == 0 else "a relative import")
    return named - sys.stdlib_module_names - CORE_MAY_USE - {"_typeshed"}  # that is how Python's own types are called


def test_the_core_imports_only_python_and_three_parsers() -> None:
    files = list((ROOT / CODE / "core").rglob("*.py"))

    foreign = {str(file): found for file in files if (found := foreign_imports(file.read_text()))}

    assert len(files) > 20
    assert foreign == {}


@pytest.mark.parametrize("line", ["import lxml.etree", "from lxml import etree", "from . import message"])
def test_a_foreign_import_in_the_core_would_be_noticed(line: str) -> None:
    assert foreign_imports(f"def read():\n    {line}\n")


@pytest.mark.parametrize("name", ["now", "today", "utcnow", "environ", "getenv", "monotonic", "perf_counter"])
def test_the_core_asks_nobody_for_the_time_or_the_environment(name: str) -> None:
    readers = [
        f"{file.name}:{node.lineno}"
        for file in (ROOT / CODE / "core").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == name and ambient(node.value)
    ]

    assert readers == []


def ambient(value: ast.expr) -> bool:
    """Tell whether this is a module or type of the standard library that knows the time or the environment."""
    return isinstance(value, ast.Name) and value.id in {"datetime", "date", "time", "os"}
