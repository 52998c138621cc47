"""S3 does not give what was just stored, or KMS refuses its key: the mail stays where it lies, somebody is told, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.errors import ConfigurationError, TryLater
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AfterDelivery
from email_router.edge.stores.s3 import S3BlobStore
from tests.cloud import Place
from tests.edge.aws.test_aws_errors import answering
from tests.faults.troubled_mailboxes import refuse
from tests.flows.house import NOW, SALES, House, mail
from tests.flows.office import ERIN, Office

DENIALS = [
    ("AccessDenied", 403),
    ("KMS.DisabledException", 400),
    ("KMS.KMSInvalidStateException", 400),
    ("KMS.NotFoundException", 400),
    ("KMS.AccessDeniedException", 400),
    ("DisabledException", 400),
    ("KMSInvalidStateException", 400),
]
ATTACHED = "MIME-Version: 1.0\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"


def with_file(number: int = 1) -> bytes:
    raw = mail(number)
    head, _, body = raw.partition(b"MIME-Version")
    return head + ATTACHED.encode() + b"\r\n" + body


def blobs(place: Place) -> S3BlobStore:
    return S3BlobStore(place.clients.s3, place.bucket, "contoso")


@pytest.mark.parametrize(("code", "status"), DENIALS)
@pytest.mark.parametrize("operation", ["PutObject", "GetObject"])
def test_a_key_that_is_denied_is_a_matter_of_configuration(
    moto_place: Place, operation: str, code: str, status: int
) -> None:
    store = blobs(moto_place)
    store.put("raw/k", b"x")

    with (
        answering(moto_place.clients.s3, operation, code, status),
        pytest.raises(ConfigurationError, match=f"bucket {moto_place.bucket}.*{code}"),
    ):
        store.put("raw/k", b"x") if operation == "PutObject" else store.get("raw/k")


@pytest.mark.parametrize(("code", "status"), DENIALS[:3])
def test_a_mail_whose_file_cannot_be_stored_stays_in_its_mailbox_and_the_operator_reads_why(
    moto_place: Place, code: str, status: int
) -> None:
    house = House(mail(1), with_file(2), after_delivery=AfterDelivery.DELETE)
    house.blobs = blobs(moto_place)  # type: ignore[assignment]  # the real one

    for _ in range(4):  # not even the third time is a message thought to be what kills
        with answering(moto_place.clients.s3, "PutObject", code, status):
            summary = house.route(reason="requested")
        house.clock.advance(400)
        assert summary.outcome is PassOutcome.FAILED

    state = house.states.read(SALES)
    assert (state.error_kind, state.position.cursor) == ("configuration", b"")
    assert code in state.error_text
    assert moto_place.bucket in state.error_text
    assert house.source.disposed == []
    assert house.crm.activities == {}
    assert house.quarantine.entries() == []

    house.route(reason="requested")
    assert len(house.crm.activities) == 2
    assert {name for name, _ in house.source.disposed} == {"0", "1"}
    assert not house.states.read(SALES).error_kind


def test_a_failed_mail_whose_stored_bytes_are_not_given_is_listed_for_a_person_and_stays_in_its_mailbox(
    moto_place: Place,
) -> None:
    house = House(mail(1), mail(2), after_delivery=AfterDelivery.DELETE)
    house.blobs = blobs(moto_place)  # type: ignore[assignment]  # the real one
    refuse(house, 1)
    house.route()
    house.clock.advance(301)

    with answering(moto_place.clients.s3, "GetObject", "NoSuchKey", 404) as asked:
        house.route()

    assert asked
    (entry,) = house.quarantine.entries()
    assert (entry.mailbox, entry.source_id) == (SALES, "0")
    assert "Look for it in the mailbox" in entry.mend
    assert house.source.there("0") == mail(1)
    assert [name for name, _ in house.source.disposed] == ["1"]
    assert {one.outcome for one in house.ledger.traces_since(NOW)} == {Outcome.QUARANTINED, Outcome.DELIVERED}


def test_a_failed_mail_whose_stored_bytes_are_denied_waits_for_its_next_try(moto_place: Place) -> None:
    house = House(mail(1), after_delivery=AfterDelivery.DELETE)
    house.blobs = blobs(moto_place)  # type: ignore[assignment]  # the real one
    refuse(house, 1)
    house.route()
    house.clock.advance(301)

    with answering(moto_place.clients.s3, "GetObject", "AccessDenied", 403):
        assert house.route().outcome is PassOutcome.FAILED

    assert house.quarantine.entries() == []
    house.clock.advance(3700)
    house.route(reason="requested")
    assert len(house.crm.activities) == 1


def large() -> dict[str, Any]:
    """Return the fields of an e-mail whose composed bytes lie in S3."""
    return {"text": "".join(f"{number:07d} " for number in range(40_000)), "parties": PARTIES}


PARTIES = (Party(Role.FROM, SALES), Party(Role.TO, ERIN))


@pytest.mark.parametrize("operation", ["PutObject", "GetObject"])
def test_an_e_mail_whose_bytes_are_denied_is_not_sent_nor_lost(moto_place: Place, operation: str) -> None:
    office = Office()
    office.blobs = blobs(moto_place)  # type: ignore[assignment]  # the real one
    office.write("e1", **large())
    if operation == "GetObject":  # composed by a worker before, and not sent
        office.sender.answers = [_later()]
        office.send()
        office.clock.advance(3 * 3600)

    with (
        answering(moto_place.clients.s3, operation, "KMS.DisabledException", 400) as asked,
        pytest.raises(ConfigurationError, match="DisabledException"),
    ):
        office.send()

    assert asked
    assert office.sender.sent == []
    office.clock.advance(3 * 3600)
    assert [one.status for one in office.send()] == [EmailStatus.SENT]
    assert len(office.sender.sent) == 1


def test_an_e_mail_whose_composed_bytes_s3_does_not_find_fails_and_its_owner_is_told(moto_place: Place) -> None:
    office = Office()
    office.blobs = blobs(moto_place)  # type: ignore[assignment]  # the real one
    office.write("e1", **large())
    office.sender.answers = [_later()]
    office.send()
    office.clock.advance(3 * 3600)

    with answering(moto_place.clients.s3, "GetObject", "NoSuchKey", 404):
        (sent,) = office.send()

    assert (sent.status, office.sender.sent) == (EmailStatus.FAILED, [])
    assert "write the e-mail again" in sent.evidence
    (alert,) = office.alerts.all()
    assert alert.messages == ("e1",)


def _later() -> TryLater:
    return TryLater("the server is busy", kind="busy", shared=True)
