"""What is AWS's own: parts of large things, caches, refusals of single orders."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from email_router.core.errors import ConfigurationError, TryLater
from email_router.core.fetched import Position
from email_router.core.mailbox import Mailbox
from email_router.core.settings import Configuration
from email_router.core.work import MailboxWork
from email_router.edge.stores.configurations import DynamoConfigurations
from email_router.edge.stores.s3 import PART, S3BlobStore
from email_router.edge.stores.secrets import SecretsManagerSecrets
from tests.aws_meter import billed
from tests.cloud import Place, aws_stores
from tests.deliveries import NOW, SALES, later
from tests.edge.aws.test_aws_errors import _Raw, answering


class Ticking:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_blobs_of_a_kind_lie_together_so_that_the_bucket_can_keep_them_for_their_own_time(moto_place: Place) -> None:
    aws_stores(moto_place).blobs.put("raw/ab/cd", b"x")

    listed = moto_place.clients.s3.list_objects_v2(Bucket=moto_place.bucket)

    assert [one["Key"] for one in listed["Contents"]] == ["raw/contoso/ab/cd"]


def test_a_stream_is_held_in_memory_by_the_part(moto_place: Place) -> None:
    class Discarding:
        def __getattr__(self, name: str) -> Any:
            return lambda **_: {"UploadId": "1", "ETag": "e"}

    store = S3BlobStore(Discarding(), "data", "contoso")  # type: ignore[arg-type]  # takes all and keeps nothing
    tracemalloc.start()

    size = store.put_stream("raw/big", (bytes(1_000_000) for _ in range(100)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size == 100_000_000
    assert peak < 4.5 * PART


def test_an_upload_that_breaks_off_is_abandoned(moto_place: Place) -> None:
    client = moto_place.clients.s3
    blobs = S3BlobStore(client, moto_place.bucket, "contoso")

    with answering(client, "UploadPart", "SlowDown", 503), pytest.raises(TryLater):
        blobs.put_stream("raw/big", (bytes(1_000_000) for _ in range(20)))

    assert "Uploads" not in client.list_multipart_uploads(Bucket=moto_place.bucket)


def test_a_secret_is_read_once_while_it_is_fresh_and_anew_on_demand(moto_place: Place) -> None:
    clock, client = Ticking(), moto_place.clients.secrets
    secrets = SecretsManagerSecrets(client, moto_place.prefix, ttl=300, clock=clock)
    SecretsManagerSecrets(client, moto_place.prefix).put("p", "one")
    assert secrets.get("p") == "one"
    SecretsManagerSecrets(client, moto_place.prefix).put("p", "two")

    with billed(client) as bill:
        clock.seconds = 299
        assert secrets.get("p") == "one"
        assert not bill.calls
        assert secrets.refresh("p") == "two"
        assert secrets.get("p") == "two"
        clock.seconds = 600
        assert secrets.get("p") == "two"

    assert bill.calls == {"GetSecretValue": 2}


def test_a_secret_that_was_refused_is_read_anew_but_not_one_that_was_read_just_now(moto_place: Place) -> None:
    clock, client = Ticking(), moto_place.clients.secrets
    secrets = SecretsManagerSecrets(client, moto_place.prefix, ttl=300, clock=clock)
    SecretsManagerSecrets(client, moto_place.prefix).put("p", "one")
    assert secrets.get("p") == "one"
    clock.seconds = 11

    assert not secrets.renewed("p")
    SecretsManagerSecrets(client, moto_place.prefix).put("p", "two")
    with billed(client) as bill:
        clock.seconds = 20
        assert not secrets.renewed("p")
        assert secrets.get("p") == "one"
        clock.seconds = 22
        assert secrets.renewed("p")
        assert secrets.get("p") == "two"

    assert bill.calls == {"GetSecretValue": 1}


def test_secrets_of_another_stack_are_not_found(moto_place: Place) -> None:
    SecretsManagerSecrets(moto_place.clients.secrets, "email-router/other/").put("p", "one")

    with pytest.raises(ConfigurationError, match=f"{moto_place.prefix}p"):
        SecretsManagerSecrets(moto_place.clients.secrets, moto_place.prefix).get("p")


def test_a_busy_secrets_manager_is_tried_later(moto_place: Place) -> None:
    client = moto_place.clients.secrets

    with answering(client, "GetSecretValue", "InternalServiceError", 500), pytest.raises(TryLater) as away:
        SecretsManagerSecrets(client, moto_place.prefix).get("p")

    assert away.value.shared


def test_orders_that_sqs_refuses_are_sent_again_and_no_others(ministack_place: Place) -> None:
    client: Any = ministack_place.clients.sqs
    sent: list[list[str]] = []

    def refuse_third(request: Any, **_: Any) -> AWSResponse | None:
        entries = [entry["Id"] for entry in json.loads(request.body)["Entries"]]
        sent.append(entries)
        if len(sent) > 1:
            return None
        answer = {
            "Successful": [{"Id": one, "MessageId": one, "MD5OfMessageBody": ""} for one in entries if one != "2"],
            "Failed": [{"Id": "2", "SenderFault": False, "Code": "InternalError"}],
        }
        return AWSResponse(request.url, 200, {}, _Raw(json.dumps(answer).encode()))  # type: ignore[arg-type]  # enough of a body

    client.meta.events.register("before-send.sqs.SendMessageBatch", refuse_third)
    aws_stores(ministack_place).queues.put_mailboxes(MailboxWork("contoso", f"{number}@x") for number in range(5))
    client.meta.events.unregister("before-send.sqs.SendMessageBatch", refuse_third)

    assert sent == [["0", "1", "2", "3", "4"], ["2"]]
    assert [body["mailbox"] for _, body in ministack_place.bodies(ministack_place.mailbox_queue)] == ["2@x"]


def test_a_queue_that_is_not_there_is_a_matter_of_configuration(moto_place: Place) -> None:
    queues = aws_stores(replace(moto_place, mailbox_queue=moto_place.mailbox_queue + "-gone")).queues

    with pytest.raises(ConfigurationError, match="queue"):
        queues.put_mailboxes([MailboxWork("contoso", "a@x")])


def test_a_configuration_larger_than_a_row_is_kept_in_parts(moto_place: Place) -> None:
    configurations = aws_stores(moto_place).configurations
    boxes = tuple(Mailbox(address=f"{hash((1, number)):x}@contoso.example") for number in range(60_000))

    configurations.publish(Configuration(organisation="contoso", mailboxes=boxes))

    assert configurations.current("contoso").mailboxes == boxes


def test_a_process_asks_for_the_version_once_in_a_while_and_reads_it_when_it_changed(moto_place: Place) -> None:
    client, clock = moto_place.clients.dynamodb, Ticking()
    configurations = DynamoConfigurations(client, moto_place.router, ttl=300, clock=clock)
    other = DynamoConfigurations(client, moto_place.router, ttl=300)
    other.publish(Configuration(organisation="contoso"))
    assert configurations.current("contoso").version == 1

    with billed(client) as bill:
        clock.seconds = 299
        configurations.current("contoso")
        assert not bill.calls
        clock.seconds = 600
        configurations.current("contoso")
        assert bill.calls == {"GetItem": 1}
    other.publish(Configuration(organisation="contoso"))
    clock.seconds = 1200

    assert configurations.current("contoso").version == 2


def test_a_cursor_whose_blob_is_gone_is_read_anew(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    lease = stores.states.lease(SALES, NOW, later(330))
    stores.states.advance(lease, Position(b"x" * 5000, "mark"), NOW)
    client = moto_place.clients.s3
    (blob,) = client.list_objects_v2(Bucket=moto_place.bucket)["Contents"]
    assert blob["Key"].startswith("mailbox/contoso/")
    client.delete_object(Bucket=moto_place.bucket, Key=blob["Key"])

    assert stores.states.load(stores.states.read(SALES)).position == Position()


def test_a_pass_keeps_one_blob_however_often_its_cursor_moves(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    lease = stores.states.lease(SALES, NOW, later(330))

    for number in range(5):
        stores.states.advance(lease, Position(bytes([number]) * 5000, "mark"), NOW)

    assert len(moto_place.clients.s3.list_objects_v2(Bucket=moto_place.bucket)["Contents"]) == 1
