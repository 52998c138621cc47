"""Look at blobs in all their versions, and remove them for good.

The bucket keeps earlier versions for a week, so that a plain delete hides bytes and removes nothing.  Only operators' commands use this, with
rights that no function has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from email_router.core.erasing import Version
from email_router.core.errors import TryLater
from email_router.edge.connect.aws import code_of, translated
from email_router.edge.connect.keys import Keys

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MOST_READ = 40 * 1024 * 1024
"""Bytes of one blob that are looked at: header and text of a larger mail stand before its end."""

_AT_ONCE = 1000  # DeleteObjects takes no more
_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "InvalidRange"})


class BlobVersions:
    """The blobs of one organisation, with all their versions."""

    def __init__(self, client: S3Client, bucket: str, organisation: str) -> None:
        self._client = client
        self._bucket = bucket
        self._organisation = Keys(organisation).organisation
        self._what = f"bucket {bucket}"

    def versions(self, start: str) -> Iterator[Version]:
        """Yield every version of the blobs whose key begins so; `start` holds at least their kind and its slash."""
        kind, _, rest = start.partition("/")
        own = f"{kind}/{self._organisation}/"
        with translated(self._what):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=own + rest)
            for page in pages:
                listed: list[tuple[Any, bool]] = [(one, False) for one in page.get("Versions", [])]
                listed += [(one, True) for one in page.get("DeleteMarkers", [])]
                for one, marker in listed:
                    key = f"{kind}/{one['Key'].removeprefix(own)}"
                    yield Version(key, one["Key"], one["VersionId"], one["LastModified"], marker)

    def read(self, key: str) -> bytes:
        """Return the blob's first 40 MB; nothing where it is gone."""
        kind, _, rest = key.partition("/")
        return self._bytes(f"{kind}/{self._organisation}/{rest}")

    def read_version(self, version: Version) -> bytes:
        """Return the first 40 MB of this version; nothing of a marker, or where it is gone."""
        return b"" if version.marker else self._bytes(version.place, VersionId=version.id)

    def remove(self, key: str) -> None:
        """Remove every version of the blob, or, of a key that ends in a slash, of all blobs below it.  Repeatable."""
        self.remove_versions([one for one in self.versions(key) if key.endswith("/") or one.key == key])

    def remove_versions(self, versions: Sequence[Version]) -> None:
        """Remove exactly these versions.  Raises TryLater where S3 does not remove one."""
        rest = iter(versions)
        while group := list(islice(rest, _AT_ONCE)):
            objects: Any = [{"Key": one.place, "VersionId": one.id} for one in group]
            with translated(self._what):
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            if failed := answer.get("Errors"):
                text = f"{self._what}: {len(failed)} versions are not removed, S3 answered {failed[0].get('Code')}"
                raise TryLater(text, kind="aws_busy", mend="Run the command again.", shared=True)

    def _bytes(self, place: str, **version: str) -> bytes:
        given: Any = {"Bucket": self._bucket, "Key": place, "Range": f"bytes=0-{MOST_READ - 1}", **version}
        with translated(self._what):
            try:
                answer = self._client.get_object(**given)
            except ClientError as refused:
                if code_of(refused) in _ABSENT:
                    return b""
                raise
            with answer["Body"] as body:
                return body.read()
