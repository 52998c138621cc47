"""The simulator behaves as Graph's documents say, in what a client could trip over."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contracts.graph_box import DELTA, MAIL, GraphBox, graph
from tests.simulators.graph.process import GraphProcess

__all__ = ["graph"]

IMMUTABLE = ('IdType="ImmutableId"',)


class Client(GraphBox):
    """A mailbox of its own, and rounds of its changes."""

    def put(self, number: int = 1, **more: Any) -> str:
        return self.graph.put_message(self.address, MAIL % number, **more)

    def round(self, link: str, *prefer: str) -> tuple[list[dict[str, Any]], str, int]:
        """Follow a round to its end: rows, delta link, number of pages."""
        rows: list[dict[str, Any]] = []
        for pages in itertools.count(1):
            answer = self.call("GET", link, prefer=prefer).json()
            rows += answer["value"]
            link = answer.get("@odata.nextLink", "")
            if not link:
                return rows, answer["@odata.deltaLink"], pages
        raise AssertionError


@pytest.fixture
def box(graph: GraphProcess) -> Client:
    return Client(graph)


def test_a_page_holds_ten_messages_unless_told_otherwise(box: Client) -> None:
    for number in range(25):
        box.put(number)

    assert box.round(DELTA)[2] == 3
    assert box.round(DELTA, "odata.maxpagesize=5")[2] == 5


def test_options_are_encoded_in_the_links(box: Client) -> None:
    for number in range(3):
        box.put(number)
    rows, link, _ = box.round(f"{DELTA}?$select=subject", "odata.maxpagesize=1")
    box.put(4)
    later, _, _ = box.round(link)

    assert {key for row in rows + later for key in row} == {"@odata.type", "@odata.etag", "id", "subject"}


@pytest.mark.parametrize(
    ("kind", "told"),
    [("", {"new", "changed", "removed"}), ("created", {"new"}), ("updated", {"changed"}), ("deleted", {"removed"})],
)
def test_the_change_type_filters_later_rounds_only(box: Client, kind: str, told: set[str]) -> None:
    changed, removed = box.put(1), box.put(2)
    first, link, _ = box.round(f"{DELTA}?changeType={kind}" if kind else DELTA)
    new = box.put(3)
    box.call("PATCH", f"/messages/{changed}", content={"isRead": True})
    box.call("DELETE", f"/messages/{removed}")
    names = {new: "new", changed: "changed", removed: "removed"}
    rows, _, _ = box.round(link)

    assert len(first) == 2
    assert {names[row["id"]] for row in rows} == told
    assert {"@removed" in row for row in rows if names[row["id"]] == "removed"} <= {True}


def test_a_filter_is_on_the_reception_date_and_cuts_off_silently(box: Client, graph: GraphProcess) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for number in range(8):
        box.put(number, received=now - timedelta(hours=number))
    edge = (now - timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert len(box.round(f"{DELTA}?$filter=receivedDateTime ge {edge}")[0]) == 6
    assert len(box.round(f"{DELTA}?$filter=receivedDateTime gt {edge}")[0]) == 5
    assert box.call("GET", f"{DELTA}?$filter=subject eq 'x'").status == 400
    assert box.call("GET", f"{DELTA}?$search=x").status == 400
    graph.settings(filter_limit=3)
    assert len(box.round(f"{DELTA}?$filter=receivedDateTime ge {edge}")[0]) == 3
    graph.settings(filter_limit=5000)


def test_ids_change_with_a_move_unless_they_are_immutable(box: Client) -> None:
    item = box.put()
    fixed = box.call("GET", f"/messages/{item}", prefer=IMMUTABLE).json()["id"]
    moved = box.call("POST", f"/messages/{item}/move", content={"destinationId": "archive"})

    assert moved.status == 201
    assert moved.json()["id"] not in {item, fixed}
    assert box.call("GET", f"/messages/{item}").status == 404
    assert box.call("GET", f"/messages/{fixed}", prefer=IMMUTABLE).json()["id"] == fixed


def test_ids_are_translated_both_ways(box: Client) -> None:
    item = box.put()
    kinds = {"sourceIdType": "restId", "targetIdType": "restImmutableEntryId"}
    answer = box.call("POST", "/translateExchangeIds", content={"inputIds": [item, "gone"], **kinds}).json()["value"]
    back = {"sourceIdType": "restImmutableEntryId", "targetIdType": "restId", "inputIds": [answer[0]["targetId"]]}

    assert answer[0]["sourceId"] == item != answer[0]["targetId"]
    assert "targetId" not in answer[1]
    assert box.call("POST", "/translateExchangeIds", content=back).json()["value"][0]["targetId"] == item


def test_a_token_of_another_folder_or_no_token_at_all_is_refused(box: Client) -> None:
    _, link, _ = box.round(DELTA)
    token = link.partition("$deltatoken=")[2]

    assert box.call("GET", f"/mailFolders/archive/messages/delta?$deltatoken={token}").status == 400
    assert box.call("GET", f"{DELTA}?$deltatoken=abc").status == 400


def test_a_lost_sync_state_answers_410(box: Client, graph: GraphProcess) -> None:
    _, link, _ = box.round(DELTA)
    graph.settings(expire_sync=True)
    answer = box.call("GET", link)

    assert (answer.status, answer.code) == (410, "SyncStateNotFound")
    assert box.call("GET", box.round(DELTA)[1]).status == 200


def test_deleting_twice_deletes_for_good(box: Client, graph: GraphProcess) -> None:
    box.put()
    for _ in range(2):
        box.call("DELETE", f"/messages/{graph.messages(box.address)[0]['id']}")

    assert graph.messages(box.address) == []


def test_a_batch_holds_twenty_and_a_failed_dependency_answers_424(box: Client) -> None:
    item = box.put()
    rows: list[dict[str, Any]] = [
        {"id": "1", "method": "GET", "url": f"{box.client.user}/messages/gone"},
        {"id": "2", "method": "GET", "url": f"{box.client.user}/messages/{item}", "dependsOn": ["1"]},
        {"id": "3", "method": "GET", "url": f"{box.client.user}/messages/{item}"},
    ]
    answer = box.client.call("POST", "/$batch", content={"requests": rows}).json()["responses"]
    many = [{**rows[2], "id": str(number)} for number in range(21)]

    assert {one["id"]: one["status"] for one in answer} == {"1": 404, "2": 424, "3": 200}
    assert box.client.call("POST", "/$batch", content={"requests": many}, accept=[400]).status == 400


def test_an_unknown_property_or_path_is_refused(box: Client) -> None:
    item = box.put()

    assert box.call("GET", f"/messages/{item}?$select=subjekt").status == 400
    assert box.call("PATCH", f"/messages/{item}", content={"subjekt": "x"}).status == 400
    assert box.call("GET", f"/messages/{item}/nothing").status == 400


def test_a_folder_is_made_once(box: Client) -> None:
    made = box.call("POST", "/mailFolders", content={"displayName": "Undeliverable"})

    assert made.status == 201
    assert box.call("POST", "/mailFolders", content={"displayName": "undeliverable"}).code == "ErrorFolderExists"
    named = box.call("GET", "/mailFolders?$filter=displayName eq 'Undeliverable'").json()["value"]
    assert [one["id"] for one in named] == [made.json()["id"]]


def test_no_token_no_answer(box: Client, graph: GraphProcess) -> None:
    graph.settings(revoke_tokens=True)
    assert box.call("GET", "/mailFolders").status == 200  # the client logs in anew
    refused = [one for one in graph.requests("GET /v1.0") if one["status"] == 401]
    assert refused[-1]["answer"]["error"]["code"] == "InvalidAuthenticationToken"
