"""One command after another on the same state folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.quiet import backlog, wait_until_quiet
from email_router.cli.embedded.session import EmbeddedCloud, attach_running
from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.embedded.trouble import EmbeddedCloudError

from .conftest import done

ITEM = {
    "pk": {"S": "every kind"},
    "sk": {"S": "ä"},
    "number": {"N": "12345678901234567890.5"},
    "bytes": {"B": b"\x00\xff"},
    "set": {"BS": [b"\x01", b"\x02"]},
    "names": {"SS": ["a", "b"]},
    "nested": {"M": {"list": {"L": [{"B": b"\x03"}, {"NULL": True}, {"BOOL": False}, {"M": {}}]}}},
}


def put(stack: DeployedStack, **item: Any) -> None:
    stack.client("dynamodb").put_item(TableName=stack.table("router"), Item=item)


def work(stack: DeployedStack, **job: Any) -> None:
    stack.client("sqs").send_message(QueueUrl=stack.queue("work-queue"), MessageBody=json.dumps(job))


def soon(holds: Callable[[], bool]) -> bool:
    """Wait for something that happens within a moment, or within a minute where the machine is busy."""
    deadline = time.monotonic() + 60
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def test_items_objects_and_counters_are_there_in_the_next_run(checkout: Checkout, tmp_path: Path) -> None:
    with EmbeddedCloud(tmp_path, checkout=checkout) as cloud:
        cloud.stack.set_visibility(60)
        put(cloud.stack, **ITEM)
        for number in range(60):
            put(cloud.stack, pk={"S": "many"}, sk={"S": str(number)}, text={"S": "line\u2028one\ntwo"})
        cloud.stack.client("s3").put_object(
            Bucket=cloud.stack.bucket(),
            Key="raw/ä b",
            Body=b"\x00mail",
            ContentType="message/rfc822",
            Metadata={"m": "v"},
        )
        work(cloud.stack, id="counted")
        wait_until_quiet(cloud.stack, within=20)

    with EmbeddedCloud(tmp_path, checkout=checkout) as cloud:
        dynamodb, s3 = cloud.stack.client("dynamodb"), cloud.stack.client("s3")
        key = {"pk": ITEM["pk"], "sk": ITEM["sk"]}
        assert dynamodb.get_item(TableName=cloud.stack.table("router"), Key=key)["Item"] == ITEM
        assert sum(1 for _ in done(cloud.stack, "counted")) == 1
        many = dynamodb.query(
            TableName=cloud.stack.table("router"),
            KeyConditionExpression="pk = :m",
            ExpressionAttributeValues={":m": {"S": "many"}},
        )["Items"]
        assert {item["text"]["S"] for item in many} == {"line\u2028one\ntwo"}
        assert len(many) == 60
        found = s3.get_object(Bucket=cloud.stack.bucket(), Key="raw/ä b")
        assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (
            b"\x00mail",
            "message/rfc822",
            {"m": "v"},
        )
        assert cloud.counters() == {"MessagesDone": 1}
        cloud.stack.set_visibility(60)
        work(cloud.stack, id="counted again")
        wait_until_quiet(cloud.stack, within=20)

    with EmbeddedCloud(tmp_path, checkout=checkout) as cloud:
        assert cloud.counters() == {"MessagesDone": 2}


def test_an_object_that_was_saved_before_is_not_written_again(checkout: Checkout, tmp_path: Path) -> None:
    with EmbeddedCloud(tmp_path, checkout=checkout, stores_only=True) as cloud:
        s3, bucket = cloud.stack.client("s3"), cloud.stack.bucket()
        s3.put_object(Bucket=bucket, Key="stays", Body=b"first")
        s3.put_object(Bucket=bucket, Key="goes", Body=b"second")
        cloud.save()
        (first,) = [path for path in (tmp_path / "objects").iterdir() if path.read_bytes() == b"first"]
        written = first.stat().st_ino, first.stat().st_mtime_ns
        s3.delete_object(Bucket=bucket, Key="goes")
        s3.put_object(Bucket=bucket, Key="comes", Body=b"third")

    assert {path.read_bytes() for path in (tmp_path / "objects").iterdir()} == {b"first", b"third"}
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == written


def test_what_runs_is_let_end_before_the_state_is_saved(checkout: Checkout, tmp_path: Path) -> None:
    with EmbeddedCloud(tmp_path, checkout=checkout) as cloud:
        cloud.stack.set_visibility(60)
        work(cloud.stack, id="slow", sleep=5)
        assert soon(lambda: backlog(cloud.stack).in_flight == 1)

    with EmbeddedCloud(tmp_path, checkout=checkout) as cloud:
        assert len(done(cloud.stack, "slow")) == 1


def test_the_state_is_saved_also_when_the_command_fails(checkout: Checkout, tmp_path: Path) -> None:
    def fail() -> None:
        with EmbeddedCloud(tmp_path, checkout=checkout, stores_only=True) as cloud:
            put(cloud.stack, pk={"S": "kept"}, sk={"S": "-"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    with EmbeddedCloud(tmp_path, checkout=checkout, stores_only=True) as cloud:
        assert len(done(cloud.stack, "kept")) == 1


def test_another_command_can_attach_while_one_runs_and_a_second_run_is_refused(
    checkout: Checkout, tmp_path: Path
) -> None:
    assert attach_running(tmp_path) is None
    with EmbeddedCloud(tmp_path, checkout=checkout) as cloud:
        attached = attach_running(tmp_path)
        with pytest.raises(EmbeddedCloudError, match="in use by another"):
            EmbeddedCloud(tmp_path, checkout=checkout).__enter__()

        assert attached == cloud.stack
    assert attach_running(tmp_path) is None


RUN = """
import sys, time
from pathlib import Path
from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.session import EmbeddedCloud
with EmbeddedCloud(Path(sys.argv[1]), checkout=Checkout(Path(sys.argv[2])), stores_only=True) as cloud:
    table = cloud.stack.table("router")
    for number in range(10_000):
        cloud.stack.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": "n"}, "sk": {"S": f"{number:05}"}})
        cloud.save()
        print(number, flush=True)
"""


def test_a_run_that_was_killed_loses_only_what_was_not_saved(checkout: Checkout, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path), str(checkout.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        told = [run.stdout.readline() for _ in range(20)]
        os.kill(run.pid, signal.SIGKILL)
        told += run.stdout.readlines()

    assert soon(lambda: attach_running(tmp_path) is None)
    with EmbeddedCloud(tmp_path, checkout=checkout) as cloud:
        saved = {row["sk"] for row in done(cloud.stack, "n")}
    assert {f"{int(number):05}" for number in told} <= saved


BUSY = """
import json, sys, time
from pathlib import Path
from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.session import EmbeddedCloud
with EmbeddedCloud(checkout=Checkout(Path(sys.argv[1]))) as cloud:
    cloud.stack.set_visibility(600)
    job = json.dumps({"id": "busy", "sleep": 600})
    cloud.stack.client("sqs").send_message(QueueUrl=cloud.stack.queue("work-queue"), MessageBody=job)
    print(cloud.ministack.pid, flush=True)
    time.sleep(600)
"""


def group(leader: int) -> set[int]:
    """The processes that run in a process group; zombies have ended."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, of_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == leader and state != "Z":
                found.add(int(stat.parent.name))
    return found


def test_a_function_at_work_dies_with_a_command_that_was_killed(checkout: Checkout) -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY, str(checkout.root)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        leader = int(run.stdout.readline())
        at_work = soon(lambda: len(group(leader)) == 2)  # the emulator and the function
        run.kill()

    assert at_work
    assert soon(lambda: not group(leader))


def test_damaged_state_is_told_and_not_loaded(checkout: Checkout, tmp_path: Path) -> None:
    with EmbeddedCloud(tmp_path, checkout=checkout, stores_only=True) as cloud:
        put(cloud.stack, pk={"S": "a"}, sk={"S": "b"})
    (table,) = tmp_path.glob("generations/*/table-RouterTable.jsonl")
    table.write_bytes(table.read_bytes()[:-3])

    with pytest.raises(EmbeddedCloudError, match=r"damaged: .*table-RouterTable\.jsonl"):
        EmbeddedCloud(tmp_path, checkout=checkout, stores_only=True).__enter__()

    table.unlink()
    with pytest.raises(EmbeddedCloudError, match="damaged"):
        EmbeddedCloud(tmp_path, checkout=checkout, stores_only=True).__enter__()


def test_without_a_folder_nothing_is_left_behind(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with EmbeddedCloud(checkout=checkout) as cloud:
        put(cloud.stack, pk={"S": "a"}, sk={"S": "b"})
        cloud.save()
        assert list(tmp_path.iterdir())

    assert not list(tmp_path.iterdir())


def test_an_emulator_that_ended_by_itself_is_told(checkout: Checkout, tmp_path: Path) -> None:
    def die() -> None:
        with EmbeddedCloud(tmp_path, checkout=checkout) as cloud:
            os.kill(cloud.ministack.pid, signal.SIGKILL)

    with pytest.raises(EmbeddedCloudError, match="ended by itself, so nothing new is saved"):
        die()
