"""All rows and all objects of an organisation: in memory and in DynamoDB and S3 the same, and nobody else's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.stores.all_objects import AllObjects
from email_router.edge.stores.all_rows import AllRows
from email_router.edge.stores.s3 import S3BlobStore
from tests.cloud import Place
from tests.memory.rows import MemoryObjects, MemoryRows

OWN = "ORG#contoso"
ROW = {"pk": OWN, "sk": "b", "version": 1, "data": b"\x00", "names": frozenset({"x"}), "deep": {"at": [1, True]}}


@dataclass
class Shelf:
    rows: Any
    objects: Any
    blobs: Any
    strangers: Any
    """Puts a row and an object of another organisation there."""


@pytest.fixture(params=["memory", "moto"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    if request.param == "memory":
        objects = MemoryObjects()
        return Shelf(MemoryRows(), objects, objects, lambda: None)
    place: Place = request.getfixturevalue("moto_place")
    clients = place.clients

    def strangers() -> None:
        table = Table(clients.dynamodb, place.router)
        for pk in ("ORG#contos", "ORG#contoso-north", "ORG#contoso-north#MESSAGE#k", "ORGS", "SES"):
            table.put({"pk": pk, "sk": "b"})
        S3BlobStore(clients.s3, place.bucket, "contoso-north").put("raw/k", b"theirs")

    return Shelf(
        AllRows(clients.dynamodb, place.router, "contoso"),
        AllObjects(clients.s3, place.bucket, "contoso"),
        S3BlobStore(clients.s3, place.bucket, "contoso"),
        strangers,
    )


def test_every_row_of_the_organisation_is_told_once_and_no_other(shelf: Shelf) -> None:
    shelf.strangers()
    rows: list[dict[str, Any]] = [
        ROW,
        {**ROW, "sk": "a"},
        *({"pk": f"{OWN}#MESSAGE#{number}", "sk": "CLAIM"} for number in range(5)),
    ]
    for row in rows:
        shelf.rows.add(row)

    assert sorted(shelf.rows.scan(), key=lambda row: (row["pk"], row["sk"])) == sorted(
        rows, key=lambda row: (str(row["pk"]), str(row["sk"]))
    )
    assert [row["sk"] for row in shelf.rows.partition(OWN)] == ["a", "b"]
    assert [row["sk"] for row in shelf.rows.partition(OWN, "b")] == ["b"]
    assert shelf.rows.get((OWN, "b")) == ROW
    assert shelf.rows.get((OWN, "c")) is None
    assert shelf.rows.several([(OWN, "b"), (OWN, "c")]) == {(OWN, "b"): ROW}


def test_a_row_is_added_where_none_stands_and_changed_as_it_was_seen(shelf: Shelf) -> None:
    shelf.rows.add({**ROW, "gone": None})
    with pytest.raises(ConditionFailed) as standing:
        shelf.rows.add({**ROW, "version": 2})
    assert standing.value.item == ROW

    for guard in ({"version": 2}, {"version": 1, "names": None}):
        with pytest.raises(ConditionFailed):
            shelf.rows.change((OWN, "b"), {"version": 3}, guard)
    with pytest.raises(ConditionFailed):
        shelf.rows.change((OWN, "nowhere"), {"version": 3}, {"version": None})
    shelf.rows.change((OWN, "b"), {"version": 2, "names": None, "new": "x"}, {"version": 1, "other": None})

    changed = {**ROW, "version": 2, "new": "x"}
    del changed["names"]
    assert shelf.rows.get((OWN, "b")) == changed


def test_every_object_that_a_row_may_name_is_told_and_read_in_pieces(shelf: Shelf) -> None:
    shelf.strangers()
    large = b"0123456789abcdef" * 131_072
    for key, raw in (("raw/k/x", large), ("attachment/a", b""), ("body/copy.json", b"{}")):
        shelf.blobs.put(key, raw)

    assert sorted(shelf.objects.listed()) == ["attachment/a", "raw/k/x"]
    assert b"".join(shelf.objects.pieces("raw/k/x")) == large
    assert b"".join(shelf.objects.pieces("attachment/a")) == b""
    assert (shelf.objects.holds("attachment/a"), shelf.objects.holds("raw/k")) == (True, False)
    with pytest.raises(KeyError):
        next(shelf.objects.pieces("raw/k"))
