"""Say in our words what AWS's errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.validate import ParamValidationDecorator

from email_router.core.errors import ConfigurationError, TryLater
from email_router.edge.connect import aws
from email_router.edge.connect.dynamodb import Table
from email_router.edge.stores.s3 import S3BlobStore
from tests.cloud import Place, aws_stores, clients
from tests.deliveries import NOW, SALES, later


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


@contextmanager
def answering(client: Any, operation: str, code: str, status: int = 400, times: int = 99) -> Iterator[list[int]]:
    """Let AWS refuse an operation, so many times; yields how often it did."""
    service = client.meta.service_model.service_name
    refused: list[int] = []

    def refuse(request: Any, **_: Any) -> AWSResponse | None:
        if len(refused) >= times:
            return None
        refused.append(1)
        json_body = f'{{"__type":"com.amazonaws#{code}","message":"no"}}'.encode()
        xml_body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        return AWSResponse(request.url, status, {}, _Raw(xml_body if service == "s3" else json_body))  # type: ignore[arg-type]  # enough of a body

    event = f"before-send.{service}.{operation}"
    client.meta.events.register(event, refuse)
    try:
        yield refused
    finally:
        client.meta.events.unregister(event, refuse)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ProvisionedThroughputExceededException", 400),
        ("ThrottlingException", 400),
        ("RequestLimitExceeded", 400),
        ("InternalServerError", 500),
        ("SomethingNew", 503),
    ],
)
def test_a_busy_aws_is_asked_again_later_and_counts_as_nobodys_failure(
    ministack_place: Place, code: str, status: int
) -> None:
    client = ministack_place.clients.dynamodb

    with answering(client, "GetItem", code, status) as refused, pytest.raises(TryLater) as away:
        Table(client, ministack_place.router).get(("pk", "sk"))

    assert (away.value.shared, away.value.kind) == (True, "aws_busy")
    assert ministack_place.router in str(away.value)
    assert isinstance(away.value.__cause__, ClientError)
    assert len(refused) == 3


def test_a_throttled_call_that_passes_at_the_second_try_is_no_error(ministack_place: Place) -> None:
    client = ministack_place.clients.dynamodb

    with answering(client, "GetItem", "ThrottlingException", times=1):
        assert Table(client, ministack_place.router).get(("pk", "sk")) is None


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException", "UnrecognizedClientException"])
def test_a_table_that_is_absent_or_forbidden_is_a_matter_of_configuration(ministack_place: Place, code: str) -> None:
    client = ministack_place.clients.dynamodb

    with (
        answering(client, "GetItem", code),
        pytest.raises(ConfigurationError, match=f"table {ministack_place.router}.*{code}"),
    ):
        Table(client, ministack_place.router).get(("pk", "sk"))


def test_an_unknown_code_comes_through_as_it_is(ministack_place: Place) -> None:
    client = ministack_place.clients.dynamodb

    with answering(client, "GetItem", "ValidationException"), pytest.raises(ClientError):
        Table(client, ministack_place.router).get(("pk", "sk"))


def test_an_aws_that_cannot_be_reached_is_tried_later() -> None:
    with (
        clients("http://127.0.0.1:9", connect_timeout=1) as nowhere,
        pytest.raises(TryLater) as away,
    ):
        Table(nowhere.dynamodb, "router").get(("pk", "sk"))

    assert (away.value.shared, away.value.kind) == (True, "aws_unreachable")


def test_a_bucket_that_is_not_there_is_a_matter_of_configuration(ministack_place: Place) -> None:
    blobs = S3BlobStore(ministack_place.clients.s3, "no-such-bucket", "contoso")

    with pytest.raises(ConfigurationError, match="bucket no-such-bucket"):
        blobs.get("raw/1")
    with pytest.raises(ConfigurationError, match="bucket no-such-bucket"):
        blobs.put("raw/1", b"x")


def test_a_slow_bucket_is_tried_later(ministack_place: Place) -> None:
    blobs = S3BlobStore(ministack_place.clients.s3, ministack_place.bucket, "contoso")

    with answering(ministack_place.clients.s3, "PutObject", "SlowDown", 503), pytest.raises(TryLater) as away:
        blobs.put("raw/1", b"x")

    assert away.value.shared


def test_one_item_in_a_quarrel_with_a_transaction_is_written_in_the_end(ministack_place: Place) -> None:
    states = aws_stores(ministack_place).states
    client = ministack_place.clients.dynamodb

    with answering(client, "UpdateItem", "TransactionConflictException", times=3) as refused:
        assert states.lease(SALES, NOW, later(330)).token == 1

    assert len(refused) == 3


def test_a_quarrel_that_does_not_end_is_tried_later(ministack_place: Place) -> None:
    states = aws_stores(ministack_place).states

    with (
        answering(ministack_place.clients.dynamodb, "UpdateItem", "TransactionConflictException"),
        pytest.raises(TryLater) as away,
    ):
        states.lease(SALES, NOW, later(330))

    assert away.value.shared


@pytest.mark.parametrize(("in_lambda", "checks"), [(True, False), (False, True)])
def test_parameters_are_checked_everywhere_but_in_lambda(
    monkeypatch: pytest.MonkeyPatch, in_lambda: bool, checks: bool
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    if in_lambda:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "route_mailbox")

    for make in (aws.dynamodb, aws.s3, aws.sqs, aws.secrets_manager):
        make.cache_clear()
        client: Any = make()
        assert isinstance(client._serializer, ParamValidationDecorator) is checks
        assert make() is client
        client.close()
        make.cache_clear()
