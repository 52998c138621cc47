"""Find the line on which a table or field of a TOML text stands, for error messages.

tomllib tells no positions.  This reads headers and keys only, and is for texts that tomllib has accepted; a field that it does not find
(inside an inline table) is told by its table's line.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def lines(text: str) -> dict[Path, int]:
    """Return the line, counted from 1, of each table and each key; elements of an array of tables carry their position."""
    found: dict[Path, int] = {}
    counts: dict[tuple[str, ...], int] = {}
    table: Path = ()
    quotes = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not quotes:
            if header := HEADER.match(line):
                table = _table(_parts(header[2]), counts, array=header[1] == "[[")
                found.setdefault(table, number)
            elif key := KEY.match(line):
                found.setdefault((*table, *_parts(key[1])), number)
        quotes = _open_quotes(line, quotes)
    return found


def _table(parts: tuple[str, ...], counts: dict[tuple[str, ...], int], *, array: bool) -> Path:
    """Return the table's path, each array of tables on the way followed by the position of its last element."""
    if array:
        counts[parts] = counts.get(parts, -1) + 1
    path: list[str | int] = []
    for length, part in enumerate(parts, 1):
        path.append(part)
        if parts[:length] in counts:
            path.append(counts[parts[:length]])
    return tuple(path)


def _open_quotes(line: str, quotes: str) -> str:
    """Return the multi-line quotes that are still open behind the line."""
    for mark in re.findall(r'"""|\'\'\'', line):
        if not quotes:
            quotes = mark
        elif quotes == mark:
            quotes = ""
    return quotes


def line_of(path: Path, known: dict[Path, int]) -> int | None:
    """Return the line of the path, else of the nearest table around it, else None."""
    while path:
        if path in known:
            return known[path]
        path = path[:-1]
    return None
