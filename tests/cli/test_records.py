"""The commands about records, and which e-mails a person is to look at: on one stack in the emulator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from email_router.cli.emails import REVIEWED
from email_router.core.flows import activities
from tests.cli.schemas import EMAILS, check
from tests.cli.standing import Stack, standing
from tests.deliveries import ANN, SALES, delivery

pytestmark = pytest.mark.long
CSV = (
    "\ufeffkind,address,name,owner,id\r\n"
    "contact,shared@fabrikam.example,Erin,ann@contoso.example,c-erin\r\n"
    "contact,shared@fabrikam.example,Ed,,c-ed\r\n"
    "contact,erin@home.example,Erin,ann@contoso.example,c-erin\r\n"
    "lead,shared@fabrikam.example,Both,,\r\n"
    "account,fabrikam@fabrikam.example,Fabrikam,,\r\n"
    "account,office@fabrikam.example,Fabrikam Ltd,,\r\n"
)


class Records(Stack):
    """A stack and the records in it."""

    def names(self, address: str) -> list[str]:
        """Return the names of the records that the address leads to."""
        return [one.name for one in self.place.crm.resolve([address]).get(address, ())]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    folder = tmp_path_factory.mktemp("records")
    (folder / "crm.csv").write_bytes(CSV.encode())
    with standing(folder) as made:
        assert made.run("publish", "router.toml").code == 0
        assert made.run("crm", "import", "crm.csv", "--json").json == {"imported": 5}
        yield Records(made.folder, made.variables, made.cloud)


def test_an_import_repeated_changes_nothing_and_keeps_several_records_of_one_address(stack: Records) -> None:
    assert stack.run("crm", "import", "crm.csv", "--json").json == {"imported": 5}

    assert stack.names("shared@fabrikam.example") == ["Ed", "Erin", "Both"]
    assert stack.names("erin@home.example") == ["Erin"]


def test_a_record_is_deactivated_and_activated_again(stack: Records) -> None:
    name = "lead:shared@fabrikam.example"

    for _ in range(2):
        told = stack.run("crm", "deactivate", name, "--json")
        assert (told.code, told.json["state"], told.json["record"]["name"]) == (0, "inactive", "Both")
    assert stack.names("shared@fabrikam.example") == ["Ed", "Erin"]

    assert stack.run("crm", "activate", name).out == "lead Both is active\n"
    assert stack.names("shared@fabrikam.example") == ["Ed", "Erin", "Both"]


def test_a_record_is_merged_into_another_once_and_for_all(stack: Records) -> None:
    pair = ("account:fabrikam@fabrikam.example", "account:office@fabrikam.example")

    for _ in range(2):
        told = stack.run("crm", "merge", *pair, "--json")
        assert (told.code, told.json["merged"]["name"], told.json["into"]["name"]) == (0, "Fabrikam", "Fabrikam Ltd")

    assert stack.names("fabrikam@fabrikam.example") == ["Fabrikam Ltd"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("merge", "c-erin", "lead:shared@fabrikam.example"),
            "expected two records of one kind, contact, account, lead",
        ),
        (("merge", "c-erin", "c-erin"), "not merged into itself"),
        (("deactivate", "contact:shared@fabrikam.example"), "several records; expected one of c-"),
        (("activate", "gone"), "gone: no such record; expected an id, or kind:address"),
    ],
    ids=["of two kinds", "itself", "several", "nobody"],
)
def test_what_cannot_be_done_is_told_with_2(stack: Records, arguments: tuple[str, ...], told: str) -> None:
    ran = stack.run("crm", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err


def test_each_flag_is_documented_and_those_that_ask_for_a_person_as_such() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "matching.md").read_text("utf-8")
    set_by_the_flow = re.findall(
        r'^ +(?:\w+ = )?\("([^"]+)", .+\)', Path(activities.__file__).read_text("utf-8"), re.MULTILINE
    )

    assert {"no message-id", "regarding is inactive"} <= set(set_by_the_flow)
    assert [flag for flag in set_by_the_flow if f"| `{flag}` |" not in documented] == []
    assert {flag for flag in REVIEWED if f"| `{flag}` | yes |" not in documented} == set()


def test_review_lists_the_emails_that_a_person_should_look_at_and_no_others(stack: Records) -> None:
    now = datetime.now(UTC)
    lease = stack.place.states.lease(SALES, now, now + timedelta(seconds=330))
    assert lease is not None
    flags = ("for review", "message-id collision", "sender unresolved: several records", "regarding is inactive")
    mails = [delivery(number, flags=(flag,)) for number, flag in enumerate(flags)]
    crm = stack.place.services.crm(stack.place.configuration)
    crm.deliver([*mails, delivery(4, flags=("no message-id",)), delivery(5), delivery(6)], lease)
    crm.deliver([delivery(5, ANN, content="another"), replace(delivery(6, ANN))], lease)

    listed = stack.run("emails", "--json").json
    review = stack.run("emails", "--review", "--json").json

    check(listed, EMAILS)
    check(review, EMAILS)
    assert len(listed["emails"]) == 7
    found = {one["subject"].split()[1]: one["flags"] for one in review["emails"]}
    assert found == {**{str(number): [flag] for number, flag in enumerate(flags)}, "5": ["a copy differs"]}
    assert "a copy differs" in stack.run("emails", "--review").out
