"""Keep an event within what a bus takes: a mail may have thousands of recipients and references."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

MOST_BYTES = 240_000
"""Of an event's detail.  PutEvents takes 256 KB (262,144 bytes) in all, with the envelope that is put around it
(docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html)."""

_LONGEST_TEXT = 1000
_TEXTS = "texts"


def fitting(detail: Mapping[str, Any]) -> str:
    """Return the detail as JSON of at most MOST_BYTES; what was cut is named in its `shortened`, the whole stands in the CRM.

    First texts of more than 1,000 characters are cut, then the longest list by halves.
    """
    text = _written(detail)
    if _size(text) <= MOST_BYTES:
        return text
    cut = {**_clipped(detail), "shortened": [_TEXTS]}
    while _size(text := _written(cut)) > MOST_BYTES:
        name, holder, key = max(_lists(cut), key=lambda one: _size(_written(one[1][one[2]])))
        holder[key] = holder[key][: len(holder[key]) // 2]
        if name not in cut["shortened"]:
            cut["shortened"].append(name)
    return text


def _written(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()  # half of a pair of surrogates has no UTF-8


def _size(text: str) -> int:
    return len(text.encode())


def _clipped(value: Any) -> Any:  # noqa: ANN401 - a detail holds any JSON
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    if isinstance(value, list):
        return [_clipped(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _clipped(one) for name, one in value.items()}
    return value


def _lists(cut: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the lists that may be cut: their name as a reader sees it, what holds them, and their key there."""
    for key, value in cut.items():
        if isinstance(value, list) and value and key not in {"shortened", "receipts"}:
            yield key, cut, key
        if isinstance(value, dict):
            for inner, one in value.items():
                if isinstance(one, list) and one:
                    yield f"{key}.{inner}", value, inner
