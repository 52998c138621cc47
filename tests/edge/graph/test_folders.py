"""Several folders of one mailbox: named in every way, never made, read under one position."""

from __future__ import annotations

import json

import pytest

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.fetched import Position
from email_router.edge.connect.graph_position import Cursors
from tests.edge.graph.mailboxes import LIMIT, api, deltas, folder, mail, read, source
from tests.simulators.graph.process import GraphProcess

THREE = ("INBOX", "Inbox/Support", "junkemail")


def test_each_folder_is_read_in_the_order_of_the_profile(graph: GraphProcess, box: str) -> None:
    support = folder(graph, box, "Support", "inbox")
    for number, name in enumerate(("junkemail", support, "inbox", "archive", support)):
        graph.put_message(box, mail(number), name)

    fetched, position = read(source(graph, box, folders=THREE), Position(), 1)

    assert [one.raw for one in fetched] == [mail(2), mail(1), mail(4), mail(0)]
    assert set(Cursors.of(position).folders) == {"inbox", "Inbox/Support", "junkemail"}
    assert read(source(graph, box, folders=THREE), position)[0] == []


def test_only_the_last_page_of_the_last_folder_is_the_last(graph: GraphProcess, box: str) -> None:
    for name in ("inbox", "inbox", "archive"):
        graph.put_message(box, mail(1), name)

    pages = list(source(graph, box, folders=("inbox", "archive")).pages(Position(), 1))

    assert [(len(page.listed), page.last) for page in pages] == [(1, False), (1, False), (1, True)]


def test_a_position_in_the_midst_of_the_folders_goes_on_there(graph: GraphProcess, box: str) -> None:
    ids = [graph.put_message(box, mail(number), name) for number, name in enumerate(("inbox", "archive", "archive"))]
    folders = ("inbox", "archive")
    pages = list(source(graph, box, folders=folders).pages(Position(), 1))

    for done, page in enumerate(pages, 1):
        later, _ = read(source(graph, box, folders=folders), page.position, 1)
        assert [one.source_id for one in later] == ids[done:]


def test_paths_begin_at_the_root_or_at_a_folder_known_by_its_use(graph: GraphProcess, box: str) -> None:
    deep = folder(graph, box, "It's 50% Größe", folder(graph, box, "Kunden"))
    below = folder(graph, box, "Support", "inbox")
    first = graph.put_message(box, mail(1), deep)
    second = graph.put_message(box, mail(2), below)

    fetched, _ = read(source(graph, box, folders=("Kunden/It's 50% Größe", "INBOX/Support")), Position())

    assert [one.source_id for one in fetched] == [first, second]


@pytest.mark.parametrize("name", ["Kunden", "Inbox/Nobody", "Kunden/Deeper/Still", "Sup'port"])
def test_a_folder_that_is_missing_is_named_and_never_made(graph: GraphProcess, box: str, name: str) -> None:
    graph.put_message(box, mail(1))

    with pytest.raises(MailboxBlocked) as polled:
        source(graph, box, folders=(name,)).has_news(Position())
    with pytest.raises(MailboxBlocked) as listed:
        next(source(graph, box, folders=(name,)).inventory(10))

    for error in (polled.value, listed.value):
        assert error.kind == "folder_missing"
        assert name in str(error)
        assert name in error.mend
    assert {one["method"] for one in api(graph)} == {"GET"}


def test_a_folder_that_was_taken_away_is_named_too(graph: GraphProcess, box: str) -> None:
    support = folder(graph, box, "Support")
    _, position = read(source(graph, box, folders=("Support",)), Position())
    graph.without_folder(box, support)

    with pytest.raises(MailboxBlocked, match="Support"):
        source(graph, box, folders=("Support",)).has_news(position)


def test_a_position_saved_with_the_inbox_alone_is_still_understood(graph: GraphProcess, box: str) -> None:
    graph.put_message(box, mail(1))
    _, position = read(source(graph, box), Position())
    table = json.loads(position.cursor)["folders"]["inbox"]
    del table["passed"]
    old = Position(json.dumps(table).encode(), table["link"])
    graph.put_message(box, mail(2))
    graph.put_message(box, mail(3), "archive")

    assert [one.raw for one in read(source(graph, box), old)[0]] == [mail(2)]
    both = source(graph, box, folders=("inbox", "archive"))
    assert both.has_news(Position(b"", old.mark))
    assert [one.raw for one in read(both, old)[0]] == [mail(2), mail(3)]


def test_a_folder_that_is_read_no_more_is_forgotten(graph: GraphProcess, box: str) -> None:
    _, position = read(source(graph, box, folders=("inbox", "archive")), Position())

    _, position = read(source(graph, box, folders=("archive",)), position)

    assert set(Cursors.of(position).folders) == {"archive"}
    graph.put_message(box, mail(1))
    assert not source(graph, box, folders=("archive",)).has_news(Position(b"", position.mark))
    graph.put_message(box, mail(2), "archive")
    assert source(graph, box, folders=("archive",)).has_news(Position(b"", position.mark))


@pytest.mark.parametrize("folders", [(), ("inbox",), ("Inbox/Support",), THREE])
def test_an_idle_poll_is_one_request_however_many_folders(
    graph: GraphProcess, box: str, folders: tuple[str, ...]
) -> None:
    folder(graph, box, "Support", "inbox")
    _, position = read(source(graph, box, folders=folders), Position())
    graph.clear_requests()

    assert not source(graph, box, folders=folders).has_news(Position(b"\0blob:far away", position.mark))

    assert len(api(graph)) == 1
    assert len(deltas(graph)) == max(len(folders), 1)


def test_pages_begin_with_what_the_poll_of_all_folders_brought(graph: GraphProcess, box: str) -> None:
    folder(graph, box, "Support", "inbox")
    _, position = read(source(graph, box, folders=THREE), Position())
    graph.put_message(box, mail(1), "junkemail")
    graph.clear_requests()
    opened = source(graph, box, folders=THREE)

    assert opened.has_news(position)
    fetched, _ = read(opened, position, 240)

    assert [one.raw for one in fetched] == [mail(1)]
    assert len(api(graph)) == 2  # the batch of the poll, the message


def test_a_sync_state_lost_in_one_folder_begins_that_folder_anew(graph: GraphProcess, box: str) -> None:
    for name in ("inbox", "junkemail"):
        graph.put_message(box, mail(1), name)
    _, position = read(source(graph, box, folders=("inbox", "junkemail")), Position())
    graph.fault("GET .*/delta", "expired_sync", skip=1, times=2)  # in the batch, and asked again alone
    opened = source(graph, box, folders=("inbox", "junkemail"))

    assert opened.has_news(position)
    fetched, _ = read(opened, position)

    assert [one.source_id for one in fetched] == [graph.messages(box)[1]["id"]]


def test_throttling_of_one_folder_in_the_poll_is_obeyed(graph: GraphProcess, box: str) -> None:
    _, position = read(source(graph, box, folders=("inbox", "junkemail")), Position())
    graph.clear_requests()
    graph.fault("GET .*/delta", "throttled", skip=1, retry_after="33")

    with pytest.raises(TryLater) as caught:
        source(graph, box, folders=("inbox", "junkemail")).has_news(position)

    assert (caught.value.after, caught.value.shared) == (33, True)
    assert len(api(graph)) == 1


def test_a_saved_link_of_one_folder_that_leads_elsewhere_is_not_followed_and_begins_anew(
    graph: GraphProcess, box: str
) -> None:
    item = graph.put_message(box, mail(1))
    _, position = read(source(graph, box, folders=("inbox", "junkemail")), Position())
    planted = position.cursor.replace(graph.endpoint.encode(), b"https://evil.example", 1)
    graph.clear_requests()

    fetched, renewed = read(source(graph, box, folders=("inbox", "junkemail")), Position(planted))

    assert [one.source_id for one in fetched] == [item]
    assert b"evil.example" not in renewed.cursor
    assert all("evil" not in json.dumps(one) for one in graph.requests())


def test_a_message_that_lies_in_two_folders_is_fetched_from_each(graph: GraphProcess, box: str) -> None:
    for name in ("inbox", "junkemail"):
        graph.put_message(box, mail(1), name)

    fetched, _ = read(source(graph, box, folders=("inbox", "junkemail")), Position())

    assert [one.raw for one in fetched] == [mail(1)] * 2
    assert len(list(source(graph, box, folders=("inbox", "junkemail")).fetch([], LIMIT))) == 0


def test_shared_mailboxes_are_read_by_the_same_application(graph: GraphProcess, box: str) -> None:
    graph.mailbox_state(f"shared-{box}", "ok")
    graph.put_message(box, mail(1))
    graph.put_message(f"shared-{box}", mail(2))

    own, _ = read(source(graph, box), Position())
    shared, _ = read(source(graph, f"shared-{box}"), Position())

    assert ([one.raw for one in own], [one.raw for one in shared]) == ([mail(1)], [mail(2)])
    assert f"/users/shared-{box}/" in deltas(graph)[-1]["path"]
    assert len(graph.requests("oauth2/v2.0/token")) <= 1  # one application, one token
