"""JSON with long base64 in it is read as json.loads would, the base64 decoded, wherever the pieces are cut."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.edge.connect import long_texts
from email_router.edge.connect.long_texts import read_json

LONG = 200_000


def cut(text: bytes, size: int) -> Iterator[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=40),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
        max_leaves=12,
    ),
    st.integers(1, 30),
    st.booleans(),
)
def test_json_without_long_strings_is_what_json_reads(value: object, size: int, plain: bool) -> None:
    text = json.dumps(value, ensure_ascii=plain).encode("utf-8", "surrogatepass" if plain else "replace")

    assert read_json(cut(text, size)) == json.loads(text)


@pytest.mark.parametrize("size", [7, 4096, 65_536, 10**9])
@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("length", [LONG, LONG + 1, LONG + 2])
def test_a_long_string_of_base64_comes_decoded(size: int, escaped: bool, length: int) -> None:
    raw = bytes(number * 7 % 256 for number in range(length))
    text = json.dumps({"a": [{"body": base64.b64encode(raw).decode(), "id": "1"}], "b": 2}).encode()
    if escaped:
        text = text.replace(b"/", b"\\/")

    assert read_json(cut(text, size)) == {"a": [{"body": raw, "id": "1"}], "b": 2}


@pytest.mark.parametrize(
    "text",
    [
        "x y" * LONG,
        "A" * LONG + " no base64 any more",
        "A" * LONG + "=" + "A" * LONG,
        "A" * LONG + "=" * 3,
        "A" * (LONG + 1),
        "\u00e4" * LONG,
        "A" * LONG + '"' + "\\" + "\n" + "A" * LONG,
    ],
)
@pytest.mark.parametrize("size", [1000, 65_536])
def test_a_long_string_that_is_no_base64_stays_what_it_is(text: str, size: int) -> None:
    assert read_json(cut(json.dumps([text, text]).encode(), size)) == [text, text]


@pytest.mark.parametrize("text", [b"", b'{"a": ', b'{"a": "never closed', b"<html>", b'"' + b"A" * LONG, b'{"a": "\\'])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json([text])


def test_an_answer_with_twenty_messages_takes_little_more_than_the_messages() -> None:
    body = base64.b64encode(bytes(1_000_000)).decode()
    text = json.dumps({"responses": [{"id": str(number), "body": body} for number in range(20)]}).encode()
    tracemalloc.start()
    try:
        found = read_json(cut(text, long_texts.LONG))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert sum(len(one["body"]) for one in found["responses"]) == 20_000_000
    assert peak < 23_000_000
