"""What the documentation says must be so: its examples load, its tables are complete, its links lead somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import typer
from pydantic.fields import FieldInfo

from email_router.cli.embedded.events import DRILL
from email_router.cli.main import app
from email_router.core.counters import COUNTERS
from email_router.wiring.configuration import load
from email_router.wiring.configuration_models import TABLES
from email_router.wiring.events import delivery_event
from tests.cli.example import certificate
from tests.cli.kinds import kinds, reasons

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
SECTIONS = {
    (): "The file",
    ("organisation",): "`[organisation]`",
    ("organisation", "tracking"): "`[organisation.tracking]`",
    ("organisation", "crm"): "`[organisation.crm]`",
    ("organisation", "crm", "credentials"): "`credentials`",
    ("profiles",): "`[[profiles]]`",
    ("profiles", "credentials"): "`credentials`",
    ("mailboxes",): "`[[mailboxes]]`",
}
WRITTEN_AS = {60: '"1m"', 900: '"15m"', 35 * 1024 * 1024: '"35MB"'}
"""How durations and sizes that are defaults stand in a file."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def examples(name: str) -> Iterator[str]:
    yield from re.findall(r"^```toml\n(.*?)^```", text_of(name), re.MULTILINE | re.DOTALL)


EXAMPLES = [(name, text) for name in ("README.md", "docs/configuration.md") for text in examples(name)]


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_of_the_documentation_loads_without_a_warning(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(certificate()[0])
    (tmp_path / "router.toml").write_text(text, "utf-8")
    variables = dict.fromkeys(re.findall(r'env = "(\w+)"', text), "a password")

    read = load(tmp_path / "router.toml", variables)

    assert read.configuration.mailboxes, name
    assert len(read.secrets) == len(variables)
    assert read.warnings == ()


def test_both_documents_have_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == {"README.md", "docs/configuration.md"}


def rows(section: str) -> Mapping[str, tuple[str, str]]:
    """Return values and default of each field that the section's table names."""
    (body,) = re.findall(
        rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text_of("docs/configuration.md"), re.MULTILINE | re.DOTALL
    )
    cells = [re.split(r"\s+\|\s+", line.strip("| ")) for line in body.splitlines() if line.startswith("| `")]
    return {cell[0].strip("`"): (cell[1], cell[2]) for cell in cells}


@pytest.mark.parametrize("path", TABLES, ids=[".".join(path) or "top" for path in TABLES])
def test_every_field_of_a_table_is_documented_with_its_words_and_its_default_and_no_other_is(
    path: tuple[str, ...],
) -> None:
    documented = rows(SECTIONS[path])

    assert documented.keys() == TABLES[path].model_fields.keys()
    for name, field in TABLES[path].model_fields.items():
        values, default = documented[name]
        assert [word for word in words(field) if f"`{word}`" not in values] == [], name
        assert written(field.default) in default, name


def words(field: FieldInfo) -> list[str]:
    """Return the words that a field may be, where they are a choice."""
    return [word for word in _choice(field.annotation) if word]


def _choice(annotation: object) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        yield from (one.value for one in annotation)
    elif get_origin(annotation) is Literal:
        yield from (one for one in get_args(annotation) if isinstance(one, str))
    else:
        for part in get_args(annotation):
            yield from _choice(part)


def written(default: object) -> str:
    """Return a default as the file writes it; nothing where it is told in words."""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, int):
        return f"`{WRITTEN_AS.get(default, default)}`"
    told = isinstance(default, str) and default and not default.startswith("^")
    return f'`"{default}"`' if told else ""


def commands() -> Iterator[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    context = group.make_context("email-router", [], resilient_parsing=True)
    for name in group.list_commands(context):
        yield name
        yield from (f"{name} {one}" for one in getattr(group.get_command(context, name), "commands", {}))


def test_every_command_is_named_in_the_readme() -> None:
    table = re.sub(r"`(\w+) ([\w\\|]+)`", _each_alone, text_of("README.md"))

    missing = [name for name in commands() if not re.search(rf"`{name}[ `]", table)]

    assert len(list(commands())) > 15
    assert missing == []


def _each_alone(found: re.Match[str]) -> str:
    return " ".join(f"`{found[1]} {one}`" for one in found[2].split(r"\|"))


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS], ids=lambda path: path.name)
def test_every_relative_link_leads_to_a_file(path: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")) if "://" not in link]

    assert [link for link in links if not (path.parent / link.partition("#")[0]).exists()] == []


def test_every_kind_of_error_is_explained() -> None:
    explained = text_of("docs/troubleshooting.md")

    found = kinds()

    assert len(found) > 40
    assert {kind: file for kind, file in found.items() if f"`{kind}`" not in explained} == {}


@pytest.mark.parametrize("name", ["docs/troubleshooting.md", "docs/matching.md"])
def test_every_reason_of_a_message_is_explained(name: str) -> None:
    found = reasons()

    assert len(found) > 15
    assert sorted(reason for reason in found if f"`{reason}`" not in text_of(name)) == []


def test_every_counter_is_explained() -> None:
    assert [name for name in COUNTERS if f"| {name} |" not in text_of("docs/counters.md")] == []


def test_the_drill_of_the_deployment_is_an_event_that_the_rule_takes_and_the_function_reads() -> None:
    (block,) = re.findall(r"<<END\n(.*?)^ *END$", text_of("docs/deploying.md"), re.MULTILINE | re.DOTALL)
    (entry,) = json.loads(block.replace("\\\n", ""))  # as the shell joins the lines

    said = delivery_event({"detail": json.loads(entry["Detail"])})

    assert entry["Source"] == DRILL
    assert "ses:configuration-set" in json.loads(entry["Detail"])["mail"]["tags"]
    assert (said.kind, said.permanent, said.activity) == ("bounce", True, "$ACTIVITY")


def test_no_line_of_the_operators_documents_is_longer_than_160_characters() -> None:
    operators = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(path for path in DOCS if path.name != "parsing.md")]

    long = [(path.name, line) for path in operators for line in path.read_text("utf-8").splitlines() if len(line) > 160]

    assert long == []
