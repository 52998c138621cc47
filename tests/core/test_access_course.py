"""How a road is noted: its steps, their times, and which of them an error is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from email_router.core.access_course import Course
from email_router.core.access_steps import (
    Certificate,
    Host,
    StepName,
    StepStatus,
    incoming_stages,
    outgoing_stages,
)
from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.mailbox import Authentication, Direction, Profile

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SHOWN = Certificate(
    subject="CN=mail.contoso.example",
    issuer="CN=A CA",
    names=("mail.contoso.example",),
    not_before=NOW - timedelta(days=30),
    not_after=NOW + timedelta(days=5, hours=3),
    sha256="AB:CD",
    tls="TLSv1.3",
)


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def profile(server: str, **more: Any) -> Profile:
    return Profile(**{"name": "p", "direction": Direction.INCOMING, "server": server, "host": "h", **more})


def course(server: str = "imap", **more: Any) -> tuple[Course, Watch]:
    watch = Watch()
    return Course(incoming_stages(profile(server, **more)), watch), watch


def connect(to: Course, host: str = "h") -> None:
    to.resolving(host)
    to.resolved(host, [("192.0.2.1", "public")])
    to.connected(host, 993, "192.0.2.1")
    to.secured(SHOWN)


def states(of: Course) -> list[str]:
    return [f"{'token ' if one.stage.host is Host.TOKEN else ''}{one.stage.name} {one.status}" for one in of.steps()]


def test_each_step_takes_what_passed_since_the_one_before_and_what_went_before_the_first_counts_for_none() -> None:
    taken, watch = course()
    telling: tuple[tuple[float, Callable[[], None]], ...] = (
        (7.0, lambda: taken.resolving("h")),
        (1.0, lambda: taken.resolved("h", [("192.0.2.1", "public"), ("192.0.2.2", "public")])),
        (2.0, lambda: taken.connected("h", 993, "192.0.2.2")),
        (3.0, lambda: taken.secured(SHOWN)),
        (4.0, lambda: taken.authenticated("ann by LOGIN")),
        (5.0, lambda: taken.done(StepName.READ, "3 messages")),
    )
    for after, tell in telling:
        watch.now += after
        tell()

    assert [one.seconds for one in taken.steps()] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [one.seen for one in taken.steps()] == [
        "h is 192.0.2.1 (public), 192.0.2.2 (public)",
        "h:993 at 192.0.2.2",
        "",
        "ann by LOGIN",
        "3 messages",
    ]
    assert taken.steps()[2].certificate == SHOWN
    assert {one.status for one in taken.steps()} == {StepStatus.OK}


@pytest.mark.parametrize(
    ("told", "kind", "failed"),
    [
        (0, "host_unknown", "resolve"),
        (0, "network_denied", "resolve"),
        (1, "connection_refused", "connect"),
        (2, "certificate", "tls"),
        (2, "starttls", "tls"),
        (3, "greeting", "authenticate"),
        (3, "login_refused", "authenticate"),
        (4, "folder_missing", "read"),
        (0, "credentials", "authenticate"),
    ],
)
def test_an_error_is_of_the_step_that_it_ended_and_those_behind_are_not_reached(
    told: int, kind: str, failed: str
) -> None:
    taken, watch = course()
    telling: list[Callable[[], None]] = [
        lambda: taken.resolved("h", [("192.0.2.1", "public")]),
        lambda: taken.connected("h", 993, "192.0.2.1"),
        lambda: taken.secured(SHOWN),
        lambda: taken.authenticated("ann by LOGIN"),
    ]
    for tell in telling[:told]:
        tell()
    watch.now += 9.0
    error = MailboxBlocked("no", kind=kind)
    taken.failed(error)
    watch.now += 9.0  # a certificate is looked at when the step is over
    taken.presented(SHOWN)

    by_name = {one.stage.name.value: one for one in taken.steps()}
    assert (by_name[failed].error, by_name[failed].seconds, by_name[failed].certificate) == (error, 9.0, SHOWN)
    names = list(by_name)
    done, behind = names[:told], [name for name in names[told:] if name != failed]
    assert {by_name[name].status for name in done} <= {StepStatus.OK}
    assert {by_name[name].status for name in behind} <= {StepStatus.NOT_REACHED}
    assert [by_name[name].seconds for name in behind] == [None] * len(behind)


@pytest.mark.parametrize("kind", ["configuration", "served_twice", "not_available"])
def test_what_ends_a_road_before_it_begins_is_of_no_step(kind: str) -> None:
    taken, _ = course()
    taken.failed(MailboxBlocked("no", kind=kind))

    assert {one.status for one in taken.steps()} == {StepStatus.NOT_REACHED}


GRAPH = [
    "token resolve ok",
    "token connect ok",
    "token tls ok",
    "token authenticate ok",
    "resolve ok",
    "connect ok",
    "tls ok",
    "read ok",
]


@pytest.mark.parametrize("lines", [1, 2])
def test_over_https_the_token_comes_first_and_a_second_line_for_it_is_no_step(lines: int) -> None:
    taken, _ = course("exchange-online")
    for _ in range(lines):
        connect(taken, "login")
    taken.granted("application a")
    taken.granted("application a, kept")
    connect(taken)
    taken.done(StepName.READ, "")

    assert states(taken) == GRAPH
    assert taken.steps()[3].seen == "application a"
    assert taken.steps()[4].seen.startswith("h is")


def test_a_token_that_is_kept_leaves_out_the_way_to_its_host() -> None:
    taken, _ = course("exchange-online")
    taken.granted("application a, kept")
    connect(taken)
    taken.done(StepName.READ, "")

    assert states(taken) == [*(f"token {name} not_asked" for name in ("resolve", "connect", "tls")), *GRAPH[3:]]
    assert {one.seen for one in taken.steps()[:3]} == {"the token was got before and is kept"}


@pytest.mark.parametrize("error", [None, MailboxBlocked("", kind="access_denied")])
def test_a_server_that_is_the_tokens_own_host_is_asked_over_the_same_line(error: RouterError | None) -> None:
    taken, _ = course("exchange-online")
    connect(taken, "login")
    taken.granted("application a")
    if error:
        taken.failed(error)
    else:
        taken.done(StepName.READ, "")

    left_out = [f"{name} not_asked" for name in ("resolve", "connect", "tls")]
    assert states(taken) == [*GRAPH[:4], *left_out, "read error" if error else "read ok"]
    assert {one.seen for one in taken.steps()[4:7]} == {"the line to the token's host is used: both are the same"}


@pytest.mark.parametrize("kept", [False, True])
def test_by_imap_a_token_is_got_on_the_way_and_told_with_the_login(*, kept: bool) -> None:
    taken, _ = course("imap", authentication=Authentication.OAUTH)
    connect(taken)
    if not kept:
        connect(taken, "login")
    taken.granted("application a")
    taken.authenticated("ann by XOAUTH2")
    taken.done(StepName.READ, "")

    way = "not_asked" if kept else "ok"
    assert states(taken) == [
        *(f"{name} ok" for name in ("resolve", "connect", "tls")),
        *(f"token {name} {way}" for name in ("resolve", "connect", "tls")),
        "authenticate ok",
        "read ok",
    ]
    assert taken.steps()[6].seen == "ann by XOAUTH2, application a"


@pytest.mark.parametrize(
    ("reached", "error", "failed"),
    [
        ("server", MailboxBlocked("", kind="host_unknown"), "token resolve error"),
        ("server", MailboxBlocked("", kind="login_disabled"), "authenticate error"),
        ("granted", MailboxBlocked("", kind="login_refused"), "authenticate error"),
        ("host", MailboxBlocked("", kind="secret_expired"), "authenticate error"),
    ],
)
def test_an_error_on_the_way_to_a_token_is_told_from_one_of_the_login(
    reached: str, error: RouterError, failed: str
) -> None:
    taken, _ = course("pop3", authentication=Authentication.OAUTH)
    connect(taken)
    if reached == "host":
        connect(taken, "login")
    if reached == "granted":
        taken.granted("application a, kept")
    taken.failed(error)

    assert [one for one in states(taken) if "error" in one] == [failed]
    assert states(taken)[-1] == "read not_reached"


def test_what_is_not_asked_says_why_and_is_never_the_one_that_failed() -> None:
    stages = outgoing_stages(replace(profile("smtp"), direction=Direction.OUTGOING), unsent="--send was not given")
    taken = Course(stages, Watch())
    connect(taken)
    taken.authenticated("router by PLAIN")
    taken.failed(TryLater("the farewell", kind="timeout"))

    assert [(one.status, one.seen) for one in taken.steps()[4:]] == [(StepStatus.NOT_ASKED, "--send was not given")] * 2
    assert all(one.error is None for one in taken.steps())


def test_a_step_that_is_left_out_takes_no_time_and_the_next_is_timed_from_the_last_that_did() -> None:
    taken, watch = course()
    taken.resolved("h", [])
    taken.connected("h", 143, "127.0.0.1")
    watch.now += 2.0
    taken.left_out(StepName.TLS, 'security = "none"')
    watch.now += 1.0
    taken.authenticated("ann by LOGIN")

    tls, login = taken.steps()[2:4]
    assert (tls.status, tls.seconds, tls.seen) == (StepStatus.NOT_ASKED, None, 'security = "none"')
    assert login.seconds == 3.0


@pytest.mark.parametrize(
    ("server", "unsent", "unfound", "names"),
    [
        ("smtp", "", "", ["send", "find"]),
        ("exchange-online", "not asked", "", ["read", "send", "find"]),
        ("exchange", "not asked", "", ["read", "send", "find"]),
        ("exchange-online", "", "", ["send", "find"]),
        ("ses", "not asked", "", ["send", "find"]),
    ],
)
def test_the_drafts_are_read_where_exchange_is_not_sent_by(
    server: str, unsent: str, unfound: str, names: list[str]
) -> None:
    stages = outgoing_stages(profile(server), unsent, unfound)
    login = next(i for i, one in enumerate(stages) if one.name is StepName.AUTHENTICATE)
    behind = [one.name.value for one in stages[login + 1 :] if one.name not in {"resolve", "connect", "tls"}]

    assert behind == names
    assert [one.unasked for one in stages if one.name is StepName.FIND] == [unsent or unfound]


@pytest.mark.parametrize(
    ("ends", "left", "words"),
    [
        (NOW + timedelta(days=5, hours=3), 5, "(5 days left)"),
        (NOW + timedelta(hours=1), 0, "(0 days left)"),
        (NOW - timedelta(hours=1), -1, "(over)"),
    ],
)
def test_a_certificate_tells_how_long_it_is_good(ends: datetime, left: int, words: str) -> None:
    shown = replace(SHOWN, not_after=ends, names=tuple(f"{number}.example" for number in range(7)))

    assert shown.days_left(NOW) == left
    assert words in shown.words(NOW)
    assert "4.example and 2 more" in shown.words(NOW)
    assert all(part in shown.words(NOW) for part in ("CN=mail.contoso.example", "CN=A CA", "AB:CD", "TLSv1.3"))
