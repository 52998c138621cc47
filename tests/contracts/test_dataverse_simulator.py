"""The simulated Dataverse behaves as Microsoft describes: queries, writes, states, actions, limits."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from email_router.edge.connect.dataverse import text
from email_router.edge.connect.dataverse_batch import ChangeSet, Request
from tests.contracts import dataverse_rig
from tests.contracts.dataverse_rig import EMAIL, OTHER, Rig

FORMATTED = "OData.Community.Display.V1.FormattedValue"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    yield from dataverse_rig.rig(tmp_path_factory.mktemp("dataverse"))


@pytest.fixture
def dataverse(running: Rig) -> Iterator[Rig]:
    yield from dataverse_rig.afresh(running)


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


class TestWrites:
    def test_a_new_row_is_answered_with_its_place(self, dataverse: Rig) -> None:
        reply = dataverse.ask("POST", "contacts", {"firstname": "Eve", "lastname": "Moss"})

        assert reply.status == 204
        place = reply.headers["odata-entityid"]
        assert dataverse.ask("GET", place).json()["fullname"] == "Eve Moss"

    def test_the_new_row_is_answered_when_that_is_preferred(self, dataverse: Rig) -> None:
        reply = dataverse.ask("POST", "contacts?$select=fullname", {"lastname": "Moss"}, prefer="return=representation")

        assert (reply.status, reply.json()["fullname"]) == (201, "Moss")
        assert reply.headers["preference-applied"] == "return=representation"

    def test_a_patch_makes_or_changes_as_the_conditions_say(self, dataverse: Rig) -> None:
        target = f"contacts({EMAIL})"

        assert dataverse.ask("PATCH", target, {"lastname": "A"}, {"If-Match": "*"}).status == 404
        assert dataverse.ask("PATCH", target, {"lastname": "A"}, {"If-None-Match": "*"}).status == 204
        assert dataverse.ask("PATCH", target, {"lastname": "B"}, {"If-None-Match": "*"}).status == 412
        version = dataverse.ask("GET", target).headers["etag"]
        assert dataverse.ask("PATCH", target, {"lastname": "C"}, {"If-Match": version}).status == 204
        assert dataverse.ask("PATCH", target, {"lastname": "D"}, {"If-Match": version}).status == 412
        assert dataverse.ask("DELETE", target, headers={"If-Match": version}).status == 412
        assert dataverse.ask("GET", target).json()["lastname"] == "C"
        assert dataverse.ask("DELETE", target).status == 204
        assert dataverse.ask("GET", target).status == 404

    @pytest.mark.parametrize(
        ("content", "code", "words"),
        [
            ({"firstname": "x" * 51}, "0x80044331", "exceeded the maximum allowed length of '50'"),
            ({"firstname": "\U0001f600" * 26}, "0x80044331", "exceeded the maximum allowed length of '50'"),
            ({"nosuch": 1}, "0x80048d19", "nosuch"),
            ({"firstname": 5}, "0x80048d19", "Edm.String"),
            ({"donotemail": "yes"}, "0x80048d19", "Edm.Boolean"),
            ({"gendercode": 77}, "0x80044330", "gendercode"),
            ({"numberofchildren": -1}, "0x80044330", "numberofchildren"),
            ({"parentcustomerid": EMAIL}, "0x80048d19", "parentcustomerid"),
            ({"parentcustomerid_account@odata.bind": f"/accounts({EMAIL})"}, "0x80040217", EMAIL),
            ({"parentcustomerid_account@odata.bind": f"/leads({EMAIL})"}, "0x80040203", "parentcustomerid_account"),
            ({"statuscode": 2}, "0x80048408", "not a valid status code"),
        ],
    )
    def test_a_column_takes_only_what_the_model_says(
        self, dataverse: Rig, content: dict[str, object], code: str, words: str
    ) -> None:
        status, seen, message = dataverse.refused("POST", "contacts", content)

        assert (status, seen) == (404 if code == "0x80040217" else 400, code)
        assert words in message
        assert dataverse.process.rows("contact") == []

    def test_fifty_characters_are_not_too_many(self, dataverse: Rig) -> None:
        assert dataverse.ask("POST", "contacts", {"firstname": "x" * 50}).status == 204

    def test_writing_what_only_the_platform_writes_is_ignored_and_held_against_the_client(self, running: Rig) -> None:
        running.process.reset()

        running.outgoing(inreplyto="<a@x>", conversationindex="ab", correlationmethod=3, senton="2026-01-01T00:00:00Z")

        row = running.email()
        assert (row["inreplyto"], row["conversationindex"], row["correlationmethod"], row["senton"]) == (
            None,
            None,
            0,
            None,
        )
        assert len(running.process.violations()) == 4

    def test_what_fails_in_the_middle_leaves_nothing_behind(self, dataverse: Rig) -> None:
        parties = [
            {"participationtypemask": 2, "addressused": "a@x"},
            {"participationtypemask": 99, "addressused": "b@x"},
        ]

        reply = dataverse.ask("PATCH", f"emails({EMAIL})", {"subject": "x", "email_activity_parties": parties})

        assert reply.status == 400
        assert dataverse.process.rows("email") == dataverse.process.rows("activityparty") == []


class TestEmails:
    def test_an_incoming_email_is_made_with_its_parties_and_becomes_received(self, dataverse: Rig) -> None:
        ann, sales = dataverse.contact(), dataverse.queue()
        parties = [
            {"participationtypemask": 1, "partyid_contact@odata.bind": f"/contacts({ann})"},
            {"participationtypemask": 2, "partyid_queue@odata.bind": f"/queues({sales})"},
            {"participationtypemask": 3, "addressused": "unknown@example.com"},
        ]
        about = {"regardingobjectid_contact_email@odata.bind": f"/contacts({ann})"}
        content = {"subject": "Hello", "messageid": "<1@x>", "directioncode": False, "email_activity_parties": parties}

        assert dataverse.client.create(f"emails({EMAIL})", {**content, **about})
        dataverse.client.call("PATCH", f"emails({EMAIL})", {"statecode": 1, "statuscode": 4})

        target = (
            "$select=sender,torecipients,statuscode,_regardingobjectid_value,_emailsender_value,actualend,directioncode"
        )
        inner = "email_activity_parties($select=addressused,participationtypemask,_partyid_value;$orderby=participationtypemask)"
        row = dataverse.ask("GET", f"emails({EMAIL})?{target}&$expand={inner}").json()
        assert (row["sender"], row["torecipients"]) == ("ann@example.com", "sales@contoso.example;unknown@example.com")
        assert (row["statuscode"], row["directioncode"], row["_regardingobjectid_value"]) == (4, False, ann)
        assert row["_emailsender_value"] == ann
        assert row["actualend"]
        assert [party["_partyid_value"] for party in row["email_activity_parties"]] == [ann, sales, None]

    @pytest.mark.parametrize(("state", "status"), [(0, 6), (0, 3), (1, 1), (1, 8), (2, 3), (1, 5)])
    def test_a_state_takes_only_its_own_statuses(self, dataverse: Rig, state: int, status: int) -> None:
        dataverse.outgoing()

        refused = dataverse.refused("PATCH", f"emails({EMAIL})", {"statecode": state, "statuscode": status})

        assert refused[:2] == (400, "0x80048408")

    @pytest.mark.parametrize(("state", "status"), [(1, 6), (1, 7), (1, 3), (2, 5), (0, 8)])
    def test_a_state_takes_its_own_statuses(self, dataverse: Rig, state: int, status: int) -> None:
        dataverse.outgoing()

        dataverse.client.call(
            "PATCH", f"emails({EMAIL})", {"statecode": state, "statuscode": status, "deliveryattempts": 1}
        )

        row = dataverse.email()
        assert (row["statecode"], row["statuscode"], row["deliveryattempts"]) == (state, status, 1)

    def test_a_sent_email_is_read_only(self, dataverse: Rig) -> None:
        dataverse.outgoing()
        dataverse.client.call("PATCH", f"emails({EMAIL})", {"statecode": 1, "statuscode": 3})

        assert dataverse.ask("PATCH", f"emails({EMAIL})", {"subject": "other"}).status == 400
        assert dataverse.ask("POST", "activitymimeattachments", attachment(EMAIL)).status == 400
        assert dataverse.email()["senton"]

    def test_an_attachment_has_the_size_and_the_number_that_dataverse_gives_it(self, dataverse: Rig) -> None:
        dataverse.outgoing()

        for key in (EMAIL, OTHER):
            assert dataverse.client.create(f"activitymimeattachments({key})", attachment(EMAIL))

        assert not dataverse.client.create(f"activitymimeattachments({OTHER})", attachment(EMAIL))
        rows = dataverse.ask(
            "GET", f"emails({EMAIL})/email_activity_mime_attachment?$select=filesize,attachmentnumber"
        ).rows()
        assert [(row["filesize"], row["attachmentnumber"]) for row in rows] == [(5, 1), (5, 2)]
        assert dataverse.email()["attachmentcount"] == 2

    @pytest.mark.parametrize(
        "wrong",
        [
            {"filename": "a.EXE"},
            {"body": "A" * 8_000_000},
            {"body": "!"},
            {"filename": "a" * 256},
            {"objecttypecode": "task"},
        ],
    )
    def test_an_attachment_that_the_organisation_blocks_is_refused(self, dataverse: Rig, wrong: dict[str, str]) -> None:
        dataverse.outgoing()

        assert dataverse.ask("POST", "activitymimeattachments", {**attachment(EMAIL), **wrong}).status == 400
        assert dataverse.process.rows("activitymimeattachment") == []

    def test_an_attachment_of_nothing_is_refused(self, dataverse: Rig) -> None:
        refused = dataverse.refused("POST", "activitymimeattachments", {"filename": "a", "body": ""})

        assert refused[:2] == (400, "0x80040200")

    def test_a_party_is_written_with_its_email_only(self, dataverse: Rig) -> None:
        refused = dataverse.refused("POST", "activityparties", {"participationtypemask": 2, "addressused": "a@x"})

        assert refused[:2] == (400, "0x80040800")

    def test_parties_that_are_given_anew_replace_those_that_are_there(self, dataverse: Rig) -> None:
        dataverse.outgoing()
        party = {"participationtypemask": 2, "addressused": "eve@example.com"}

        dataverse.client.call("PATCH", f"emails({EMAIL})", {"email_activity_parties": [party]})

        assert [row["addressused"] for row in dataverse.process.rows("activityparty")] == ["eve@example.com"]

    def test_with_the_email_go_its_parties_and_attachments(self, dataverse: Rig) -> None:
        dataverse.outgoing()
        dataverse.client.call("POST", "activitymimeattachments", attachment(EMAIL))

        dataverse.client.call("DELETE", f"emails({EMAIL})")

        assert dataverse.process.rows("activityparty") == dataverse.process.rows("activitymimeattachment") == []


class TestActions:
    def test_who_am_i_tells_the_application_user(self, dataverse: Rig) -> None:
        assert set(dataverse.ask("GET", "WhoAmI").json()) > {"UserId", "BusinessUnitId", "OrganizationId"}

    @pytest.mark.parametrize(("issue", "status"), [(False, 3), (True, 6)])
    def test_send_email_marks_it_and_puts_the_token_into_the_subject(
        self, dataverse: Rig, issue: bool, status: int
    ) -> None:
        dataverse.outgoing()

        answer = dataverse.ask(
            "POST", f"emails({EMAIL})/{SEND}", {"IssueSend": issue, "TrackingToken": "CRM:0001002"}
        ).json()

        row = dataverse.email()
        assert answer["Subject"] == row["subject"] == "Offer CRM:0001002"
        assert (row["statuscode"], row["trackingtoken"]) == (status, "CRM:0001002")

    def test_an_email_that_was_cancelled_is_not_sent(self, dataverse: Rig) -> None:
        dataverse.outgoing()
        dataverse.client.call("PATCH", f"emails({EMAIL})", {"statecode": 2, "statuscode": 5})

        assert dataverse.ask("POST", f"emails({EMAIL})/{SEND}", {"IssueSend": False}).status == 400
        assert dataverse.email()["statuscode"] == 5

    def test_tokens_are_counted_up(self, dataverse: Rig) -> None:
        tokens = [
            dataverse.ask("POST", "GetTrackingTokenEmail", {"Subject": "x"}).json()["TrackingToken"] for _ in range(2)
        ]

        assert tokens == ["CRM:0001001", "CRM:0001002"]

    def test_check_incoming_email_gives_its_reasons(self, dataverse: Rig) -> None:
        dataverse.contact()
        dataverse.queue(incomingemailfilteringmethod=2)
        dataverse.queue("all@contoso.example", incomingemailfilteringmethod=0)
        dataverse.queue("answers@contoso.example", incomingemailfilteringmethod=1)
        dataverse.outgoing(trackingtoken="CRM:0001001")

        assert check(dataverse, to="nobody@contoso.example") == (False, 3)
        assert check(dataverse, to="all@contoso.example", sender="x@example.com") == (True, 6)
        assert check(dataverse, to="sales@contoso.example") == (True, 5)
        assert check(dataverse, to="sales@contoso.example", sender="x@example.com") == (False, 1)
        assert check(dataverse, to="answers@contoso.example", subject="Re: CRM:0001001") == (True, 2)
        assert check(dataverse, to="answers@contoso.example") == (False, 1)
        assert check(dataverse, sender="nobody") == (False, 7)

    def test_deliver_incoming_email_makes_it_once_and_matches_it_by_token(self, dataverse: Rig) -> None:
        ann, _ = dataverse.contact(), dataverse.queue(incomingemailfilteringmethod=0)
        about = {"regardingobjectid_contact_email@odata.bind": f"/contacts({ann})"}
        dataverse.outgoing(trackingtoken="CRM:0001001", **about)
        given = {
            "MessageId": "<7@x>",
            "Subject": "Re: Offer CRM:0001001",
            "From": "Ann <ann@example.com>",
            "To": "sales@contoso.example; other@example.com",
            "Cc": "",
            "Bcc": "",
            "ReceivedOn": "2026-11-01T10:00:00Z",
            "SubmittedBy": "router@contoso.example",
            "Importance": "High",
            "Body": "<p>Yes</p>",
            "Attachments": [{"filename": "a.txt", "mimetype": "text/plain", "body": "aGVsbG8="}],
        }

        key = dataverse.ask("POST", f"emails/{DELIVER}", given).json()["EmailId"]

        row = dataverse.email(key)
        assert (row["statuscode"], row["directioncode"], row["prioritycode"], row["attachmentcount"]) == (
            4,
            False,
            2,
            1,
        )
        assert row["regardingobjectid"] == {"table": "contact", "id": ann}
        assert row["correlatedactivityid"] == {"table": "email", "id": EMAIL}
        assert row["emailsender"] == {"table": "contact", "id": ann}
        assert dataverse.ask("POST", f"emails/{DELIVER}", given).status == 412
        assert check(dataverse, to="sales@contoso.example", message_id="<7@x>") == (False, 0)


class TestBatches:
    def test_a_change_set_is_done_as_a_whole_and_knows_its_own_rows(self, dataverse: Rig) -> None:
        dataverse.queue()
        made = Request(
            "PATCH", f"emails({EMAIL})", {"subject": "Hello", "directioncode": False}, {"If-None-Match": "*"}
        )
        added = Request("POST", "activitymimeattachments", {**attachment(""), "objectid_email@odata.bind": "$1"})
        closed = Request("PATCH", "$1", {"statecode": 1, "statuscode": 4})

        ((*answers,),) = dataverse.client.batch([ChangeSet((made, added, closed))])

        assert [answer.status for answer in answers] == [204, 204, 204]
        assert (dataverse.email()["statuscode"], dataverse.email()["attachmentcount"]) == (4, 1)

    def test_a_change_set_that_fails_leaves_nothing_and_keeps_no_other(self, dataverse: Rig) -> None:
        good = Request("POST", "contacts", {"lastname": "Good"})
        bad = Request("POST", "contacts", {"lastname": "x" * 51})

        answers = dataverse.client.batch([ChangeSet((good, bad)), ChangeSet((good,)), bad, good])

        assert [[answer.status for answer in item] for item in answers] == [[400], [204], [400], [204]]
        assert [row["lastname"] for row in dataverse.process.rows("contact")] == ["Good", "Good"]

    def test_a_batch_of_a_thousand_is_taken_and_one_more_is_not(self, dataverse: Rig) -> None:
        dataverse.contact()
        asked = Request("GET", "contacts?$select=fullname&$top=1")

        assert len(dataverse.client.batch([asked] * 1000)) == 1000
        kind, body = batch_of(dataverse, [asked] * 1001)
        reply = dataverse.client._ask("POST", "$batch", {"Content-Type": kind}, body, repeatable=False)
        assert (reply.status, json.loads(reply.body)["error"]["code"]) == (400, "0x80060890")

    def test_without_the_preference_the_first_failure_ends_the_batch(self, dataverse: Rig) -> None:
        bad, good = Request("POST", "contacts", {"lastname": "x" * 51}), Request("POST", "contacts", {"lastname": "y"})
        kind, body = batch_of(dataverse, [bad, good])

        reply = dataverse.client._ask("POST", "$batch", {"Content-Type": kind}, body, repeatable=False)

        assert (reply.status, dataverse.process.rows("contact")) == (400, [])
        assert b"0x80044331" in reply.body

    @pytest.mark.parametrize("target", ["$2", "contacts"])
    def test_a_change_set_refers_to_nothing_that_is_not_made_yet(self, dataverse: Rig, target: str) -> None:
        bound = {"parentcustomerid_account@odata.bind": "$2"} if target == "contacts" else {}
        first = Request("PATCH" if target == "$2" else "POST", target, {"lastname": "x", **bound})
        second = Request("POST", "accounts", {"name": "y"})

        ((answer,),) = dataverse.client.batch([ChangeSet((first, second))])

        assert answer.status == 400
        assert b"'$2' does not exist in the batch context" in answer.body
        assert dataverse.process.rows("account") == []

    def test_reading_has_no_place_in_a_change_set(self, dataverse: Rig) -> None:
        ((answer,),) = dataverse.client.batch([ChangeSet((Request("GET", "contacts"), Request("GET", "leads")))])

        assert answer.status == 400


SEND = "Microsoft.Dynamics.CRM.SendEmail"
DELIVER = "Microsoft.Dynamics.CRM.DeliverIncomingEmail"


def attachment(email: str) -> dict[str, object]:
    place = {"objectid_email@odata.bind": f"/emails({email})"}
    body = base64.b64encode(b"hello").decode()
    return {**place, "objecttypecode": "email", "filename": "a.txt", "mimetype": "text/plain", "body": body}


def batch_of(dataverse: Rig, items: list[Request]) -> tuple[str, bytes]:
    from email_router.edge.connect.dataverse_batch import compose

    return compose(dataverse.address, items)


def check(
    dataverse: Rig,
    *,
    to: str = "sales@contoso.example",
    sender: str = "ann@example.com",
    subject: str = "Hello",
    message_id: str = "<new@x>",
) -> tuple[bool, int]:
    aliases = {"@a": message_id, "@b": subject, "@c": sender, "@d": to, "@e": "", "@f": ""}
    named = "MessageId=@a,Subject=@b,From=@c,To=@d,Cc=@e,Bcc=@f"
    given = "&".join(f"{alias}={text(value)}" for alias, value in aliases.items())
    answer = dataverse.ask("GET", f"CheckIncomingEmail({named})?{given}").json()
    return answer["ShouldDeliver"], answer["ReasonCode"]
