"""What every CRM promises the flows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from email_router.core.activity import (
    About,
    EmailActivity,
    EmailStatus,
    NewPerson,
    Party,
    Record,
    Role,
    StoredAttachment,
)
from email_router.core.errors import ConfigurationError, StaleWorker
from email_router.core.ledger import Delivery, LinkKind, Wanted
from email_router.core.mailbox_state import Lease
from email_router.edge.crm.builtin_records import AddressedRecord, record_of_row
from tests.cloud import Stores, aws_stores, memory_stores
from tests.contracts import dataverse_rig
from tests.contracts.crm_houses import dataverse_stores, guid, reads_the_same
from tests.contracts.dataverse_rig import Rig
from tests.deliveries import ANN, NOW, SALES, delivery, later, linked
from tests.deliveries import outgoing as named_outgoing

HOUSES = ("memory", "moto", "ministack", "dataverse")
"""The fake, the built-in CRM on two emulators of AWS, and Dynamics 365: one body, and each keeps what every CRM promises."""

CONTACT = Record("contact", guid("c-1"), "Erin Fabrikam", ANN)
ACCOUNT = Record("account", guid("a-1"), "Fabrikam")


@pytest.fixture(scope="module")
def dataverse_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    yield from dataverse_rig.rig(tmp_path_factory.mktemp("dataverse"))


@pytest.fixture
def dataverse(dataverse_running: Rig) -> Iterator[Rig]:
    yield from dataverse_rig.afresh(dataverse_running)


@pytest.fixture(params=HOUSES)
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        return memory_stores()
    if request.param == "dataverse":
        return dataverse_stores(request.getfixturevalue("moto_place"), request.getfixturevalue("dataverse"))
    return aws_stores(request.getfixturevalue(f"{request.param}_place"))


@pytest.fixture
def own_records(stores: Stores) -> Stores:
    """A CRM whose records the router itself keeps and changes; those of Dynamics 365 are changed there."""
    if not hasattr(type(stores.crm), "activate"):
        pytest.skip("its records are changed in the CRM itself")
    return stores


def outgoing(name: str = "e1", **given: object) -> EmailActivity:
    """Return an e-mail that waits to be sent; its id is one that every CRM takes."""
    return named_outgoing(guid(name), **given)


@pytest.fixture
def lease(stores: Stores) -> Lease:
    lease: Lease = stores.states.lease(SALES, NOW, later(330))
    return lease


def answers(stores: Stores, deliveries: list[Delivery], lease: Lease) -> list[tuple[str, bool]]:
    delivered = stores.crm.deliver(deliveries, lease)
    assert [one.key for one in delivered] == [one.claim.key for one in deliveries]
    return [(one.activity, one.created) for one in delivered]


class TestDeliver:
    def test_a_delivered_mail_is_an_activity_with_all_it_was_given(self, stores: Stores, lease: Lease) -> None:
        attachment = StoredAttachment(
            "a.pdf", "application/pdf", 9, "0" * 64, inline=False, content_id=None, blob="attachment/0"
        )
        stores.blobs.put(attachment.blob, b"nine byte")
        stores.know("fabrikam@x.example", ACCOUNT)
        mail = delivery(
            1,
            attachments=(attachment,),
            references=("<r@x>",),
            conversation_index="ab" * 22,
            defects=("d",),
            regarding=ACCOUNT,
        )

        assert answers(stores, [mail], lease) == [(mail.activity.id, True)]

        stored = stores.crm.email(mail.activity.id)
        assert stored == replace(mail.activity, created=stored.created)
        assert stored.created is not None

    def test_what_else_belongs_to_a_delivery_is_written_with_it(self, stores: Stores, lease: Lease) -> None:
        mail = linked(1, LinkKind.TOKEN, "CRM:0001001")

        stores.crm.deliver([mail], lease)

        key, message_id = mail.claim.key, mail.links[0].value
        assert stores.ledger.claim(key) == mail.claim
        assert stores.ledger.receipts(key) == [mail.receipt]
        assert stores.ledger.traces(key) == [mail.trace]
        found = stores.ledger.find(
            Wanted(keys=(key,), mailboxes=(SALES, ANN), message_ids=(message_id,), tokens=("CRM:0001001",))
        )
        assert (found.claims, found.receipts) == ({key: mail.claim}, {(key, SALES): mail.receipt})
        assert found.message_ids == {message_id: mail.links[0].email}
        assert found.tokens == {"CRM:0001001": mail.links[1].email}

    def test_the_same_call_again_answers_the_same_and_makes_nothing_new(self, stores: Stores, lease: Lease) -> None:
        mails = [delivery(number) for number in range(30)]
        first = answers(stores, mails, lease)

        assert answers(stores, mails, lease) == first == [(mail.activity.id, True) for mail in mails]
        assert len(list(stores.crm.emails())) == 30
        assert all(len(stores.ledger.receipts(mail.claim.key)) == 1 for mail in mails)

    def test_a_mail_in_a_second_mailbox_leaves_a_receipt_there(self, stores: Stores, lease: Lease) -> None:
        first = delivery(1)
        second = replace(delivery(1, ANN), activity=replace(delivery(1, ANN).activity, subject="[EXT] Order"))
        stores.crm.deliver([first], lease)

        assert answers(stores, [second], lease) == [(first.activity.id, False)]

        assert stores.crm.email(first.activity.id).subject == first.activity.subject
        assert {
            (one.mailbox, one.activity, one.content_differs) for one in stores.ledger.receipts(first.claim.key)
        } == {
            (SALES, first.activity.id, False),
            (ANN, first.activity.id, False),
        }
        assert {one.mailbox for one in stores.ledger.traces(first.claim.key)} == {SALES, ANN}

    def test_a_copy_with_another_content_is_marked(self, stores: Stores, lease: Lease) -> None:
        stores.crm.deliver([delivery(1)], lease)

        stores.crm.deliver([delivery(1, ANN, content="with a banner")], lease)

        receipts = {one.mailbox: one.content_differs for one in stores.ledger.receipts(delivery(1).claim.key)}
        assert receipts == {SALES: False, ANN: True}

    def test_copies_within_one_call_are_settled_there(self, stores: Stores, lease: Lease) -> None:
        mails = [delivery(1), delivery(2), delivery(1, ANN), delivery(1), delivery(1, ANN, content="other")]

        created = [created for _, created in answers(stores, mails, lease)]

        assert created == [True, True, False, False, False]
        assert len(list(stores.crm.emails())) == 2
        receipts = {one.mailbox: one.content_differs for one in stores.ledger.receipts(delivery(1).claim.key)}
        assert receipts == {SALES: False, ANN: True}

    def test_a_page_with_known_and_new_mail_is_delivered_whole(self, stores: Stores, lease: Lease) -> None:
        stores.crm.deliver([delivery(number, ANN) for number in (0, 7, 24, 49)], lease)

        created = [created for _, created in answers(stores, [delivery(number) for number in range(50)], lease)]

        assert [number for number, new in enumerate(created) if not new] == [0, 7, 24, 49]
        assert len(list(stores.crm.emails())) == 50

    def test_the_newest_email_holds_a_token_in_whatever_order_mail_comes(self, stores: Stores, lease: Lease) -> None:
        stores.crm.deliver([linked(5, LinkKind.TOKEN, "CRM:1")], lease)

        stores.crm.deliver([linked(3, LinkKind.TOKEN, "CRM:1"), linked(2, LinkKind.TOKEN, "CRM:1"), delivery(9)], lease)

        found = stores.ledger.find(Wanted(tokens=("CRM:1",)))
        assert found.tokens["CRM:1"].activity == delivery(5).activity.id
        assert len(list(stores.crm.emails())) == 4

    def test_all_emails_of_a_subject_are_found(self, stores: Stores, lease: Lease) -> None:
        mails = [linked(number, LinkKind.SUBJECT, "h") for number in range(3)]

        stores.crm.deliver(mails, lease)

        found = stores.ledger.by_subject("h", NOW - timedelta(days=1))
        assert [one.activity for one in found] == [mail.activity.id for mail in reversed(mails)]

    def test_a_stale_worker_delivers_nothing(self, stores: Stores, lease: Lease) -> None:
        stores.states.lease(SALES, later(331), later(700))

        with pytest.raises(StaleWorker):
            stores.crm.deliver([delivery(1)], lease)

        assert (list(stores.crm.emails()), stores.ledger.claim(delivery(1).claim.key)) == ([], None)

    def test_no_deliveries_are_no_answers(self, stores: Stores, lease: Lease) -> None:
        assert list(stores.crm.deliver([], lease)) == []

    def test_a_large_mail_with_a_thousand_recipients_comes_back_whole(self, stores: Stores, lease: Lease) -> None:
        parties = tuple(Party(Role.TO, f"person{number:04d}@a-long-domain.example", "N" * 90) for number in range(1000))
        text = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(300_000))
        mail = delivery(1, parties=parties, text=text, subject="s" * 60_000)

        stores.crm.deliver([mail, delivery(2, text=text)], lease)

        stored = stores.crm.email(mail.activity.id)
        assert (stored.parties, stored.text, stored.subject) == (parties, text, "s" * 60_000)


class TestRecords:
    def test_an_address_resolves_to_its_records_in_the_documented_order(self, stores: Stores) -> None:
        for kind in ("lead", "queue", "contact", "user", "account"):
            stores.know("Erin@Fabrikam.example", Record(kind, guid(f"{kind}-1"), kind.title(), ANN))

        found = stores.crm.resolve(["ERIN@fabrikam.example", "nobody@x.example"])

        kinds = [record.kind for record in found["erin@fabrikam.example"]]
        assert kinds == ["user", "contact", "account", "lead", "queue"]
        assert found["erin@fabrikam.example"][1] == Record("contact", guid("contact-1"), "Contact", ANN)
        assert list(found) == ["erin@fabrikam.example"]

    def test_a_record_known_again_is_replaced(self, stores: Stores) -> None:
        stores.know("erin@fabrikam.example", CONTACT)
        stores.know("erin@fabrikam.example", replace(CONTACT, name="Erin B."))

        assert stores.crm.resolve(["erin@fabrikam.example"]) == {
            "erin@fabrikam.example": (replace(CONTACT, name="Erin B."),)
        }

    def test_what_emails_are_about_is_told_in_one_batch(self, stores: Stores, lease: Lease) -> None:
        stores.know("fabrikam@x.example", ACCOUNT)
        stores.know(ANN, Record("user", guid("u-1"), "Ann"))
        about, nothing = delivery(1, owner=ANN, regarding=ACCOUNT), delivery(2, regarding=None)
        stores.crm.deliver([about, nothing], lease)

        found = stores.crm.about([about.activity.id, nothing.activity.id, "gone"])

        assert found == {
            about.activity.id: About(about.activity.regarding, ANN),
            nothing.activity.id: About(None, ""),
        }
        assert stores.crm.about([]) == {}

    def test_of_an_address_with_more_than_a_hundred_records_more_than_a_hundred_are_returned(
        self, stores: Stores
    ) -> None:
        for number in range(103):
            stores.know("info@x.example", Record("contact", guid(f"c{number:03d}")))

        assert len(stores.crm.resolve(["info@x.example"])["info@x.example"]) > 100

    def test_a_record_with_several_addresses_answers_for_each(self, stores: Stores) -> None:
        rows = [AddressedRecord(address, CONTACT) for address in ("erin@fabrikam.example", "Erin@home.example")]

        assert stores.crm.import_records(rows) == 1

        found = stores.crm.resolve(["erin@fabrikam.example", "erin@home.example"])
        assert found == {"erin@fabrikam.example": (CONTACT,), "erin@home.example": (CONTACT,)}

    def test_the_owner_of_a_long_email_is_told_too(self, stores: Stores, lease: Lease) -> None:
        text = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(9000))
        stores.know("fabrikam@x.example", ACCOUNT)
        stores.know(ANN, Record("user", guid("u-1"), "Ann"))
        mail = delivery(1, text=text, owner=ANN, regarding=ACCOUNT)
        stores.crm.deliver([mail], lease)

        assert stores.crm.about([mail.activity.id]) == {mail.activity.id: About(mail.activity.regarding, ANN)}
        assert stores.crm.email(mail.activity.id).owner == ANN


class TestCreatePeople:
    def test_an_unknown_sender_becomes_a_record_that_answers_for_the_address(self, stores: Stores) -> None:
        stores.know(ANN, Record("user", guid("u-1"), "Ann"))

        made = stores.crm.create_people([NewPerson("Zoe@New.example", "lead", "Zoe", ANN)])

        (record,) = made["zoe@new.example"]
        assert (record.kind, record.name, record.owner) == ("lead", "Zoe", ANN)
        assert stores.crm.resolve(["zoe@new.example"]) == made

    def test_a_record_is_made_once_however_often_it_is_asked_for(self, stores: Stores) -> None:
        people = [NewPerson("zoe@new.example", "contact", "Zoe", ANN), NewPerson("ZOE@new.example", "lead", "Z", SALES)]
        first = stores.crm.create_people(people)

        again = stores.crm.create_people([people[1], NewPerson("yan@new.example", "contact", "Yan")])

        assert [record.kind for record in first["zoe@new.example"]] == ["contact"]
        assert again["zoe@new.example"] == first["zoe@new.example"]
        assert sorted(one.record.name for one in stores.crm.records()) == ["Yan", "Zoe"]

    def test_a_record_that_was_made_is_the_one_that_an_import_changes(self, own_records: Stores) -> None:
        own_records.crm.create_people([NewPerson("zoe@new.example", "contact", "zoe@new.example")])

        own_records.crm.import_records([record_of_row("contoso", "contact", "Zoe@new.example", "Zoe Novak", ANN)])

        assert [record.name for record in own_records.crm.resolve(["zoe@new.example"])["zoe@new.example"]] == [
            "Zoe Novak"
        ]

    def test_an_address_that_has_records_gets_no_other(self, stores: Stores) -> None:
        stores.know("erin@fabrikam.example", CONTACT)
        stores.know("left@fabrikam.example", Record("contact", guid("c-2")))
        stores.crm.deactivate(guid("c-2"))

        made = stores.crm.create_people(
            [NewPerson("erin@fabrikam.example", "lead", "E"), NewPerson("left@fabrikam.example", "lead", "L")]
        )

        assert made == {"erin@fabrikam.example": (CONTACT,)}
        assert len(list(stores.crm.records())) == 2


class TestStates:
    def test_an_email_about_a_merged_record_is_about_its_master(self, stores: Stores, lease: Lease) -> None:
        one, other, last = (Record("contact", guid(name), name) for name in ("c-1", "c-2", "c-3"))
        for record in (one, other, last):
            stores.know(f"{record.name}@x.example", record)
        stores.know(ANN, Record("user", guid("u-1"), "Ann"))
        mail = delivery(1, regarding=one, owner=ANN)
        stores.crm.deliver([mail], lease)

        stores.crm.merge(one.id, other.id)
        stores.crm.merge(other.id, last.id)

        assert stores.crm.about([mail.activity.id]) == {mail.activity.id: About(last, ANN, inactive=False)}
        assert stores.crm.email(mail.activity.id).regarding == one

    def test_the_addresses_of_a_merged_record_lead_to_its_master(self, own_records: Stores) -> None:
        shared = "shared@x.example"
        for name in ("c-1", "c-2"):
            own_records.know(f"{name}@x.example", Record("contact", name))
            own_records.know(shared, Record("contact", name))

        own_records.crm.merge("c-1", "c-2")

        master = (Record("contact", "c-2"),)
        assert own_records.crm.resolve(["c-1@x.example", "c-2@x.example", shared]) == {
            "c-1@x.example": master,
            "c-2@x.example": master,
            shared: master,
        }

    def test_merging_again_changes_nothing_and_an_import_does_not_undo_it(self, own_records: Stores) -> None:
        for name in ("c-1", "c-2"):
            own_records.know(f"{name}@x.example", Record("contact", name))
        merged = own_records.crm.merge("c-1", "c-2")

        assert own_records.crm.merge("c-1", "c-2") == merged == (Record("contact", "c-1"), Record("contact", "c-2"))
        own_records.know("c-1@x.example", Record("contact", "c-1", "New name"))

        assert own_records.crm.resolve(["c-1@x.example"]) == {"c-1@x.example": (Record("contact", "c-2"),)}

    @pytest.mark.parametrize(
        ("loser", "winner"),
        [("c-3", "c-3"), ("c-2", "c-1"), ("c-1", "c-3"), ("l-1", "c-1"), ("u-1", "u-2"), ("c-3", "c-4"), ("no", "c-1")],
        ids=["itself", "a circle", "merged elsewhere", "another kind", "users", "into an inactive one", "nobody"],
    )
    def test_a_merge_that_makes_no_sense_is_refused_and_changes_nothing(
        self, own_records: Stores, loser: str, winner: str
    ) -> None:
        names = ("c-1", "c-2", "c-3", "c-4", "l-1", "u-1", "u-2")
        for name in names:
            kind = {"c": "contact", "l": "lead", "u": "user"}[name[0]]
            own_records.know(f"{name}@x.example", Record(kind, name))
        own_records.crm.merge("c-1", "c-2")
        own_records.crm.deactivate("c-4")
        before = own_records.crm.resolve([f"{name}@x.example" for name in names])

        with pytest.raises(ConfigurationError):
            own_records.crm.merge(loser, winner)

        assert own_records.crm.resolve([f"{name}@x.example" for name in names]) == before

    def test_a_chain_of_merges_is_followed_for_ten_hops_and_no_longer_one_is_made(
        self, own_records: Stores, lease: Lease
    ) -> None:
        for number in range(12):
            own_records.know(f"c{number}@x.example", Record("contact", f"c{number:02d}"))
        mail = delivery(1, regarding=Record("contact", "c00"))
        own_records.crm.deliver([mail], lease)

        for number in range(10):
            own_records.crm.merge(f"c{number:02d}", f"c{number + 1:02d}")

        assert own_records.crm.about([mail.activity.id])[mail.activity.id].regarding == Record("contact", "c10")
        with pytest.raises(ConfigurationError):
            own_records.crm.merge("c10", "c11")
        own_records.crm.merge("c11", "c10")

    def test_an_inactive_record_answers_for_no_address_and_is_still_what_its_emails_are_about(
        self, stores: Stores, lease: Lease
    ) -> None:
        erin, lead = replace(CONTACT, owner=""), Record("lead", guid("l-1"))
        stores.know("erin@fabrikam.example", erin)
        stores.know("erin@fabrikam.example", lead)
        stores.know("erin@home.example", erin)
        stores.know(ANN, Record("user", guid("u-1"), "Ann"))
        mail = delivery(1, regarding=erin, owner=ANN)
        stores.crm.deliver([mail], lease)

        stores.crm.deactivate(erin.id)
        stores.crm.deactivate(erin.id)

        found = stores.crm.resolve(["erin@fabrikam.example", "erin@home.example"])
        assert found == {"erin@fabrikam.example": (lead,)}
        assert stores.crm.about([mail.activity.id]) == {mail.activity.id: About(erin, ANN, inactive=True)}

    def test_an_import_does_not_activate_a_record_and_activate_does(self, own_records: Stores, lease: Lease) -> None:
        own_records.know("erin@fabrikam.example", CONTACT)
        mail = delivery(1, regarding=CONTACT, owner=ANN)
        own_records.crm.deliver([mail], lease)
        own_records.crm.deactivate(CONTACT.id)

        own_records.know("erin@fabrikam.example", CONTACT)
        assert own_records.crm.resolve(["erin@fabrikam.example"]) == {}

        own_records.crm.activate(CONTACT.id)
        assert own_records.crm.resolve(["erin@fabrikam.example"]) == {"erin@fabrikam.example": (CONTACT,)}
        assert own_records.crm.about([mail.activity.id]) == {mail.activity.id: About(CONTACT, ANN)}

    def test_a_merged_record_is_neither_activated_nor_deactivated(self, own_records: Stores) -> None:
        for name in ("c-1", "c-2"):
            own_records.know(f"{name}@x.example", Record("contact", name))
        own_records.crm.merge("c-1", "c-2")

        with pytest.raises(ConfigurationError):
            own_records.crm.activate("c-1")
        with pytest.raises(ConfigurationError):
            own_records.crm.deactivate("c-1")


class TestEmails:
    def test_an_email_that_does_not_exist_is_none(self, stores: Stores) -> None:
        assert stores.crm.email("gone") is None

    def test_emails_are_listed_oldest_first(self, own_records: Stores, lease: Lease) -> None:
        own_records.crm.deliver([delivery(number) for number in (9, 3, 6)], lease)
        own_records.crm.create_outgoing(outgoing(created=later(5)))

        assert [one.subject for one in own_records.crm.emails()] == [
            delivery(3).activity.subject,
            "Your order",
            delivery(6).activity.subject,
            delivery(9).activity.subject,
        ]


class TestOutgoing:
    def test_pending_emails_are_collected_when_due_longest_due_first(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing("e1", due=later(60)))
        stores.crm.create_outgoing(outgoing("e2"))
        stores.crm.create_outgoing(outgoing("e3", due=later(30)))
        stores.crm.create_outgoing(outgoing("e4", status=EmailStatus.DRAFT))

        assert list(stores.crm.pending(later(29), 10)) == [(guid("e2"), SALES)]
        assert list(stores.crm.pending(later(60), 10)) == [
            (guid("e2"), SALES),
            (guid("e3"), SALES),
            (guid("e1"), SALES),
        ]
        assert list(stores.crm.pending(later(60), 2)) == [(guid("e2"), SALES), (guid("e3"), SALES)]

    def test_an_email_created_twice_stays_as_it_was(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.create_outgoing(outgoing(subject="other"))

        assert reads_the_same(stores.crm.email(guid("e1")), outgoing())

    def test_a_postponed_email_is_not_collected_before_then(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing("e1"))
        stores.crm.create_outgoing(outgoing("e2"))
        stores.crm.write_back(guid("e2"), EmailStatus.SENT)

        stores.crm.postpone([guid("e1"), guid("e2"), guid("gone")], later(300))

        assert list(stores.crm.pending(later(299), 10)) == []
        assert list(stores.crm.pending(later(300), 10)) == [(guid("e1"), SALES)]

    def test_what_is_written_back_is_read_and_what_is_not_given_stays(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing(text="x" * 9000))

        assert stores.crm.write_back(
            guid("e1"), EmailStatus.SENDING, subject="Your order CRM:1", tracking_token="CRM:1", attempts=1
        )
        assert stores.crm.write_back(
            guid("e1"), EmailStatus.SENT, message_id="<e1@contoso.example>", sent=later(9), reason="250 ok"
        )

        expected = outgoing(
            text="x" * 9000,
            status=EmailStatus.SENT,
            subject="Your order CRM:1",
            tracking_token="CRM:1",
            attempts=1,
            message_id="<e1@contoso.example>",
            date=later(9),
            reason="250 ok",
        )
        assert reads_the_same(stores.crm.email(guid("e1")), expected)

    def test_an_email_put_back_is_collected_when_it_is_due_again(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.write_back(guid("e1"), EmailStatus.SENDING)

        assert stores.crm.write_back(guid("e1"), EmailStatus.DEFERRED, due=later(60), reason="451")

        assert list(stores.crm.pending(later(59), 10)) == []
        assert list(stores.crm.pending(later(60), 10)) == [(guid("e1"), SALES)]
        assert stores.crm.email(guid("e1")).due == later(60)

    def test_an_email_whose_sending_never_ended_is_collected_again_when_its_time_comes(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.postpone([guid("e1")], later(300))

        stores.crm.write_back(guid("e1"), EmailStatus.SENDING, attempts=1)

        assert list(stores.crm.pending(later(299), 10)) == []
        assert list(stores.crm.pending(later(300), 10)) == [(guid("e1"), SALES)]
        stores.crm.write_back(guid("e1"), EmailStatus.UNKNOWN)
        assert list(stores.crm.pending(later(9999), 10)) == []

    def test_a_cancelled_email_is_neither_collected_nor_written_back(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())

        assert stores.crm.cancel(guid("e1")) is True
        assert stores.crm.cancel(guid("e1")) is False
        assert stores.crm.write_back(guid("e1"), EmailStatus.SENT) is False
        assert stores.crm.write_back(guid("gone"), EmailStatus.SENT) is False
        assert list(stores.crm.pending(later(9), 10)) == []
        assert stores.crm.email(guid("e1")).status is EmailStatus.CANCELLED

    def test_an_email_under_way_is_not_cancelled(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.write_back(guid("e1"), EmailStatus.SENDING)

        assert stores.crm.cancel(guid("e1")) is False
