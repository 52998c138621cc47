"""Go through all objects of an organisation in the data bucket, piece by piece: for an operator's commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from email_router.edge.connect.aws import code_of, translated
from email_router.edge.connect.keys import Keys

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PIECE = 1024 * 1024
PASSING = frozenset({"body"})
"""Kinds that no row names: copies of texts, made for those who follow events (docs/other-crms.md)."""

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


class AllObjects:
    """The objects of one organisation, under the keys by which the blob store knows them."""

    def __init__(self, client: S3Client, bucket: str, organisation: str) -> None:
        self._client = client
        self._bucket = bucket
        self._organisation = Keys(organisation).organisation
        self._what = f"bucket {bucket}"

    def listed(self) -> Iterator[str]:
        """Yield the key of every object that a row may name, kind by kind."""
        for kind in self._kinds():
            prefix = f"{kind}/{self._organisation}/"
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            with translated(self._what):
                for page in pages:
                    for found in page.get("Contents", []):
                        yield f"{kind}/{found['Key'].removeprefix(prefix)}"

    def pieces(self, key: str) -> Iterator[bytes]:
        """Yield the bytes in pieces of 1 MB.  Raises KeyError with the first where there is no such object."""
        with translated(self._what):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(key))
            except ClientError as refused:
                if code_of(refused) in _ABSENT:
                    raise KeyError(key) from refused
                raise
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(PIECE)

    def holds(self, key: str) -> bool:
        """Tell whether the object is there."""
        with translated(self._what):
            try:
                self._client.head_object(Bucket=self._bucket, Key=self._key(key))
            except ClientError as refused:
                if code_of(refused) in _ABSENT:
                    return False
                raise
        return True

    def _kinds(self) -> list[str]:
        """Return the kinds of objects that the bucket holds, of whichever organisation."""
        with translated(self._what):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Delimiter="/")
            found = [one["Prefix"].rstrip("/") for page in pages for one in page.get("CommonPrefixes", [])]
        return [kind for kind in found if kind not in PASSING]

    def _key(self, key: str) -> str:
        kind, _, rest = key.partition("/")
        return f"{kind}/{self._organisation}/{rest}"
