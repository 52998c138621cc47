"""Make mail, open a source on the simulator, read it out."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from email_router.core.fetched import Fetched, Position
from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.edge.connect.graph import GraphClient
from email_router.edge.sources.graph import GraphSource
from tests.simulators.graph.process import SECRET, GraphProcess

HERE = Reach(loopback=True)
LIMIT = 4 * 1024 * 1024


def mail(number: int = 1, *, size: int = 0) -> bytes:
    body = "x" * 70 + "\r\n"
    head = f"From: Ann <ann@example.com>\r\nTo: b@contoso.example\r\nSubject: Mail {number}\r\nMessage-ID: <{number}@example.com>\r\n"
    head += f"Date: {format_datetime(datetime(2026, 11, 2, tzinfo=UTC))}\r\n\r\n"
    return (head + "Hello\r\n" + body * (size // len(body))).encode()


def source(graph: GraphProcess, box: str, **changes: Any) -> GraphSource:
    return GraphSource(graph.profile(**changes), Mailbox(address=box), SECRET, HERE)


def read(opened: GraphSource, position: Position, size: int = 100) -> tuple[list[Fetched], Position]:
    fetched: list[Fetched] = []
    for page in opened.pages(position, size):
        fetched += opened.fetch(page.listed, LIMIT)
        position = page.position
    return fetched, position


def folder(graph: GraphProcess, box: str, name: str, parent: str = "msgfolderroot") -> str:
    """Make a folder as its owner would; return its id."""
    client = GraphClient(graph.profile(), box, SECRET, HERE)
    path = f"{client.user}/mailFolders/{parent}/childFolders"
    made = str(client.call("POST", path, content={"displayName": name}).json()["id"])
    graph.clear_requests()
    return made


def folder_names(graph: GraphProcess, box: str) -> list[str]:
    """Return in which folder each message lies."""
    return [str(one["folder"]) for one in graph.messages(box)]


def api(graph: GraphProcess) -> list[dict[str, Any]]:
    """Return the requests to Graph as they went over the line: without those inside batches, without the login."""
    return [one for one in graph.requests("/v1.0") if not one["batched"]]


def deltas(graph: GraphProcess) -> list[dict[str, Any]]:
    return [one for one in graph.requests("/messages/delta") if one["method"] == "GET"]
