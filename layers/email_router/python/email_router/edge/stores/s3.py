"""Keep bytes in S3 that are too large for a row.

The blob `raw/key` of contoso lies under `raw/contoso/key`: its kind comes first, because the bucket keeps each kind for its own time.
Encryption and retention are the bucket's.  All calls may be repeated; a stream that breaks off leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from io import BufferedReader
from itertools import chain
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from email_router.core.octets import Octets, Reader, regrouped
from email_router.edge.connect.aws import code_of, translated
from email_router.edge.connect.keys import Keys

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

PART = 5 * 1024 * 1024
"""Bytes of one part of a stream, held in memory; S3 takes none under 5 MB but the last, and 10,000 parts."""

_PIECE = 1024 * 1024


class S3BlobStore:
    """The blobs of one organisation."""

    def __init__(self, client: S3Client, bucket: str, organisation: str) -> None:
        self._client = client
        self._bucket = bucket
        self._organisation = Keys(organisation).organisation
        self._what = f"bucket {bucket}"

    def put(self, key: str, data: Octets) -> None:
        """Store the bytes by one call; those that are not held are read as they go."""
        body = data if isinstance(data, bytes) else BufferedReader(Reader(data), _PIECE)
        with translated(self._what):
            self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=body)

    def put_stream(self, key: str, pieces: Iterable[bytes]) -> int:
        """Store the pieces, one part of 5 MB in memory at a time; return the size in bytes."""
        parts = regrouped(pieces, PART)
        first = next(parts, b"")
        if len(first) < PART:
            self.put(key, first)
            return len(first)
        with translated(self._what):
            upload = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._key(key))["UploadId"]
        done = False
        try:
            parts = chain((first,), parts)
            del first
            size = self._upload(key, upload, parts)
            done = True
        finally:
            if not done:
                self._abandon(key, upload)
        return size

    def get(self, key: str) -> bytes:
        """Return the bytes, or raise KeyError."""
        with translated(self._what), closing(self._opened(key)) as body:
            return body.read()

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield the bytes in pieces of 1 MB as they come, or raise KeyError.  What breaks off in between is a TryLater like any other."""
        with translated(self._what), closing(self._opened(key)) as body:
            yield from body.iter_chunks(_PIECE)

    def delete(self, key: str) -> None:
        """Remove the bytes."""
        with translated(self._what):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))

    def place(self, key: str) -> tuple[str, str]:
        """Return bucket and key under which the blob lies, for those who read it from outside."""
        return self._bucket, self._key(key)

    def _opened(self, key: str) -> StreamingBody:
        """Return what S3 sends.  Raises KeyError, ClientError."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=self._key(key))["Body"]
        except ClientError as refused:
            if code_of(refused) == "NoSuchKey":
                raise KeyError(key) from refused
            raise

    def _key(self, key: str) -> str:
        kind, _, rest = key.partition("/")
        return f"{kind}/{self._organisation}/{rest}"

    def _upload(self, key: str, upload: str, parts: Iterable[bytes]) -> int:
        written: list[CompletedPartTypeDef] = []
        size = 0
        for number, part in enumerate(parts, 1):
            with translated(self._what):
                answer = self._client.upload_part(
                    Bucket=self._bucket, Key=self._key(key), UploadId=upload, PartNumber=number, Body=part
                )
            written.append({"ETag": answer["ETag"], "PartNumber": number})
            size += len(part)
        with translated(self._what):
            self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=self._key(key), UploadId=upload, MultipartUpload={"Parts": written}
            )
        return size

    def _abandon(self, key: str, upload: str) -> None:
        with translated(self._what):
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key(key), UploadId=upload)
