"""The simulated Dataverse answers as Microsoft describes: queries and definitions."""

from __future__ import annotations

import pytest

from email_router.edge.connect.dataverse import text
from tests.contracts.dataverse_rig import EMAIL, Rig

FORMATTED = "OData.Community.Display.V1.FormattedValue"


class TestQueries:
    @pytest.fixture(autouse=True)
    def people(self, dataverse: Rig) -> None:
        for number, name in enumerate(("Ann", "Bob", "O'Neil")):
            dataverse.contact(name, f"{name[:3].lower().strip(chr(39))}{number}@example.com", donotemail=number == 1)

    @pytest.mark.parametrize(
        ("judged", "names"),
        [
            ("firstname eq 'ANN'", ["Ann"]),
            ("firstname eq 'O''Neil'", ["O'Neil"]),
            ("firstname ne 'Ann'", ["Bob", "O'Neil"]),
            ("firstname gt 'Ann' and firstname lt 'Carl'", ["Bob"]),
            ("firstname ge 'Bob' or firstname le 'Ann'", ["Ann", "Bob", "O'Neil"]),
            ("not (firstname eq 'Ann' or firstname eq 'Bob')", ["O'Neil"]),
            ("firstname in ('Ann','Bob')", ["Ann", "Bob"]),
            ("contains(emailaddress1,'EXAMPLE')", ["Ann", "Bob", "O'Neil"]),
            ("startswith(firstname,'O''')", ["O'Neil"]),
            ("endswith(firstname,'b')", ["Bob"]),
            ("donotemail eq true", ["Bob"]),
            ("emailaddress2 eq null and statecode eq 0", ["Ann", "Bob", "O'Neil"]),
            (
                "Microsoft.Dynamics.CRM.In(PropertyName='emailaddress1',PropertyValues=['ANN0@example.com','x'])",
                ["Ann"],
            ),
            ("Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)&@p1='firstname'&@p2=[\"bob\"]", ["Bob"]),
        ],
    )
    def test_a_filter_finds_what_it_says(self, dataverse: Rig, judged: str, names: list[str]) -> None:
        rows = dataverse.ask("GET", f"contacts?$select=firstname&$orderby=firstname&$filter={judged}").rows()

        assert [row["firstname"] for row in rows] == names

    def test_only_what_is_selected_comes_and_the_key_and_the_version(self, dataverse: Rig) -> None:
        (row,) = dataverse.ask("GET", "contacts?$select=fullname&$filter=firstname eq 'Ann'").rows()

        assert set(row) == {"@odata.etag", "fullname", "contactid"}
        assert row["fullname"] == "Ann Lee"

    def test_rows_come_in_order_and_no_more_than_the_top(self, dataverse: Rig) -> None:
        answer = dataverse.ask("GET", "contacts?$select=firstname&$orderby=firstname desc&$top=2&$count=true").json()

        assert [row["firstname"] for row in answer["value"]] == ["O'Neil", "Bob"]
        assert answer["@odata.count"] == 3
        assert "@odata.nextLink" not in answer

    def test_pages_hold_what_was_asked_and_leave_nothing_out(self, dataverse: Rig) -> None:
        pages = list(dataverse.client.pages("contacts?$select=firstname&$orderby=firstname", 2))

        assert [[row["firstname"] for row in page] for page in pages] == [["Ann", "Bob"], ["O'Neil"]]

    def test_a_row_that_comes_between_pages_moves_nothing(self, dataverse: Rig) -> None:
        pages = dataverse.client.pages("contacts?$select=firstname&$orderby=firstname", 2)

        first = next(pages)
        dataverse.contact("Aaron", "aaron@example.com")

        assert [[row["firstname"] for row in page] for page in (first, *pages)] == [["Ann", "Bob"], ["O'Neil"]]

    def test_annotations_come_when_they_are_preferred(self, dataverse: Rig) -> None:
        target = "contacts?$select=statecode,_ownerid_value&$filter=firstname eq 'Ann'"

        (bare,) = dataverse.ask("GET", target).rows()
        (named,) = dataverse.ask("GET", target, prefer='odata.include-annotations="*"').rows()
        (some,) = dataverse.ask("GET", target, prefer=f'odata.include-annotations="{FORMATTED}"').rows()

        assert not any("@" in name for name in bare if name != "@odata.etag")
        assert named[f"statecode@{FORMATTED}"] == "Active"
        assert named["_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "systemuser"
        assert named[f"_ownerid_value@{FORMATTED}"] == "# E-mail Router"
        assert f"statecode@{FORMATTED}" in some
        assert "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname" not in some

    @pytest.mark.parametrize(
        ("target", "code"),
        [
            ("contacts?$select=nosuch", "0x80060888"),
            ("contacts?$filter=nosuch eq 1", "0x80060888"),
            ("contacts?$filter=firstname eq", "0x80060888"),
            ("contacts?$filter=firstname like 'A'", "0x80060888"),
            ("contacts?$expand=nosuch", "0x80060888"),
            ("contacts?$orderby=nosuch", "0x80060888"),
            ("contacts?$skip=1", "0x80060888"),
            ("nosuchs", "0x8006088a"),
            (f"contacts({EMAIL})", "0x80040217"),
            ("contacts(nosuch='x')", "0x80060891"),
        ],
    )
    def test_what_cannot_be_read_is_refused_with_its_code(self, dataverse: Rig, target: str, code: str) -> None:
        assert dataverse.refused("GET", target)[1] == code

    def test_an_address_with_marks_of_a_url_is_found_by_its_text(self, dataverse: Rig) -> None:
        odd = "o'b+c&d#e%41/?@example.com"
        dataverse.contact("Odd", odd)

        rows = dataverse.ask("GET", f"contacts?$select=firstname&$filter=emailaddress1 eq {text(odd)}").rows()

        assert [row["firstname"] for row in rows] == ["Odd"]

    def test_an_alternate_key_finds_and_makes_a_row(self, dataverse: Rig) -> None:
        dataverse.process.settings(alternate_keys=[["contact", "externaluseridentifier"]])

        made = dataverse.ask("PATCH", "contacts(externaluseridentifier='x7')", {"lastname": "Key"})
        found = dataverse.ask("GET", "contacts(externaluseridentifier='x7')?$select=lastname").json()

        assert made.status == 204
        assert found["lastname"] == "Key"


class TestDefinitions:
    def test_a_table_is_found_by_its_name(self, dataverse: Rig) -> None:
        asked = "$select=EntitySetName,PrimaryIdAttribute&$filter=LogicalName eq 'email'"

        (row,) = dataverse.ask("GET", f"EntityDefinitions?{asked}").rows()

        assert (row["EntitySetName"], row["PrimaryIdAttribute"]) == ("emails", "activityid")
        assert dataverse.ask("GET", "EntityDefinitions?$filter=LogicalName eq 'nosuch'").rows() == []
        assert dataverse.ask("GET", "EntityDefinitions(LogicalName='nosuch')").status == 404

    def test_the_choices_of_a_table_are_told_with_their_labels(self, dataverse: Rig) -> None:
        place = "EntityDefinitions(LogicalName='email')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"

        rows = {row["LogicalName"]: row["OptionSet"]["Options"] for row in dataverse.ask("GET", place).rows()}

        labels = {
            option["Value"]: option["Label"]["LocalizedLabels"][0]["Label"] for option in rows["correlationmethod"]
        }
        assert labels[3] == "InReplyTo"
