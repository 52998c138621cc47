"""`email-router deploy-rules` against the simulated Exchange Online and Exchange server."""

from __future__ import annotations

import itertools
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from email_router.cli.embedded.session import EmbeddedCloud
from tests.cli.exchange import VARIABLES, Company
from tests.cli.running import START, run
from tests.cli.standing import ACCOUNT
from tests.simulators.certificates import Authority
from tests.simulators.ews.process import EwsProcess
from tests.simulators.graph.process import GraphProcess

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        yield running


@pytest.fixture(scope="module")
def exchange(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EwsProcess]:
    with EwsProcess(tmp_path_factory.mktemp("ews"), authority) as running:
        yield running


@pytest.fixture
def company(tmp_path: Path, graph: GraphProcess, exchange: EwsProcess) -> Iterator[Company]:
    made = Company(tmp_path, graph, exchange, next(_NUMBERS))
    made.write()
    yield made
    graph.clear_faults()
    graph.settings(quirks=[])


def rules_of(company: Company, name: str) -> list[tuple[str, list[str]]]:
    """Return name and targets of the rules in a mailbox of Exchange Online."""
    return [
        (
            rule["displayName"],
            [one["emailAddress"]["address"] for one in rule["actions"].get("forwardAsAttachmentTo", [])],
        )
        for rule in company.graph.rules(company.address(name))
    ]


def by_address(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["address"].partition("@")[0].rstrip("0123456789"): row for row in told["mailboxes"]}


def test_rules_are_made_where_they_can_be_and_each_error_is_its_mailboxs_own(company: Company) -> None:
    ran = company.run("deploy-rules", "--all", "--forward-to", company.forward, "--json")

    told = by_address(ran.json)
    assert ran.code == 1
    assert {name: (row["by"], row["action"], row["done"]) for name, row in told.items()} == {
        "ann": ("graph", "make", True),
        "bob": ("graph", "make", True),
        "eve": ("ews", "make", True),
        "pat": (None, None, False),
    }
    assert rules_of(company, "ann") == [("E-mail Router: contoso", [company.forward])]
    assert told["pat"]["error"]["kind"] == "rules_by_hand"
    assert f"forward every mail to {company.forward} as an attachment" in told["pat"]["error"]["mend"]
    assert [row["profile"] for row in told.values()] == ["online", "online", "own", None]
    assert ran.json["warnings"] == []
    assert "comes twice" in told["bob"]["warnings"][0]
    assert told["ann"]["warnings"] == []


def test_a_second_run_finds_everything_as_wanted(company: Company) -> None:
    arguments = ("deploy-rules", company.address("ann"), company.address("eve"), "--forward-to", company.forward)
    assert company.run(*arguments).code == 0

    ran = company.run(*arguments, "--json")

    assert ran.code == 0
    assert [(row["action"], row["done"]) for row in ran.json["mailboxes"]] == [("none", False), ("none", False)]
    assert len(rules_of(company, "ann")) == 1


def test_a_preview_tells_what_would_be_done_and_does_nothing(company: Company) -> None:
    ran = company.run("deploy-rules", company.address("ann"), "--forward-to", company.forward, "--preview")

    assert ran.code == 0
    assert "would be made" in ran.out
    assert "preview: nothing was changed" in ran.err
    assert rules_of(company, "ann") == []


def test_a_rule_that_forwards_elsewhere_is_changed_only_with_update(company: Company) -> None:
    ann = company.address("ann")
    company.run("deploy-rules", ann, "--forward-to", "old@contoso.example", "--profile", "online")

    refused = company.run("deploy-rules", ann, "--forward-to", company.forward)
    assert (refused.code, rules_of(company, "ann")[0][1]) == (1, ["old@contoso.example"])
    assert "it forwards to old@contoso.example" in refused.out
    assert "--update changes it." in refused.out

    previewed = company.run("deploy-rules", ann, "--forward-to", company.forward, "--preview")
    assert previewed.code == refused.code

    updated = company.run("deploy-rules", ann, "--forward-to", company.forward, "--update", "--json")
    assert (updated.code, rules_of(company, "ann")[0][1]) == (0, [company.forward])
    assert updated.json["mailboxes"][0]["differences"] == ["forwards to old@contoso.example"]


def test_rules_are_removed_without_naming_where_they_lead(company: Company) -> None:
    ann, eve = company.address("ann"), company.address("eve")
    company.run("deploy-rules", ann, eve, "--forward-to", company.forward)

    ran = company.run("deploy-rules", ann, eve, "--remove", "--json")

    assert (ran.code, ran.json["forward_to"]) == (0, None)
    assert [(row["action"], row["done"]) for row in ran.json["mailboxes"]] == [("remove", True), ("remove", True)]
    assert rules_of(company, "ann") == []


def test_mailboxes_come_from_a_file_too_and_each_is_served_once(company: Company) -> None:
    (company.folder / "people.txt").write_text(
        f"# sales\n{company.address('ann')}\n\n{company.address('bob').upper()}  # twice\n{company.address('bob')}\n"
    )

    ran = company.run("deploy-rules", "@people.txt", company.address("ann"), "--forward-to", company.forward, "--json")

    assert ran.code == 0
    assert [row["address"] for row in ran.json["mailboxes"]] == [company.address("ann"), company.address("bob")]


def test_a_mailbox_that_is_given_by_its_alias_too_is_worked_on_once(company: Company) -> None:
    ann = company.address("ann")
    path = company.folder / "router.toml"
    path.write_text(path.read_text().replace(f'address = "{ann}"', f'address = "{ann}"\naliases = ["a.{ann}"]'))

    ran = company.run("deploy-rules", f"a.{ann}", ann, f"A.{ann}", "--forward-to", company.forward, "--json")

    assert (ran.code, [row["address"] for row in ran.json["mailboxes"]]) == (0, [ann])
    assert len(rules_of(company, "ann")) == 1


def test_a_file_that_is_not_there_ends_with_1(company: Company) -> None:
    ran = company.run("deploy-rules", "@gone.txt", "--forward-to", company.forward)

    assert (ran.code, ran.out) == (1, "")
    assert "gone.txt: cannot be opened: No such file or directory" in ran.err


def test_an_address_that_is_not_configured_stops_no_other(company: Company) -> None:
    wrong = company.address("anm")

    ran = company.run("deploy-rules", wrong, company.address("ann"), "--forward-to", company.forward, "--json")

    first, second = ran.json["mailboxes"]
    assert ran.code == 1
    assert (first["error"]["kind"], first["error"]["mend"]) == (
        "not_configured",
        f"Did you mean {company.address('ann')}?",
    )
    assert second["done"]


def test_no_rule_is_made_in_the_forward_mailbox_itself(company: Company) -> None:
    ran = company.run("deploy-rules", company.forward, "--forward-to", company.forward, "--json")

    assert (ran.code, ran.json["mailboxes"][0]["error"]["kind"]) == (1, "rule_circle")
    assert rules_of(company, "forward") == []


def test_an_address_outside_the_organisation_is_warned_of(company: Company) -> None:
    ran = company.run(
        "deploy-rules", company.address("bob"), "--forward-to", "crm@fabrikam.example", "--preview", "--json"
    )

    assert ran.code == 0
    assert len(ran.json["warnings"]) == 2
    assert "crm@fabrikam.example is no forward mailbox of the configuration" in ran.err
    assert "Exchange Online blocks automatic forwarding to the outside" in ran.err


def test_a_missing_right_is_named_for_each_mailbox(company: Company) -> None:
    company.graph.settings(quirks=["no_settings_right"])

    ran = company.run("deploy-rules", company.address("ann"), company.address("eve"), "--forward-to", company.forward)

    assert ran.code == 1
    assert "MailboxSettings.ReadWrite" in ran.out
    assert "made" in ran.out


def test_a_wrong_secret_is_told_and_what_mends_it(company: Company) -> None:
    ran = company.run(
        "deploy-rules",
        company.address("ann"),
        "--forward-to",
        company.forward,
        "--json",
        variables={"GRAPH_SECRET": "x"},
    )

    error = ran.json["mailboxes"][0]["error"]
    assert (ran.code, error["kind"]) == (1, "login_refused")
    assert error["mend"]


def test_rules_of_outlook_are_deleted_only_when_asked_for(company: Company) -> None:
    eve = company.address("eve")
    company.exchange.control("mailbox", {"address": eve, "outlook_rules": True})

    refused = company.run("deploy-rules", eve, "--forward-to", company.forward, "--json")
    assert (refused.code, refused.json["mailboxes"][0]["error"]["kind"]) == (1, "outlook_rules")

    done = company.run("deploy-rules", eve, "--forward-to", company.forward, "--replace-outlook-rules", "--json")
    assert (done.code, done.json["mailboxes"][0]["done"]) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("ann@contoso.example",),
            "--forward-to is missing: the address of a forward mailbox; configured are: forward",
        ),
        (
            ("--forward-to", "f@contoso.example"),
            "expected addresses (or @FILE, a file of addresses), or --all; not both",
        ),
        (("a@contoso.example", "--all", "--forward-to", "f@contoso.example"), "not both"),
        (("a@contoso.example", "--forward-to", "nobody"), "--forward-to 'nobody' is no address"),
        (("a@contoso.example", "--update", "--remove"), "--update and --remove: give one of them"),
        (("a@contoso.example", "--remove", "--profile", "x"), "--profile x: no such profile; configured are online"),
        (("a@contoso.example", "--remove", "--stack", "x"), "--config and --stack: give one of them"),
    ],
)
def test_arguments_that_cannot_be_meant_end_with_2_and_nothing_is_asked(
    company: Company, arguments: tuple[str, ...], words: str
) -> None:
    company.graph.clear_requests()

    ran = company.run("deploy-rules", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err.replace("\n", " ")
    assert company.graph.requests() == []


def test_without_a_configuration_and_without_a_state_the_command_says_what_is_missing(tmp_path: Path) -> None:
    ran = run("deploy-rules", "a@b.example", "--forward-to", "f@b.example", folder=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert "holds no state yet" in ran.err


def test_a_secret_that_only_a_stack_keeps_is_told(company: Company) -> None:
    path = company.folder / "router.toml"
    path.write_text(path.read_text().replace('{ env = "GRAPH_SECRET" }', '{ secret = "contoso/graph" }'))

    ran = company.run("deploy-rules", company.address("ann"), "--forward-to", company.forward, "--json")

    error = ran.json["mailboxes"][0]["error"]
    assert (ran.code, error["kind"]) == (1, "configuration")
    assert "contoso/graph is kept by a stack: name that with --stack" in error["text"]


def test_on_a_terminal_a_bar_is_shown_only_when_it_takes_longer_than_a_second(company: Company) -> None:
    quick = _on_a_terminal(company)
    company.graph.fault("GET .*messageRules", "slow", seconds=1.6)
    slow = _on_a_terminal(company)

    assert "inbox rules" not in quick
    assert "inbox rules" in slow
    assert "0/1" in slow


def _on_a_terminal(company: Company) -> str:
    """Return what is written to standard error, a terminal."""
    arguments = ["deploy-rules", company.address("ann"), "--forward-to", company.forward, "--config", "router.toml"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", START, *arguments],
        cwd=company.folder,
        env={**os.environ, **VARIABLES, "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 4096):
                said += piece
        except OSError:  # Linux tells so that the other side has closed
            pass
        assert process.wait(60) == 0
    os.close(ours)
    return said.decode()


def test_a_state_on_the_disk_keeps_no_passwords_and_the_command_says_what_to_give(company: Company) -> None:
    published = run("publish", "router.toml", folder=company.folder, variables=VARIABLES)

    ran = run("deploy-rules", company.address("ann"), "--forward-to", company.forward, "--json", folder=company.folder)
    tested = run("test-access", company.forward, "--json", folder=company.folder)

    error = ran.json["mailboxes"][0]["error"]
    assert (published.code, ran.code, error["kind"]) == (0, 1, "configuration")
    assert "a state folder keeps no passwords: give the configuration with --config FILE" in error["text"]
    (road,) = tested.json["mailboxes"][0]["roads"]
    assert (tested.code, road["error"]) == (1, {**error, "text": road["error"]["text"]})
    assert {one["status"] for one in road["steps"]} == {"not_reached"}


def test_a_stack_serves_with_the_configuration_and_the_secrets_that_were_published_there(company: Company) -> None:
    folder, ann = company.folder, company.address("ann")
    with EmbeddedCloud() as cloud:
        reached = {**ACCOUNT, **VARIABLES, "AWS_ENDPOINT_URL": cloud.stack.endpoint.url}
        stack = ("--stack", "email-router")
        published = run("publish", "router.toml", *stack, folder=folder, variables=reached)

        ran = run(
            "deploy-rules", ann, "--forward-to", company.forward, "--json", *stack, folder=folder, variables=reached
        )
        tested = run("test-access", company.forward, "--json", *stack, folder=folder, variables=reached)

    assert (published.code, ran.code, tested.code) == (0, 0, 0)
    assert rules_of(company, "ann") == [("E-mail Router: contoso", [company.forward])]
    assert tested.json["mailboxes"][0]["roads"][0]["seen"] == "logged in; no message in the folder"
    steps = tested.json["mailboxes"][0]["roads"][0]["steps"]
    assert [one["status"] for one in steps if one["step"] in {"authenticate", "read"}] == ["ok", "ok"]
