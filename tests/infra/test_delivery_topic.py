"""An SNS topic of the operator's is subscribed to where a stage names one, and may start record_delivery and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from infra_cdk.parameters import TOPIC
from tests.infra.template import environment, functions, logical_id, template, text_of


def named_only() -> dict[str, dict[str, Any]]:
    """The resources that are made only where a topic is named."""
    (condition,) = (
        name
        for name, one in template()["Conditions"].items()
        if one == {"Fn::Not": [{"Fn::Equals": [{"Ref": "DeliveryTopic"}, ""]}]}
    )
    return {name: one for name, one in template()["Resources"].items() if one.get("Condition") == condition}


def test_where_no_topic_is_named_nothing_is_made() -> None:
    assert template()["Parameters"]["DeliveryTopic"]["Default"] == ""
    assert sorted(one["Type"] for one in named_only().values()) == ["AWS::Lambda::Permission", "AWS::SNS::Subscription"]


def test_the_topic_named_and_no_other_may_start_record_delivery_and_no_other() -> None:
    permissions = [
        (one["Properties"], one.get("Condition"))
        for one in template()["Resources"].values()
        if one["Type"] == "AWS::Lambda::Permission" and one["Properties"]["Principal"] == "sns.amazonaws.com"
    ]

    ((permission, condition),) = permissions
    assert condition
    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Fn::GetAtt": [logical_id("record_delivery"), "Arn"]},
        "Principal": "sns.amazonaws.com",
        "SourceArn": {"Ref": "DeliveryTopic"},
    }


def test_the_function_is_subscribed_once_the_topic_may_start_it_and_knows_whom_to_believe() -> None:
    made = named_only()
    permission = next(name for name, one in made.items() if one["Type"] == "AWS::Lambda::Permission")
    subscription = next(one for one in made.values() if one["Type"] == "AWS::SNS::Subscription")

    assert subscription["Properties"] == {
        "Protocol": "lambda",
        "TopicArn": {"Ref": "DeliveryTopic"},
        "Endpoint": {"Fn::GetAtt": [logical_id("record_delivery"), "Arn"]},
    }
    assert subscription["DependsOn"] == [permission]
    assert text_of(environment("record_delivery")["DELIVERY_TOPIC"]) == "${DeliveryTopic}"
    assert [name for name in functions() if "DELIVERY_TOPIC" in environment(name)] == ["record_delivery"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("", True),
        ("arn:aws:sns:eu-central-1:123456789012:ses-feedback", True),
        ("arn:aws-cn:sns:cn-north-1:123456789012:ses", True),
        ("arn:aws:sqs:eu-central-1:123456789012:ses", False),
        ("arn:aws:sns:eu-central-1:123456789012:*", False),
        ("arn:aws:sns:eu-central-1:123456789012:ses:3d2b1f9a-7f5e", False),
        ("ses-feedback", False),
    ],
)
def test_what_is_no_arn_of_a_topic_is_refused_at_the_deployment(text: str, is_one: bool) -> None:
    assert bool(re.fullmatch(TOPIC, text)) is is_one
