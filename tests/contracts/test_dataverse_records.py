"""Records by address and what e-mails are about, read from the simulated Dataverse."""

from __future__ import annotations

import uuid

import pytest

from email_router.core.activity import About, Record
from email_router.core.errors import MailboxBlocked, TryLater
from email_router.edge.crm.dataverse_records import about, resolve
from tests.contracts.dataverse_rig import EMAIL, OTHER, Rig


def user(dataverse: Rig, address: str, **more: object) -> str:
    row = dataverse.process.put("systemuser", firstname="Uma", lastname="User", internalemailaddress=address, **more)
    return str(row["systemuserid"])


def outer_requests(dataverse: Rig) -> int:
    return len([one for one in dataverse.process.requests("/api/") if not one["batched"]])


class TestResolve:
    def test_all_kinds_answer_for_an_address_in_the_documented_order(self, dataverse: Rig) -> None:
        address = "both@example.com"
        queue = dataverse.queue(address)
        lead = dataverse.process.put("lead", firstname="Lea", lastname="Lead", emailaddress2=address)["leadid"]
        account = dataverse.process.put("account", name="Acme", emailaddress3=address)["accountid"]
        contact = dataverse.contact(address="BOTH@example.com")
        person = user(dataverse, address)
        dataverse.process.clear_requests()

        found = resolve(dataverse.client, ["Both@Example.com", "nobody@example.com"])

        router = "router@contoso.example"
        assert found == {
            address: (
                Record("user", person, "Uma User"),
                Record("contact", contact, "Ann Lee", router),
                Record("account", account, "Acme", router),
                Record("lead", lead, "Lea Lead", router),
                Record("queue", queue, "Sales"),
            )
        }
        assert outer_requests(dataverse) == 1

    def test_the_owner_is_told_by_his_address_and_a_team_has_none(self, dataverse: Rig) -> None:
        owner = {"table": "systemuser", "id": user(dataverse, "uma@contoso.example")}
        team = {"table": "team", "id": dataverse.process.put("team", name="T")["teamid"]}
        dataverse.contact("Ann", "ann@example.com", ownerid=owner)
        dataverse.contact("Bob", "bob@example.com", ownerid=team)

        found = resolve(dataverse.client, ["ann@example.com", "bob@example.com"])

        assert found["ann@example.com"][0].owner == "uma@contoso.example"
        assert found["bob@example.com"][0].owner == ""

    def test_inactive_records_and_disabled_users_answer_for_nobody(self, dataverse: Rig) -> None:
        dataverse.contact(statecode=1, statuscode=2)
        user(dataverse, "uma@contoso.example", isdisabled=True)
        dataverse.queue(statecode=1, statuscode=2)

        assert resolve(dataverse.client, ["ann@example.com", "uma@contoso.example", "sales@contoso.example"]) == {}

    def test_a_record_with_one_address_twice_is_one(self, dataverse: Rig) -> None:
        dataverse.contact(emailaddress2="ann@example.com")

        assert len(resolve(dataverse.client, ["ann@example.com"])["ann@example.com"]) == 1

    def test_of_an_address_that_more_than_a_hundred_have_more_than_a_hundred_come(self, dataverse: Rig) -> None:
        for _ in range(103):
            dataverse.contact()

        assert len(resolve(dataverse.client, ["ann@example.com"])["ann@example.com"]) == 103

    def test_odd_and_long_addresses_are_found_by_their_very_text(self, dataverse: Rig) -> None:
        odd = ["o'b+c&d#e%41/?@example.com", "jürgen@bücher.example", '"a b"@example.com', "x" * 88 + "@example.com"]
        for address in odd:
            dataverse.contact(address=address)

        assert set(resolve(dataverse.client, odd)) == {address.casefold() for address in odd}

    def test_hundreds_of_long_addresses_are_asked_in_one_batch(self, dataverse: Rig) -> None:
        many = [f"{'y' * 300}{number}@example.com" for number in range(120)]
        dataverse.contact(address="ann@example.com")
        dataverse.process.clear_requests()

        assert set(resolve(dataverse.client, [*many, "ann@example.com"])) == {"ann@example.com"}
        assert outer_requests(dataverse) == 1

    def test_an_organisation_without_leads_has_none(self, dataverse: Rig) -> None:
        dataverse.contact()
        words = "Resource not found for the segment 'leads'."
        dataverse.process.fault("/leads", "status", status=404, code="0x8006088a", message=words)

        assert [one.kind for one in resolve(dataverse.client, ["ann@example.com"])["ann@example.com"]] == ["contact"]

    def test_no_address_is_no_question(self, dataverse: Rig) -> None:
        assert resolve(dataverse.client, []) == {}
        assert dataverse.process.requests() == []

    def test_a_missing_privilege_is_named_not_passed_over(self, dataverse: Rig) -> None:
        dataverse.process.settings(denied=["prvReadLead"])

        with pytest.raises(MailboxBlocked, match="prvReadLead"):
            resolve(dataverse.client, ["ann@example.com"])

    def test_a_throttled_part_is_a_wait_for_the_whole(self, dataverse: Rig) -> None:
        dataverse.process.fault("GET .*/accounts", "throttled", retry_after="8")

        with pytest.raises(TryLater) as caught:
            resolve(dataverse.client, ["ann@example.com"])
        assert (caught.value.after, caught.value.shared) == (8, True)


class TestAbout:
    def test_what_an_email_is_about_and_who_owns_it_is_told(self, dataverse: Rig) -> None:
        contact = dataverse.contact()
        dataverse.outgoing(EMAIL, **{"regardingobjectid_contact_email@odata.bind": f"/contacts({contact})"})
        dataverse.outgoing(OTHER)
        dataverse.process.clear_requests()

        found = about(dataverse.client, [EMAIL.upper(), OTHER, str(uuid.uuid4()), "no id"])

        assert found == {
            EMAIL.upper(): About(Record("contact", contact, "Ann Lee"), "router@contoso.example"),
            OTHER: About(None, "router@contoso.example"),
        }
        assert outer_requests(dataverse) == 1

    @pytest.mark.parametrize(
        ("table", "kind", "row", "name"),
        [
            ("account", "account", {"name": "Acme"}, "Acme"),
            ("lead", "lead", {"firstname": "Lea", "lastname": "Lead"}, "Lea Lead"),
            ("incident", "incident", {"title": "Broken"}, "Broken"),
            ("queue", "queue", {"name": "Sales"}, "Sales"),
        ],
    )
    def test_every_kind_of_record_is_told(
        self, dataverse: Rig, table: str, kind: str, row: dict[str, str], name: str
    ) -> None:
        key = f"{table}id"
        made = dataverse.process.put(table, **row)[key]
        dataverse.outgoing(EMAIL, **{f"regardingobjectid_{table}_email@odata.bind": f"/{table}s({made})"})

        assert about(dataverse.client, [EMAIL])[EMAIL].regarding == Record(kind, made, name)

    def test_a_record_that_was_merged_is_answered_by_the_end_of_its_chain(self, dataverse: Rig) -> None:
        keys = [dataverse.contact(f"C{number}", f"c{number}@example.com") for number in range(3)]
        dataverse.outgoing(EMAIL, **{"regardingobjectid_contact_email@odata.bind": f"/contacts({keys[0]})"})
        for number in (0, 1):
            master = {"table": "contact", "id": keys[number + 1]}
            dataverse.process.put(
                "contact", contactid=keys[number], masterid=master, merged=True, statecode=1, statuscode=2
            )

        found = about(dataverse.client, [EMAIL])[EMAIL]

        assert (found.regarding, found.inactive) == (Record("contact", keys[2], "C2 Lee"), False)

    def test_an_inactive_record_is_answered_and_said_to_be_so(self, dataverse: Rig) -> None:
        contact = dataverse.contact()
        dataverse.outgoing(EMAIL, **{"regardingobjectid_contact_email@odata.bind": f"/contacts({contact})"})
        dataverse.process.put("contact", contactid=contact, statecode=1, statuscode=2)

        found = about(dataverse.client, [EMAIL])[EMAIL]

        assert (found.regarding, found.inactive) == (Record("contact", contact, "Ann Lee"), True)

    def test_records_merged_in_a_circle_end_somewhere(self, dataverse: Rig) -> None:
        first, second = dataverse.contact("A", "a@x"), dataverse.contact("B", "b@x")
        dataverse.outgoing(EMAIL, **{"regardingobjectid_contact_email@odata.bind": f"/contacts({first})"})
        for key, master in ((first, second), (second, first)):
            dataverse.process.put("contact", contactid=key, masterid={"table": "contact", "id": master})

        assert about(dataverse.client, [EMAIL])[EMAIL].regarding in {
            Record("contact", second, "B Lee"),
            Record("contact", first, "A Lee"),
        }

    def test_an_organisation_without_cases_tells_the_others(self, dataverse: Rig) -> None:
        contact = dataverse.contact()
        dataverse.outgoing(EMAIL, **{"regardingobjectid_contact_email@odata.bind": f"/contacts({contact})"})
        dataverse.process.fault(
            "GET .*/emails", "status", skip=4, status=400, code="0x80060888", message="Could not find a property"
        )

        assert about(dataverse.client, [EMAIL])[EMAIL].regarding == Record("contact", contact, "Ann Lee")

    def test_no_email_is_no_question(self, dataverse: Rig) -> None:
        assert about(dataverse.client, []) == {}
        assert dataverse.process.requests() == []
