"""Save what the stack's tables and buckets hold in a folder, and put it back into a new emulator.

The emulator's own persistence is not used: it writes only on SIGTERM, and a full disk then loses everything without an error.
Tables and buckets are known by their logical ids, for their names differ from one deployment to the next.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from email_router.cli.embedded.generations import Generations, NewGeneration
from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.embedded.trouble import EmbeddedCloudError

_FORMAT = 1
_BATCH = 25  # BatchWriteItem takes no more
_KEPT_HEADERS = ("ContentType", "ContentEncoding", "Metadata")


def save(stack: DeployedStack, folder: Path, counters: Mapping[str, int]) -> None:
    """Write all items, all objects and the counters as the folder's new generation.

    Tables first: an object that an item points to was there before the item.  Save when the stack is quiet; otherwise each item
    is whole, but items may be of different moments.
    """
    generations = Generations(folder)
    known = _known_objects(generations)

    def fill(new: NewGeneration) -> None:
        tables = {
            logical: new.add_file(f"table-{logical}.jsonl", _table_lines(stack, physical))
            for logical, physical in _of_type(stack, "AWS::DynamoDB::Table")
        }
        objects = [
            entry
            for logical, bucket in _of_type(stack, "AWS::S3::Bucket")
            for entry in _save_objects(stack, bucket, logical, new, known)
        ]
        manifest = {"format": _FORMAT, "tables": tables, "objects": objects, "counters": dict(counters)}
        new.add_file("manifest.json", [json.dumps(manifest).encode()])

    generations.write(fill)


def load(stack: DeployedStack, folder: Path) -> dict[str, int]:
    """Put the folder's generation in force into the new stack; returns its counters (none before the first save)."""
    generations = Generations(folder)
    manifest = _manifest(generations)
    if manifest is None:
        return {}
    for logical, digest in manifest["tables"].items():
        _load_table(stack, _physical(stack, logical), _lines(generations, logical, digest))
    for entry in manifest["objects"]:
        content = _checked(generations.object(entry["sha256"]), entry["sha256"])
        headers = {name: entry[name] for name in _KEPT_HEADERS if entry.get(name)}
        stack.client("s3").put_object(
            Bucket=_physical(stack, entry["bucket"]), Key=entry["key"], Body=content, **headers
        )
    return {name: int(value) for name, value in manifest["counters"].items()}


def _of_type(stack: DeployedStack, kind: str) -> list[tuple[str, str]]:
    return sorted((logical, physical) for logical, (found, physical) in stack.resources.items() if found == kind)


def _physical(stack: DeployedStack, logical: str) -> str:
    if logical not in stack.resources:
        raise EmbeddedCloudError(
            f"the saved state has {logical}, which this version of the stack has not. "
            "Use the version that saved it, or another folder with --state."
        )
    return stack.resources[logical][1]


def _table_lines(stack: DeployedStack, table: str) -> Iterator[bytes]:
    for page in stack.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield b"".join(json.dumps(item, default=_bytes_as_text).encode() + b"\n" for item in page["Items"])


def _bytes_as_text(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"DynamoDB answered with a {type(value).__name__}")


def _with_bytes(typed: dict[str, Any]) -> dict[str, Any]:
    """An attribute value as boto3 wants it: B and BS as bytes, at any depth."""
    ((kind, value),) = typed.items()
    match kind:
        case "B":
            return {kind: base64.b64decode(value)}
        case "BS":
            return {kind: [base64.b64decode(one) for one in value]}
        case "L":
            return {kind: [_with_bytes(one) for one in value]}
        case "M":
            return {kind: {name: _with_bytes(one) for name, one in value.items()}}
    return typed


def _load_table(stack: DeployedStack, table: str, lines: Iterable[str]) -> None:
    puts = (
        {"PutRequest": {"Item": {name: _with_bytes(one) for name, one in json.loads(line).items()}}} for line in lines
    )
    dynamodb = stack.client("dynamodb")
    while batch := list(itertools.islice(puts, _BATCH)):
        while batch:
            batch = dynamodb.batch_write_item(RequestItems={table: batch}).get("UnprocessedItems", {}).get(table, [])
            if batch:
                time.sleep(0.05)


def _lines(generations: Generations, logical: str, digest: str) -> list[str]:
    current = generations.current
    if current is None:
        return []
    return _checked(current / f"table-{logical}.jsonl", digest).decode().splitlines()


def _save_objects(
    stack: DeployedStack,
    bucket: str,
    logical: str,
    new: NewGeneration,
    known: Mapping[tuple[str, str, str], dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Each object's place in the manifest; one that is known by key and ETag is not read again."""
    s3 = stack.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for listed in page.get("Contents", []):
            entry = known.get((logical, listed["Key"], listed["ETag"]))
            if entry is None:
                found = s3.get_object(Bucket=bucket, Key=listed["Key"])
                entry = {"bucket": logical, "key": listed["Key"], "etag": listed["ETag"]}
                entry |= {name: found[name] for name in _KEPT_HEADERS if found.get(name)}
                entry["sha256"] = new.add_object(found["Body"].read())
            new.keep_object(entry["sha256"])
            yield entry


def _known_objects(generations: Generations) -> dict[tuple[str, str, str], dict[str, Any]]:
    manifest = _manifest(generations)
    return {(entry["bucket"], entry["key"], entry["etag"]): entry for entry in manifest["objects"]} if manifest else {}


def _manifest(generations: Generations) -> dict[str, Any] | None:
    current = generations.current
    if current is None:
        return None
    try:
        manifest: dict[str, Any] = json.loads((current / "manifest.json").read_bytes())
    except (OSError, ValueError) as error:
        raise _damaged(current / "manifest.json") from error
    if manifest.get("format") != _FORMAT:
        raise EmbeddedCloudError(
            f"the state in {current} is of another version of email-router: use that one, or another --state"
        )
    return manifest


def _checked(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise _damaged(path)
    return content


def _damaged(path: Path) -> EmbeddedCloudError:
    return EmbeddedCloudError(
        f"the saved state is damaged: {path} is missing or not what was written. "
        "Put the folder back from a backup, or start with another folder (--state)."
    )
