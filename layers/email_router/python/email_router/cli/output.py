"""Print results on standard output and everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from io import TextIOWrapper

from rich.console import Console
from rich.table import Table


def console() -> Console:
    """Return the console for people's results."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=not sys.stdout.isatty())


def errors() -> Console:
    """Return the console for progress, warnings and errors."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=not sys.stderr.isatty())


def speak_utf8() -> None:
    """Let no character of a mail stop a command: what the terminal cannot show is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def print_json(value: object, *, lines: bool = False) -> None:
    """Print one JSON object, indented for people or on a line of its own."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=None if lines else 2) + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """Say something to the person, on standard error."""
    errors().print(plain(text), markup=False)


def plain(text: str) -> str:
    """Return the text without control characters, which could drive the terminal: a subject comes from a stranger."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, or say that there is nothing to show."""
    made = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    out = console()
    if not made.row_count:
        out.print(f"{title}: none", markup=False)
        return
    if not out.is_terminal:
        out = Console(file=sys.stdout, highlight=False, width=160)
    out.print(made)


def _cell(value: object) -> str:
    text = "" if value is None else plain(str(value))
    return text.replace("\n", " ").replace("[", "\\[")


def pairs(title: str, values: Mapping[str, object]) -> None:
    """Print names and values as a table of two columns."""
    table(title, ("", ""), values.items())


def warn(warnings: Iterable[str]) -> None:
    """Tell warnings on standard error."""
    for warning in warnings:
        tell(f"warning: {warning}")
