"""Each function may do what its road needs, action by action, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.template import functions, listed, logical_id, may, resources, statements, text_of

ITEMS = {"${RouterTable.Arn}", "${CrmTable.Arn}"}
STREAMS = {"${RouterTable.Arn}/stream/*", "${CrmTable.Arn}/stream/*"}
BLOBS = {"${DataBucket.Arn}/*"}
SECRETS = {
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:email-router/${AWS::StackName}/*"
}
KEY = {
    f"kms:{action}": {"${DataKey.Arn}"}
    for action in ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo")
}
ALL_ITEMS = {
    f"dynamodb:{action}": ITEMS
    for action in (
        *("BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem"),
        *("PutItem", "Query", "UpdateItem"),
    )
}


def consumed(queue: str) -> dict[str, set[str]]:
    actions = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
    return {f"sqs:{action}": {f"${{{queue}.Arn}}"} for action in actions}


def sent_to(*queues: str) -> dict[str, set[str]]:
    return {"sqs:SendMessage": {f"${{{queue}.Arn}}" for queue in queues}}


def ses() -> set[str]:
    (configuration_set,) = resources("AWS::SES::ConfigurationSet")
    account = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}"
    return {f"{account}:identity/*", f"{account}:configuration-set/${{{configuration_set}}}"}


def stack_secret() -> str:
    """The one secret of the stack's own making: it proves notifications."""
    (secret,) = resources("AWS::SecretsManager::Secret")
    return f"${{{secret}}}"


EXPECTED: dict[str, dict[str, set[str]]] = {
    "schedule_mailboxes": {
        "dynamodb:GetItem": {"${RouterTable.Arn}"},
        "dynamodb:Query": {"${RouterTable.Arn}", "${RouterTable.Arn}/index/schedule"},
        **sent_to("MailboxWorkQueue", "TickDeadLetters"),
    },
    "route_mailbox": {
        **ALL_ITEMS,
        "s3:AbortMultipartUpload": BLOBS,
        "s3:DeleteObject": BLOBS,
        "s3:GetObject": BLOBS,
        "s3:PutObject": BLOBS,
        "s3:ListBucket": {"${DataBucket.Arn}"},
        "secretsmanager:GetSecretValue": SECRETS,
        **sent_to("MailboxWorkQueue"),
        **consumed("MailboxWorkQueue"),
    },
    "collect_outgoing": {
        "dynamodb:BatchGetItem": {"${CrmTable.Arn}"},
        "dynamodb:DeleteItem": {"${RouterTable.Arn}"},
        "dynamodb:GetItem": {"${RouterTable.Arn}"},
        "dynamodb:PutItem": {"${RouterTable.Arn}"},
        "dynamodb:Query": {"${RouterTable.Arn}", "${CrmTable.Arn}/index/pending"},
        "dynamodb:UpdateItem": {"${RouterTable.Arn}", "${CrmTable.Arn}"},
        "secretsmanager:GetSecretValue": SECRETS,
        **sent_to("OutgoingWorkQueue", "TickDeadLetters"),
    },
    "send_email": {
        **ALL_ITEMS,
        "s3:GetObject": BLOBS,
        "s3:PutObject": BLOBS,
        "s3:ListBucket": {"${DataBucket.Arn}"},
        "secretsmanager:GetSecretValue": SECRETS,
        "ses:GetAccount": {"*"},
        "ses:GetSuppressedDestination": {"*"},
        "ses:SendEmail": ses(),
        "ses:SendRawEmail": ses(),
        **consumed("OutgoingWorkQueue"),
    },
    "receive_notification": {
        "dynamodb:DeleteItem": {"${RouterTable.Arn}"},
        "dynamodb:PutItem": {"${RouterTable.Arn}"},
        "lambda:InvokeFunction": {f"${{{logical_id('collect_outgoing')}.Arn}}"},
        "secretsmanager:GetSecretValue": {stack_secret()},
        **sent_to("MailboxWorkQueue", "SubscriptionWorkQueue"),
    },
    "renew_subscriptions": {
        **{
            f"dynamodb:{action}": {"${RouterTable.Arn}"}
            for action in ("BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")
        },
        "secretsmanager:GetSecretValue": SECRETS | {stack_secret()},
        **sent_to("SubscriptionWorkQueue"),
        **consumed("SubscriptionWorkQueue"),
    },
    "record_delivery": {
        **{action: ITEMS for action in ALL_ITEMS if action != "dynamodb:DeleteItem"},
        "secretsmanager:GetSecretValue": SECRETS,
        **sent_to("DeliveryReportDeadLetters"),
    },
    "publish_events": {
        "dynamodb:GetItem": ITEMS,
        **{
            f"dynamodb:{action}": STREAMS
            for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
        },
        "events:PutEvents": {"${CrmEventBus.Arn}"},
        "s3:GetObject": BLOBS,
        "s3:PutObject": BLOBS,
        "s3:ListBucket": {"${DataBucket.Arn}"},
        **sent_to("CrmEventDeadLetters"),
    },
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_function_may_do_exactly_this(name: str) -> None:
    log = functions()[name]["LoggingConfig"]["LogGroup"]["Ref"]
    write_log = {f"logs:{action}": {f"${{{log}.Arn}}"} for action in ("CreateLogStream", "PutLogEvents")}

    assert may(name) == EXPECTED[name] | KEY | write_log


def test_every_function_s_permissions_are_written_down() -> None:
    assert sorted(EXPECTED) == sorted(functions())


@pytest.mark.parametrize("name", EXPECTED)
def test_no_action_is_a_pattern_and_no_resource_is_everything(name: str) -> None:
    """The patterns among the resources: keys of blobs, names of secrets, addresses to send from, the streams of a table."""
    patterns = BLOBS | SECRETS | STREAMS | {resource for resource in ses() if resource.endswith("identity/*")}

    for action, allowed_on in may(name).items():
        assert "*" not in action
        named = {resource for resource in allowed_on if "*" in resource}
        of_the_account = action in {"ses:GetAccount", "ses:GetSuppressedDestination"}  # which know no resource
        assert named <= ({"*"} if of_the_account else patterns)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_key_is_used_only_through_the_services_that_hold_the_data(name: str) -> None:
    for statement in statements(name):
        if any(action.startswith("kms:") for action in listed(statement["Action"])):
            via = {text_of(service) for service in statement["Condition"]["StringEquals"]["kms:ViaService"]}
            services = {service.partition(".")[0] for service in via}
            assert services <= {"dynamodb", "s3", "secretsmanager", "sqs"}
            assert services >= {"dynamodb", "sqs"}


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
