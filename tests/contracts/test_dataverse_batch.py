"""The client reads what a batch answers, whoever wrote it, and takes nothing else for one."""

from __future__ import annotations

import pytest

from email_router.core.errors import TryLater
from email_router.edge.connect.dataverse_batch import ChangeSet, Item, Request, read
from email_router.edge.connect.dataverse_errors import DataverseReply

KIND = 'multipart/mixed; boundary="b-1"'
OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"
NONE = "HTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n"
REFUSED = 'HTTP/1.1 412 Precondition Failed\r\n\r\n{"error":{"code":"0x80040237","message":"m"}}'
ONE = Request("GET", "contacts")
SET = ChangeSet((Request("POST", "contacts", {}), Request("POST", "leads", {})))


def part(content: str, kind: str = "application/http") -> str:
    return f"--b-1\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n{content}\r\n"


def change_set(*contents: str) -> str:
    inner = "".join(
        f"--c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n{content}\r\n" for content in contents
    )
    return part(f"{inner}--c--\r\n", "multipart/mixed; boundary=c")


def answers(items: list[Item], *parts: str, kind: str = KIND, end: str = "--b-1--\r\n") -> list[list[int]]:
    reply = DataverseReply(200, {"content-type": kind}, ("".join(parts) + end).encode())
    return [[one.status for one in item] for item in read(reply, items)]


def test_answers_come_item_by_item() -> None:
    assert answers([ONE, SET, ONE], part(OK), change_set(NONE, NONE), part(REFUSED)) == [[200], [204, 204], [412]]


def test_of_a_change_set_that_was_refused_one_answer_comes() -> None:
    assert answers([SET], part(REFUSED)) == [[412]]
    assert answers([SET], change_set(REFUSED)) == [[412]]


@pytest.mark.parametrize(
    ("items", "parts"),
    [
        ([ONE, ONE], [part(OK)]),
        ([ONE], [part(OK), part(OK)]),
        ([SET], [change_set(NONE)]),
        ([SET], [part(OK)]),
        ([ONE], []),
        ([ONE], [change_set(NONE, NONE)]),
    ],
)
def test_an_answer_that_leaves_something_open_is_none(items: list[Item], parts: list[str]) -> None:
    with pytest.raises(TryLater) as caught:
        answers(items, *parts)

    assert (caught.value.kind, caught.value.shared) == ("crm_answer", True)


def test_an_answer_of_another_kind_is_none() -> None:
    with pytest.raises(TryLater):
        answers([ONE], part(OK), kind="application/json")


def test_a_body_that_holds_the_mark_of_a_part_is_read_whole() -> None:
    inside = 'HTTP/1.1 200 OK\r\n\r\n{"subject": "--b-1 --b-1--"}'
    reply = DataverseReply(200, {"content-type": KIND}, (part(inside) + "--b-1--\r\n").encode())

    ((one,),) = read(reply, [ONE])

    assert one.json() == {"subject": "--b-1 --b-1--"}
