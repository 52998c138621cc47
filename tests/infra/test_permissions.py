"""Each function may do what its road needs, action by action, and nothing else: what it is seen to use, its role allows, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.template import functions, listed, logical_id, may, resources, statements, text_of
from tests.roads.actions import ACCOUNT, SECRETS, encrypting, granted, on_behalf, used
from tests.roads.scenes import SCENES
from tests.roads.stack import stack

STREAMS = {"${RouterTable.Arn}/stream/*", "${CrmTable.Arn}/stream/*"}
BLOBS = {"${DataBucket.Arn}/*"}


@pytest.mark.parametrize("name", SCENES)
def test_a_role_allows_what_its_function_was_seen_to_use_and_nothing_else(name: str) -> None:
    """Action by action, on the very tables, indexes, queues and secrets; what Lambda does in its name is told by the template."""
    with stack() as made:
        SCENES[name](made)
        calls = made.recorder.made_by(name)

    seen = used(calls, made.names) | on_behalf(name)

    assert {"used, but not granted": seen - granted(name), "granted, but never used": granted(name) - seen} == {
        "used, but not granted": set(),
        "granted, but never used": set(),
    }


def test_every_function_has_its_scenes() -> None:
    assert sorted(SCENES) == sorted(functions())


@pytest.mark.parametrize("name", SCENES)
def test_no_action_is_a_pattern_and_no_resource_is_everything(name: str) -> None:
    """The patterns among the resources: keys of blobs, names of secrets, addresses to send from, the streams of a table."""
    patterns = BLOBS | {SECRETS, f"{ACCOUNT}:identity/*"} | STREAMS

    for action, allowed_on in may(name).items():
        assert "*" not in action
        named = {resource for resource in allowed_on if "*" in resource}
        of_the_account = action in {"ses:GetAccount", "ses:GetSuppressedDestination"}  # which know no resource
        assert named <= ({"*"} if of_the_account else patterns)


def of_passwords(statement: dict[str, Any]) -> bool:
    return "Null" in statement.get("Condition", {})


@pytest.mark.parametrize("name", SCENES)
def test_only_who_opens_mailboxes_decrypts_directly_and_only_what_was_encrypted_for_a_mailbox(name: str) -> None:
    found = [statement for statement in statements(name) if of_passwords(statement)]

    assert len(found) == (name in {"route_mailbox", "send_email"})
    for statement in found:
        assert listed(statement["Action"]) == ["kms:Decrypt"]
        assert statement["Condition"] == {
            "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["mailbox", "organisation"]},
            "Null": {f"kms:EncryptionContext:{name}": "false" for name in ("mailbox", "organisation")},
        }


@pytest.mark.parametrize("name", SCENES)
def test_the_key_is_used_only_through_the_services_that_hold_the_data(name: str) -> None:
    for statement in statements(name):
        if any(action.startswith("kms:") for action in listed(statement["Action"])) and not of_passwords(statement):
            via = {text_of(service) for service in statement["Condition"]["StringEquals"]["kms:ViaService"]}
            services = {service.partition(".")[0] for service in via}
            assert services == encrypting(granted(name))


def test_no_role_has_a_managed_policy() -> None:
    """AWSLambdaBasicExecutionRole would allow every log group."""
    assert [role for role in resources("AWS::IAM::Role").values() if "ManagedPolicyArns" in role] == []


def by_anybody() -> list[dict[str, Any]]:
    return [one for one in resources("AWS::Lambda::Permission").values() if one["Principal"] == "*"]


def test_anybody_may_post_to_the_notification_address_and_to_nothing_else() -> None:
    """AWS asks two permissions of a function URL (docs.aws.amazon.com/lambda/latest/dg/urls-auth.html)."""
    opened = {
        one["Action"]: (
            one["FunctionName"]["Fn::GetAtt"][0],
            one.get("FunctionUrlAuthType") or one.get("InvokedViaFunctionUrl"),
        )
        for one in by_anybody()
    }

    assert opened == {
        "lambda:InvokeFunctionUrl": (logical_id("receive_notification"), "NONE"),
        "lambda:InvokeFunction": (logical_id("receive_notification"), True),
    }


def test_only_our_rules_may_start_our_functions() -> None:
    rules = resources("AWS::Events::Rule")
    started = {}
    for permission in resources("AWS::Lambda::Permission").values():
        if permission in by_anybody() or permission["Principal"] == "sns.amazonaws.com":  # see test_delivery_topic.py
            continue
        assert permission["Principal"] == "events.amazonaws.com"
        assert permission["SourceArn"]["Fn::GetAtt"][0] in rules
        started[permission["FunctionName"]["Fn::GetAtt"][0]] = permission["Action"]

    expected = ("schedule_mailboxes", "collect_outgoing", "record_delivery", "renew_subscriptions")
    assert started == {logical_id(name): "lambda:InvokeFunction" for name in expected}
