"""Tables that are named in the place of the stack's own, as after a point-in-time recovery: settings, permissions and outputs follow."""

from __future__ import annotations

from typing import Any

import pytest

from infra_cdk.tables import STREAM, TABLE
from tests.infra.template import functions, named_tables, resources, statements, template

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/{}"
TABLES = {"RouterTable": "ExistingRouterTable", "CrmTable": "ExistingCrmTable"}
NAMES = {"ExistingRouterTable": "router-recovered", "ExistingCrmTable": "crm-recovered"}
STREAMS = {"ExistingRouterStream": "2026-11-27T09:00:00.000", "ExistingCrmStream": "2026-11-27T09:00:00.001"}
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012"}


def holds(condition: Any, given: dict[str, str]) -> bool:
    """Whether a condition holds with these parameters, the others at their defaults."""
    ((kind, argument),) = condition.items()
    if kind == "Condition":
        return holds(template()["Conditions"][argument], given)
    if kind == "Fn::Equals":
        one, two = (resolved(side, given) for side in argument)
        return one == two
    found = [holds(one, given) for one in argument]
    return {"Fn::Not": not found[0], "Fn::And": all(found), "Fn::Or": any(found)}[kind]


def resolved(value: Any, given: dict[str, str]) -> str:
    """A value as CloudFormation makes it; what only AWS knows is told by its logical id."""
    if isinstance(value, str):
        return value
    ((kind, argument),) = value.items()
    if kind == "Fn::If":
        chosen, then, otherwise = argument
        return resolved(then if holds(template()["Conditions"][chosen], given) else otherwise, given)
    if kind == "Fn::Join":
        return str(argument[0]).join(resolved(part, given) for part in argument[1])
    if kind == "Ref":
        known = {name: str(one.get("Default", "")) for name, one in template()["Parameters"].items()}
        return {**PSEUDO, **known, **given}.get(argument, f"<{argument}>")
    return f"<{'.'.join(argument)}>" if kind == "Fn::GetAtt" else f"<{argument}>"


def tables_of(function: str, given: dict[str, str]) -> set[str]:
    """The tables that a function may do anything with, as its role names them."""
    named = [statement["Resource"] for statement in statements(function)]
    found = {resolved(one, given) for several in named for one in (several if isinstance(several, list) else [several])}
    return {one for one in found if "table/" in one or "Table" in one}


@pytest.mark.parametrize("given", [{}, NAMES], ids=["the stack's own", "named"])
def test_settings_permissions_and_outputs_lead_to_the_same_tables(given: dict[str, str]) -> None:
    name = {own: given.get(parameter, f"<{own}>") for own, parameter in TABLES.items()}
    arn = {own: ARN.format(name[own]) if given else f"<{own}.Arn>" for own in TABLES}

    assert len(named_tables()) == 2
    for function, properties in functions().items():
        variables = properties["Environment"]["Variables"]
        assert resolved(variables["ROUTER_TABLE"], given) == name["RouterTable"]
        assert resolved(variables["CRM_TABLE"], given) == name["CrmTable"]
        of_the_own_stream = {f"<{own}.Arn>/stream/*" for own in TABLES}
        for allowed in tables_of(function, given) - of_the_own_stream:
            assert allowed.startswith(tuple(arn.values())), (function, allowed)
    for own, output in (("RouterTable", "RouterTableName"), ("CrmTable", "CrmTableName")):
        assert resolved(template()["Outputs"][output]["Value"], given) == name[own]


def test_a_table_s_index_is_asked_where_the_table_is() -> None:
    assert f"{ARN.format('router-recovered')}/index/schedule" in tables_of("schedule_mailboxes", NAMES)
    assert "<RouterTable.Arn>/index/schedule" in tables_of("schedule_mailboxes", {})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"PublishEvents": "true"}, {"<CrmTable.StreamArn>", "<RouterTable.StreamArn>"}),
        ({"PublishEvents": "true", **NAMES}, set()),
        (
            {"PublishEvents": "true", **NAMES, **STREAMS},
            {
                f"{ARN.format('router-recovered')}/stream/2026-11-27T09:00:00.000",
                f"{ARN.format('crm-recovered')}/stream/2026-11-27T09:00:00.001",
            },
        ),
    ],
    ids=["off", "on", "on, and the named tables have no stream", "on, and they have"],
)
def test_changes_are_read_from_the_streams_of_the_tables_in_use(given: dict[str, str], expected: set[str]) -> None:
    read = {
        resolved(one["Properties"]["EventSourceArn"], given)
        for one in template()["Resources"].values()
        if one["Type"] == "AWS::Lambda::EventSourceMapping"
        and "Condition" in one
        and holds(template()["Conditions"][one["Condition"]], given)
    }

    assert read == set(expected)
    assert read <= {one for one in tables_of("publish_events", given) if "*" not in one} | {
        "<CrmTable.StreamArn>",
        "<RouterTable.StreamArn>",
    }


def test_the_stack_s_own_tables_stay_where_they_are() -> None:
    own = {name: one for name, one in template()["Resources"].items() if one["Type"] == "AWS::DynamoDB::Table"}

    assert own.keys() == TABLES.keys() == resources("AWS::DynamoDB::Table").keys()
    assert all("Condition" not in one for one in own.values())


def test_the_parameters_take_names_and_labels_of_dynamodb_and_nothing_else() -> None:
    parameters = template()["Parameters"]

    for which in ("Router", "Crm"):
        table, stream = parameters[f"Existing{which}Table"], parameters[f"Existing{which}Stream"]
        assert (table["Default"], table["AllowedPattern"]) == ("", TABLE)
        assert (stream["Default"], stream["AllowedPattern"]) == ("", STREAM)
