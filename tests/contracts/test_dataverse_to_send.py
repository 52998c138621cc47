"""E-mails that a command lets leave from Dataverse: made as with the button Send, whatever falls in between, and cancelled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from email_router.core.activity import EmailActivity, EmailStatus, Party, Record, Role, StoredAttachment
from email_router.core.errors import ConfigurationError, MessageRefused
from email_router.core.mailbox import Direction
from email_router.core.write_back import WriteBack
from email_router.edge.connect.dataverse_errors import DataverseReply
from email_router.edge.crm import dataverse_rows
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_page import FALLS, Calls
from tests.contracts.dataverse_rig import EMAIL
from tests.deliveries import NOW, later
from tests.fakes import FixedClock
from tests.faults.seam import Fault, Seam

TO = Party(Role.TO, "bob@example.com")


def files(*names: str) -> tuple[StoredAttachment, ...]:
    """Return attachments whose content is their name."""
    return tuple(
        StoredAttachment(name, "text/plain", len(name), "0" * 64, inline=False, content_id=None, blob=f"a/{name}")
        for name in names
    )


def letter(office: Office, *names: str, **given: Any) -> EmailActivity:
    """Return an e-mail of a queue, the content of its attachments kept."""
    for name in names:
        office.stores.blobs.put(f"a/{name}", name.encode())
    sender = Party(Role.FROM, "office@contoso.example", "", Record("queue", office.rig.queue("office@contoso.example")))
    plain = {"status": EmailStatus.PENDING, "subject": "Offer", "text": "Hello", "parties": (sender, TO)}
    return EmailActivity(id=EMAIL, direction=Direction.OUTGOING, attachments=files(*names), **{**plain, **given})


def saved(office: Office) -> list[str]:
    """Return the names of the e-mail's attachments."""
    rows = office.process.rows("activitymimeattachment")
    return sorted(row["filename"] for row in rows if row["objectid"]["id"] == EMAIL)


class TestCreate:
    def test_one_without_attachments_takes_one_request(self, office: Office) -> None:
        email = letter(office)
        office.process.clear_requests()

        office.crm.create_outgoing(email)

        assert office.outer() == ["POST $batch"]
        assert (office.rig.email()["statecode"], office.rig.email()["statuscode"]) == (1, 6)

    @pytest.mark.parametrize("fault", [Fault.DIES_BEFORE, Fault.DIES_AFTER, Fault.ANSWER_LOST])
    @pytest.mark.parametrize("call", range(6))
    def test_wherever_its_maker_falls_the_same_call_completes_it(self, office: Office, call: int, fault: Fault) -> None:
        email = letter(office, "a.txt", "b.txt", owner="ann@contoso.example")
        seam = Seam(FixedClock(NOW), {call: fault}, lambda: None)
        falling: Any = Calls(seam, office.rig.client)

        with pytest.raises(FALLS):
            office.opened(falling).create_outgoing(email)
        seam.mend()
        office.crm.create_outgoing(email)

        assert (office.rig.email()["statuscode"], saved(office)) == (6, ["a.txt", "b.txt"])
        assert len(office.process.rows("email")) == 1
        assert list(office.crm.pending(later(0), 9)) == [(EMAIL, "office@contoso.example")]

    def test_one_that_waits_no_more_is_not_let_off_again(self, office: Office) -> None:
        email = letter(office, "a.txt")
        office.crm.create_outgoing(email)
        office.crm.cancel(EMAIL)

        office.crm.create_outgoing(email)

        assert office.rig.email()["statuscode"] == 5

    def test_a_blocked_attachment_refuses_it_before_anything_is_made(self, office: Office) -> None:
        with pytest.raises(MessageRefused, match=r"virus\.exe cannot be attached"):
            office.crm.create_outgoing(letter(office, "a.txt", "virus.exe"))

        assert office.process.rows("email") == []

    @pytest.mark.parametrize("record", [None, Record("contact", EMAIL)], ids=["nobody", "a contact"])
    def test_nobody_but_users_and_queues_sends(self, office: Office, record: Record | None) -> None:
        email = letter(office)
        sender = replace(email.parties[0], record=record)

        with pytest.raises(ConfigurationError, match="expected the address of an enabled user or a queue"):
            office.crm.create_outgoing(replace(email, parties=(sender, TO)))

        assert office.process.rows("email") == []


class TestCancel:
    def test_what_others_change_meanwhile_is_looked_at_again(self, office: Office) -> None:
        office.crm.create_outgoing(letter(office))
        office.process.fault("PATCH .*emails", "status", status=412, code="0x80060882", message="changed", times=1)

        assert office.crm.cancel(EMAIL) is True

        assert office.rig.email()["statuscode"] == 5

    def test_one_that_a_worker_takes_up_between_our_reading_and_writing_is_not(self, office: Office) -> None:
        office.crm.create_outgoing(letter(office))
        crm = office.opened(_TakenUp(office))  # type: ignore[arg-type]  # a client that lets a worker act in between

        assert crm.cancel(EMAIL) is False

        assert office.rig.email()["statuscode"] == 7

    def test_one_that_is_gone_or_under_way_is_not(self, office: Office) -> None:
        assert office.crm.cancel(EMAIL) is False
        office.crm.create_outgoing(letter(office))
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING))

        assert office.crm.cancel(EMAIL) is False
        assert office.rig.email()["statuscode"] == 7


class _TakenUp:
    """A client before whose first change a worker takes up the e-mail."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.organisation, self.batch, self.checked = "contoso", office.rig.client.batch, office.rig.client.checked

    def call(self, method: str, *given: Any, **more: Any) -> DataverseReply:
        if method == "PATCH":
            self._office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING))
        return self._office.rig.client.call(method, *given, **more)


class TestPlainText:
    @pytest.mark.parametrize("text", ["", "a", "1 < 2\n & &amp; <b>x</b> \u2028", "</div>", "<div>"])
    def test_what_was_plain_is_read_as_plain(self, office: Office, text: str) -> None:
        body = dataverse_rows.body_of(letter(office, text=text))

        assert (dataverse_rows.text_of(body) or "") == text

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "<p>x</p>",
            '<div style="white-space:pre-wrap">a<b>c</b></div>',
            '<div style="white-space:pre-wrap">a</div><hr>',
        ],
    )
    def test_what_was_html_is_not(self, body: str) -> None:
        assert dataverse_rows.text_of(body) is None
