"""The simulator is held to Microsoft's Common Data Model, and notices what does not fit it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.shared import shared_path

FOLDER = shared_path("contracts", "dataverse-cdm")

from email_router.edge.crm.dataverse_webhook import Webhook, register  # noqa: E402 - nothing of it works without the model
from tests.contracts.dataverse_rig import EMAIL, Json, Rig  # noqa: E402
from tests.simulators.dataverse.cdm import columns_of, groups_of  # noqa: E402
from tests.simulators.dataverse.inherited import GROUPS  # noqa: E402
from tests.simulators.dataverse.shapes import problems_of_answer  # noqa: E402
from tests.simulators.dataverse.tables import summed_up, tables, whole  # noqa: E402

FILES = {path.name.removesuffix(".cdm.json") for path in FOLDER.glob("*.cdm.json")} - {
    "Activity",
    "foundationCommon__crmCommon__Activity",
    "QueueItem",
}
TABLE_OF = {"User": "systemuser", "Case": "incident"}


def raw(file: str) -> Iterator[Json]:
    """Every attribute of a file that has a name in the database."""

    def walk(node: object) -> Iterator[Json]:
        if isinstance(node, dict):
            if (
                "sourceName" in node
                and "dataType" in node
                and "is.linkedEntity.name" not in node.get("appliedTraits", [])
            ):
                yield node
            for inner in node.values():
                yield from walk(inner)
        if isinstance(node, list):
            for inner in node:
                yield from walk(inner)

    yield from walk(json.loads((FOLDER / f"{file}.cdm.json").read_text())["definitions"][0]["hasAttributes"])


@pytest.mark.parametrize("file", sorted(FILES))
def test_every_column_of_the_model_is_the_tables_with_its_length_and_its_choices(file: str) -> None:
    name = file.rsplit("__", 1)[-1]
    table = tables()[TABLE_OF.get(name, name.lower())]
    found = [one for one in raw(file) if one["dataType"] != "partylist" and one["sourceName"] != "addressid"]

    for one in found:
        column = table.columns[one["sourceName"].lower()]
        assert column.longest == (int(one["maximumLength"]) if "maximumLength" in one else None), column
        text = json.dumps(one["dataType"])
        assert all(f'"{label}", "{value}"' in text for value, label in column.options.items() if label.isalnum()), (
            column
        )
    assert found


def test_no_column_that_the_model_has_is_written_by_hand() -> None:
    for file in FILES:
        name = file.rsplit("__", 1)[-1]
        table = tables()[TABLE_OF.get(name, name.lower())]
        for column in columns_of(file).values():
            held = table.columns[column.name]
            if column.name == table.key and column.kind == "lookup":
                continue  # a case's counter of its children names the case's own key
            assert (held.kind, held.longest, held.low, held.high) == (
                column.kind,
                column.longest,
                column.low,
                column.high,
            )


def test_every_group_that_the_model_names_is_described() -> None:
    assert {group for file in FILES for group in groups_of(file)} <= set(GROUPS)


def test_the_statuses_of_an_email_are_those_of_the_model() -> None:
    column = tables()["email"].columns["statuscode"]

    assert column.states == {1: 0, 2: 1, 3: 1, 4: 1, 5: 2, 6: 1, 7: 1, 8: 0}
    assert column.options[4] == "Received"


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("subject", 800),
        ("messageid", 320),
        ("inreplyto", 320),
        ("trackingtoken", 50),
        ("sender", 250),
        ("torecipients", 500),
    ],
)
def test_the_lengths_of_an_email_are_those_of_the_reference(name: str, longest: int) -> None:
    assert tables()["email"].columns[name].longest == longest


def test_every_lookup_leads_somewhere_and_no_way_has_two_meanings() -> None:
    for table in tables().values():
        for ways in table.single.values():
            assert len({column for column, _ in ways}) == 1, (table.name, ways)


def test_whole_rows_of_every_table_fit_the_model(dataverse: Rig) -> None:
    """Every property that the simulator can show, not only those that the router selects."""
    dataverse.contact()
    dataverse.outgoing()
    for name, row in (
        ("lead", {"lastname": "L"}),
        ("account", {"name": "A"}),
        ("incident", {"title": "C"}),
        ("team", {"name": "T"}),
    ):
        dataverse.process.put(name, **row)
    dataverse.process.put("mailbox", name="M", emailaddress="m@x", incomingemaildeliverymethod=2, incomingemailstatus=1)
    body = {
        "objectid_email@odata.bind": f"/emails({EMAIL})",
        "objecttypecode": "email",
        "filename": "a",
        "body": "YQ==",
    }
    dataverse.client.call("POST", "activitymimeattachments", body)
    note = {"subject": "S", "notetext": "N", "objectid_email@odata.bind": f"/emails({EMAIL})"}
    dataverse.client.call("POST", "annotations", note)

    register(dataverse.client, Webhook(stack="s", organisation="o", url="https://x.example", header="h", key="k"))

    for table in tables().values():
        answer = dataverse.ask("GET", table.set_name, prefer='odata.include-annotations="*"').json()
        assert answer["value"], table.name
        assert list(problems_of_answer(table, answer)) == []
        expanded = dataverse.ask("GET", f"{table.set_name}?$expand={','.join(table.single)}").json()
        assert list(problems_of_answer(table, expanded)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"subjekt": "x"},
        {"subject": 5},
        {"subject": "x" * 801},
        {"statuscode": 99},
        {"directioncode": "true"},
        {"createdon": "yesterday"},
        {"_regardingobjectid_value": "not an id"},
        {"sender@OData.Community.Display.V1.FormattedValue": "x"},
        {"email_activity_parties": [{"addressused": "x"}]},
        {"@odata.etag": ""},
    ],
)
def test_an_answer_that_does_not_fit_is_noticed(wrong: Json) -> None:
    row = {"@odata.etag": 'W/"1"', "activityid": EMAIL, "subject": "x"}
    context = {"@odata.context": "https://x/$metadata#emails"}

    assert list(problems_of_answer(tables()["email"], {**context, "value": [row]})) == []
    assert list(problems_of_answer(tables()["email"], {**context, "value": [{**row, **wrong}]})) != []


def test_a_request_without_odatas_headers_is_noticed(dataverse_running: Rig) -> None:
    dataverse_running.process.reset()

    dataverse_running.client._sign_in.ask(
        dataverse_running.address.place, "GET", f"{dataverse_running.address.base}/WhoAmI", {}, b"", repeatable=True
    ).read()

    assert len(dataverse_running.process.violations()) == 3


@pytest.mark.parametrize("name", sorted(summed_up()))
def test_the_summary_says_of_its_columns_what_the_model_says(name: str) -> None:
    """The words of choices apart: those of the summary are short."""
    model, summary = whole()[name], summed_up()[name]

    for column in summary.columns.values():
        full = model.columns[column.name]
        assert replace(column, options={}) == replace(full, options={})
        assert column.options.keys() <= full.options.keys()
    assert all(model.single[way] == targets for way, targets in summary.single.items())
    assert summary.many == model.many
