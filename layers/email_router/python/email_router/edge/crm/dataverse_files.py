"""Put the content of attachments of e-mails that leave into the blob store, piece by piece as Dataverse sends it.

The column body is text in base64, which `activitymimeattachments(id)/body/$value` gives by one request, without JSON around it
(learn.microsoft.com/power-apps/developer/data-platform/attachment-annotation-files).  It is decoded as it comes: of an attachment no more
than a piece is held here, and a part in the blob store.  The blob lies with what is sent of the e-mail, and goes with it.  A download that
breaks off leaves nothing; the next attempt begins anew, and writes the same blob.
"""

from __future__ import annotations

import binascii
import hashlib
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from email_router.core.activity import StoredAttachment
from email_router.core.errors import MessageRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from email_router.core.activity import EmailActivity
    from email_router.core.ports import BlobStore
    from email_router.edge.connect.dataverse import DataverseClient
    from email_router.edge.connect.dataverse_errors import JsonObject

_LINE_ENDS = b"\r\n\t "
"""What may stand between the letters of base64 (RFC 2045 6.8), and .NET takes there."""


def with_content(
    client: DataverseClient, email: EmailActivity, files: Iterable[JsonObject], blobs: BlobStore
) -> EmailActivity:
    """Return an e-mail that is to be sent with these attachments, their bytes put into the blob store, one at a time.

    Raises MessageRefused when one cannot be read, and what the client and the blob store raise.
    """
    return replace(email, attachments=tuple(_stored(client, email, row, blobs) for row in files))


def decoded(coded: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes for which this base64 stands, in pieces as they come.  Raises binascii.Error when it is none, or breaks off."""
    rest, ended = b"", False
    for piece in coded:
        rest += piece.translate(None, _LINE_ENDS)
        whole = len(rest) - len(rest) % 4
        if not whole:
            continue
        if ended:
            raise binascii.Error("something stands behind the end")
        ended = rest[whole - 1 : whole] == b"="
        yield binascii.a2b_base64(rest[:whole], strict_mode=True)
        rest = rest[whole:]
    if rest:
        raise binascii.Error("the last group is not whole")


def _stored(client: DataverseClient, email: EmailActivity, row: JsonObject, blobs: BlobStore) -> StoredAttachment:
    key = row["activitymimeattachmentid"]
    blob, digest = f"outgoing/{email.id}/attachment/{key}", hashlib.sha256()

    def noted(pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            digest.update(piece)
            yield piece

    try:
        with closing(client.stream(f"activitymimeattachments({key})/body/$value")) as coded:
            size = blobs.put_stream(blob, noted(decoded(coded)))
    except binascii.Error as problem:
        text = f"e-mail {email.id}: one of its attachments cannot be read"
        raise MessageRefused(text, kind="attachment", mend="Attach the file again.") from problem
    content_id = str(row.get("attachmentcontentid") or "").strip("<>") or None
    return StoredAttachment(
        name=str(row.get("filename") or ""),
        media_type=str(row.get("mimetype") or "application/octet-stream"),
        size=size,
        sha256=digest.hexdigest(),
        inline=content_id is not None,
        content_id=content_id,
        blob=blob,
    )
