"""Read the CSV of `crm import`, and tell every line that cannot be right."""

from __future__ import annotations

import csv
import io
import re

from email_router.core.errors import ConfigurationError

HEADER = ["kind", "address", "name", "owner"]
ID = "id"
"""The column that may follow: with it one address has several records of a kind, and one record has several addresses."""

KINDS = ("contact", "lead", "account", "user", "queue")
Row = tuple[str, str, str, str, str]

_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\]+@[^\s@<>()\[\],;:\"\\]+")
_ID = re.compile(r"[^\s#:]{1,100}")


def read_rows(text: str, name: str) -> list[Row]:
    """Return the rows of a CSV text: kind, address, name, owner, id (or empty).  Raises ConfigurationError that tells every wrong line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as broken:
        raise ConfigurationError(f"{name}, line {reader.line_num}: is not valid CSV: {broken}") from broken
    header = [cell.lower() for cell in lines[0][1]] if lines else []
    if header not in (HEADER, [*HEADER, ID]):
        found = repr(",".join(header)[:60]) if header else "nothing"
        raise ConfigurationError(f"{name}, line 1: the header is {found}; expected {','.join(HEADER)} and perhaps {ID}")
    wrong = [f"{name}, line {number}: {problem}" for number, cells in lines[1:] if (problem := _wrong(cells, header))]
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    return [_row(*cells) for _, cells in lines[1:]]


def _row(kind: str, address: str, name: str, owner: str, record_id: str = "") -> Row:
    return kind.lower(), address, name, owner, record_id


def _wrong(cells: list[str], header: list[str]) -> str:
    if len(cells) != len(header):
        return f"expected {len(header)} values ({','.join(header)}), found {len(cells)}"
    if cells[0].lower() not in KINDS:
        return f"kind is {cells[0]!r}; expected one of {', '.join(KINDS)}"
    if not _ADDRESS.fullmatch(cells[1]):
        return f"address is {cells[1]!r}; expected one e-mail address"
    if cells[3] and not _ADDRESS.fullmatch(cells[3]):
        return f"owner is {cells[3]!r}; expected the e-mail address of a user, or nothing"
    if cells[4:] and cells[4] and not _ID.fullmatch(cells[4]):
        return f"id is {cells[4]!r}; expected up to 100 characters without blanks, # and :, or nothing"
    return ""
