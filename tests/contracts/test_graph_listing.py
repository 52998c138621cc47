"""The simulator lists folders and tells of moves as Graph's documents and known issues say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.edge.connect.graph_errors import GraphReply
from tests.contracts.graph_box import DELTA, MAIL, GraphBox, graph
from tests.simulators.graph.process import GraphProcess

__all__ = ["graph"]

DAY = datetime(2026, 11, 1, tzinfo=UTC)
LIST = "/mailFolders/inbox/messages"


class Client(GraphBox):
    """A mailbox of its own; ids as `immutable` says."""

    def __init__(self, graph: GraphProcess) -> None:
        super().__init__(graph)
        self.by_immutable = self.signed_in(immutable=True)

    def get(self, path: str, options: Mapping[str, str] | None = None, *, immutable: bool = False) -> GraphReply:
        asked = f"{path}?{urlencode(options)}" if options else path
        return self.call("GET", asked, self.by_immutable if immutable else self.client)

    def round(self, link: str, *, immutable: bool) -> tuple[list[dict[str, Any]], str]:
        """Read a round of one page: its rows and its delta link."""
        answer = self.get(link, immutable=immutable).json()
        return answer["value"], answer["@odata.deltaLink"]


@pytest.fixture
def box(graph: GraphProcess) -> Client:
    return Client(graph)


@pytest.mark.parametrize("immutable", [False, True])
def test_a_move_changes_the_default_id_and_not_the_immutable_one(box: Client, immutable: bool) -> None:
    box.graph.put_message(box.address, MAIL % 1)
    (before,) = box.graph.messages(box.address)
    box.graph.move_message(box.address, before["id"], "archive")
    (after,) = box.graph.messages(box.address)

    (shown,) = box.get("/mailFolders/archive/messages", immutable=immutable).json()["value"]

    assert before["id"] != after["id"]
    assert before["immutable_id"] == after["immutable_id"]
    assert shown["id"] == after["immutable_id" if immutable else "id"]


@pytest.mark.parametrize(("immutable", "told_again"), [(False, True), (True, False)])
def test_moved_out_and_back_is_told_as_removed_and_by_default_ids_again(
    box: Client, immutable: bool, told_again: bool
) -> None:
    item = box.graph.put_message(box.address, MAIL % 1)
    _, link = box.round(DELTA, immutable=immutable)
    away = box.graph.move_message(box.address, item, "archive")
    box.graph.move_message(box.address, away, "inbox")

    rows, link = box.round(link, immutable=immutable)

    removed = [row["@removed"]["reason"] for row in rows if "@removed" in row]
    assert removed[0] == "changed"
    assert any("@removed" not in row for row in rows) is told_again
    assert box.round(link, immutable=immutable)[0] == []


def test_a_message_removed_for_good_is_told_as_deleted(box: Client) -> None:
    item = box.graph.put_message(box.address, MAIL % 1)
    _, link = box.round(DELTA, immutable=False)
    box.graph.remove_message(box.address, item)

    ((row,), _) = box.round(link, immutable=False)

    assert row["@removed"] == {"reason": "deleted"}


def test_a_list_goes_on_by_skipping_so_that_removals_hide_messages(box: Client) -> None:
    ids = [
        box.graph.put_message(box.address, MAIL % number, received=DAY + timedelta(days=number)) for number in range(6)
    ]
    first = box.get(LIST, {"$top": "3", "$orderby": "receivedDateTime", "$select": "id"}).json()
    box.graph.remove_message(box.address, ids[0])
    second = box.get(first["@odata.nextLink"]).json()

    assert [row["id"] for row in first["value"]] == ids[:3]
    assert [row["id"] for row in second["value"]] == ids[4:]


def test_a_list_is_ordered_and_filtered_by_the_time_of_receipt(box: Client) -> None:
    for number, days in enumerate((2, 0, 1)):
        box.graph.put_message(box.address, MAIL % number, received=DAY + timedelta(days=days))
    condition = "receivedDateTime ge 2026-11-01T00:00:00Z and receivedDateTime lt 2026-11-03T00:00:00Z"
    ids = ["<1@example.com>", "<2@example.com>"]

    rows = box.get(LIST, {"$filter": condition, "$orderby": "receivedDateTime"}).json()["value"]
    newest = box.get(LIST, {"$top": "1"}).json()["value"]

    assert [row["internetMessageId"] for row in rows] == ids
    assert newest[0]["internetMessageId"] == "<0@example.com>"


@pytest.mark.parametrize(
    "options",
    [{"$top": "1001"}, {"$top": "0"}, {"$top": "x"}, {"$orderby": "subject"}, {"$filter": "subject eq 'x'"}],
)
def test_what_graph_does_not_take_is_refused(box: Client, options: dict[str, str]) -> None:
    assert box.get(LIST, options).status == 400


def test_a_full_mailbox_refuses_delta_queries_and_still_lists(box: Client) -> None:
    box.graph.put_message(box.address, MAIL % 1)
    box.graph.mailbox_state(box.address, "full")

    with pytest.raises(MailboxBlocked) as refused:
        box.get(DELTA)
    assert refused.value.kind == "mailbox_full"
    assert len(box.get(LIST).json()["value"]) == 1
    box.graph.mailbox_state(box.address, "ok")
    assert box.get(DELTA).status == 200


def test_folders_lie_in_folders_and_have_one_name_each(box: Client) -> None:
    below = f"{box.client.user}/mailFolders/inbox/childFolders"
    made = box.client.call("POST", below, content={"displayName": "Support"})
    again = box.client.call("POST", below, content={"displayName": "support"}, accept=(409,))
    beside = box.client.call("POST", f"{box.client.user}/mailFolders", content={"displayName": "Support"})

    assert [one.status for one in (made, again, beside)] == [201, 409, 201]
    assert [row["id"] for row in box.get("/mailFolders/inbox/childFolders").json()["value"]] == [made.json()["id"]]
    assert made.json()["parentFolderId"] == box.get("/mailFolders/inbox").json()["id"]
