"""Events for other CRMs in the stack: off until they are switched on, nothing read that nobody is told, nothing dropped without a word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from email_router.core.crm_events import AT_REST, SETTLED_BY_HAND
from email_router.core.flows import by_hand
from infra_cdk import crm_events
from tests.infra.template import environment, logical_id, resources, template, text_of


def mapping(table: str) -> dict[str, Any]:
    """The resource by which publish_events reads the table's stream."""
    (found,) = (
        one
        for one in template()["Resources"].values()
        if one["Type"] == "AWS::Lambda::EventSourceMapping"
        and text_of(one["Properties"]["EventSourceArn"]) == f"${{{table}.StreamArn}}"
    )
    return dict(found)


def filters(table: str) -> list[dict[str, Any]]:
    chosen = mapping(table)["Properties"]["FilterCriteria"]["Filters"]
    return [json.loads(one["Pattern"])["dynamodb"] for one in chosen]


def switched_on() -> str:
    (name,) = (
        name
        for name, condition in template()["Conditions"].items()
        if condition == {"Fn::Equals": [{"Ref": "PublishEvents"}, "true"]}
    )
    return str(name)


@pytest.mark.parametrize("table", ["CrmTable", "RouterTable"])
def test_a_table_has_a_stream_only_while_events_are_switched_on(table: str) -> None:
    parameter = template()["Parameters"]["PublishEvents"]

    assert (parameter["Default"], parameter["AllowedValues"]) == ("false", ["false", "true"])
    assert resources("AWS::DynamoDB::Table")[table]["StreamSpecification"] == {
        "Fn::If": [switched_on(), {"StreamViewType": "NEW_AND_OLD_IMAGES"}, {"Ref": "AWS::NoValue"}]
    }
    told = template()["Conditions"][mapping(table)["Condition"]]
    assert told["Fn::And"][0] == {"Condition": switched_on()}


@pytest.mark.parametrize("table", ["CrmTable", "RouterTable"])
def test_a_stream_is_read_from_its_first_change_and_nothing_is_given_up_in_silence(table: str) -> None:
    source = mapping(table)["Properties"]

    assert source["FunctionName"] == {"Ref": logical_id("publish_events")}
    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BisectBatchOnFunctionError"] is True
    assert "MaximumRetryAttempts" not in source  # as often as the age lets it
    assert 3600 < source["MaximumRecordAgeInSeconds"] <= 12 * 3600
    assert source["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["CrmEventDeadLetters", "Arn"]}}}


@pytest.mark.parametrize("table", ["CrmTable", "RouterTable"])
def test_a_filter_asks_for_keys_and_the_new_row_alone(table: str) -> None:
    """What a row was before is compared by the function: a filter on something absent is not relied on."""
    assert all(set(one) == {"Keys", "NewImage"} for one in filters(table))


def test_every_end_of_an_outgoing_e_mail_is_read_and_nothing_on_its_way() -> None:
    (results,) = (one for one in filters("RouterTable") if one["Keys"]["sk"]["S"] == ["STATE"])

    assert set(results["NewImage"]["status"]["S"]) == {one.value for one in AT_REST}


def test_the_reason_of_what_a_person_settled_is_the_one_that_the_stream_is_asked_for() -> None:
    assert crm_events.BY_HAND == SETTLED_BY_HAND
    assert f'reason="{SETTLED_BY_HAND}"' in (by_hand.__loader__.get_source(by_hand.__name__) or "")  # type: ignore[union-attr]  # a source file


def test_the_bus_is_ours_and_encrypted_with_our_key() -> None:
    bus = resources("AWS::Events::EventBus")["CrmEventBus"]

    assert text_of(bus["Name"]) == "${AWS::StackName}-crm-events"
    assert text_of(bus["KmsKeyIdentifier"]) == "${DataKey.Arn}"
    assert text_of(bus["DeadLetterConfig"]["Arn"]) == "${CrmEventDeadLetters.Arn}"
    assert environment("publish_events")["CRM_EVENT_BUS"] == "${CrmEventBus}"


def test_late_and_failing_events_ring_somebody() -> None:
    ringing = {
        alarm["MetricName"]: alarm["Threshold"]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if alarm.get("Dimensions", [{"Value": None}])[0]["Value"] == {"Ref": logical_id("publish_events")}
    }

    assert ringing == {"Errors": 1, "IteratorAge": 3_600_000}
