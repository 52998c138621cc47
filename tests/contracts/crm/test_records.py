"""What every CRM promises of records: found by address, made for unknown senders."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.activity import About, NewPerson, Record
from email_router.core.mailbox_state import Lease
from email_router.edge.crm.builtin_records import AddressedRecord, record_of_row
from tests.cloud import Stores
from tests.contracts.crm_houses import ACCOUNT, CONTACT, OWN_RECORDS, guid, keeps_records
from tests.deliveries import ANN, SALES, delivery


class TestRecords:
    def test_every_crm_that_keeps_records_of_its_own_is_tried_so(
        self, stores: Stores, request: pytest.FixtureRequest
    ) -> None:
        name = request.node.callspec.params["stores"]

        assert keeps_records(stores.crm) == (name in OWN_RECORDS)

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

    @pytest.mark.parametrize("stores", OWN_RECORDS, indirect=True)
    def test_a_record_that_was_made_is_the_one_that_an_import_changes(self, stores: Stores) -> None:
        stores.crm.create_people([NewPerson("zoe@new.example", "contact", "zoe@new.example")])

        stores.crm.import_records([record_of_row("contoso", "contact", "Zoe@new.example", "Zoe Novak", ANN)])

        assert [record.name for record in stores.crm.resolve(["zoe@new.example"])["zoe@new.example"]] == ["Zoe Novak"]

    def test_an_address_that_has_records_gets_no_other(self, stores: Stores) -> None:
        stores.know("erin@fabrikam.example", CONTACT)
        stores.know("left@fabrikam.example", Record("contact", guid("c-2")))
        stores.crm.deactivate(guid("c-2"))

        made = stores.crm.create_people(
            [NewPerson("erin@fabrikam.example", "lead", "E"), NewPerson("left@fabrikam.example", "lead", "L")]
        )

        assert made == {"erin@fabrikam.example": (CONTACT,)}
        assert len(list(stores.crm.records())) == 2
