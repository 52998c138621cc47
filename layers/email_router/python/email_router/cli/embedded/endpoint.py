"""Give AWS clients for the emulator's endpoint: no credentials, proxies or settings of the caller's are used."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

from email_router.cli.embedded.ministack import REGION

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

_ANY = "test"  # the emulator checks no signature
_CONFIG = Config(
    proxies={},
    retries={"total_max_attempts": 1},
    read_timeout=930,  # a function may take fifteen minutes
    max_pool_connections=32,
    parameter_validation=False,
)


_one_at_a_time = threading.Lock()


@cache
def _session() -> boto3.session.Session:
    """Return this process's session: what it has read of a service serves all clients of it."""
    return boto3.session.Session(aws_access_key_id=_ANY, aws_secret_access_key=_ANY, region_name=REGION)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An emulator that runs, in this process or another.  Clients are made anew on each call: keep them."""

    url: str

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's classes are made at run time
        """A boto3 client of any service, with the emulator's dummy credentials."""
        with _one_at_a_time:  # clients can be used by many threads, sessions cannot (boto3, "Session": thread safety)
            make = cast("Any", _session().client)  # the stubs know it by literal names only
            return make(service, endpoint_url=self.url, config=_CONFIG)

    def cloudformation(self) -> CloudFormationClient:
        """Stacks."""
        return cast("CloudFormationClient", self.client("cloudformation"))

    def dynamodb(self) -> DynamoDBClient:
        """Tables."""
        return cast("DynamoDBClient", self.client("dynamodb"))

    def functions(self) -> LambdaClient:
        """Lambda."""
        return cast("LambdaClient", self.client("lambda"))

    def s3(self) -> S3Client:
        """Buckets."""
        return cast("S3Client", self.client("s3"))

    def sqs(self) -> SQSClient:
        """Queues."""
        return cast("SQSClient", self.client("sqs"))
