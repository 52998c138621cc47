"""Hold one client for each AWS service, and say in our words what its errors mean."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from email_router.core.errors import ConfigurationError, TryLater

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient

_SERVER_ERROR = 500
_BUSY = frozenset({
    "InternalServerError",
    "InternalError",
    "InternalFailure",
    "KMSThrottlingException",
    "KmsThrottled",
    "LimitExceededException",
    "OverLimit",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
    "ExpiredToken",
    "ExpiredTokenException",
})  # fmt: skip
_ABSENT = frozenset({
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "AWS.SimpleQueueService.NonExistentQueue",
    "DecryptionFailure",
    "DisabledException",
    "EncryptionFailure",
    "InvalidSignatureException",
    "KMS.AccessDeniedException",
    "KMS.DisabledException",
    "KMS.KMSInvalidStateException",
    "KMS.NotFoundException",
    "KMSInvalidStateException",
    "KMSKeyNotAccessibleFault",
    "KmsAccessDenied",
    "KmsDisabled",
    "KmsInvalidState",
    "KmsNotFound",
    "NoSuchBucket",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
})  # fmt: skip


def _settings(read_timeout: float) -> Config:
    """Return the settings of a client: five tries in all, checks of parameters only outside Lambda (they cost a third of a call)."""
    return Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 5},
        max_pool_connections=16,
        parameter_validation="AWS_LAMBDA_FUNCTION_NAME" not in os.environ,
    )


@cache
def dynamodb() -> DynamoDBClient:
    """Return this process's DynamoDB client."""
    return boto3.client("dynamodb", config=_settings(8))


@cache
def s3() -> S3Client:
    """Return this process's S3 client."""
    return boto3.client("s3", config=_settings(30))


@cache
def sqs() -> SQSClient:
    """Return this process's SQS client."""
    return boto3.client("sqs", config=_settings(10))


@cache
def events() -> EventBridgeClient:
    """Return this process's EventBridge client."""
    return boto3.client("events", config=_settings(10))


@cache
def functions() -> LambdaClient:
    """Return this process's Lambda client."""
    return boto3.client("lambda", config=_settings(10))


@cache
def secrets_manager() -> SecretsManagerClient:
    """Return this process's Secrets Manager client."""
    return boto3.client("secretsmanager", config=_settings(10))


@cache
def kms() -> Any:  # noqa: ANN401 - the few calls that are made are typed where they are made
    """Return this process's KMS client."""
    return boto3.client("kms", config=_settings(10))


def code_of(error: ClientError) -> str:
    """Return AWS's code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn AWS's errors into ours; `what` names the thing asked ("table router") and stands in the text.

    Trouble of the service is TryLater, shared; a thing that is absent or forbidden is a ConfigurationError.  Codes that only the caller
    understands (a failed condition) come through as ClientError.
    """
    try:
        yield
    except ClientError as refused:
        raise _meaning(refused, what) or refused from refused
    except (NoCredentialsError, NoRegionError, PartialCredentialsError) as missing:
        raise ConfigurationError(f"{what}: expected AWS credentials and a region, {missing}") from missing
    except (HTTPClientError, BotoCoreError) as silent:
        raise TryLater(
            f"{what}: AWS does not answer ({type(silent).__name__})",
            kind="aws_unreachable",
            mend="Look at the AWS health page and at the function's network.",
            shared=True,
        ) from silent


def _meaning(refused: ClientError, what: str) -> Exception | None:
    code = code_of(refused)
    status = refused.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _BUSY or status >= _SERVER_ERROR:
        mend = "It passes by itself; if it lasts, look at the service's quotas and metrics."
        return TryLater(f"{what}: AWS answered {code}", kind="aws_busy", mend=mend, shared=True)
    if code in _ABSENT:
        return ConfigurationError(
            f"{what}: expected to exist and to be allowed for this role, AWS answered {code}; deploy the stack again"
        )
    return None
