"""`email-router export-tables`: both tables of a stack as they are now, into a bucket, for auditors and warehouses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from botocore.exceptions import ClientError

from email_router.cli import deployed
from email_router.cli.backend import environment_of
from email_router.cli.options import Json
from email_router.cli.output import print_json, table
from email_router.core.errors import ConfigurationError
from email_router.edge.connect import aws

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Exported = dict[str, str]
_LONGEST_TOLD = 300


def export_tables(
    bucket: Annotated[str, typer.Argument(metavar="BUCKET", help="Where to: a bucket as closed as the tables are.")],
    *,
    stack: Annotated[str, typer.Option("--stack", metavar="NAME", help="The deployed stack.")],
    prefix: Annotated[str, typer.Option("--prefix", metavar="PREFIX", help="What the objects' keys begin with.")] = "",
    kms_key: Annotated[str, typer.Option("--kms-key", metavar="ARN", help="A KMS key that encrypts the export.")] = "",
    json: Json = False,
) -> None:
    """Let DynamoDB export the tables as they are now.  It takes its time and no capacity; `restore` reads `backup` files only."""
    environment = environment_of(deployed.outputs(stack))
    tables = {"router": environment.router_table, "crm": environment.crm_table}
    begun = [
        _exported(aws.dynamodb(), name, called, bucket, f"{prefix.rstrip('/')}/{called}".lstrip("/"), kms_key)
        for called, name in tables.items()
    ]
    if json:
        print_json({"exports": begun})
        return
    table("Exports", ("table", "status", "to", "export"), ([one[name] for name in one] for one in begun))


def _exported(client: DynamoDBClient, name: str, called: str, bucket: str, prefix: str, kms_key: str) -> Exported:
    """Start one export.  Raises ConfigurationError with what AWS says: no bucket, no right, or no point-in-time recovery."""
    encrypted = {"S3SseAlgorithm": "KMS", "S3SseKmsKeyId": kms_key} if kms_key else {"S3SseAlgorithm": "AES256"}
    try:
        arn = client.describe_table(TableName=name)["Table"]["TableArn"]
        begun = client.export_table_to_point_in_time(
            TableArn=arn,
            S3Bucket=bucket,
            S3Prefix=prefix,
            ExportFormat="DYNAMODB_JSON",
            **encrypted,  # type: ignore[arg-type]  # words that the SDK's stubs know one by one
        )["ExportDescription"]
    except ClientError as refused:
        told = str(refused)[:_LONGEST_TOLD]
        raise ConfigurationError(
            f"table {name}: it is not exported: {told}; expected a bucket that you may write to, the right to "
            "dynamodb:ExportTableToPointInTime, and point-in-time recovery of the table"
        ) from refused
    where = f"s3://{bucket}/{prefix}"
    return {"table": called, "status": begun["ExportStatus"].lower(), "to": where, "export": begun["ExportArn"]}
