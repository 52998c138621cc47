"""What the stack promises: nothing stateful gets lost, everything that fails has a place to go, and all of it is encrypted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from email_router.wiring.environment import Environment
from tests.infra.template import (
    ROOT,
    environment,
    functions,
    listed,
    logical_id,
    resources,
    template,
    text_of,
)

FUNCTIONS = [
    "collect_outgoing",
    "publish_events",
    "receive_notification",
    "record_delivery",
    "renew_subscriptions",
    "route_mailbox",
    "schedule_mailboxes",
    "send_email",
]
LOG_IN_TO_MAILBOXES = {"route_mailbox", "send_email"}
"""They may meet an Exchange server; what only Graph is spoken by needs none of its layer."""
STATEFUL = {
    "CrmTable": "AWS::DynamoDB::Table",
    "RouterTable": "AWS::DynamoDB::Table",
    "DataBucket": "AWS::S3::Bucket",
    "DataKey": "AWS::KMS::Key",
    "MailboxWorkQueue": "AWS::SQS::Queue",
    "MailboxDeadLetters": "AWS::SQS::Queue",
    "OutgoingWorkQueue": "AWS::SQS::Queue",
    "OutgoingDeadLetters": "AWS::SQS::Queue",
    "DeliveryReportDeadLetters": "AWS::SQS::Queue",
    "TickDeadLetters": "AWS::SQS::Queue",
    "SubscriptionWorkQueue": "AWS::SQS::Queue",
    "SubscriptionDeadLetters": "AWS::SQS::Queue",
    "CrmEventDeadLetters": "AWS::SQS::Queue",
}
SECRET = "pushnotificationsecretF8F7B79E"
KEPT = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key"}
DAY = 24 * 3600


def test_stateful_resources_keep_their_logical_ids() -> None:
    """A resource whose logical id changes is replaced, and what it held is left behind."""
    kinds = set(STATEFUL.values())
    found = {name: one["Type"] for name, one in template()["Resources"].items() if one["Type"] in kinds}

    assert found == STATEFUL


def test_tables_bucket_and_key_outlive_the_stack() -> None:
    for name, resource in template()["Resources"].items():
        if resource["Type"] in KEPT:
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain"), name


@pytest.mark.parametrize("name", ["RouterTable", "CrmTable"])
def test_a_table_is_protected_encrypted_and_billed_by_use(name: str) -> None:
    table = resources("AWS::DynamoDB::Table")[name]

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": {"Fn::GetAtt": ["DataKey", "Arn"]},
    }
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert {one["AttributeType"] for one in table["AttributeDefinitions"]} == {"S"}


def test_tables_have_the_keys_and_indexes_that_the_stores_ask() -> None:
    def keys(schema: list[dict[str, str]]) -> tuple[str, ...]:
        return tuple(key["AttributeName"] for key in schema)

    shapes = {
        name: {
            "": keys(table["KeySchema"]),
            **{index["IndexName"]: keys(index["KeySchema"]) for index in table["GlobalSecondaryIndexes"]},
        }
        for name, table in resources("AWS::DynamoDB::Table").items()
    }

    assert shapes == {
        "RouterTable": {"": ("pk", "sk"), "schedule": ("spk", "ssk")},
        "CrmTable": {"": ("pk", "sk"), "listing": ("lpk", "lsk"), "pending": ("ppk", "psk")},
    }


def test_the_key_turns_and_is_ours() -> None:
    assert resources("AWS::KMS::Key")["DataKey"]["EnableKeyRotation"] is True


KEYED = {
    "AWS::DynamoDB::Table": "SSESpecification",
    "AWS::Events::EventBus": "KmsKeyIdentifier",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::S3::Bucket": "BucketEncryption",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::SecretsManager::Secret": "KmsKeyId",
}
"""What holds data, and the property that says under which key."""
HOLD_NO_DATA = {
    *("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Events::Rule", "AWS::IAM::Role", "AWS::KMS::Key"),
    *("AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function"),
    *("AWS::Lambda::LayerVersion", "AWS::Lambda::Permission", "AWS::Lambda::Url", "AWS::S3::BucketPolicy"),
    *("AWS::SES::ConfigurationSet", "AWS::SES::ConfigurationSetEventDestination", "AWS::SNS::Subscription"),
    *("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"),
}


def test_whatever_holds_data_is_encrypted_with_our_key() -> None:
    """A kind of resource that is new here must be put into one of the two lists."""
    assert {one["Type"] for one in template()["Resources"].values()} - HOLD_NO_DATA == KEYED.keys()

    open_ones = [
        name
        for kind, told_by in KEYED.items()
        for name, properties in resources(kind).items()
        if "DataKey" not in json.dumps(properties.get(told_by))
    ]
    assert open_ones == []


def test_the_key_takes_the_logs_of_this_stack_and_no_others() -> None:
    (statement,) = (
        one
        for one in resources("AWS::KMS::Key")["DataKey"]["KeyPolicy"]["Statement"]
        if '"logs.' in json.dumps(one["Principal"])
    )
    ((operator, condition),) = statement["Condition"].items()

    assert operator == "ArnLike"
    assert {name: text_of(arn) for name, arn in condition.items()} == {
        "kms:EncryptionContext:aws:logs:arn": (
            "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${AWS::StackName}-*"
        )
    }
    assert [name for name, log in resources("AWS::Logs::LogGroup").items() if "LogGroupName" in log] == []


def test_the_secret_and_the_buses_keep_their_logical_ids() -> None:
    """Another secret makes every subscription anew; on another bus nobody's rules stand."""
    assert list(resources("AWS::SecretsManager::Secret")) == [SECRET]
    assert list(resources("AWS::Events::EventBus")) == ["AlertBus", "CrmEventBus"]


def test_the_bucket_is_closed_encrypted_and_forgets_in_time() -> None:
    bucket = resources("AWS::S3::Bucket")["DataBucket"]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": {"Fn::GetAtt": ["DataKey", "Arn"]},
    }
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["earlier-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules.values() if "Prefix" in rule} == {
        "raw/": 180,
        "unread/": 180,
        "quarantine/": 180,
        "body/": 180,
        "outgoing/": 180,
    }


def refuses_plain_lines(policy: dict[str, Any]) -> bool:
    return any(
        statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Principal"] in ({"AWS": "*"}, "*") and "Condition" in statement
    )


def guarded(policy: dict[str, Any]) -> list[str]:
    """The logical ids of what a policy of a bucket, of queues or of topics hangs on."""
    references = [policy[name] for name in ("Bucket", "Queues", "Topics") if name in policy]
    return [reference["Ref"] for part in references for reference in listed(part)]


def test_bucket_queues_and_topic_are_reached_over_tls_only() -> None:
    kinds = ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
    policies = [policy for kind in kinds for policy in resources(kind).values()]

    closed = {name for policy in policies if refuses_plain_lines(policy) for name in guarded(policy)}

    assert closed == {*resources("AWS::S3::Bucket"), *resources("AWS::SQS::Queue"), *resources("AWS::SNS::Topic")}


def test_queues_and_topic_are_encrypted_with_our_key() -> None:
    keys = [queue["KmsMasterKeyId"] for queue in resources("AWS::SQS::Queue").values()]
    keys += [topic["KmsMasterKeyId"] for topic in resources("AWS::SNS::Topic").values()]

    assert {text_of(key) for key in keys} == {"${DataKey.Arn}"}


def mappings() -> dict[str, dict[str, Any]]:
    """The event sources by the logical id of their queue."""
    found = resources("AWS::Lambda::EventSourceMapping").values()
    return {text_of(source["EventSourceArn"]).strip("${}").partition(".")[0]: source for source in found}


@pytest.mark.parametrize(
    ("queue", "function", "retention", "dead_letters", "concurrency"),
    [
        ("MailboxWorkQueue", "route_mailbox", 15 * 60, "MailboxDeadLetters", "MailboxConcurrency"),
        ("OutgoingWorkQueue", "send_email", 4 * DAY, "OutgoingDeadLetters", "OutgoingConcurrency"),
        ("SubscriptionWorkQueue", "renew_subscriptions", 3600, "SubscriptionDeadLetters", "SubscriptionConcurrency"),
    ],
)
def test_a_work_queue_feeds_its_function_one_order_at_a_time(
    queue: str, function: str, retention: int, dead_letters: str, concurrency: str
) -> None:
    properties, source = resources("AWS::SQS::Queue")[queue], mappings()[queue]

    assert source["FunctionName"] == {"Ref": logical_id(function)}
    assert source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": {"Ref": concurrency}}
    assert properties["MessageRetentionPeriod"] == retention
    assert properties["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [dead_letters, "Arn"]}
    # Lambda asks for six times the function's timeout, so that a throttled order is not seen twice.
    assert properties["VisibilityTimeout"] >= 6 * functions()[function]["Timeout"]


def test_dead_letters_are_kept_for_two_weeks() -> None:
    queues = resources("AWS::SQS::Queue")
    kept = {name: queue["MessageRetentionPeriod"] for name, queue in queues.items() if "RedrivePolicy" not in queue}

    assert kept == {name: 14 * DAY for name in STATEFUL if name.endswith("DeadLetters")}


def test_a_mailbox_is_leased_longer_than_a_pass_can_last() -> None:
    """A worker that lives is never overtaken: budget < timeout < lease."""
    parameters = {
        name: parameter["Default"] for name, parameter in template()["Parameters"].items() if name != "AssetsBucket"
    }
    timeout = functions()["route_mailbox"]["Timeout"]

    assert parameters["WorkSeconds"] < timeout < parameters["LeaseSeconds"]
    assert template()["Parameters"]["WorkSeconds"]["MaxValue"] < timeout
    assert template()["Parameters"]["LeaseSeconds"]["MinValue"] > 0


def test_what_a_live_worker_is_sending_is_never_left_behind() -> None:
    assert template()["Parameters"]["SendingStatusDelay"]["MinValue"] > functions()["send_email"]["Timeout"]


def test_every_folder_of_functions_is_deployed() -> None:
    folders = sorted(file.parent.name for file in (ROOT / "functions").glob("*/handler.py"))

    assert sorted(functions()) == folders == FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_made_the_one_way(name: str) -> None:
    function = functions()[name]

    assert function["Handler"] == "handler.handler"
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert function["Code"] == {"S3Bucket": {"Ref": "AssetsBucket"}, "S3Key": f"fn-{name.replace('_', '-')}.zip"}
    layers = [resources("AWS::Lambda::LayerVersion")[layer["Ref"]]["Content"]["S3Key"] for layer in function["Layers"]]
    exchange = ["layer-exchange.zip"] if name in LOG_IN_TO_MAILBOXES else []
    assert layers == ["layer-email-router.zip", "layer-runtime.zip", *exchange]


def test_no_function_shares_its_role_or_its_log() -> None:
    roles = {text_of(function["Role"]) for function in functions().values()}
    logs = {text_of(function["LoggingConfig"]["LogGroup"]) for function in functions().values()}

    assert len(roles) == len(logs) == len(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_s_log_is_not_kept_for_ever(name: str) -> None:
    log = functions()[name]["LoggingConfig"]["LogGroup"]["Ref"]

    assert resources("AWS::Logs::LogGroup")[log]["RetentionInDays"] == 30


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_function_cannot_handle_has_a_place_to_go(name: str) -> None:
    """An order goes back to its queue, and from there to the dead letters; an event goes there from the function."""
    fed_by_a_queue = {source["FunctionName"]["Ref"] for source in mappings().values()}
    called_by_its_url = {url["TargetFunctionArn"]["Fn::GetAtt"][0] for url in resources("AWS::Lambda::Url").values()}
    target = functions()[name].get("DeadLetterConfig", {}).get("TargetArn")

    if logical_id(name) in fed_by_a_queue | called_by_its_url:  # who calls a URL is told, and Graph posts again
        assert target is None
    else:
        assert target["Fn::GetAtt"][0] in STATEFUL


def rules_of(function: str) -> list[dict[str, Any]]:
    arn = {"Fn::GetAtt": [logical_id(function), "Arn"]}
    return [
        rule
        for rule in resources("AWS::Events::Rule").values()
        if any(target["Arn"] == arn for target in rule["Targets"])
    ]


@pytest.mark.parametrize("name", ["schedule_mailboxes", "collect_outgoing"])
def test_a_minute_starts_the_function_and_is_not_caught_up_with(name: str) -> None:
    (rule,) = rules_of(name)
    (target,) = rule["Targets"]

    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["TickDeadLetters", "Arn"]}}
    assert functions()[name]["Timeout"] < 60


def test_a_quarter_of_an_hour_starts_the_look_after_subscriptions() -> None:
    (rule,) = rules_of("renew_subscriptions")
    (target,) = rule["Targets"]

    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(15 minutes)", "ENABLED")
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["TickDeadLetters", "Arn"]}}


def test_graph_is_told_the_operator_s_address_else_the_function_s_and_none_in_a_local_run() -> None:
    conditions = template()["Conditions"]
    own, given, local_part = environment("renew_subscriptions")["NOTIFICATION_URL"].split(" ? ")
    given, local = given.split(" : ")
    nothing, url = local_part.split(" : ")

    assert conditions[own] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "NotificationUrl"}, ""]}]}
    assert given == "${NotificationUrl}"
    assert conditions[local] == {"Fn::Equals": [{"Ref": "AllowLoopback"}, "true"]}
    assert (nothing, url) == ("", f"${{{next(iter(resources('AWS::Lambda::Url')))}.FunctionUrl}}")


def test_failing_notifications_and_renewals_ring_somebody() -> None:
    failing = {
        alarm["Dimensions"][0]["Value"]["Ref"]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "Errors"
    }

    assert {logical_id("receive_notification"), logical_id("renew_subscriptions")} <= failing


def test_the_secret_that_proves_notifications_is_made_by_the_stack_and_encrypted_with_our_key() -> None:
    (secret,) = resources("AWS::SecretsManager::Secret").values()

    assert secret["GenerateSecretString"]["PasswordLength"] == 64
    assert text_of(secret["KmsKeyId"]) == "${DataKey.Arn}"
    assert "SecretString" not in secret


def test_reports_of_our_mail_reach_record_delivery() -> None:
    (rule,) = rules_of("record_delivery")
    (target,) = rule["Targets"]
    (name,) = resources("AWS::SES::ConfigurationSet")

    assert "EventBusName" not in rule or text_of(rule["EventBusName"]) == "default"
    assert rule["EventPattern"] == {
        "source": ["aws.ses", "email-router.drill"],
        "detail": {"mail": {"tags": {"ses:configuration-set": [{"Ref": name}]}}},
    }
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeliveryReportDeadLetters", "Arn"]}}
    assert environment("send_email")["SES_CONFIGURATION_SET"] == f"${{{name}}}"


def test_ses_reports_what_became_of_each_mail_to_the_default_bus() -> None:
    (reports,) = resources("AWS::SES::ConfigurationSetEventDestination").values()
    destination = reports["EventDestination"]

    assert destination["Enabled"] is True
    assert sorted(destination["MatchingEventTypes"]) == [
        "bounce",
        "complaint",
        "delivery",
        "deliveryDelay",
        "reject",
        "renderingFailure",
        "send",
    ]
    assert text_of(destination["EventBridgeDestination"]["EventBusArn"]).endswith(":event-bus/default")


class Asked(dict[str, str]):
    """An environment that remembers which names were asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.names.add(key)
        return super().__getitem__(key)


def test_every_setting_that_the_wiring_reads_is_set() -> None:
    asked = Asked({"ROUTER_TABLE": "r", "CRM_TABLE": "c", "DATA_BUCKET": "d"})
    Environment.from_mapping(asked)
    of_one_road = {
        *("MAILBOX_QUEUE_URL", "OUTGOING_QUEUE_URL", "SES_CONFIGURATION_SET", "DELIVERY_TOPIC"),
        *("SUBSCRIPTION_QUEUE_URL", "SUBSCRIPTION_MINUTES", "NOTIFICATION_URL", "NOTIFICATION_SECRET"),
        *("CRM_EVENT_BUS", "CRM_EVENT_DEAD_LETTERS_URL"),
    }

    missing = {name: asked.names - of_one_road - environment(name).keys() for name in FUNCTIONS}

    assert missing == {name: set() for name in FUNCTIONS}
    assert of_one_road <= {setting for name in FUNCTIONS for setting in environment(name)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_template_s_settings_are_ones_that_the_wiring_takes(name: str) -> None:
    """With every parameter at its default."""
    defaults = {f"${{{key}}}": str(one.get("Default", "bucket")) for key, one in template()["Parameters"].items()}
    values = {key: defaults.get(value, value) for key, value in environment(name).items()}

    settings = Environment.from_mapping(values)

    assert settings == Environment(
        router_table="${RouterTable}",
        crm_table="${CrmTable}",
        data_bucket="${DataBucket}",
        mailbox_queue_url=values.get("MAILBOX_QUEUE_URL", ""),
        outgoing_queue_url=values.get("OUTGOING_QUEUE_URL", ""),
        subscription_queue_url=values.get("SUBSCRIPTION_QUEUE_URL", ""),
        notification_url=values.get("NOTIFICATION_URL", ""),
        notification_secret=values.get("NOTIFICATION_SECRET", ""),
        ses_configuration_set=values.get("SES_CONFIGURATION_SET", ""),
        alert_bus="${AlertBus}",
        crm_event_bus=values.get("CRM_EVENT_BUS", ""),
        crm_event_dead_letters_url=values.get("CRM_EVENT_DEAD_LETTERS_URL", ""),
        secret_prefix="email-router/${AWS::StackName}/",
    )
    assert values["POWERTOOLS_SERVICE_NAME"] == name
    assert values["POWERTOOLS_METRICS_NAMESPACE"] == "EmailRouter"


def test_loopback_is_closed_unless_a_local_run_opens_it() -> None:
    parameter = template()["Parameters"]["AllowLoopback"]

    assert (parameter["Default"], parameter["AllowedValues"]) == ("false", ["false", "true"])


def test_every_dead_letter_queue_rings_somebody() -> None:
    (topic,) = resources("AWS::SNS::Topic")
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Dimensions"]
    }

    assert watched == {name for name in STATEFUL if name.endswith("DeadLetters")}
    assert all(alarm["AlarmActions"] == [{"Ref": topic}] for alarm in resources("AWS::CloudWatch::Alarm").values())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_fails_in_silence(name: str) -> None:
    """It rings itself, or the queue does that takes what it could not handle."""
    watched = {
        dimension["Value"]["Ref"]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        for dimension in alarm.get("Dimensions", [])
        if "Ref" in dimension["Value"]
    }
    target = functions()[name].get("DeadLetterConfig", {}).get("TargetArn", {}).get("Fn::GetAtt", [""])[0]

    assert logical_id(name) in watched or target.endswith("DeadLetters")


def test_a_silent_scheduler_rings_somebody() -> None:
    silent = {
        alarm["Dimensions"][0]["Value"]["Ref"]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if alarm["TreatMissingData"] == "breaching"
    }

    assert silent == {logical_id("schedule_mailboxes"), logical_id("collect_outgoing")}


def own_address() -> str:
    """The condition that the operator gave an address of his own."""
    wanted = {"Fn::Not": [{"Fn::Equals": [{"Ref": "NotificationUrl"}, ""]}]}
    return next(str(name) for name, condition in template()["Conditions"].items() if condition == wanted)


def test_the_outputs_lead_to_everything_that_the_command_line_needs() -> None:
    outputs = {name: text_of(output["Value"]) for name, output in template()["Outputs"].items()}

    assert outputs == {
        "RouterTableName": "${RouterTable}",
        "CrmTableName": "${CrmTable}",
        "DataBucketName": "${DataBucket}",
        "DataKeyArn": "${DataKey.Arn}",
        "MailboxQueueUrl": "${MailboxWorkQueue}",
        "OutgoingQueueUrl": "${OutgoingWorkQueue}",
        "ScheduleMailboxesFunction": f"${{{logical_id('schedule_mailboxes')}}}",
        "RouteMailboxFunction": f"${{{logical_id('route_mailbox')}}}",
        "CollectOutgoingFunction": f"${{{logical_id('collect_outgoing')}}}",
        "SendEmailFunction": f"${{{logical_id('send_email')}}}",
        "RecordDeliveryFunction": f"${{{logical_id('record_delivery')}}}",
        "ReceiveNotificationFunction": f"${{{logical_id('receive_notification')}}}",
        "RenewSubscriptionsFunction": f"${{{logical_id('renew_subscriptions')}}}",
        "SubscriptionQueueUrl": "${SubscriptionWorkQueue}",
        "NotificationUrl": f"${{{next(iter(resources('AWS::Lambda::Url')))}.FunctionUrl}}",
        "NotificationSecretArn": f"${{{next(iter(resources('AWS::SecretsManager::Secret')))}}}",
        "WebhookBaseUrl": f"{own_address()} ? ${{NotificationUrl}} : ${{{next(iter(resources('AWS::Lambda::Url')))}.FunctionUrl}}",
        "SesConfigurationSet": f"${{{next(iter(resources('AWS::SES::ConfigurationSet')))}}}",
        "AlertBusName": "${AlertBus}",
        "EventBusName": "default",
        "CrmEventBusName": "${CrmEventBus}",
        "PublishEventsFunction": f"${{{logical_id('publish_events')}}}",
        "SecretPrefix": "email-router/${AWS::StackName}/",
    }
