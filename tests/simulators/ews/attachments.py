"""Attach files to drafts, as CreateAttachment does."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from tests.simulators.ews.world import Box, EwsFailure, Item, World

T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
_numbers = itertools.count(1)


def create_attachment(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    """Attach each file; yield a response message for each."""
    _, item = box.find(request.find(M + "ParentItemId").get("Id"))
    for one in request.find(M + "Attachments"):
        if one.tag != T + "FileAttachment":
            raise EwsFailure("ErrorInvalidOperation", "Only files can be attached here.")
        _attach(item, one)
        attached = (
            f'<t:FileAttachment><t:AttachmentId Id="AAMkAT{next(_numbers):06d}=" RootItemId="{item.id}"'
            f' RootItemChangeKey="{item.key}"/></t:FileAttachment>'
        )
        yield (
            '<m:CreateAttachmentResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
            f"<m:Attachments>{attached}</m:Attachments></m:CreateAttachmentResponseMessage>"
        )


def _attach(item: Item, file: Any) -> None:
    mail: EmailMessage = message_from_bytes(item.raw, policy=policy.SMTP)
    main, _, sub = (file.findtext(T + "ContentType") or "application/octet-stream").partition("/")
    content = base64.b64decode(file.findtext(T + "Content"))
    mail.add_attachment(content, maintype=main, subtype=sub, filename=file.findtext(T + "Name"))
    item.raw = mail.as_bytes()
    item.version += 1
