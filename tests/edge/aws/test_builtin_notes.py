"""Notes on e-mails of the built-in CRM stay beside them and are told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from email_router.core.activity import EmailActivity, EmailStatus, Note, Party, Role
from email_router.core.mailbox import Direction
from email_router.edge.crm.builtin import BuiltinCrm
from email_router.edge.stores.s3 import S3BlobStore
from tests.cloud import Place

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_notes_are_kept_by_key_oldest_first_and_change_nothing_else(moto_place: Place) -> None:
    clients = moto_place.clients
    blobs = S3BlobStore(clients.s3, moto_place.bucket, "contoso")
    crm = BuiltinCrm(clients.dynamodb, moto_place.crm, moto_place.router, "contoso", blobs)
    email = EmailActivity(
        id="e1",
        direction=Direction.OUTGOING,
        status=EmailStatus.PENDING,
        parties=(Party(Role.FROM, "sales@contoso.example"),),
        created=NOW,
    )
    crm.create_outgoing(email)
    first, later = Note(NOW, "ann", "Not delivered: Größe"), Note(NOW + timedelta(hours=1), "ann", "again")

    for _ in range(2):
        crm.note("e1", "failed-2", later)
        crm.note("e1", "failed-1", first)

    assert list(crm.notes("e1")) == [first, later]
    assert list(crm.notes("e2")) == []
    assert crm.email("e1") == email
    assert [one.id for one in crm.emails()] == ["e1"]
    assert list(crm.pending(NOW, 10)) == [("e1", "sales@contoso.example")]
