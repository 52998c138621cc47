"""Who takes part in a mail that comes in, whose it is, what it is about, and what becomes of a sender whom nobody knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from email_router.core.activity import EmailActivity, Record, Role
from email_router.core.errors import TryLater
from email_router.core.mailbox import Accept, AutomaticMail, CreateSender, DeliveryReports, Mailbox
from email_router.core.settings import Tracking
from tests.fakes import fail
from tests.flows.house import ANN, SALES, House, mail

BOB = "bob@contoso.example"
CONTACT = Record("contact", "c1", "Erin")
ACCOUNT = Record("account", "a1", "Fabrikam")
ANSWER = "In-Reply-To: <m1@fabrikam.example>\r\n"
REPORT = (
    b"From: MAILER-DAEMON@fabrikam.example\r\nTo: sales@contoso.example\r\nSubject: Undelivered\r\n"
    b"Message-ID: <r1@fabrikam.example>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nNo such user.\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.fabrikam.example\r\n\r\n"
    b"Final-Recipient: rfc822; gone@fabrikam.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
)


def named(house: House, number: int) -> EmailActivity:
    """Return the activity of mail `number`."""
    wanted = f"<m{number}@fabrikam.example>"
    (email,) = (one for one in house.crm.activities.values() if one.message_id == wanted)
    return email


def sender(email: EmailActivity) -> Record | None:
    (party,) = (one for one in email.parties if one.role is Role.FROM)
    return party.record


def people(house: House) -> list[tuple[str, str, str]]:
    return [(one.record.kind, one.record.name, one.record.owner) for one in house.crm.records()]


class TestSeveralRecords:
    @pytest.mark.parametrize(
        ("records", "flagged"), [(1, False), (2, True), (101, True)], ids=["one", "two", "more than a hundred"]
    )
    def test_a_sender_with_several_records_is_left_unresolved_where_so_configured_and_the_activity_says_so(
        self, records: int, *, flagged: bool
    ) -> None:
        house = House(mail(1))
        house.configure(tracking=Tracking(ambiguous_sender="unresolved"))
        for number in range(records):
            house.crm.add_record("erin@fabrikam.example", Record("contact", f"c{number}", owner=ANN))

        house.route()

        email = named(house, 1)
        assert (sender(email) is None) == flagged
        assert ("sender unresolved: several records" in email.flags) == flagged

    def test_by_default_the_first_is_taken_and_only_a_crowd_is_left_unresolved(self) -> None:
        house = House(mail(1), mail(2, sender="crowd@fabrikam.example"))
        house.crm.add_record("erin@fabrikam.example", Record("lead", "l1"))
        house.crm.add_record("erin@fabrikam.example", CONTACT)
        for number in range(101):
            house.crm.add_record("crowd@fabrikam.example", Record("contact", f"x{number:03d}"))

        house.route()

        assert (sender(named(house, 1)), named(house, 1).flags) == (CONTACT, ())
        assert (sender(named(house, 2)), named(house, 2).flags) == (None, ("sender unresolved: several records",))

    def test_a_crowd_is_no_known_sender(self) -> None:
        house = House(mail(1), accept=Accept.CONTACTS)
        for number in range(101):
            house.crm.add_record("erin@fabrikam.example", Record("contact", f"x{number:03d}"))

        house.route()

        assert house.crm.activities == {}

    def test_recipients_with_several_records_are_all_named_or_left_unresolved(self) -> None:
        house = House(mail(1, to=f"{SALES}, two@x.example"))
        for kind in ("lead", "contact"):
            house.crm.add_record("two@x.example", Record(kind, kind))

        house.route()
        house.configure(tracking=Tracking(ambiguous_recipients="unresolved"))
        house.source.put(mail(2, to=f"{SALES}, two@x.example"))
        house.route()

        found = [[one.record for one in named(house, n).parties if one.address == "two@x.example"] for n in (1, 2)]
        assert found == [[Record("contact", "contact"), Record("lead", "lead")], [None]]


class TestOwner:
    @pytest.mark.parametrize("pages", [1, 2], ids=["in one page", "in two passes"])
    def test_the_recipient_who_owns_the_email_that_is_continued_owns_the_answer(self, pages: int) -> None:
        first = mail(1, to=f"{SALES}, {BOB}")
        answer = mail(2, to=f"{ANN}, {BOB}", extra=ANSWER)
        house = House(first) if pages == 2 else House(first, answer)
        house.add_mailbox(Mailbox(address=BOB))
        house.route()
        if pages == 2:
            house.source.put(answer)
            house.route()

        assert (named(house, 1).owner, named(house, 2).owner) == (BOB, BOB)

    def test_without_it_the_first_recipient_does(self) -> None:
        house = House(mail(2, to=f"{ANN}, {BOB}", extra=ANSWER))
        house.add_mailbox(Mailbox(address=BOB))

        house.route()

        assert named(house, 2).owner == ANN

    def test_an_owner_who_is_no_recipient_gives_way_to_the_owner_of_the_senders_record(self) -> None:
        house = House(mail(1, to=f"{SALES}, {BOB}"), mail(2, to=f"{SALES}, {ANN}, eve@contoso.example", extra=ANSWER))
        house.add_mailbox(Mailbox(address=BOB))
        house.add_mailbox(Mailbox(address="eve@contoso.example"))
        house.crm.add_record("erin@fabrikam.example", replace(CONTACT, owner="eve@contoso.example"))

        house.route()

        assert (named(house, 1).owner, named(house, 2).owner) == (BOB, "eve@contoso.example")


class TestUnknownSender:
    @pytest.mark.parametrize("kind", [CreateSender.CONTACT, CreateSender.LEAD])
    def test_an_unknown_sender_becomes_a_record_owned_by_the_mailboxs_owner_and_the_from_party_is_it(
        self, kind: CreateSender
    ) -> None:
        house = House(mail(1), create_sender=kind, owner=ANN)

        house.route()

        (made,) = (one.record for one in house.crm.records())
        assert (made.kind, made.name, made.owner) == (kind.value, "Erin", ANN)
        assert (sender(named(house, 1)), named(house, 1).regarding) == (made, None)

    def test_nothing_is_made_unless_the_mailbox_says_so(self) -> None:
        house = House(mail(1))

        house.route()

        assert (people(house), sender(named(house, 1))) == ([], None)

    def test_a_sender_without_a_name_is_called_by_the_address(self) -> None:
        house = House(mail(1, sender="erin@fabrikam.example"), create_sender=CreateSender.CONTACT)

        house.route()

        assert people(house) == [("contact", "erin@fabrikam.example", "")]

    def test_two_mails_of_one_unknown_sender_give_one_record(self) -> None:
        house = House(mail(1), mail(2, sender="E <ERIN@fabrikam.example>"), create_sender=CreateSender.LEAD)

        house.route()

        assert people(house) == [("lead", "Erin", "")]
        assert sender(named(house, 1)) == sender(named(house, 2)) is not None

    @pytest.mark.parametrize(
        "raw",
        [
            mail(1, extra="Auto-Submitted: auto-generated\r\n"),
            mail(1, extra="List-Id: <news.fabrikam.example>\r\n"),
            REPORT,
            mail(1, extra="Return-Path: <>\r\n"),
            mail(1, sender="Erin <erin@fabrikam.example>, Eve <eve@fabrikam.example>"),
            mail(1, sender=f"Ann <{ANN}>"),
            mail(1, sender="Info <info@contoso.example>"),
        ],
        ids=[
            "automatic",
            "bulk",
            "a delivery report",
            "without a sender",
            "several authors",
            "a user",
            "an alias of a queue",
        ],
    )
    def test_nobody_is_made_of_what_no_unknown_person_wrote(self, raw: bytes) -> None:
        policies: dict[str, Any] = {"auto_reply": AutomaticMail.DELIVER, "delivery_report": DeliveryReports.DELIVER}
        house = House(raw, create_sender=CreateSender.CONTACT, aliases=("info@contoso.example",), **policies)

        house.route()

        assert (len(house.crm.activities), people(house)) == (1, [])

    def test_nobody_is_made_of_mail_that_a_policy_keeps_apart(self) -> None:
        house = House(mail(1, extra="Auto-Submitted: auto-replied\r\n"), create_sender=CreateSender.LEAD)
        house.configure(auto_reply=AutomaticMail.DELIVER_UNMATCHED)

        house.route()

        assert (len(house.crm.activities), people(house)) == (1, [])

    def test_somebody_whose_record_is_inactive_is_not_made_again(self) -> None:
        house = House(mail(1), create_sender=CreateSender.CONTACT)
        house.crm.add_record("erin@fabrikam.example", CONTACT)
        house.crm.deactivate("c1")

        house.route()

        assert (len(people(house)), sender(named(house, 1))) == (1, None)

    def test_mail_that_is_not_delivered_makes_nobody(self) -> None:
        house = House(mail(1), accept=Accept.REPLIES, create_sender=CreateSender.CONTACT)

        house.route()

        assert (house.crm.activities, people(house)) == ({}, [])

    def test_a_record_whose_mail_was_not_written_is_found_by_the_next_pass(self) -> None:
        house = House(mail(1), create_sender=CreateSender.CONTACT)
        fail(house.crm, "deliver", TryLater("away", shared=True))
        house.route()
        assert (len(people(house)), house.crm.activities) == (1, {})

        house.route()

        (made,) = (one.record for one in house.crm.records())
        assert sender(named(house, 1)) == made

    def test_the_crm_is_asked_to_make_somebody_only_where_there_is_somebody_to_make(self) -> None:
        house = House(mail(1), mail(2), create_sender=CreateSender.CONTACT)
        house.crm.add_record("erin@fabrikam.example", CONTACT)
        calls = counted(house.crm, "resolve", "about", "create_people", "deliver")

        house.route()

        assert calls == {"resolve": 1, "deliver": 1}


class TestRegarding:
    def answered(self) -> House:
        """Return a house with one e-mail about an account, and a reply to it that waits."""
        house = House(mail(1))
        house.route()
        (parent,) = house.crm.activities.values()
        house.crm.add_record("info@fabrikam.example", ACCOUNT)
        house.crm.add_record("office@fabrikam.example", Record("account", "a2", "Fabrikam Ltd"))
        house.crm.activities[parent.id] = replace(parent, regarding=ACCOUNT)
        house.source.put(mail(2, extra=ANSWER))
        return house

    def test_an_answer_to_an_email_about_a_merged_record_is_about_its_master(self) -> None:
        house = self.answered()
        house.crm.merge("a1", "a2")

        house.route()

        assert named(house, 2).regarding == Record("account", "a2", "Fabrikam Ltd")
        assert named(house, 2).flags == ()
        assert named(house, 1).regarding == ACCOUNT

    def test_an_answer_to_an_email_about_an_inactive_record_is_about_it_all_the_same_and_says_so(self) -> None:
        house = self.answered()
        house.crm.deactivate("a1")
        house.source.put(mail(3, extra="In-Reply-To: <m2@fabrikam.example>\r\n"))

        house.route()

        for number in (2, 3):
            assert named(house, number).regarding == ACCOUNT
            assert named(house, number).flags == ("regarding is inactive",)


def counted(port: object, *methods: str) -> Counter[str]:
    """Count the calls of these methods."""
    calls: Counter[str] = Counter()

    def count(name: str) -> None:
        real = getattr(port, name)

        def call(*given: object) -> object:
            calls[name] += 1
            return real(*given)

        setattr(port, name, call)

    for name in methods:
        count(name)
    return calls
