"""Hold the Graph source and the simulator to Microsoft's own description of Graph, in both directions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery, Mailbox
from email_router.core.ports import Reach
from email_router.edge.connect.https import hang_up
from email_router.edge.sources.graph import GraphSource
from tests.contracts.graph_shapes import DELTA, ERROR, REQUESTS, SCHEMA, collection, kind_of, schema_of
from tests.shared import shared_path
from tests.simulators.graph.http import Json
from tests.simulators.graph.process import SECRET, GraphProcess

EXAMPLES = json.loads(shared_path("contracts", "graph-examples", "mail-examples.json").read_text())
HERE = Reach(loopback=True)
BOX = "sales@contoso.example"
RICH = b"""From: =?utf-8?q?J=C3=BCrgen?= <juergen@example.com>
To: Sales <sales@contoso.example>, undisclosed:;
Cc: ann@contoso.example
Reply-To: other@example.com
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Message-ID: <%d@example.com>
Thread-Index: AQHVx0123456789abcdefghijklmnop==
Importance: high
Date: Mon, 2 Nov 2026 10:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p>Hello</p>
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename=a.pdf

%%PDF
--b--
"""
POOR = b"no header at all\n"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        yield running
    hang_up()


@pytest.fixture(scope="module")
def exchanges(process: GraphProcess) -> list[Json]:
    """Everything that a source and the simulator say to each other on its ways through mail."""
    items = [process.put_message(BOX, RICH % number) for number in range(30)]
    process.put_message(BOX, POOR)
    opened = GraphSource(process.profile(), Mailbox(address=BOX), SECRET, HERE)
    opened.has_news(Position())
    position = Position()
    for page in opened.pages(position, 12):
        list(opened.fetch(page.listed, 1_000_000))
        position = page.position
    process.remove_message(BOX, page.listed[-2].source_id)
    list(opened.fetch([page.listed[-2]], 1_000_000))
    opened.dispose(items[:3], AfterDelivery.MARK_READ)
    process.without_folder(BOX, "archive")
    opened.dispose(items[3:6], AfterDelivery.MOVE)
    opened.dispose(items[6:9], AfterDelivery.DELETE)
    opened.has_news(position)
    opened.set_aside(items[9:10])
    deep = GraphSource(process.profile(folders=("Inbox/None",)), Mailbox(address=BOX), SECRET, HERE)
    with pytest.raises(MailboxBlocked):
        deep.has_news(Position())
    assert sum(map(len, opened.inventory(7))) > 7
    process.remove_message(BOX, items[10])
    unreadable = re.escape(quote(page.listed[0].source_id, safe=""))
    process.fault(rf"{unreadable}/\$value", "broken", times=3)  # in a batch, and twice alone
    list(opened.fetch([page.listed[0]], 1_000_000))
    said = process.requests()
    assert len(said) > 20
    return said


def api(exchanges: list[Json]) -> list[Json]:
    return [one for one in exchanges if one["path"].startswith("/v1.0")]


def test_every_kind_of_request_was_made(exchanges: list[Json]) -> None:
    assert {kind_of(one) for one in api(exchanges)} == set(REQUESTS)


def test_what_the_router_sends_is_what_microsoft_describes(exchanges: list[Json]) -> None:
    for one in api(exchanges):
        asked, _ = REQUESTS[kind_of(one)]
        assert (one["body"] is not None) == (asked is not None), one
        if asked is not None:
            asked.validate(one["body"])


def test_what_the_simulator_answers_is_what_microsoft_describes(exchanges: list[Json]) -> None:
    for one in api(exchanges):
        _, answered = REQUESTS[kind_of(one)]
        validator = ERROR if one["status"] >= 400 else answered
        if validator is not None:
            validator.validate(one["answer"])


def test_a_delta_answer_has_exactly_one_link_and_rows_with_ids(exchanges: list[Json]) -> None:
    answers = [one["answer"] for one in api(exchanges) if one["path"].endswith("/delta")]

    for answer in answers:
        assert ("@odata.nextLink" in answer) != ("@odata.deltaLink" in answer)
        assert all("id" in row for row in answer["value"])
    assert any("@odata.nextLink" in answer for answer in answers)


def test_the_statuses_are_those_of_the_published_examples(exchanges: list[Json]) -> None:
    published = _published()
    compared = 0
    for one in api(exchanges):
        expected = published.get(kind_of(one))
        if expected and one["status"] < 400:
            assert one["status"] in expected, one
            compared += 1
    assert compared > 10


def test_whole_messages_and_folders_are_what_microsoft_describes(process: GraphProcess) -> None:
    """Every property that the simulator can show, not only those that the router selects."""
    item = process.put_message("rich@contoso.example", RICH % 1)
    process.put_message("rich@contoso.example", POOR)
    client = GraphSource(process.profile(), Mailbox(address="rich@contoso.example"), SECRET, HERE)._client
    message = client.call("GET", f"{client.user}/messages/{item}").json()
    every = ",".join(SCHEMA["$defs"]["microsoft.graph.message"]["properties"].keys() - {"attachments", "id"})

    schema_of("message").validate(message)
    schema_of("message").validate(client.call("GET", f"{client.user}/messages/{item}?$select={every}").json())
    collection("mailFolder").validate(client.call("GET", f"{client.user}/mailFolders").json())
    DELTA.validate(client.call("GET", f"{client.user}/mailFolders/inbox/messages/delta").json())
    assert message["from"]["emailAddress"] == {"name": "Jürgen", "address": "juergen@example.com"}
    assert (message["subject"], message["importance"], message["hasAttachments"]) == ("Grüße", "high", True)


def test_the_contract_would_notice_a_misspelt_property() -> None:
    for wrong in ({"subjekt": "x"}, {"isRead": "yes"}, {"importance": "urgent"}, {"from": {"address": "x"}}):
        assert not schema_of("message").is_valid(wrong)
    assert not DELTA.is_valid({"value": [], "nextLink": "x"})


def _published() -> dict[tuple[str, str], set[int]]:
    found: dict[tuple[str, str], set[int]] = {}
    for example in EXAMPLES:
        request = example["request"]
        path = request["url"].removeprefix("https://graph.microsoft.com/v1.0/").partition("?")[0]
        shape = path.replace("me/", "users/*/", 1)
        found.setdefault((request.get("method", "GET"), shape), set()).add(example["response"]["statusCode"])
    return found
