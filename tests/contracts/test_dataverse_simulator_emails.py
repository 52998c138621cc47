"""The simulated Dataverse keeps e-mails as Microsoft describes: parties, attachments, states, actions."""

from __future__ import annotations

import pytest

from email_router.edge.connect.dataverse import text
from tests.contracts.dataverse_rig import EMAIL, OTHER, Rig, attachment

SEND = "Microsoft.Dynamics.CRM.SendEmail"
DELIVER = "Microsoft.Dynamics.CRM.DeliverIncomingEmail"


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
            "Attachments": [
                {
                    "@odata.type": "Microsoft.Dynamics.CRM.activitymimeattachment",
                    "filename": "a.txt",
                    "mimetype": "text/plain",
                    "body": "aGVsbG8=",
                }
            ],
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
