"""Say what is wrong in a configuration file, so that a person can mend it: the line, the table, the right name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from email_router.core.errors import ConfigurationError
from email_router.wiring.configuration_lines import Path, line_of
from email_router.wiring.configuration_models import TABLES

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SECRET_TABLES = frozenset({"credentials"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, and in which words."""

    path: Path
    text: str


def refuse(source: str, problems: Iterable[Problem], known: Mapping[Path, int], data: object) -> ConfigurationError:
    """Return the error that tells all problems of the file, in the order of its lines."""
    placed = [(line_of(problem.path, dict(known)), problem) for problem in problems]
    placed.sort(key=lambda pair: pair[0] or 0)
    told = [
        f"{source}{f', line {line}' if line else ''}{_where(problem.path, data)}: {problem.text}"
        for line, problem in placed
    ]
    return ConfigurationError("\n".join(told))


def from_pydantic(error: ErrorDetails) -> Problem:
    """Translate what pydantic found; no value of a table that may hold a secret is repeated."""
    path: Path = tuple(error["loc"])
    table = tuple(str(part) for part in path[:-1] if isinstance(part, str))
    name = str(path[-1]) if path else ""
    if error["type"] == "extra_forbidden":
        return Problem(path, _unknown(name, table))
    if error["type"] == "missing":
        return Problem(path, f"`{name}` is missing")
    return Problem(path, f"{_field(path)}{_seen(error, table, name)}: {_expected(error)}")


def _field(path: Path) -> str:
    """Return the field's name; an element of a list is told with the list's."""
    names = [str(part) for part in path if isinstance(part, str)]
    return f"`{names[-1]}`" if names else "the file"


def _seen(error: ErrorDetails, table: tuple[str, ...], name: str) -> str:
    value: Any = error.get("input")
    if isinstance(value, dict | list) or SECRET_TABLES & {*table, name}:
        return ""
    return f" is {str(value).lower() if isinstance(value, bool) else repr(value)}"


def _expected(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] in {"enum", "literal_error"}:
        words = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
        near = get_close_matches(str(error.get("input")), words, n=1)
        return f"expected one of {', '.join(word for word in words if word)}" + (
            f"; did you mean {near[0]!r}?" if near else ""
        )
    if error["type"] == "model_type" and error["loc"][-1] == "credentials":
        return 'expected { env = "VARIABLE" } or { secret = "organisation/name" }; a password never stands in the file'
    text = str(context["error"]) if "error" in context else error["msg"]
    return text[:1].lower() + text[1:]


def _unknown(name: str, table: tuple[str, ...]) -> str:
    """Say that a field is unknown here, and which one was probably meant."""
    fields = TABLES[table].model_fields if table in TABLES else {}
    near = get_close_matches(name, fields, n=1, cutoff=0.6)
    if near:
        return f"`{name}` is unknown here; did you mean `{near[0]}`?"
    homes = [path for path, model in TABLES.items() if name in model.model_fields and path != table]
    if homes:
        return f"`{name}` is unknown here; it belongs into {_header(homes[0])}"
    return f"`{name}` is unknown here; known are {', '.join(fields)}"


def _header(table: tuple[str, ...]) -> str:
    if not table:
        return "the top of the file"
    return f"[[{table[0]}]]" if table[0] in {"profiles", "mailboxes"} else f"[{'.'.join(table)}]"


def _where(path: Path, data: object) -> str:
    """Name the table, and its entry by name where it is one of several."""
    names = tuple(str(part) for part in path[:-1] if isinstance(part, str))
    if not names:
        return ""
    if names[0] not in {"profiles", "mailboxes"}:
        return f", {_header(tuple(names))}"
    entry = _entry(path, data)
    return f", {_header(names)}{f' {entry}' if entry else ''}"


def _entry(path: Path, data: object) -> str:
    try:
        item = data[path[0]][path[1]]  # type: ignore[index]  # any failure means that there is no such entry to name
    except (KeyError, IndexError, TypeError):
        return ""
    named = item.get("name") if path[0] == "profiles" else item.get("address")
    return f'"{named}"' if isinstance(named, str) and named else f"number {int(path[1]) + 1}"
