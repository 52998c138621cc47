"""What every CRM promises of records that were merged or are inactive."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from email_router.core.activity import About, Record
from email_router.core.errors import ConfigurationError
from email_router.core.mailbox_state import Lease
from tests.cloud import Stores
from tests.contracts.crm_houses import CONTACT, OWN_RECORDS, guid
from tests.deliveries import ANN, delivery


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

    @pytest.mark.parametrize("stores", OWN_RECORDS, indirect=True)
    def test_the_addresses_of_a_merged_record_lead_to_its_master(self, stores: Stores) -> None:
        shared = "shared@x.example"
        for name in ("c-1", "c-2"):
            stores.know(f"{name}@x.example", Record("contact", name))
            stores.know(shared, Record("contact", name))

        stores.crm.merge("c-1", "c-2")

        master = (Record("contact", "c-2"),)
        assert stores.crm.resolve(["c-1@x.example", "c-2@x.example", shared]) == {
            "c-1@x.example": master,
            "c-2@x.example": master,
            shared: master,
        }

    @pytest.mark.parametrize("stores", OWN_RECORDS, indirect=True)
    def test_merging_again_changes_nothing_and_an_import_does_not_undo_it(self, stores: Stores) -> None:
        for name in ("c-1", "c-2"):
            stores.know(f"{name}@x.example", Record("contact", name))
        merged = stores.crm.merge("c-1", "c-2")

        assert stores.crm.merge("c-1", "c-2") == merged == (Record("contact", "c-1"), Record("contact", "c-2"))
        stores.know("c-1@x.example", Record("contact", "c-1", "New name"))

        assert stores.crm.resolve(["c-1@x.example"]) == {"c-1@x.example": (Record("contact", "c-2"),)}

    @pytest.mark.parametrize(
        ("loser", "winner"),
        [("c-3", "c-3"), ("c-2", "c-1"), ("c-1", "c-3"), ("l-1", "c-1"), ("u-1", "u-2"), ("c-3", "c-4"), ("no", "c-1")],
        ids=["itself", "a circle", "merged elsewhere", "another kind", "users", "into an inactive one", "nobody"],
    )
    @pytest.mark.parametrize("stores", OWN_RECORDS, indirect=True)
    def test_a_merge_that_makes_no_sense_is_refused_and_changes_nothing(
        self, stores: Stores, loser: str, winner: str
    ) -> None:
        names = ("c-1", "c-2", "c-3", "c-4", "l-1", "u-1", "u-2")
        for name in names:
            kind = {"c": "contact", "l": "lead", "u": "user"}[name[0]]
            stores.know(f"{name}@x.example", Record(kind, name))
        stores.crm.merge("c-1", "c-2")
        stores.crm.deactivate("c-4")
        before = stores.crm.resolve([f"{name}@x.example" for name in names])

        with pytest.raises(ConfigurationError):
            stores.crm.merge(loser, winner)

        assert stores.crm.resolve([f"{name}@x.example" for name in names]) == before

    def test_a_chain_of_merges_is_followed_for_ten_hops(self, stores: Stores, lease: Lease) -> None:
        chain = [Record("contact", guid(f"c{number:02d}"), f"c{number:02d}") for number in range(11)]
        for record in chain:
            stores.know(f"{record.name}@x.example", record)
        mail = delivery(1, regarding=chain[0])
        stores.crm.deliver([mail], lease)

        for loser, winner in itertools.pairwise(chain):
            stores.crm.merge(loser.id, winner.id)

        assert stores.crm.about([mail.activity.id])[mail.activity.id].regarding == chain[10]

    @pytest.mark.parametrize("stores", OWN_RECORDS, indirect=True)
    def test_no_chain_of_merges_is_made_that_is_longer(self, stores: Stores) -> None:
        for number in range(12):
            stores.know(f"c{number}@x.example", Record("contact", f"c{number:02d}"))
        for number in range(10):
            stores.crm.merge(f"c{number:02d}", f"c{number + 1:02d}")

        with pytest.raises(ConfigurationError):
            stores.crm.merge("c10", "c11")
        stores.crm.merge("c11", "c10")

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

    def test_a_record_that_is_activated_again_answers_for_its_address_again(self, stores: Stores, lease: Lease) -> None:
        stores.know(ANN, Record("user", guid("u-1"), "Ann"))
        stores.know("erin@fabrikam.example", CONTACT)
        mail = delivery(1, regarding=CONTACT, owner=ANN)
        stores.crm.deliver([mail], lease)
        stores.crm.deactivate(CONTACT.id)
        assert stores.crm.resolve(["erin@fabrikam.example"]) == {}

        stores.crm.activate(CONTACT.id)

        assert stores.crm.resolve(["erin@fabrikam.example"]) == {"erin@fabrikam.example": (CONTACT,)}
        (about,) = stores.crm.about([mail.activity.id]).values()
        assert (about.regarding and about.regarding.id, about.inactive) == (CONTACT.id, False)

    @pytest.mark.parametrize("stores", OWN_RECORDS, indirect=True)
    def test_an_import_does_not_activate_a_record(self, stores: Stores) -> None:
        stores.know("erin@fabrikam.example", CONTACT)
        stores.crm.deactivate(CONTACT.id)

        stores.know("erin@fabrikam.example", CONTACT)

        assert stores.crm.resolve(["erin@fabrikam.example"]) == {}

    @pytest.mark.parametrize("stores", OWN_RECORDS, indirect=True)
    def test_a_merged_record_is_neither_activated_nor_deactivated(self, stores: Stores) -> None:
        for name in ("c-1", "c-2"):
            stores.know(f"{name}@x.example", Record("contact", name))
        stores.crm.merge("c-1", "c-2")

        with pytest.raises(ConfigurationError):
            stores.crm.activate("c-1")
        with pytest.raises(ConfigurationError):
            stores.crm.deactivate("c-1")
