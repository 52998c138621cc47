"""Turn e-mail activities into rows of the table crm and back.

A row holds what is searched and what changes as attributes, all else compressed in `data`; above 4 KB that lies in the blob store under a
name made of its digest, where it is cheaper, so a row stays far below DynamoDB's 400 KB however many recipients a mail has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from email_router.core.activity import About, EmailActivity, EmailStatus, Record, Role
from email_router.core.mailbox import Direction
from email_router.core.ports import BlobStore
from email_router.core.write_back import WriteBack
from email_router.edge.connect.compact import expand, from_plain, instant, micros, sortable, squeeze, to_plain
from email_router.edge.connect.keys import LISTING_SHARDS, Keys, shard_of
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item, Value

EMAIL = "EMAIL"
ABOUT = "#id, #regarding, #owner, #data, #changed"
"""What is read of a row to tell what it is about; `changed` is of the row that tells whether records have changed their states."""

WAITING = (EmailStatus.PENDING, EmailStatus.DEFERRED)
COLLECTED = (*WAITING, EmailStatus.SENDING)
"""What the index of e-mails to be sent holds: one in sending comes up again when its worker never told the result."""

_INLINE = 4096
_LONGEST_REASON = 10_000  # of 1,000 recipients who were refused it may name each with the server's words
_TRANSFERS = 8
_TEXTS = ("reason", "subject", "message_id", "tracking_token", "attempts")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Written:
    """An activity ready to be written: its row, and the blob that must stand before it, or None."""

    item: Item
    blob: tuple[str, bytes] | None


@dataclass(frozen=True, slots=True)
class _Owned:
    """What is wanted of an activity that only its owner is asked of."""

    owner: str = ""


def place_of(keys: Keys, activity: str) -> Place:
    """Return where an activity stands."""
    return keys.email(activity), EMAIL


def written(keys: Keys, activity: EmailActivity) -> Written:
    """Return the row of an activity whose `created` is set."""
    data = squeeze(replace(activity, regarding=None))
    blob = f"email/{activity.id}/{hashlib.sha256(data).hexdigest()}" if len(data) > _INLINE else None
    pk, sk = place_of(keys, activity.id)
    created = activity.created or _LONG_AGO
    item: Item = {
        "pk": pk,
        "sk": sk,
        "id": activity.id,
        "status": activity.status.value,
        "lpk": keys.emails(shard_of(activity.id, LISTING_SHARDS)),
        "lsk": f"{sortable(created)}#{activity.id}",
        "sender": sender_of(activity) if activity.direction is Direction.OUTGOING else None,
        "regarding": to_plain(activity.regarding) if activity.regarding else None,
        "owner": (activity.owner or None) if blob else None,
        "data": None if blob else data,
        "blob": blob,
    }
    if activity.status in COLLECTED:
        item |= waiting_fields(keys, activity.id, activity.due)
    return Written(item, (blob, data) if blob else None)


def stored(keys: Keys, activities: Sequence[EmailActivity], blobs: BlobStore) -> list[Item]:
    """Return the rows of the activities, their long bodies stored first, several at a time."""
    ready = [written(keys, activity) for activity in activities]
    long = [one.blob for one in ready if one.blob]
    if len(long) > 1:
        with ThreadPoolExecutor(_TRANSFERS) as uploads:
            list(uploads.map(lambda blob: blobs.put(*blob), long))
    elif long:
        blobs.put(*long[0])
    return [one.item for one in ready]


def sender_of(activity: EmailActivity) -> str:
    """Return the address of the first From party, or an empty text."""
    return next(iter(activity.addresses(Role.FROM)), "")


def waiting_fields(keys: Keys, activity: str, due: datetime | None) -> dict[str, Value]:
    """Return the attributes that put a row into the index of e-mails to be sent."""
    return {"ppk": keys.pending, "psk": f"{sortable(due or _LONG_AGO)}#{activity}"}


def activity_of(item: Item, blobs: BlobStore) -> EmailActivity:
    """Read an activity, its blob included; what was written back later wins over what was first written."""
    data = blobs.get(item["blob"]) if "blob" in item else item["data"]
    changes: Item = {name: item[name] for name in _TEXTS if name in item}
    changes |= {name: instant(item[name]) for name in ("due", "date") if name in item}
    status = EmailStatus(item["status"])
    return replace(expand(EmailActivity, data), status=status, regarding=regarding_of(item), **changes)


def activities_of(items: Sequence[Item], blobs: BlobStore) -> list[EmailActivity]:
    """Read several activities, those that lie in blobs several at a time."""
    if sum("blob" in item for item in items) < 2:  # noqa: PLR2004 - two are several
        return [activity_of(item, blobs) for item in items]
    with ThreadPoolExecutor(_TRANSFERS) as downloads:
        return list(downloads.map(lambda item: activity_of(item, blobs), items))


def about_of(item: Item) -> About:
    """Return what the e-mail is about, as it was written, and who owns it: the row tells that without the blob of a long one."""
    owner = expand(_Owned, item["data"]).owner if "data" in item else item.get("owner", "")
    return About(regarding_of(item), owner)


def regarding_of(item: Item) -> Record | None:
    """Return what the e-mail is about."""
    return from_plain(Record, item["regarding"]) if "regarding" in item else None


def change_fields(told: WriteBack) -> dict[str, Value]:
    """Return the attributes of a change; those not given stay."""
    fields: dict[str, Value] = {
        "reason": told.reason[:_LONGEST_REASON] if told.reason is not None else None,
        "subject": told.subject,
        "message_id": told.message_id,
        "tracking_token": told.tracking_token,
        "attempts": told.attempts,
        "due": micros(told.due) if told.due else None,
        "date": micros(told.sent) if told.sent else None,
    }
    return {name: value for name, value in fields.items() if value is not None}
