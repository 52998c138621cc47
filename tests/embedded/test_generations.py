"""A generation of saved files is in force whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from email_router.cli.embedded.generations import Generations, NewGeneration
from email_router.cli.embedded.lock import locked
from email_router.cli.embedded.trouble import EmbeddedCloudError

FILES = 5
SIZE = 20_000

WRITER = f"""
import itertools, sys
from pathlib import Path
from email_router.cli.embedded.generations import Generations
generations = Generations(Path(sys.argv[1]))
first = int(generations.current.name) + 1 if generations.current else 1
def fill(new):
    for part in range({FILES}):
        new.add_file(f"part-{{part}}", [f"{{number}}\\n".encode()] * {SIZE})
        new.add_object(f"{{number}} {{part}}".encode() * 100)
print("writing", flush=True)
for number in itertools.count(first):
    generations.write(fill)
    print("written", flush=True)
"""


def write(folder: Path, text: str, *, shared: bytes = b"shared") -> None:
    def fill(new: NewGeneration) -> None:
        new.add_file("text", [text.encode()])
        new.add_object(shared)

    Generations(folder).write(fill)


def text(folder: Path) -> str:
    current = Generations(folder).current
    assert current
    return (current / "text").read_text()


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_before_the_first_save_there_is_none(tmp_path: Path) -> None:
    assert Generations(tmp_path).current is None


def test_a_new_generation_replaces_the_old_one_and_what_only_that_wanted(tmp_path: Path) -> None:
    write(tmp_path, "old", shared=b"of the old")
    write(tmp_path, "new", shared=b"of the new")

    assert text(tmp_path) == "new"
    assert [name.split("/")[0] for name in everything(tmp_path)] == ["current", "generations", "generations", "objects"]


def test_a_failure_while_writing_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "old")
    before = everything(tmp_path)

    def fill(new: NewGeneration) -> None:
        new.add_file("text", [b"half"])
        new.add_object(b"another")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Generations(tmp_path).write(fill)

    assert text(tmp_path) == "old"
    assert everything(tmp_path) == before


def test_killed_at_any_moment_a_whole_generation_is_in_force(tmp_path: Path) -> None:
    moments = random.Random(7)
    last = 0
    for turn in range(24):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            for _ in range(1 + turn % 2):  # it says that it begins, and each second time we hear that one is written
                writer.stdout.readline()
            time.sleep(moments.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)

        current = Generations(tmp_path).current
        if current is not None:
            number = int(current.name)
            assert number >= last
            last = number
            for part in range(FILES):
                assert (current / f"part-{part}").read_bytes() == f"{number}\n".encode() * SIZE
            contents = {path.read_bytes() for path in (tmp_path / "objects").iterdir() if "." not in path.name}
            assert {f"{number} {part}".encode() * 100 for part in range(FILES)} <= contents
    assert last >= 12


LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from email_router.cli.embedded.generations import Generations
from email_router.cli.embedded.trouble import EmbeddedCloudError
try:
    Generations(Path(sys.argv[1])).write(lambda new: new.add_file("text", [b"x" * 60_000] * 3))
except EmbeddedCloudError as error:
    print(error)
"""


def test_a_file_that_cannot_grow_is_told_and_the_old_state_stays(tmp_path: Path) -> None:
    write(tmp_path, "old")
    before = everything(tmp_path)

    said = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout

    assert "File too large" in said
    assert "the state saved before stays in force" in said
    assert "Make room" in said
    assert text(tmp_path) == "old"
    assert everything(tmp_path) == before


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_told_and_the_old_state_stays(tiny_disk: Path) -> None:
    write(tiny_disk, "old")
    before = everything(tiny_disk)

    with pytest.raises(EmbeddedCloudError, match=r"No space left on device.*stays in force"):
        write(tiny_disk, "x" * 300_000)
    with pytest.raises(EmbeddedCloudError, match="No space left on device"):
        write(tiny_disk, "new", shared=b"y" * 300_000)

    assert text(tiny_disk) == "old"
    assert everything(tiny_disk) == before
    write(tiny_disk, "after room was made")
    assert text(tiny_disk) == "after room was made"


def test_a_second_run_is_kept_off_the_folder_and_told_who_holds_it(tmp_path: Path) -> None:
    holder = (
        "import sys, time; from pathlib import Path; from email_router.cli.embedded.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", holder, str(tmp_path)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        first.stdout.readline()
        with (
            pytest.raises(EmbeddedCloudError, match=f"in use by another email-router \\(process {first.pid}\\)"),
            locked(tmp_path),
        ):
            pass
        first.kill()
        first.wait()

    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(EmbeddedCloudError, match="cannot be used"), locked(tmp_path / "file" / "state"):
        pass
