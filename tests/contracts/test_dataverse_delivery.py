"""What a delivered mail is in Dataverse: columns, parties, attachments, marks, and how many requests it takes."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from email_router.core.activity import CorrelationMethod, Party, Record, Role, StoredAttachment
from email_router.core.errors import MailboxBlocked, MessageRefused, StaleWorker, TryLater
from email_router.core.mailbox import CreateSender
from email_router.edge.crm.dataverse_lengths import LENGTHS, fitting
from email_router.edge.crm.dataverse_organisation import Organisation
from email_router.edge.crm.dataverse_rows import INCOMPLETE, attachment_id, file_name
from tests.contracts.crm_houses import guid
from tests.contracts.dataverse_crm import Office
from tests.deliveries import ANN, SALES, delivery, later
from tests.flows.house import House, mail
from tests.simulators.dataverse.tables import tables


def file(office: Office, name: str, content: bytes, media_type: str = "application/pdf") -> StoredAttachment:
    office.stores.blobs.put(f"attachment/{name}", content)
    return StoredAttachment(
        name, media_type, len(content), "0" * 64, inline=False, content_id=None, blob=f"attachment/{name}"
    )


class TestRows:
    def test_the_table_holds_what_it_lets_a_client_write(self, office: Office) -> None:
        before, contact = delivery(1), office.rig.contact("Erin", "erin@fabrikam.example")
        office.deliver(before)
        person = Record("contact", contact, "Erin Lee")
        answer = delivery(
            2,
            parties=(
                Party(Role.FROM, "erin@fabrikam.example", "Erin", person),
                Party(Role.TO, SALES),
                Party(Role.CC, "carl@x.example"),
            ),
            regarding=person,
            correlated=before.activity.id,
            correlation_method=CorrelationMethod.IN_REPLY_TO,
            tracking_token="CRM:0001001",
            importance="high",
        )

        office.deliver(answer)

        row = office.row(answer)
        wanted = {
            "subject": answer.activity.subject,
            "description": answer.activity.html,
            "directioncode": False,
            "messageid": answer.activity.message_id,
            "statecode": 1,
            "statuscode": 4,
            "prioritycode": 2,
            "sender": "erin@fabrikam.example",
            "torecipients": f"{SALES};carl@x.example",
            "submittedby": SALES,
            "trackingtoken": "CRM:0001001",
            "actualend": "2026-11-02T09:00:02Z",
            "regardingobjectid": {"table": "contact", "id": contact},
            "parentactivityid": {"table": "email", "id": before.activity.id},
            "correlatedactivityid": {"table": "email", "id": before.activity.id},
            "notifications": None,
            "category": None,
        }
        assert {name: row[name] for name in wanted} == wanted
        assert office.parties(answer) == [
            (1, "erin@fabrikam.example", "contact"),
            (2, SALES, None),
            (3, "carl@x.example", None),
        ]

    def test_an_e_mail_found_by_its_token_has_no_parent(self, office: Office) -> None:
        before = delivery(1)
        office.deliver(before)
        answer = delivery(
            2, correlated=before.activity.id, correlation_method=CorrelationMethod.TRACKING_TOKEN, text="plain", html=""
        )

        office.deliver(answer)

        row = office.row(answer)
        assert row["parentactivityid"] is None
        assert row["correlatedactivityid"]["id"] == before.activity.id

    def test_plain_text_is_kept_as_html_that_shows_it_as_it_is(self, office: Office) -> None:
        plain = delivery(1, text="1 < 2 & so\n  on", html="")

        office.deliver(plain)

        assert office.row(plain)["description"] == '<div style="white-space:pre-wrap">1 &lt; 2 &amp; so\n  on</div>'
        read = office.crm.email(plain.activity.id)
        assert read is not None
        assert (read.text, read.html) == ("1 < 2 & so\n  on", "")

    def test_what_is_too_long_for_its_column_is_cut_with_a_mark_and_whole_beside_the_claim(
        self, office: Office
    ) -> None:
        long = delivery(
            1,
            subject="s" * 900,
            message_id=f"<{'m' * 400}@x.example>",
            tracking_token="T" * 60,
            parties=(
                Party(Role.FROM, f"{'a' * 240}@x.example"),
                *(Party(Role.TO, f"p{n}@x.example") for n in range(90)),
            ),
        )

        office.deliver(long)

        row = office.row(long)
        for column, length in (("subject", 800), ("messageid", 320), ("trackingtoken", 50), ("torecipients", 500)):
            assert (len(row[column]), row[column][-1]) == (length, "…")
        assert office.parties(long)[0][1] == "a" * 199 + "…"
        read = office.crm.email(long.activity.id)
        assert read is not None
        assert (read.subject, read.message_id, read.parties) == (
            long.activity.subject,
            long.activity.message_id,
            long.activity.parties,
        )

    def test_lengths_are_those_of_microsoft_s_description(self) -> None:
        theirs = {
            table: {column: tables()[table].columns[column].longest for column in columns}
            for table, columns in LENGTHS.items()
        }
        unbounded = theirs["email"].pop("description")

        assert theirs == {
            table: {c: n for c, n in columns.items() if c != "description"} for table, columns in LENGTHS.items()
        }
        assert unbounded == LENGTHS["email"]["description"]

    def test_letters_beyond_the_basic_plane_count_twice_and_are_not_cut_in_half(self) -> None:
        cut = fitting("email", "trackingtoken", "x" + "\U0001f600" * 40)

        assert cut == "x" + "\U0001f600" * 24 + "…"

    def test_what_no_column_takes_is_replaced(self, office: Office) -> None:
        odd = delivery(1, subject="a\x00b\ud800c", html="<p>\x01</p>")

        office.deliver(odd)

        assert (office.row(odd)["subject"], office.row(odd)["description"]) == ("a\ufffdb\ufffdc", "<p>\ufffd</p>")

    def test_the_owner_is_the_user_who_has_the_address_and_else_the_router(self, office: Office) -> None:
        ann = office.process.put("systemuser", internalemailaddress="Ann@contoso.example")["systemuserid"]
        hers, nobodys = delivery(1, owner=ANN), delivery(2, owner="left@contoso.example")

        office.deliver(hers, nobodys)

        assert office.row(hers)["ownerid"] == {"table": "systemuser", "id": ann}
        assert office.row(nobodys)["ownerid"]["id"] != ann

    def test_where_rows_of_a_table_stand_that_is_not_known_here_is_looked_up_once(self, office: Office) -> None:
        organisation = Organisation(office.rig.client)
        office.process.clear_requests()

        assert organisation.sets(["mailbox", "nothing"]) == organisation.sets(["mailbox"]) == {"mailbox": "mailboxes"}
        assert len(office.outer()) == 1

    def test_records_that_are_gone_are_left_out_and_the_mail_is_kept(self, office: Office) -> None:
        gone = Record("contact", guid("gone"), "Gone")
        lost = delivery(
            1,
            parties=(Party(Role.FROM, "gone@x.example", "Gone", gone), Party(Role.TO, SALES)),
            regarding=gone,
            correlated=guid("an e-mail that somebody deleted"),
            correlation_method=CorrelationMethod.IN_REPLY_TO,
        )

        office.deliver(lost)

        row = office.row(lost)
        assert (row["statuscode"], row["regardingobjectid"], row["correlatedactivityid"]) == (4, None, None)
        assert office.parties(lost) == [(1, "gone@x.example", None), (2, SALES, None)]


class TestAttachments:
    def test_attachments_are_saved_with_ids_of_their_own_and_the_mark_is_taken_away(self, office: Office) -> None:
        files = (file(office, "a.pdf", b"one"), replace(file(office, "b.png", b"two"), content_id="img@x", inline=True))
        long = delivery(1, attachments=files)

        office.deliver(long)

        found = office.files(long)
        assert [(one["filename"], one["mimetype"], one["attachmentcontentid"]) for one in found] == [
            ("a.pdf", "application/pdf", None),
            ("b.png", "application/pdf", "img@x"),
        ]
        assert [base64.b64decode(one["body"]) for one in found] == [b"one", b"two"]
        assert [one["activitymimeattachmentid"] for one in found] == [
            attachment_id(long.activity.id, n) for n in (0, 1)
        ]
        assert (office.row(long)["statuscode"], office.row(long)["category"]) == (4, None)

    def test_an_e_mail_says_that_it_is_incomplete_until_its_last_attachment_is_there(self, office: Office) -> None:
        long = delivery(1, attachments=tuple(file(office, f"{name}.pdf", b"x") for name in "ab"))
        office.process.fault("PATCH .*activitymimeattachments", "unavailable", skip=1)

        with pytest.raises(TryLater):
            office.deliver(long)

        assert (office.row(long)["statecode"], office.row(long)["category"]) == (0, INCOMPLETE)
        assert len(office.files(long)) == 1
        assert office.stores.ledger.claim(long.claim.key) is None

    def test_the_next_attempt_goes_on_at_the_first_missing_attachment(self, office: Office) -> None:
        long = delivery(1, attachments=tuple(file(office, f"{name}.pdf", b"x") for name in "abc"))
        office.process.fault("PATCH .*activitymimeattachments", "unavailable", skip=1, times=2)
        with pytest.raises(TryLater):
            office.deliver(long)

        office.deliver(long)

        sent = office.process.requests("PATCH /api/data/v9.2/activitymimeattachments")
        assert len(sent) == 2
        assert [one["filename"] for one in office.files(long)] == ["a.pdf", "b.pdf", "c.pdf"]
        assert (office.row(long)["statuscode"], office.row(long)["category"]) == (4, None)

    @pytest.mark.parametrize(
        ("name", "size", "settings", "why"),
        [
            ("virus.EXE", 3, {}, "blocks files that end in .exe"),
            ("big.pdf", 20, {"maxuploadfilesize": 19}, "it has 20 bytes, and the organisation takes 19"),
            ("a.pdf", 3, {"blockedmimetypes": "application/pdf;text/x"}, "blocks application/pdf"),
            ("a.pdf", 3, {"allowedmimetypes": "image/png"}, "does not allow application/pdf"),
        ],
    )
    def test_a_blocked_attachment_is_noted_on_the_activity_and_the_others_are_saved(
        self, office: Office, name: str, size: int, settings: dict[str, object], why: str
    ) -> None:
        organization = office.process.rows("organization")[0]["organizationid"]
        office.process.put("organization", organizationid=organization, **settings)
        files = (file(office, name, b"x" * size), file(office, "ok.png", b"y", "image/png"))
        long = delivery(1, attachments=files)

        office.deliver(long)

        row = office.row(long)
        assert [one["filename"] for one in office.files(long)] == ["ok.png"]
        assert (row["statuscode"], row["notifications"], row["category"]) == (4, 1, None)
        assert why in row["description"]
        assert name in row["description"]
        assert row["description"].startswith(long.activity.html)

    def test_one_that_dataverse_blocks_though_its_settings_did_not_say_so_is_noted_too(self, office: Office) -> None:
        long = delivery(1, attachments=(file(office, "a.pdf", b"x"), file(office, "b.pdf", b"y")))
        office.process.fault("PATCH .*activitymimeattachments", "status", status=400, code="0x80043e09", message="No.")

        office.deliver(long)

        row = office.row(long)
        assert (row["statuscode"], row["notifications"], len(office.files(long))) == (4, 1, 1)
        assert "a.pdf: its type is blocked" in row["description"]

    def test_a_name_that_is_too_long_keeps_its_ending(self) -> None:
        cut = file_name("n" * 300 + ".docx")

        assert (len(cut), cut[-7:]) == (255, "n….docx")


class TestClaims:
    def test_a_message_that_dataverse_refuses_keeps_no_other_back(self, office: Office) -> None:
        good, bad = delivery(1), delivery(2)
        office.process.fault(
            f"PATCH .*{bad.activity.id}", "status", status=400, code="0x80040265", message="A plug-in.", times=9
        )

        with pytest.raises(MessageRefused):
            office.deliver(good, bad)

        assert office.row(good)["statuscode"] == 4
        assert office.stores.ledger.claim(good.claim.key) == good.claim
        assert office.stores.ledger.claim(bad.claim.key) is None
        office.deliver(good)
        assert office.outer() == []

    def test_a_stale_worker_asks_nothing_of_dataverse(self, office: Office) -> None:
        assert office.lease.token == 1
        office.stores.states.lease(SALES, later(331), later(700))

        with pytest.raises(StaleWorker):
            office.deliver(delivery(1))

        assert office.outer() == []

    def test_an_e_mail_that_a_user_deleted_after_it_was_delivered_does_not_come_back(self, office: Office) -> None:
        office.deliver(delivery(1))
        office.rig.client.call("DELETE", f"emails({delivery(1).activity.id})")

        office.deliver(delivery(1), delivery(1, ANN))

        assert office.process.rows("email") == []
        assert office.crm.email(delivery(1).activity.id) is None

    def test_a_missing_privilege_is_named(self, office: Office) -> None:
        office.process.settings(denied=["prvCreateActivity"])

        with pytest.raises(MailboxBlocked) as blocked:
            office.deliver(delivery(1))

        assert "prvCreateActivity" in blocked.value.mend


class TestFigures:
    def house(self, office: Office, *mails: bytes, **mailbox: Any) -> House:
        house = House(*mails, **mailbox)
        house.states, house.ledger, house.blobs = office.stores.states, office.stores.ledger, office.stores.blobs
        house.crm = office.crm  # type: ignore[assignment]  # another CRM
        return house

    def test_a_page_of_25_new_messages_takes_six_requests_at_most(self, office: Office) -> None:
        office.rig.queue(SALES)
        office.process.put("systemuser", internalemailaddress=ANN)
        first = [mail(number, sender=f"New {number} <new{number}@x.example>") for number in range(10)]
        house = self.house(office, *first, create_sender=CreateSender.CONTACT, owner=ANN)
        house.route()
        for number in range(25):
            answer = f"In-Reply-To: <m{number % 10}@fabrikam.example>\r\n"
            house.source.put(mail(100 + number, sender=f"P{number} <p{number}@y.example>", extra=answer))
        office.process.clear_requests()

        house.route()

        assert len(office.process.rows("email")) == 35
        assert len(office.process.rows("contact")) == 35
        assert len(office.outer()) <= 6

    def test_an_idle_poll_for_e_mails_to_be_sent_takes_one(self, office: Office) -> None:
        office.process.clear_requests()

        assert list(office.crm.pending(later(0), 2000)) == []

        assert office.outer() == ["GET emails"]
