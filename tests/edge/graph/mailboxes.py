"""Make mail, open a source on the simulator, read it out."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from email_router.core.fetched import Fetched, Position
from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.edge.sources.graph import GraphSource
from tests.simulators.graph.process import SECRET, GraphProcess

HERE = Reach(loopback=True)
LIMIT = 1024 * 1024


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


def deltas(graph: GraphProcess) -> list[dict[str, Any]]:
    return [one for one in graph.requests("/messages/delta") if one["method"] == "GET"]
