"""What a function may do: statements that name every action and every resource."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Fn, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.tables import TableInUse

CONFIGURATION = ("dynamodb:GetItem", "dynamodb:Query")
"""What reading the published configuration takes."""
READ = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")
WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem")
CHECK = ("dynamodb:ConditionCheckItem",)
"""What a transaction takes that only looks at an item: the lease's token."""
REMOVE = ("dynamodb:DeleteItem",)
ACTIVITIES = ("dynamodb:BatchGetItem", "dynamodb:GetItem", *WRITE)
"""What reading and writing the CRM's e-mails, records and notes takes: by their keys, and none is ever removed."""
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
OF_THE_SES_ACCOUNT = ("ses:GetAccount", "ses:GetSuppressedDestination")
TRACE = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")
STAND_IN_A_NETWORK = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda does in the function's name to put it into a VPC (docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html)."""
NAMELESS = frozenset({*OF_THE_SES_ACCOUNT, *TRACE, *STAND_IN_A_NETWORK})
"""Actions for which IAM knows no resource but `*`, or none before the function stands."""


def allow(actions: Sequence[str], *resources: str) -> iam.PolicyStatement:
    """Allow exactly these actions on exactly these resources."""
    return iam.PolicyStatement(actions=sorted(actions), resources=list(resources))


def items(actions: Sequence[str], *tables: TableInUse) -> iam.PolicyStatement:
    """Items of the tables.  A transaction is covered by the actions of its items; indexes are not."""
    return allow(actions, *(table.table_arn for table in tables))


def index(table: TableInUse, name: str) -> iam.PolicyStatement:
    """Query one index of a table."""
    return allow(["dynamodb:Query"], f"{table.table_arn}/index/{name}")


def blobs(bucket: s3.IBucket, *actions: str) -> iam.PolicyStatement:
    """Objects of the bucket, whatever their key."""
    return allow(actions, bucket.arn_for_objects("*"))


def tell_missing_blobs(bucket: s3.IBucket) -> iam.PolicyStatement:
    """Be told NoSuchKey of a blob that is not there: without this S3 answers AccessDenied (API reference, GetObject)."""
    return allow(["s3:ListBucket"], bucket.bucket_arn)


def read_streams(*tables: TableInUse) -> iam.PolicyStatement:
    """What an event source needs of the tables' streams, whichever stands: one that is switched on anew has another name."""
    return allow(
        ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"],
        *(resource for table in tables for resource in table.stream_resources),
    )


def put_events(bus: events.IEventBus) -> iam.PolicyStatement:
    """Put events on the bus."""
    return allow(["events:PutEvents"], bus.event_bus_arn)


def send_to(*queues: sqs.IQueue) -> iam.PolicyStatement:
    """Put messages on the queues (SendMessageBatch is covered by the same action)."""
    return allow(["sqs:SendMessage"], *(queue.queue_arn for queue in queues))


def receive_from(queue: sqs.IQueue) -> iam.PolicyStatement:
    """What an event source needs of its queue: what AWSLambdaSQSQueueExecutionRole allows
    (docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
    """
    return allow(["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], queue.queue_arn)


def start(function: lambda_.IFunction) -> iam.PolicyStatement:
    """Invoke this one function."""
    return allow(["lambda:InvokeFunction"], function.function_arn)


def secrets() -> iam.PolicyStatement:
    """Read the secrets that publish made for this stack, and no other."""
    where = f"arn:${{AWS::Partition}}:secretsmanager:${{AWS::Region}}:${{AWS::AccountId}}:secret:{SECRET_PREFIX}*"
    return allow(["secretsmanager:GetSecretValue"], Fn.sub(where))


def send_mail(scope: Construct, configuration_set: str, identities: Sequence[str] = ()) -> iam.PolicyStatement:
    """Send through SES with our configuration set, as these identities; where none is named, as any that this account has verified."""
    stack = Stack.of(scope)
    return allow(
        ["ses:SendEmail", "ses:SendRawEmail"],
        *(stack.format_arn(service="ses", resource="identity", resource_name=one) for one in identities or ("*",)),
        stack.format_arn(service="ses", resource="configuration-set", resource_name=configuration_set),
    )


def ask_of_the_ses_account() -> iam.PolicyStatement:
    """Read the account's rate and quota of SES, and who lies on its suppression list.

    Neither names a resource (Service Authorization Reference, "Amazon SES v2").
    """
    return allow(OF_THE_SES_ACCOUNT, "*")


def open_passwords(key: kms.IKey) -> iam.PolicyStatement:
    """Decrypt what was encrypted for one mailbox of one organisation (`email-router set-password`), and nothing else that the key closed."""
    statement = allow(["kms:Decrypt"], key.key_arn)
    context = ("mailbox", "organisation")
    statement.add_condition("ForAllValues:StringEquals", {"kms:EncryptionContextKeys": [*context]})
    statement.add_condition("Null", {f"kms:EncryptionContext:{name}": "false" for name in context})
    return statement


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
