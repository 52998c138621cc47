"""The simulated Dataverse writes as Microsoft describes: rows, conditions, columns, batches."""

from __future__ import annotations

import json

import pytest

from email_router.edge.connect.dataverse_batch import ChangeSet, Request
from tests.contracts.dataverse_rig import EMAIL, Rig, attachment


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

    def test_writing_what_only_the_platform_writes_is_ignored_and_held_against_the_client(
        self, dataverse_running: Rig
    ) -> None:
        dataverse_running.process.reset()

        dataverse_running.outgoing(
            inreplyto="<a@x>", conversationindex="ab", correlationmethod=3, senton="2026-01-01T00:00:00Z"
        )

        row = dataverse_running.email()
        assert (row["inreplyto"], row["conversationindex"], row["correlationmethod"], row["senton"]) == (
            None,
            None,
            0,
            None,
        )
        assert len(dataverse_running.process.violations()) == 4

    def test_what_fails_in_the_middle_leaves_nothing_behind(self, dataverse: Rig) -> None:
        parties = [
            {"participationtypemask": 2, "addressused": "a@x"},
            {"participationtypemask": 99, "addressused": "b@x"},
        ]

        reply = dataverse.ask("PATCH", f"emails({EMAIL})", {"subject": "x", "email_activity_parties": parties})

        assert reply.status == 400
        assert dataverse.process.rows("email") == dataverse.process.rows("activityparty") == []


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


def batch_of(dataverse: Rig, items: list[Request]) -> tuple[str, bytes]:
    from email_router.edge.connect.dataverse_batch import compose

    return compose(dataverse.address, items)
