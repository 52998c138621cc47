"""Write the tables of a configuration as TOML, with what is left as comments before them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime

from email_router.cli.import_legacy.configuration import Tables
from email_router.cli.import_legacy.leftovers import Leftovers
from email_router.cli.import_legacy.profiles import Fields, Value

_WIDTH = 140
_HEAD = (
    "Made of the original E-mail Router's file.  Nothing of it is in force yet: read docs/dynamics.md, \"Moving from the E-mail Router or "
    'server-side synchronization", before you publish it.'
)
_SINCE = "# process_received_after = 2026-01-01T00:00:00Z   # set it to the instant of the switch-over, so that no mail is tracked twice"


def toml_of(tables: Tables, left: Leftovers) -> str:
    """Return the file's text."""
    lines = [*_comment(_HEAD), ""]
    told = [line for one in left for line in _comment(f"- {one.words()}")]
    if told:
        lines += ["# Not carried over, or to be set:", *told, ""]
    lines += ["[organisation]", *_fields({"name": tables.organisation}), ""]
    if tables.crm:
        lines += ["[organisation.crm]", *_fields(tables.crm), ""]
    for name, fields in tables.profiles.items():
        lines += ["[[profiles]]", *_fields({"name": name, **fields})]
        if fields["direction"] == "incoming" and "process_received_after" not in fields:
            lines.append(_SINCE)
        lines.append("")
    for box in tables.mailboxes.values():
        lines += ["[[mailboxes]]", *_fields(box), ""]
    return "\n".join(lines)


def _fields(fields: Fields) -> Iterator[str]:
    for name, value in fields.items():
        yield f"{name} = {{ env = {_text(str(value))} }}" if name == "credentials" else f"{name} = {_value(value)}"


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value) if isinstance(value, int) else _text(value)


def _text(text: str) -> str:
    """Return a text as a basic string of TOML: JSON's, with DEL escaped, too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> Iterable[str]:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return textwrap.wrap(plain, _WIDTH, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)
