"""What a publication would change, and earlier versions in force again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from email_router.cli.changes import Change, changes
from tests.cli.example import EXAMPLE, write_example
from tests.cli.standing import Stack, standing

CHANGED = EXAMPLE.replace('prefix = "CRM:"', 'prefix = "CASE:"').replace('accept = "all"', 'accept = "replies"')
ANN = '\n[[mailboxes]]\naddress = "ann@contoso.example"\nincoming = "pop3-in"\n'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with standing(tmp_path_factory.mktemp("diff")) as made:
        assert made.run("publish", "router.toml").code == 0
        yield made


def test_what_a_file_would_change_is_told_value_by_value_and_nothing_changes(stack: Stack) -> None:
    write_example(stack.folder, CHANGED + ANN)

    told = stack.run("diff", "router.toml", "--json")

    assert told.code == 0
    found = {one["path"]: (one["before"], one["after"]) for one in told.json.pop("changes")}
    ann = found.pop("mailboxes ann@contoso.example")
    assert (ann[0], ann[1]["incoming"]) == (None, "pop3-in")
    assert found == {
        "tracking.prefix": ("CRM:", "CASE:"),
        "tracking.earlier_prefixes": ([], ["CRM:"]),
        "mailboxes sales@contoso.example.accept": ("all", "replies"),
    }
    assert told.json["version"] == 1
    assert stack.run("show", "--json").json["tracking"]["prefix"] == "CRM:"
    assert "CASE:" in stack.run("diff", "router.toml").out


def test_a_file_that_says_what_is_in_force_changes_nothing(stack: Stack) -> None:
    write_example(stack.folder, EXAMPLE)

    assert stack.run("diff", "router.toml", "--json").json["changes"] == []
    assert "Changes of contoso, version 1: none" in stack.run("diff", "router.toml").out


def test_an_earlier_version_is_in_force_again_as_a_version_of_its_own(stack: Stack) -> None:
    write_example(stack.folder, CHANGED + ANN)
    assert stack.run("publish", "router.toml", "--json").json["version"] == 2

    told = stack.run("rollback", "1", "--json").json

    assert (told["version"], told["from"]) == (3, 1)
    assert {"path": "mailboxes sales@contoso.example.accept", "before": "replies", "after": "all"} in told["changes"]
    shown = stack.run("show", "--json").json
    assert (shown["version"], len(shown["mailboxes"])) == (3, 1)
    assert shown["tracking"]["prefix"] == "CRM:"
    assert shown["tracking"]["earlier_prefixes"] == ["CASE:"], "tokens that were given meanwhile go on to match"
    assert stack.cloud.stack.client("secretsmanager").list_secrets()["SecretList"], "secrets stay"


def test_a_version_that_is_not_kept_is_refused_with_those_that_are(stack: Stack) -> None:
    told = stack.run("rollback", "77")

    assert told.code == 2
    assert "version 77 is not kept; kept are" in told.err


def test_entries_are_known_by_their_names_wherever_they_stand() -> None:
    one = {"direction": "incoming", "name": "a", "host": "x"}
    two = {"direction": "outgoing", "name": "a", "host": "y"}

    assert changes({"profiles": [one, two]}, {"profiles": [two, one]}) == []
    assert changes({"profiles": [one, two]}, {"profiles": [{**two, "host": "z"}]}) == [
        Change("profiles incoming a", one, None),
        Change("profiles outgoing a.host", "y", "z"),
    ]
