"""What a function may do: statements that name every action and every resource."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Fn, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

CONFIGURATION = ("dynamodb:GetItem", "dynamodb:Query")
"""What reading the published configuration takes."""
READ = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")
WRITE = ("dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
REMOVE = ("dynamodb:DeleteItem",)
KEY_ACTIONS = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
SECRET_PREFIX = "email-router/${AWS::StackName}/"  # noqa: S105 - where secrets lie, not one of them

WILDCARDS = {
    "<RouterTable.Arn>/stream/*": "a stream has another name each time that it is switched on",
    "<CrmTable.Arn>/stream/*": "a stream has another name each time that it is switched on",
    "<DataBucket.Arn>/*": "blobs are named by what they hold: no narrower name is known when the role is made",
    "arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:email-router/<AWS::StackName>/*": (
        "publish makes a secret for each profile, under a prefix of this stack alone"
    ),
    "arn:<AWS::Partition>:ses:<AWS::Region>:<AWS::AccountId>:identity/*": (
        "who sends is chosen in the configuration: any address that the account has verified"
    ),
}
"""Resources with a `*` that a role may name, as cdk-nag writes them, and why they are no narrower."""
NAMELESS = frozenset({"ses:GetAccount", "ses:GetSuppressedDestination"})
"""Actions for which IAM knows no resource but `*`."""


def allow(actions: Sequence[str], *resources: str) -> iam.PolicyStatement:
    """Allow exactly these actions on exactly these resources."""
    return iam.PolicyStatement(actions=sorted(actions), resources=list(resources))


def items(actions: Sequence[str], *tables: dynamodb.ITable) -> iam.PolicyStatement:
    """Items of the tables.  A transaction is covered by the actions of its items; indexes are not."""
    return allow(actions, *(table.table_arn for table in tables))


def index(table: dynamodb.ITable, name: str) -> iam.PolicyStatement:
    """Query one index of a table."""
    return allow(["dynamodb:Query"], f"{table.table_arn}/index/{name}")


def blobs(bucket: s3.IBucket, *actions: str) -> iam.PolicyStatement:
    """Objects of the bucket, whatever their key."""
    return allow(actions, bucket.arn_for_objects("*"))


def tell_missing_blobs(bucket: s3.IBucket) -> iam.PolicyStatement:
    """Be told NoSuchKey of a blob that is not there: without this S3 answers AccessDenied (API reference, GetObject)."""
    return allow(["s3:ListBucket"], bucket.bucket_arn)


def read_streams(*tables: dynamodb.ITable) -> iam.PolicyStatement:
    """What an event source needs of the tables' streams, whichever stands: one that is switched on anew has another name."""
    return allow(
        ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"],
        *(f"{table.table_arn}/stream/*" for table in tables),
    )


def put_events(bus: events.IEventBus) -> iam.PolicyStatement:
    """Put events on the bus."""
    return allow(["events:PutEvents"], bus.event_bus_arn)


def send_to(*queues: sqs.IQueue) -> iam.PolicyStatement:
    """Put messages on the queues (SendMessageBatch is covered by the same action)."""
    return allow(["sqs:SendMessage"], *(queue.queue_arn for queue in queues))


def receive_from(queue: sqs.IQueue) -> iam.PolicyStatement:
    """What an event source needs of its queue (docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html)."""
    return allow(
        ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        queue.queue_arn,
    )


def start(function: lambda_.IFunction) -> iam.PolicyStatement:
    """Invoke this one function."""
    return allow(["lambda:InvokeFunction"], function.function_arn)


def secrets() -> iam.PolicyStatement:
    """Read the secrets that publish made for this stack, and no other."""
    where = f"arn:${{AWS::Partition}}:secretsmanager:${{AWS::Region}}:${{AWS::AccountId}}:secret:{SECRET_PREFIX}*"
    return allow(["secretsmanager:GetSecretValue"], Fn.sub(where))


def send_mail(scope: Construct, configuration_set: str) -> iam.PolicyStatement:
    """Send through SES as any identity that this account has verified, with our configuration set."""
    stack = Stack.of(scope)
    return allow(
        ["ses:SendEmail", "ses:SendRawEmail"],
        stack.format_arn(service="ses", resource="identity", resource_name="*"),
        stack.format_arn(service="ses", resource="configuration-set", resource_name=configuration_set),
    )


def ask_of_the_ses_account() -> iam.PolicyStatement:
    """Read the account's rate and quota of SES, and who lies on its suppression list.

    Neither names a resource (Service Authorization Reference, "Amazon SES v2").
    """
    return allow([*NAMELESS], "*")


def use_key(scope: Construct, key: kms.IKey, *services: str) -> iam.PolicyStatement:
    """Use the key through these services only, never directly.

    The actions are those that DynamoDB, the most demanding of them, asks of its callers
    (docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html).
    """
    region = Stack.of(scope).region
    statement = allow(KEY_ACTIONS, key.key_arn)
    statement.add_condition(
        "StringEquals", {"kms:ViaService": [f"{service}.{region}.amazonaws.com" for service in sorted(services)]}
    )
    return statement
