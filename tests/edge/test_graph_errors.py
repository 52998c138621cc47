"""What Graph's words mean for the router, without a line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.fetched import Position
from email_router.edge.connect.graph_errors import GraphReply, failure, retry_after
from email_router.edge.connect.graph_position import Cursor, Cursors
from email_router.edge.connect.passed import Passed

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def reply(status: int, code: str = "", message: str = "", **headers: str) -> GraphReply:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return GraphReply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("1.5", 1.5),
        ("-5", 0),
        ("999999999", 86400),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30),
        (format_datetime(NOW - timedelta(seconds=30), usegmt=True), 0),
        ("Tue, 24 Nov 2026 12:01:00 -0000", 60),
        ("soon", None),
        ("nan", None),
        ("inf", 86400),
        ("", None),
        ("Tue, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after(reply(429, retry_after=header), NOW) == seconds


@given(st.text(max_size=60))
def test_no_retry_after_is_too_odd_to_read(header: str) -> None:
    found = retry_after(reply(429, retry_after=header), NOW)

    assert found is None or 0 <= found <= 86400


@given(st.integers(400, 599), st.text(max_size=40), st.text(max_size=300), st.binary(max_size=50))
def test_every_error_has_a_text_that_names_the_mailbox(status: int, code: str, message: str, junk: bytes) -> None:
    for one in (reply(status, code, message), GraphReply(status, {}, junk), GraphReply(status, {}, b'{"error": "x"}')):
        error = failure(one, "ann@contoso.example", "client", 60)

        assert isinstance(error, RouterError)
        assert "ann@contoso.example" in str(error)
        assert str(error).isprintable()
        assert len(str(error)) < 400


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        (reply(403, "ErrorAccessDenied"), "access_denied"),
        (reply(403, "SomethingNew"), "access_denied"),
        (reply(403, "ErrorQuotaExceeded"), "mailbox_full"),
        (reply(404, "mailboxnotenabledforrestapi"), "mailbox_unavailable"),
        (reply(404, "MailboxNotSupportedForRESTAPI"), "mailbox_unavailable"),
        (reply(404, "ErrorNonExistentMailbox"), "mailbox_unknown"),
        (reply(401, "InvalidAuthenticationToken"), "login_refused"),
    ],
)
def test_what_a_person_must_mend_blocks_the_mailbox(answered: GraphReply, kind: str) -> None:
    error = failure(answered, "ann@contoso.example", "the-client", 0)

    assert isinstance(error, MailboxBlocked)
    assert error.kind == kind
    assert error.mend


def test_a_closed_odata_access_points_at_its_policy() -> None:
    error = failure(reply(403, "ErrorAccessDenied", "Access to OData is disabled."), "a@x", "c", 0)

    assert "EwsApplicationAccessPolicy" in error.mend


def test_the_mend_of_a_denial_names_the_application() -> None:
    assert "the-client" in failure(reply(403, "ErrorAccessDenied"), "a@x", "the-client", 0).mend


@pytest.mark.parametrize("code", ["ErrorMailboxMoveInProgress", "ErrorServerBusy", "ErrorMailboxStoreUnavailable"])
@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_mailbox_on_the_move_is_not_blocked(code: str, status: int) -> None:
    error = failure(reply(status, code), "a@x", "c", 0)

    assert isinstance(error, TryLater)
    assert error.shared


def test_throttling_without_a_time_waits_as_long_as_the_caller_says() -> None:
    error = failure(reply(429, "ApplicationThrottled"), "a@x", "c", 77)

    assert isinstance(error, TryLater)
    assert (error.after, error.shared) == (77, True)


CURSORS = st.builds(
    Cursor,
    link=st.text(max_size=80),
    filtered=st.booleans(),
    seen=st.integers(0, 10_000),
    whole=st.booleans(),
    lying=st.sampled_from(["", "2026-11-24T12:00:00Z"]),
    told=st.lists(st.text("0123456789abcdef", min_size=12, max_size=12), max_size=3).map(tuple),
    passed=st.builds(Passed, until=st.none() | st.just(NOW), reached=st.none() | st.just(NOW), resumes=st.booleans()),
)


def alone(cursor: Cursor) -> Position:
    return Cursors({"inbox": cursor}).position()


@given(st.dictionaries(st.text(min_size=1, max_size=20), CURSORS, max_size=3))
def test_cursors_come_back_from_their_position(folders: dict[str, Cursor]) -> None:
    folders = {name: one if one.lying else replace(one, told=()) for name, one in folders.items()}

    assert Cursors.of(Cursors(folders).position()) == Cursors(folders)


@given(st.binary(max_size=60), st.text(max_size=30))
def test_no_position_is_too_odd_to_read(cursor: bytes, mark: str) -> None:
    assert isinstance(Cursors.of(Position(cursor, mark)), Cursors)
    assert isinstance(Cursors.of_mark(mark), Cursors)


@pytest.mark.parametrize("names", [["inbox"], ["archive"], ["inbox", "Inbox/Kunden \u00e4 {x}"]])
@pytest.mark.parametrize(
    "cursor",
    [
        Cursor(),
        Cursor("https://x/y?$deltatoken=z"),
        Cursor("https://x", filtered=True),
        Cursor("https://x", filtered=True, seen=17),
        Cursor(whole=True),
        Cursor(lying="2026-11-24T12:00:00Z"),
        Cursor("https://x", lying="2026-11-24T12:00:00Z", told=("a1", "b2")),
        Cursor("https://x", filtered=True, lying="2026-11-24T12:00:00Z", told=("a1",)),
        Cursor(passed=Passed(NOW, resumes=True)),
        Cursor("https://x", filtered=True, seen=17, passed=Passed(NOW, NOW)),
        Cursor(whole=True, lying="2026-11-24T12:00:00Z", passed=Passed(None, NOW, resumes=True)),
    ],
)
def test_the_mark_alone_tells_the_same_cursors(cursor: Cursor, names: list[str]) -> None:
    cursors = Cursors(dict.fromkeys(names, cursor))

    assert Cursors.of_mark(cursors.position().mark) == cursors


@pytest.mark.parametrize("filtered", [False, True])
def test_a_position_of_the_inbox_alone_is_still_understood(filtered: bool) -> None:
    link = "https://graph.microsoft.com/v1.0/users/x/delta?$deltatoken=1"
    written = {"link": link, "filtered": filtered, "seen": 0, "whole": False}
    position = Position(json.dumps(written).encode(), f"filtered {link}" if filtered else link)

    assert Cursors.of(position) == Cursors.of_mark(position.mark) == Cursors({"inbox": Cursor(link, filtered)})
