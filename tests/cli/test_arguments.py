"""Exit codes and words of commands that need no cloud: nothing was started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import email_router
from tests.cli.example import EXAMPLE, VARIABLES, write_example
from tests.cli.running import START, run
from tests.cli.schemas import READING, check

MAIL = b"From: Ann <ann@a.example>\r\nTo: b@b.example\r\nSubject: hello CRM:0001001\r\nMessage-ID: <1@a.example>\r\n\r\ntext\r\n"


def test_a_misspelt_field_ends_publish_with_2_and_the_right_name(tmp_path: Path) -> None:
    path = write_example(tmp_path, EXAMPLE.replace("host =", "hosst =", 1))

    ran = run("publish", path, folder=tmp_path, variables=VARIABLES)

    assert (ran.code, ran.out) == (2, "")
    assert "`hosst` is unknown here; did you mean `host`?" in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / ".email-router").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("emails", "--no-such-option"),
        ("explain",),
        ("local", "--once"),
        ("local", "--config", "gone.toml", "--once"),
        ("publish", "gone.toml"),
        ("demo", "--mail", "no-such-folder"),
        ("emails",),
        ("counters", "--json", "--state", "never-used"),
        ("send", "--from", "a@b.example"),
    ],
)
def test_wrong_arguments_end_with_2_and_start_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments, folder=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.strip()
    assert "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


def test_inspect_prints_one_line_for_each_file_and_1_where_one_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(MAIL)
    (tmp_path / "empty.eml").write_bytes(b"")

    ran = run("inspect", "a.eml", "gone.eml", "empty.eml", ".", "--json", folder=tmp_path)

    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 1
    assert [line["file"] for line in lines] == ["a.eml", "gone.eml", "empty.eml", "."]
    check(lines[0], READING)
    check(lines[2], READING)
    assert lines[0]["tracking_tokens"] == ["CRM:0001001"]
    assert lines[1] == {"file": "gone.eml", "defects": ["cannot open: No such file or directory"]}
    assert lines[3] == {"file": ".", "defects": ["cannot open: Is a directory"]}


def test_inspect_reads_whatever_a_file_holds_with_0(tmp_path: Path) -> None:
    (tmp_path / "noise.eml").write_bytes(bytes(range(256)) * 40)

    ran = run("inspect", "noise.eml", "--json", folder=tmp_path)

    assert ran.code == 0
    assert ran.json["defects"]


def test_crm_import_tells_each_wrong_line(tmp_path: Path) -> None:
    text = "kind,address,name,owner\nperson,a@b.example,A,\ncontact,nobody,B,\ncontact,c@d.example,C\n"
    (tmp_path / "crm.csv").write_text(text)

    ran = run("crm", "import", "crm.csv", folder=tmp_path)

    assert ran.code == 2
    assert ran.err.splitlines() == [
        "crm.csv, line 2: kind is 'person'; expected one of contact, lead, account, user, queue",
        "crm.csv, line 3: address is 'nobody'; expected one e-mail address",
        "crm.csv, line 4: expected 4 values (kind,address,name,owner), found 3",
    ]


def test_crm_import_of_a_file_that_is_not_there_ends_with_1(tmp_path: Path) -> None:
    ran = run("crm", "import", "gone.csv", folder=tmp_path)

    assert ran.code == 1
    assert "gone.csv: cannot be opened: No such file or directory" in ran.err


@pytest.mark.parametrize("arguments", [("demo", "--json"), ("local", "--config", "router.toml", "--once")])
def test_without_a_checkout_demo_and_local_say_that_they_need_one(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    package = Path(email_router.__file__).parent
    shutil.copytree(package, tmp_path / "copy" / "email_router", ignore=shutil.ignore_patterns("__pycache__"))
    write_example(tmp_path)

    done = subprocess.run(
        [sys.executable, "-c", START, *arguments],
        cwd=tmp_path,
        env={**os.environ, **VARIABLES, "PYTHONPATH": str(tmp_path / "copy")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "run the stack from a checkout" in done.stderr
    assert "Traceback" not in done.stderr
