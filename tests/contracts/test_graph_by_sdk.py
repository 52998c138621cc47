"""The simulator of Graph answers a client that nobody here wrote: Microsoft's msgraph-sdk, logged in by azure-identity."""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from msgraph.generated.models.attachment_item import AttachmentItem
from msgraph.generated.models.attachment_type import AttachmentType
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.file_attachment import FileAttachment
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.mail_folder import MailFolder
from msgraph.generated.models.message import Message
from msgraph.generated.models.message_rule import MessageRule
from msgraph.generated.models.message_rule_actions import MessageRuleActions
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.users.item.messages.item.attachments.create_upload_session import (
    create_upload_session_post_request_body as upload_body,
)
from msgraph.generated.users.item.messages.item.move.move_post_request_body import MovePostRequestBody
from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.tasks.large_file_upload import LargeFileUploadTask

from tests.contracts.listener import listening
from tests.contracts.microsoft_client import MicrosoftClient, converse
from tests.simulators.graph.process import GraphProcess

MAIL = b"From: Ann <ann@example.com>\r\nTo: b@contoso.example\r\nSubject: Mail %d\r\nMessage-ID: <%d@example.com>\r\n\r\nHello\r\n"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own, of its parts
PIECE = 10 * 320 * 1024
OUTSIDE = "kim@fabrikam.example"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        yield running


@pytest.fixture
def box(process: GraphProcess) -> Iterator[str]:
    address = f"sdk{next(_numbers)}@contoso.example"
    process.mailbox_state(address, "ok")
    process.clear_requests()
    yield address
    process.clear_faults()
    process.settings(quirks=[])


def draft_to(address: str) -> Message:
    body = ItemBody(content_type=BodyType.Text, content="Hello")
    to = [Recipient(email_address=EmailAddress(address=address, name="Kim"))]
    return Message(subject="Größe", body=body, to_recipients=to)


async def uploaded(client: MicrosoftClient, session: Any, content: bytes) -> None:
    """Upload piece after piece by the SDK's task; where the next begins is read here: its own loop reads no bare number."""
    task = LargeFileUploadTask(session, client.adapter, io.BytesIO(content), max_chunk_size=PIECE)
    start = 0
    while start < len(content):
        task.next_range = f"{start}-{min(start + PIECE, len(content)) - 1}"
        state = await task.next_chunk(task.stream)
        start = int(state.next_expected_ranges[0]) if state else len(content)


def test_a_wrong_secret_is_refused_in_entras_words(process: GraphProcess, box: str) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        converse(process, lambda client: client.mailbox(box).mail_folders.get(), secret="wrong")


def test_messages_are_listed_page_by_page_and_read_as_mime(process: GraphProcess, box: str) -> None:
    for number in range(12):
        process.put_message(box, MAIL % (number, number))

    async def say(client: MicrosoftClient) -> tuple[list[Any], bytes]:
        messages = client.mailbox(box).mail_folders.by_mail_folder_id("inbox").messages
        page = await messages.get()
        found = list(page.value)
        while page.odata_next_link:
            page = await messages.with_url(page.odata_next_link).get()
            found += page.value
        return found, await client.mailbox(box).messages.by_message_id(found[0].id).content.get()

    found, mime = converse(process, say)

    assert len({one.internet_message_id for one in found}) == 12
    assert found[0].from_.email_address.address == "ann@example.com"
    assert b"Message-ID: " + found[0].internet_message_id.encode() in mime


def test_a_delta_round_goes_to_its_end_and_the_next_tells_what_changed(process: GraphProcess, box: str) -> None:
    old = [process.put_message(box, MAIL % (number, number)) for number in range(25)]

    async def say(client: MicrosoftClient) -> tuple[list[str], list[Any]]:
        delta = client.mailbox(box).mail_folders.by_mail_folder_id("inbox").messages.delta
        page, first = await delta.get(), list[str]()
        while page.odata_next_link:
            first += [one.id for one in page.value]
            page = await delta.with_url(page.odata_next_link).get()
        first += [one.id for one in page.value]
        process.put_message(box, MAIL % (99, 99))
        process.remove_message(box, old[3])
        return first, list((await delta.with_url(page.odata_delta_link).get()).value)

    first, later = converse(process, say)

    assert sorted(first) == sorted(old)
    assert [one.subject for one in later if not one.additional_data.get("@removed")] == ["Mail 99"]
    assert [one.id for one in later if one.additional_data.get("@removed")] == [old[3]]


def test_an_expired_delta_token_is_a_typed_error_of_410(process: GraphProcess, box: str) -> None:
    async def say(client: MicrosoftClient) -> None:
        delta = client.mailbox(box).mail_folders.by_mail_folder_id("inbox").messages.delta
        link = (await delta.get()).odata_delta_link
        process.settings(expire_sync=True)
        await delta.with_url(link).get()

    with pytest.raises(ODataError) as refused:
        converse(process, say)

    assert (refused.value.response_status_code, refused.value.error.code) == (410, "SyncStateNotFound")


def test_a_message_is_marked_moved_and_deleted(process: GraphProcess, box: str) -> None:
    item = process.put_message(box, MAIL % (1, 1))

    async def say(client: MicrosoftClient) -> tuple[Any, Any, Any]:
        messages = client.mailbox(box).messages
        marked = await messages.by_message_id(item).patch(Message(is_read=True))
        moved = await messages.by_message_id(item).move.post(MovePostRequestBody(destination_id="archive"))
        folder = await client.mailbox(box).mail_folders.by_mail_folder_id("archive").get()
        await messages.by_message_id(moved.id).delete()
        return marked, moved, folder

    marked, moved, folder = converse(process, say)

    assert marked.is_read
    assert moved.id != item
    assert moved.parent_folder_id == folder.id
    assert folder.total_item_count == 1
    assert [row["folder"] for row in process.messages(box)] == ["deleteditems"]


def test_a_folder_is_made_and_found(process: GraphProcess, box: str) -> None:
    async def say(client: MicrosoftClient) -> tuple[Any, Any]:
        folders = client.mailbox(box).mail_folders
        made = await folders.post(MailFolder(display_name="Undeliverable"))
        return made, await folders.by_mail_folder_id(made.id).get()

    made, found = converse(process, say)

    assert (found.id, found.display_name, found.total_item_count) == (made.id, "Undeliverable", 0)


def test_a_draft_with_attachments_small_and_large_is_sent_and_lies_in_sent_items(
    process: GraphProcess, box: str
) -> None:
    process.settings(quirks=["upload_at_localhost"])
    content = bytes(range(256)) * 28_000  # three pieces

    async def say(client: MicrosoftClient) -> tuple[list[Any], list[Any]]:
        messages = client.mailbox(box).messages
        draft = messages.by_message_id((await messages.post(draft_to(OUTSIDE))).id)
        small = FileAttachment(name="a.txt", content_type="text/plain", content_bytes=b"abc")
        await draft.attachments.post(small)
        item = AttachmentItem(attachment_type=AttachmentType.File, name="big.bin", size=len(content))
        wanted = upload_body.CreateUploadSessionPostRequestBody(attachment_item=item)
        session = await draft.attachments.create_upload_session.post(wanted)
        await uploaded(client, session, content)
        attached = await draft.attachments.get()
        await draft.send.post()
        sent = await client.mailbox(box).mail_folders.by_mail_folder_id("sentitems").messages.get()
        return list(attached.value), list(sent.value)

    attached, sent = converse(process, say)

    assert [(type(one), one.name, one.size) for one in attached] == [
        (FileAttachment, "a.txt", 3),
        (FileAttachment, "big.bin", len(content)),
    ]
    assert [(one.subject, one.is_draft) for one in sent] == [("Größe", False)]
    assert len([one for one in process.outside(OUTSIDE) if b"big.bin" in one]) == 1


def test_a_batch_answers_each_of_its_requests(process: GraphProcess, box: str) -> None:
    item = process.put_message(box, MAIL % (1, 1))

    async def say(client: MicrosoftClient) -> tuple[list[int], bytes]:
        rows = []
        for name in (item, "gone"):
            row = BatchRequestItem(
                client.mailbox(box).messages.by_message_id(name).content.to_get_request_information()
            )
            row.set_url(f"/users/{box}/messages/{name}/$value")
            rows.append(row)
        content = BatchRequestContent({row.id: row for row in rows})
        answer = await BatchRequestBuilder(client.adapter, error_map={}).post(content)
        statuses = answer.get_response_status_codes()
        return [statuses[row.id] for row in rows], answer.get_response_stream_by_id(rows[0].id).read()

    statuses, body = converse(process, say)

    assert statuses == [200, 404]
    assert body == MAIL % (1, 1)


def test_a_missing_message_is_a_typed_error(process: GraphProcess, box: str) -> None:
    with pytest.raises(ODataError) as missing:
        converse(process, lambda client: client.mailbox(box).messages.by_message_id("gone").get())

    assert (missing.value.response_status_code, missing.value.error.code) == (404, "ErrorItemNotFound")
    assert missing.value.error.inner_error.request_id


def test_the_clients_own_retries_obey_retry_after(
    process: GraphProcess, box: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float, *more: Any) -> Any:
        slept.append(seconds)
        return await sleep(0, *more)

    monkeypatch.setattr("asyncio.sleep", noted)
    process.fault("GET .*/mailFolders/inbox$", "throttled", retry_after="7", times=2)

    folder = converse(process, lambda client: client.mailbox(box).mail_folders.by_mail_folder_id("inbox").get())

    assert folder.display_name == "Inbox"
    assert [row["status"] for row in process.requests("/mailFolders/inbox")] == [429, 429, 200]
    assert [seconds for seconds in slept if seconds >= 7] == [7, 7]


def test_a_subscription_is_made_renewed_and_ended(process: GraphProcess, box: str) -> None:
    with listening(process) as address:

        async def say(client: MicrosoftClient) -> tuple[Any, Any, list[Any]]:
            subscriptions = client.graph.subscriptions
            ends = datetime.now(UTC) + timedelta(hours=2)
            made = await subscriptions.post(
                Subscription(
                    change_type="created",
                    notification_url=address,
                    resource=f"users/{box}/mailFolders('inbox')/messages",
                    expiration_date_time=ends,
                    client_state="secret",
                )
            )
            mine = subscriptions.by_subscription_id(made.id)
            renewed = await mine.patch(Subscription(expiration_date_time=ends + timedelta(hours=1)))
            await mine.delete()
            return made, renewed, list((await subscriptions.get()).value)

        made, renewed, left = converse(process, say)

    assert renewed.expiration_date_time - made.expiration_date_time == timedelta(hours=1)
    assert made.client_state is None
    assert left == []


def test_an_inbox_rule_is_made_changed_and_deleted(process: GraphProcess, box: str) -> None:
    async def say(client: MicrosoftClient) -> tuple[Any, Any, list[Any]]:
        rules = client.mailbox(box).mail_folders.by_mail_folder_id("inbox").message_rules
        forward = [Recipient(email_address=EmailAddress(address="forward@contoso.example"))]
        wanted = MessageRule(
            display_name="E-mail Router",
            sequence=1,
            is_enabled=True,
            actions=MessageRuleActions(forward_as_attachment_to=forward),
        )
        made = await rules.post(wanted)
        one = rules.by_message_rule_id(made.id)
        changed = await one.patch(MessageRule(display_name="E-mail Router 2"))
        listed = list((await rules.get()).value)
        await one.delete()
        return changed, listed[0], list((await rules.get()).value)

    changed, listed, left = converse(process, say)

    assert (changed.display_name, listed.display_name) == ("E-mail Router 2", "E-mail Router 2")
    assert listed.actions.forward_as_attachment_to[0].email_address.address == "forward@contoso.example"
    assert left == []
