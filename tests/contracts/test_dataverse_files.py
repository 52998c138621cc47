"""Attachments of Dynamics 365 that leave go into the blob store piece by piece, in less memory than they have bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from benchmarks.file_blobs import FileBlobs
from email_router.core.activity import EmailStatus
from email_router.core.errors import MessageRefused, TryLater
from email_router.edge.connect import dataverse as connect
from email_router.edge.crm.dataverse import DataverseCrm
from email_router.edge.crm.dataverse_files import decoded
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_rig import EMAIL, Rig, attachment
from tests.edge.test_sending_memory import counted
from tests.simulators.dataverse.world import ORGANIZATION

MEGABYTE = 1024 * 1024
LARGE = 24
TEXT = base64.b64encode(bytes(range(256)) * 3)


class Counting(FileBlobs):
    """A blob store outside the process's memory, which notes the largest piece that it was given."""

    largest = 0

    def put_stream(self, key: str, pieces: Iterable[bytes]) -> int:
        return super().put_stream(key, self._noted(pieces))

    def _noted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.largest = max(self.largest, len(piece))
            yield piece


def pressed(office: Office, body: str | None) -> str:
    """Let a user send an e-mail with one attachment whose column holds this; return the attachment's id."""
    office.rig.outgoing()
    office.process.put("organization", organizationid=ORGANIZATION, maxuploadfilesize=128 * MEGABYTE)
    office.rig.client.call("POST", "activitymimeattachments", attachment(EMAIL))
    (row,) = office.process.rows("activitymimeattachment")
    key = str(row["activitymimeattachmentid"])
    office.process.put("activitymimeattachment", activitymimeattachmentid=key, body=body)
    office.process.put("email", activityid=EMAIL, statecode=1, statuscode=6)
    office.process.clear_requests()
    return key


def pieces_of(text: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    for size in sizes:
        yield text[:size]
        text = text[size:]
    yield text


class TestDecoding:
    @pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 64, 10_000])
    @pytest.mark.parametrize("length", range(6))
    def test_it_does_not_matter_where_the_pieces_end(self, size: int, length: int) -> None:
        whole = bytes(range(250, 250 - length, -1)) * 50 + bytes(length)
        text = base64.b64encode(whole)

        assert b"".join(decoded(pieces_of(text, [size] * (len(text) // size)))) == whole

    def test_line_ends_are_passed_over(self) -> None:
        whole = random.Random(1).randbytes(500)

        assert b"".join(decoded(pieces_of(base64.encodebytes(whole), [75, 1, 76]))) == whole

    @pytest.mark.parametrize(
        "pieces",
        [
            [b"%%%%"],
            [b"QUJD", b"Q"],
            [b"QQ==", b"QUJD"],
            [b"QQ==QUJD"],
            [b"QUJ", b"D=QQ"],
            [b"QQ=", b"=", b"="],
            [b"===="],
        ],
    )
    def test_what_is_no_base64_is_refused_wherever_it_is_cut(self, pieces: list[bytes]) -> None:
        with pytest.raises(binascii.Error):
            list(decoded(pieces))


class TestFetching:
    def test_the_raw_value_is_asked_for_once_and_lies_with_what_is_sent_of_the_e_mail(self, office: Office) -> None:
        key = pressed(office, TEXT.decode())

        email = office.crm.email(EMAIL)

        assert email is not None
        (file,) = email.attachments
        content = bytes(range(256)) * 3
        assert (file.blob, file.size) == (f"outgoing/{EMAIL}/attachment/{key}", len(content))
        assert (office.stores.blobs.get(file.blob), file.sha256) == (content, hashlib.sha256(content).hexdigest())
        asked = [
            one["path"].partition("v9.2/")[2]
            for one in office.process.requests("GET /api/data/v9.2/activitymimeattachments")
        ]
        assert asked == ["activitymimeattachments", f"activitymimeattachments({key})/body/$value"]

    def test_an_attachment_of_nothing_is_one_of_no_bytes(self, office: Office) -> None:
        pressed(office, None)

        email = office.crm.email(EMAIL)

        assert email is not None
        assert [(one.size, office.stores.blobs.get(one.blob)) for one in email.attachments] == [(0, b"")]

    def test_one_that_breaks_off_leaves_nothing_and_is_read_whole_the_next_time(self, office: Office) -> None:
        content = random.Random(2).randbytes(7 * MEGABYTE)  # more than one part of the blob store
        key = pressed(office, base64.b64encode(content).decode())
        office.process.fault(r"value", "cut", after_bytes=8 * MEGABYTE)

        with pytest.raises(TryLater) as lost:
            office.crm.email(EMAIL)

        blob = f"outgoing/{EMAIL}/attachment/{key}"
        assert (lost.value.kind, lost.value.shared) == ("connection_lost", True)
        with pytest.raises(KeyError):
            office.stores.blobs.get(blob)
        uploads = office.place.clients.s3.list_multipart_uploads(Bucket=office.place.bucket)
        assert uploads.get("Uploads", []) == []
        assert office.crm.email(EMAIL) is not None
        assert office.stores.blobs.get(blob) == content

    def test_one_that_is_no_base64_far_behind_leaves_nothing_and_refuses_the_e_mail(self, office: Office) -> None:
        key = pressed(office, "QUJD" * 3 * MEGABYTE + "%%%%")

        with pytest.raises(MessageRefused) as refused:
            office.crm.email(EMAIL)

        assert refused.value.kind == "attachment"
        with pytest.raises(KeyError):
            office.stores.blobs.get(f"outgoing/{EMAIL}/attachment/{key}")

    @pytest.mark.parametrize("fault", ["throttled", "unavailable"])
    def test_trouble_is_told_as_with_any_request_and_others_wait_too(self, office: Office, fault: str) -> None:
        pressed(office, TEXT.decode())
        office.process.fault("value", fault, retry_after="30")
        crm = office.gated()

        with pytest.raises(TryLater) as later:
            crm.email(EMAIL)

        assert (later.value.kind, later.value.after, later.value.shared) == (fault, 30.0, True)
        if fault == "throttled":
            with pytest.raises(TryLater, match="has asked to wait"):
                office.gated().email(EMAIL)

    def test_a_token_that_has_ended_meanwhile_is_replaced(self, office: Office) -> None:
        pressed(office, TEXT.decode())
        office.process.fault("value", "status", status=401, code="", message="")

        email = office.crm.email(EMAIL)

        assert email is not None
        assert (email.status, email.attachments[0].size) == (EmailStatus.PENDING, 768)

    def test_a_value_without_end_is_not_read(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        pressed(office, TEXT.decode())
        monkeypatch.setattr(connect, "_LARGEST_VALUE", len(TEXT) - 1)

        with pytest.raises(TryLater) as refused:
            office.crm.email(EMAIL)

        assert refused.value.kind == "answer_size"

    def test_a_large_one_takes_less_memory_than_half_its_bytes(
        self, office: Office, dataverse: Rig, tmp_path: Path
    ) -> None:
        content = random.Random(3).randbytes(MEGABYTE) * LARGE
        pressed(office, base64.b64encode(content).decode())
        blobs, names = Counting(tmp_path), (office.place.crm, office.place.router, "contoso")
        crm = DataverseCrm(dataverse.client, office.place.clients.dynamodb, *names, blobs)

        with counted() as held:
            email = crm.email(EMAIL)

        assert email is not None
        (file,) = email.attachments
        print(f"held: {held.most / len(content):.2f} times the attachment")
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert blobs.largest <= 64 * 1024
        assert held.most < 0.5 * len(content)


def test_a_column_that_is_not_there_has_no_value(dataverse: Rig) -> None:
    dataverse.outgoing()

    assert dataverse.refused("GET", f"emails({EMAIL})/nothing/$value")[0] == 404
    assert dataverse.ask("GET", f"emails({EMAIL})/subject/$value").body == b"Offer"
