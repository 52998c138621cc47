"""The file of a backup: sealed, whole or refused, opened by its key alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from email_router.cli.recovery import locking
from email_router.cli.recovery.archive import Archive, header_of, key_of
from email_router.cli.recovery.archiving import created
from email_router.cli.recovery.keys import FileKey, KmsKey, Passphrase
from email_router.cli.recovery.records import ABOUT, MAGIC, ROUTER_ROW, row_of
from email_router.cli.recovery.sealed import CHUNK
from email_router.core.errors import ConfigurationError

SECRET = Passphrase("correct horse battery", cost=16)
TAG = 16
ROW = {
    "pk": "ORG#contoso#MESSAGE#k",
    "sk": "CLAIM",
    "data": b"\x00\xff",
    "at": 12345678901234567890,
    "names": frozenset({"a", "b"}),
    "known": {"yes": True, "deep": [b"\x01", {"x": 1}]},
    "text": "Grüße",
}


def written(path: Path, *pieces: bytes, key: FileKey = SECRET) -> Path:
    with created(path, key) as writer:
        writer.json(ABOUT, {"organisation": "contoso"})
        writer.row(ROUTER_ROW, ROW)
        writer.object("raw/k", pieces)
        writer.object("raw/empty", [])
    return path


def opened(path: Path, key: FileKey = SECRET) -> Archive:
    return Archive(path, key_of(path, key))


def objects(archive: Archive) -> dict[str, bytes]:
    return {key: b"".join(pieces) for key, pieces in archive.objects()}


@pytest.mark.parametrize("size", [0, 1, CHUNK - 200, CHUNK, 3 * CHUNK + 7])
def test_what_was_written_is_read_back(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    half = size // 2
    archive = opened(written(tmp_path / "file", content[:half], content[half:]))

    archive.check()

    assert archive.about() == {"organisation": "contoso"}
    assert [row_of(row) for _, row in archive.records(ROUTER_ROW)] == [ROW]
    assert objects(archive) == {"raw/k": content, "raw/empty": b""}
    assert [key for key, _ in archive.objects()] == ["raw/k", "raw/empty"], "pieces that nobody reads are passed over"


def test_nothing_in_the_file_is_clear_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"a body that nobody shall see" * 20)

    raw = path.read_bytes()

    assert b"contoso" not in raw
    assert b"a body" not in raw
    assert b"battery" not in raw
    assert path.stat().st_mode & 0o077 == 0


def test_the_same_passphrase_never_makes_the_same_file(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one").read_bytes(), written(tmp_path / "two").read_bytes()

    assert one != two
    assert one.splitlines()[0] == two.splitlines()[0]


def chunks(raw: bytes) -> tuple[bytes, list[bytes]]:
    """The file's two first lines, and its chunks."""
    head = raw.index(b"\n", raw.index(b"\n") + 1) + 1
    whole = CHUNK + TAG
    return raw[:head], [raw[at : at + whole] for at in range(head, len(raw), whole)]


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def without_a_chunk(raw: bytes) -> bytes:
    head, found = chunks(raw)
    return head + b"".join([found[0], *found[2:]])


def moved(raw: bytes) -> bytes:
    head, found = chunks(raw)
    return head + b"".join([found[1], found[0], *found[2:]])


def cut_at_a_chunk(raw: bytes) -> bytes:
    head, found = chunks(raw)
    return head + b"".join(found[:-1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: flipped(raw, len(raw) // 2),
        lambda raw: flipped(raw, len(raw) - 1),
        lambda raw: raw[:-1],
        lambda raw: raw + b"x",
        lambda raw: chunks(raw)[0],
        without_a_chunk,
        moved,
        cut_at_a_chunk,
    ],
    ids=[
        "a bit",
        "the last bit",
        "cut off",
        "more",
        "nothing but the head",
        "a chunk left out",
        "moved",
        "a chunk short",
    ],
)
def test_a_file_that_was_changed_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = written(tmp_path / "file", os.urandom(3 * CHUNK))
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(ConfigurationError, match="cut off or changed"):
        opened(path).check()


def test_a_header_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "file")
    head, found = chunks(path.read_bytes())
    magic, line = head.splitlines()
    told = json.dumps({**json.loads(line), "note": "harmless"}).encode()
    path.write_bytes(b"\n".join([magic, told, b"".join(found)]))

    with pytest.raises(ConfigurationError, match="cut off or changed"):
        opened(path).check()


@pytest.mark.parametrize("cost", [2**40, 0, 3, "16"])
def test_a_header_cannot_make_us_work_for_hours(tmp_path: Path, cost: object) -> None:
    path = written(tmp_path / "file")
    head, found = chunks(path.read_bytes())
    magic, line = head.splitlines()
    path.write_bytes(b"\n".join([magic, json.dumps({**json.loads(line), "n": cost}).encode(), b"".join(found)]))

    with pytest.raises(ConfigurationError, match="asks for scrypt"):
        opened(path)


def test_a_wrong_passphrase_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not the one that the file was made with"):
        opened(written(tmp_path / "file"), Passphrase("another passphrase", cost=16))


def test_a_short_passphrase_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="12 characters"):
        written(tmp_path / "file", key=Passphrase("short"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", MAGIC, MAGIC + b"no json\n"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"found something else|cut off or changed"):
        header_of(path)


def test_a_backup_is_never_written_over_and_a_broken_one_leaves_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "file")
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match="never written over"):
        written(path)
    with pytest.raises(TypeError):
        written(tmp_path / "other", "no bytes")  # type: ignore[arg-type]  # what cannot be written breaks off

    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_kms_key_opens_what_it_has_locked_from_any_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        arns = [
            boto3.client("kms", region_name=region).create_key()["KeyMetadata"]["Arn"]
            for region in ("eu-west-1", "us-east-1")
        ]
        path = written(tmp_path / "file", b"content", key=KmsKey(arns[0]))

        assert objects(opened(path, KmsKey()))["raw/k"] == b"content", "the file names its key and that one's region"
        assert header_of(path)["arn"] == arns[0]
        with pytest.raises(ConfigurationError, match="check its ARN"):
            opened(path, KmsKey(arns[1]))


def test_the_passphrase_comes_from_a_file_the_environment_or_the_terminal_and_no_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "passphrase"
    kept.write_text("from a file, first line\nmore\n")
    monkeypatch.setenv(locking.VARIABLE, "from the environment")

    assert locking.for_a_new_file(kept, "") == Passphrase("from a file, first line")
    assert locking.for_a_new_file(None, "") == Passphrase("from the environment")
    assert locking.for_a_new_file(None, "alias/backups") == KmsKey("alias/backups")
    with pytest.raises(ConfigurationError, match="one of them"):
        locking.for_a_new_file(kept, "alias/backups")
    monkeypatch.delenv(locking.VARIABLE)
    with pytest.raises(ConfigurationError, match="no passphrase"):
        locking.for_a_new_file(None, "")
    assert "correct" not in repr(SECRET)
