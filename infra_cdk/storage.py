"""Everything that is kept: two tables and a bucket, under one key of our own."""

from __future__ import annotations

from aws_cdk import ArnFormat, Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra_cdk.accepted import accept
from infra_cdk.parameters import Parameters
from infra_cdk.resources import keep_logical_id, resource_of
from infra_cdk.tables import Named, TableInUse

TIME_TO_LIVE = "expires"
KEPT_FOR_A_WHILE = ("raw/", "unread/", "quarantine/", "body/", "outgoing/")
RAW_MAIL_DAYS = 180
"""docs/privacy.md tells it, and `email-router erase` does not wait for it."""
SCHEDULED = (
    *("organisation", "mailbox", "minimum", "maximum"),
    *("last_mail", "blocked_until", "next_retry", "pushed_until", "error_kind"),
)
"""What the scheduler reads of a mailbox; the e-mails listed by the same index are read again by their keys."""
UNDO_DAYS = 7


def string_key(name: str) -> dynamodb.Attribute:
    """Describe a key attribute: all of ours are strings."""
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


class Storage(Construct):
    """The tables `router` and `crm` that are in use, the data bucket and their key.  All of it outlives the stack."""

    def __init__(self, scope: Construct, construct_id: str, parameters: Parameters) -> None:
        super().__init__(scope, construct_id)
        self.key = self._key()
        router, crm = self._table("RouterTable"), self._table("CrmTable")
        self._index(router, "schedule", "spk", "ssk", SCHEDULED)
        self._index(crm, "listing", "lpk", "lsk")
        self._index(crm, "pending", "ppk", "psk")
        self.router = self._in_use("router", router, parameters.router_table)
        self.crm = self._in_use("crm", crm, parameters.crm_table)
        self.bucket = self._bucket()

    def _in_use(self, name: str, own: dynamodb.Table, named: Named) -> TableInUse:
        return TableInUse(self, name, own, named, resource_of(own).get_att("StreamArn").to_string())

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "DataKey",
            description="CRM E-mail Router: tables, bodies, queues, logs and alarms",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        keep_logical_id(key, "DataKey")
        # EventBridge hands dead events to an encrypted queue, CloudWatch alarms to an encrypted topic: each needs the key itself
        # (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html).
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ServicesThatHandOver",
                principals=[
                    iam.ServicePrincipal("events.amazonaws.com"),
                    iam.ServicePrincipal("cloudwatch.amazonaws.com"),
                ],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's policy `*` is the key itself
            )
        )
        key.add_to_resource_policy(self._keep_logs())
        return key

    def _keep_logs(self) -> iam.PolicyStatement:
        """Let CloudWatch encrypt the logs of this stack, whose names CloudFormation begins with the stack's.

        docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        """
        ours = Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"{Aws.STACK_NAME}-*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return iam.PolicyStatement(
            sid="LogsOfThisStack",
            principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
            actions=[
                *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"),
                *("kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"),
            ],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": ours}},
        )

    def _table(self, name: str) -> dynamodb.Table:
        # Table, not TableV2: a customer-managed key with TableV2 wants a region that is known at synthesis.
        table = dynamodb.Table(
            self,
            name,
            partition_key=string_key("pk"),
            sort_key=string_key("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=TIME_TO_LIVE,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        keep_logical_id(table, name)
        return table

    def _index(
        self, table: dynamodb.Table, name: str, partition_key: str, sort_key: str, also: tuple[str, ...] = ()
    ) -> None:
        """Add an index that holds the keys, and `also` these attributes: whatever it holds is written twice."""
        table.add_global_secondary_index(
            index_name=name,
            partition_key=string_key(partition_key),
            sort_key=string_key(sort_key),
            projection_type=dynamodb.ProjectionType.INCLUDE if also else dynamodb.ProjectionType.KEYS_ONLY,
            non_key_attributes=list(also) or None,
        )

    def _bucket(self) -> s3.Bucket:
        """Versions give a week's undo; after that what was erased is gone in every version."""
        bucket = s3.Bucket(
            self,
            "DataBucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        keep_logical_id(bucket, "DataBucket")
        accept(
            bucket,
            "S1",
            "the functions alone read it; CloudTrail's data events tell by whom and when, where that must be proven",
        )
        bucket.add_lifecycle_rule(
            id="earlier-versions",
            noncurrent_version_expiration=Duration.days(UNDO_DAYS),
            expired_object_delete_marker=True,
            abort_incomplete_multipart_upload_after=Duration.days(1),
        )
        for prefix in KEPT_FOR_A_WHILE:
            bucket.add_lifecycle_rule(id=prefix.rstrip("/"), prefix=prefix, expiration=Duration.days(RAW_MAIL_DAYS))
        return bucket
