"""Speak to tables in plain values, whatever DynamoDB leaves for later."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.errors import TryLater
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.values import pack, pack_item, size_of, unpack
from tests.cloud import Place
from tests.edge.aws.test_aws_errors import _Raw

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_every_value_comes_back_as_it_was_written(value: Any) -> None:
    assert unpack(pack(value)) == value


def test_text_that_utf8_cannot_hold_is_written_with_question_marks() -> None:
    assert pack("H\u00e4 \udc80!") == {"S": "H\u00e4 ?!"}


def test_a_set_of_texts_comes_back_as_one() -> None:
    names = frozenset({"<b@x>", "<a@x>", "h\u00e4"})

    assert pack(names) == {"SS": ["<a@x>", "<b@x>", "h\u00e4"]}
    assert unpack(pack(names)) == names
    assert size_of(pack_item({"s": names})) == 1 + 5 + 5 + 3


def test_what_dynamodb_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        pack(1.5)  # type: ignore[arg-type]  # the point of the test


def test_sizes_are_those_of_the_developer_guide() -> None:
    # Names and text count their UTF-8 bytes, numbers about a byte for two digits, a list or map 3 bytes and one for each entry.
    item: dict[str, Any] = {
        "pk": "ORG#o",
        "n": 123456,
        "b": b"1234",
        "u": "h\u00e4",
        "l": ["a", True],
        "m": {"k": "v"},
        "none": None,
    }

    assert size_of(pack_item(item)) == (2 + 5) + (1 + 5) + (1 + 4) + (1 + 3) + (1 + 3 + 2 + 2) + (1 + 3 + 1 + 2)


def test_a_batch_is_asked_until_all_is_answered(moto_place: Place) -> None:
    client: Any = moto_place.clients.dynamodb
    table = Table(client, moto_place.router)
    places = [(f"ORG#o#{number}", "S") for number in range(250)]
    for number in (0, 99, 100, 249):
        table.put({"pk": places[number][0], "sk": "S"})
    asked: list[int] = []

    def leave_most(request: Any, **_: Any) -> AWSResponse | None:
        wanted = json.loads(request.body)["RequestItems"][table.name]
        asked.append(len(wanted["Keys"]))
        if len(asked) % 2 == 0:
            return None
        answer = {"Responses": {}, "UnprocessedKeys": {table.name: wanted}}
        return AWSResponse(request.url, 200, {}, _Raw(json.dumps(answer).encode()))  # type: ignore[arg-type]  # enough of a body

    client.meta.events.register("before-send.dynamodb.BatchGetItem", leave_most)
    found = {item["pk"] for item in table.get_all([*places, *places])}
    client.meta.events.unregister("before-send.dynamodb.BatchGetItem", leave_most)

    assert found == {places[number][0] for number in (0, 99, 100, 249)}
    assert asked == [100, 100, 100, 100, 50, 50]


def test_keys_that_are_never_answered_are_asked_later(moto_place: Place) -> None:
    client: Any = moto_place.clients.dynamodb
    table = Table(client, moto_place.router)

    def leave_all(request: Any, **_: Any) -> AWSResponse:
        answer = {"Responses": {}, "UnprocessedKeys": json.loads(request.body)["RequestItems"]}
        return AWSResponse(request.url, 200, {}, _Raw(json.dumps(answer).encode()))  # type: ignore[arg-type]  # enough of a body

    client.meta.events.register("before-send.dynamodb.BatchGetItem", leave_all)
    with pytest.raises(TryLater) as away:
        list(table.get_all([("ORG#o#1", "S")]))
    client.meta.events.unregister("before-send.dynamodb.BatchGetItem", leave_all)

    assert away.value.shared


@pytest.mark.parametrize("limit", [None, 0, 1, 7, 30, 99])
def test_a_query_over_several_pages_yields_as_many_as_wanted(moto_place: Place, limit: int | None) -> None:
    table = Table(moto_place.clients.dynamodb, moto_place.router)
    for number in range(30):
        table.put({"pk": "ORG#o", "sk": f"{number:02d}", "large": "x" * 90_000})

    found = [item["sk"] for item in table.query("#pk = :pk", {":pk": "ORG#o"}, limit=limit, newest_first=True)]

    assert found == [f"{number:02d}" for number in reversed(range(30))][:limit]
