"""Answers of a shape that nobody expects: the mailbox's trouble, told with its address, and never a crash of the pass."""

from __future__ import annotations

import json
from typing import Any

import pytest

from email_router.core.errors import TryLater
from email_router.core.fetched import Listed, Position
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.mailbox import AfterDelivery, Mailbox
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_folders import Folders
from email_router.edge.connect.graph_ids import find_moved, translated
from email_router.edge.connect.graph_mime import read_mime, read_small
from email_router.edge.rules.graph import GraphInboxRules
from tests.edge.graph.mailboxes import HERE, LIMIT, mail, read, source
from tests.flows.house import SALES, House
from tests.simulators.graph.process import SECRET, GraphProcess

DEEP = "[" * 200_000
LINK = '"@odata.deltaLink": "{root}/v1.0/users/x/mailFolders/inbox/messages/delta?$deltatoken=x"'
UNREADABLE = ["<html>", DEEP, "[]", "7", "null", '{"value": %s}' % ("9" * 5000), '{"value": 5}', '{"value": "ab"}']


def says(graph: GraphProcess, match: str, body: str, status: int = 200) -> None:
    root = graph.endpoint.removesuffix("/v1.0")
    graph.fault(match, "says", status=status, body=body.replace("{root}", root), times=99)


def client_of(graph: GraphProcess, box: str) -> GraphClient:
    return GraphClient(graph.profile(), box, SECRET, HERE)


def is_told(caught: pytest.ExceptionInfo[TryLater], box: str) -> None:
    assert (caught.value.kind, caught.value.shared) == ("graph_answer", True)
    assert box in str(caught.value)


@pytest.mark.parametrize("body", UNREADABLE)
def test_a_listing_that_cannot_be_read_is_tried_later(graph: GraphProcess, box: str, body: str) -> None:
    says(graph, "GET .*messages", body)

    for ask in (
        lambda: source(graph, box).has_news(Position()),
        lambda: list(source(graph, box).pages(Position(), 10)),
        lambda: list(source(graph, box).inventory(10)),
    ):
        with pytest.raises(TryLater) as caught:
            ask()
        is_told(caught, box)


def test_rows_that_cannot_be_read_are_passed_over_and_the_others_read(graph: GraphProcess, box: str) -> None:
    odd: list[Any] = [
        None,
        5,
        "x",
        [],
        {"receivedDateTime": "2026-11-01T00:00:00Z"},
        {"id": "a", "receivedDateTime": "yesterday", "singleValueExtendedProperties": 5},
        {"id": "b", "receivedDateTime": {"x": 1}, "singleValueExtendedProperties": [None, "x", {"value": "-5"}]},
        {"id": "c", "receivedDateTime": "0001-01-01T00:00:00+14:00", "internetMessageId": 7},
        {"id": "d", "singleValueExtendedProperties": [{"value": "1" * 5000}, {"value": [1]}]},
        {"id": "e", "receivedDateTime": "2026-11-01T00:00:00", "@removed": None},
        {"id": "f", "receivedDateTime": "2026-11-01T00:00:00", "singleValueExtendedProperties": [{"value": 700}]},
    ]
    rows = json.dumps(odd)[:-1] + ', {"id": "g", "singleValueExtendedProperties": [{"value": 1e400}]}]'
    says(graph, "GET .*messages", f'{{"value": {rows}, {LINK}}}')

    pages = list(source(graph, box).pages(Position(), 100))
    inventory = [one for page in source(graph, box).inventory(100) for one in page]

    sizes = {one.source_id: one.size for page in pages for one in page.listed}
    assert sizes == {"a": None, "b": None, "c": None, "d": None, "f": 700, "g": None}
    assert {one.source_id for one in inventory} == set(sizes)


@pytest.mark.parametrize("link", ["5", "{}", "[1]", "true"])
def test_a_link_that_is_no_text_is_no_link(graph: GraphProcess, box: str, link: str) -> None:
    row = '{"id": "a", "receivedDateTime": "1900-01-01T00:00:00Z"}'
    says(graph, "GET .*messages", f'{{"value": [{row}], "@odata.nextLink": {link}}}')

    for ask in (lambda: list(source(graph, box).pages(Position(), 9)), lambda: list(source(graph, box).inventory(9))):
        with pytest.raises(TryLater) as caught:
            ask()
        is_told(caught, box)


@pytest.mark.parametrize("body", UNREADABLE)
def test_folders_and_ids_that_cannot_be_read_are_tried_later(graph: GraphProcess, box: str, body: str) -> None:
    says(graph, "(GET|POST) .*(childFolders|/messages|translateExchangeIds|/mailFolders)$", body)
    client = client_of(graph, box)

    for ask in (
        lambda: Folders(client).place("Sales"),
        lambda: Folders(client).made("Undeliverable"),
        lambda: find_moved(client, "<a@example.com>"),
        lambda: translated(client, ["a"]),
    ):
        with pytest.raises(TryLater) as caught:
            ask()
        is_told(caught, box)


@pytest.mark.parametrize(
    "body",
    [
        *UNREADABLE,
        '{"value": [{"sequence": "first"}]}',
        '{"value": [{"actions": 5}]}',
        '{"value": [{"conditions": [1]}]}',
        '{"value": [], "@odata.nextLink": 5}',
    ],
)
def test_rules_that_cannot_be_read_are_tried_later(graph: GraphProcess, box: str, body: str) -> None:
    says(graph, "GET .*messageRules", body)
    rules = GraphInboxRules(graph.profile(), Mailbox(address=box), SECRET, HERE)

    with pytest.raises(TryLater) as caught:
        rules.all()
    is_told(caught, box)


def test_rows_without_what_is_needed_find_nothing(graph: GraphProcess, box: str) -> None:
    says(graph, "(GET|POST) .*(/messages|translateExchangeIds)$", '{"value": [null, {"x": 1}, 7]}')
    client = client_of(graph, box)

    assert find_moved(client, "<a@example.com>") is None
    assert translated(client, ["a"]) == {}


def test_a_folder_that_was_made_without_an_id_is_tried_later(graph: GraphProcess, box: str) -> None:
    says(graph, "POST .*/mailFolders$", '{"displayName": "Undeliverable"}', 201)

    with pytest.raises(TryLater) as caught:
        Folders(client_of(graph, box)).made("Undeliverable")
    is_told(caught, box)


def test_header_fields_that_cannot_be_read_or_would_end_their_line_are_left_out(graph: GraphProcess, box: str) -> None:
    item = graph.put_message(box, mail(1))
    graph.fault(r"/\$value", "broken", times=9)
    fields: list[Any] = [
        None,
        {"name": "X: a\r\n\r\nbody", "value": "v"},
        {"name": "X\r\nBcc", "value": "v"},
        {"name": "", "value": "v"},
        {"value": "v"},
        {"name": "Subject", "value": "kept\r\n\r\nas one line"},
    ]
    says(graph, "GET .*/messages/[^/]+$", json.dumps({"internetMessageHeaders": fields}))

    found = read_mime(client_of(graph, box), item, LIMIT)

    assert found is not None
    assert found.raw == b"Subject: kept as one line\r\n\r\n"


@pytest.mark.parametrize("body", ["<html>", DEEP, "[]", '{"responses": 7}', '{"responses": [null]}', "{}"])
def test_a_batch_that_cannot_be_read_is_tried_later(graph: GraphProcess, box: str, body: str) -> None:
    says(graph, r"POST .*\$batch", body)

    with pytest.raises(TryLater) as caught:
        read_small(client_of(graph, box), ["a", "b"])
    is_told(caught, box)


def test_a_long_text_in_the_body_of_a_batched_answer_is_given_back_as_it_stood(graph: GraphProcess, box: str) -> None:
    long = "QUJD" * 30_000
    row = {"id": "0", "status": 200, "body": {"@odata.deltaLink": long}}
    says(graph, r"POST .*\$batch", json.dumps({"responses": [row]}))

    (reply,) = client_of(graph, box).batch([{"method": "GET", "url": "/x"}])

    assert reply.json() == {"@odata.deltaLink": long}


@pytest.mark.parametrize("status", [None, "200", 302, 304, 100, True, 2.5, [200]])
@pytest.mark.parametrize("how", [AfterDelivery.DELETE, AfterDelivery.MOVE, AfterDelivery.MARK_READ])
def test_only_2xx_counts_as_disposed_of(graph: GraphProcess, box: str, how: AfterDelivery, status: Any) -> None:
    item = graph.put_message(box, mail(1))
    says(graph, r"POST .*\$batch", json.dumps({"responses": [{"id": "0", "status": status, "body": None}]}))

    with pytest.raises(TryLater) as caught:
        source(graph, box).dispose([item], how)
    is_told(caught, box)


def test_a_redirect_is_no_answer_and_is_not_followed(graph: GraphProcess, box: str) -> None:
    graph.fault("GET .*delta", "says", status=302, headers={"Location": "https://evil.example/"})

    with pytest.raises(TryLater) as caught:
        source(graph, box).has_news(Position())
    is_told(caught, box)


def test_answers_are_told_apart_by_their_ids_whatever_their_order(graph: GraphProcess, box: str) -> None:
    raws = [mail(number) for number in range(7)]
    for raw in raws:
        graph.put_message(box, raw)

    fetched, _ = read(source(graph, box), Position())

    assert [one.raw for one in fetched] == raws
    (batch,) = graph.requests("$batch")
    assert [one["id"] for one in batch["answer"]["responses"]] == [str(number) for number in reversed(range(7))]


def test_a_request_that_a_batch_leaves_unanswered_is_tried_later(graph: GraphProcess, box: str) -> None:
    for number in range(3):
        graph.put_message(box, mail(number))
    graph.settings(quirks=["unanswered"])

    with pytest.raises(TryLater) as caught:
        read(source(graph, box), Position())
    is_told(caught, box)


@pytest.mark.parametrize(
    "problem",
    [
        ValueError("canary"),
        TypeError("canary"),
        KeyError("canary"),
        IndexError("canary"),
        AttributeError("canary"),
        RecursionError("canary"),
        OverflowError("canary"),
    ],
)
def test_whatever_a_reader_stumbles_over_is_the_mailbox_s_trouble_and_its_text_is_not_told(
    graph: GraphProcess, box: str, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def stumble(*_: Any, **__: Any) -> None:
        raise problem

    monkeypatch.setattr(GraphClient, "open", stumble)
    opened = source(graph, box)

    for ask in (
        lambda: opened.has_news(Position()),
        lambda: list(opened.pages(Position(), 10)),
        lambda: list(opened.inventory(10)),
        lambda: list(opened.fetch([Listed("a", 5), Listed("b", 5)], LIMIT)),
        lambda: list(opened.stream("a")),
        lambda: opened.dispose(["a"], AfterDelivery.MOVE),
        lambda: opened.set_aside(["a"]),
    ):
        with pytest.raises(TryLater) as caught:
            ask()
        is_told(caught, box)
        assert "canary" not in str(caught.value)


def test_what_happens_to_whoever_reads_a_page_stays_his_own(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1))

    def stumbling() -> None:
        for _ in source(graph, box).pages(Position(), 10):
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        stumbling()


@pytest.mark.parametrize("match", ["GET .*messages/delta", r"POST .*\$batch", "GET .*/messages/"])
@pytest.mark.parametrize("body", [DEEP, '{"value": 5}', '{"value": [{"id": 5, "receivedDateTime": []}]}', "\x00"])
def test_no_answer_crashes_a_pass_and_the_state_tells_what_it_met(
    graph: GraphProcess, box: str, match: str, body: str
) -> None:
    house = House()
    house._open = lambda profile, mailbox: source(graph, box)  # type: ignore[method-assign, assignment, return-value]
    for number in range(3):
        graph.put_message(box, mail(number))
    says(graph, match, body)

    outcome = house.route().outcome

    state = house.states.read(SALES)
    told = (outcome, state.error_kind, state.failures)
    assert told == (PassOutcome.FAILED, "graph_answer", 0) or outcome is PassOutcome.ROUTED
