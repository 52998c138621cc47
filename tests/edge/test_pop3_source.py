"""What is POP3's own: broken lines, odd servers, refusals, and certificates."""

from __future__ import annotations

import contextlib
import socket
import threading
import tracemalloc
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.core.fetched import Fetched, Position
from email_router.core.mailbox import AfterDelivery, Authentication, Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.edge.connect.line import Line
from email_router.edge.connect.pop3 import Pop3Session
from email_router.edge.sources.pop3 import Pop3Source
from tests.simulators.certificates import Authority, self_signed
from tests.simulators.pop3 import PASSWORD, TOKEN, Faults, Pop3Process, Pop3Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADDRESS = "sales@contoso.example"
LOCAL = Reach(loopback=True)
LIMIT = 1024 * 1024
NEVER_READ = Position()


@pytest.fixture
def server(pop3_server: Pop3Server) -> Pop3Server:
    """The simulator."""
    return pop3_server


def profile(server: Pop3Server | Pop3Process, security: Security = Security.NONE, pem: str = "") -> Profile:
    """A profile that leads to the simulator."""
    port = server.tls_port if security is Security.TLS else server.port
    return Profile(
        name="pop3-in",
        direction=Direction.INCOMING,
        server="pop3",
        host="localhost",
        port=port,
        security=security,
        ca_pem=pem,
    )


def opened(server: Pop3Server | Pop3Process, secret: str = PASSWORD) -> Pop3Source:
    """The mailbox, over a plain line (it is this machine)."""
    return Pop3Source(profile(server), Mailbox(address=ADDRESS), secret, LOCAL)


def a_pass(source: Pop3Source, position: Position = NEVER_READ, limit: int = LIMIT) -> tuple[list[Fetched], Position]:
    """Read everything beyond the position; return it and where that leads."""
    fetched: list[Fetched] = []
    with closing(source):
        for page in source.pages(position, 100):
            fetched += source.fetch(page.listed, limit)
            position = page.position
    return fetched, position


# What servers answer


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("-ERR [AUTH] Authentication failed.", "login_refused"),
        ("-ERR [SYS/PERM] account disabled", "login_refused"),
        ("-ERR invalid password", "login_refused"),
        ("-ERR", "login_refused"),
    ],
)
def test_a_refused_login_blocks_the_mailbox(server: Pop3Server, answer: str, kind: str) -> None:
    server.store.set_faults(Faults(answers={"PASS": answer}))

    with closing(opened(server)) as source, pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())

    assert caught.value.kind == kind
    assert caught.value.mend
    assert ADDRESS in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("verb", ["USER", "PASS"])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("-ERR [IN-USE] Do you have another session?", "in_use"),
        ("-ERR [LOGIN-DELAY] minimum time between logins", "login_delay"),
        ("-ERR [SYS/TEMP] Server temporarily unavailable", "server_trouble"),
        ("-ERR maildrop already locked", "not_now"),
        ("-ERR too many connections, try again later", "not_now"),
    ],
)
def test_a_login_that_is_only_too_early_is_nobodys_failure(
    server: Pop3Server, verb: str, answer: str, kind: str
) -> None:
    server.store.set_faults(Faults(answers={verb: answer}))

    with closing(opened(server)) as source, pytest.raises(TryLater) as caught:
        source.has_news(Position())

    assert (caught.value.kind, caught.value.shared) == (kind, True)


def test_a_server_that_greets_with_an_error_means_later(server: Pop3Server) -> None:
    server.store.set_faults(Faults(greeting="-ERR [SYS/TEMP] overloaded"))

    with closing(opened(server)) as source, pytest.raises(TryLater) as caught:
        source.has_news(Position())

    assert caught.value.shared


def test_a_server_that_repeats_the_password_does_not_bring_it_into_the_error(server: Pop3Server) -> None:
    server.store.set_faults(Faults(answers={"PASS": f"-ERR bad command: PASS {PASSWORD}"}))

    with closing(opened(server)) as source, pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())

    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\r\nDELE 1\r\n"])
def test_no_command_is_hidden_in_a_user_name_or_password(server: Pop3Server, character: str) -> None:
    smuggling = replace(profile(server), username=f"user{character}x")
    for source in (
        opened(server, f"pass{character}word"),
        Pop3Source(smuggling, Mailbox(address=ADDRESS), PASSWORD, LOCAL),
    ):
        with closing(source), pytest.raises(MailboxBlocked) as caught:
            source.has_news(Position())
        assert caught.value.kind == "credentials"

    assert [line for line in server.store.commands() if line.split()[0] in {"USER", "PASS", "DELE"}] == []


def test_a_missing_password_is_told_before_anything_is_connected(server: Pop3Server) -> None:
    with closing(opened(server, '{"ann@contoso.example": "hers"}')) as source, pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())

    assert caught.value.kind == "credentials"
    assert server.sessions == 0


def test_the_password_of_the_mailbox_is_found_in_a_table(server: Pop3Server) -> None:
    with closing(opened(server, f'{{"Sales@contoso.example": "{PASSWORD}"}}')) as source:
        assert not source.has_news(Position())


class Tokens:
    """Stands for the login host, which has tests of its own: hands out the tokens one by one."""

    def __init__(self, *texts: str) -> None:
        self.left = list(texts)

    def token(self) -> str:
        return self.left[0]

    def forget(self, text: str) -> None:
        self.left = [one for one in self.left if one != text] or [text]


def with_tokens(server: Pop3Server, monkeypatch: pytest.MonkeyPatch, *texts: str, user: str = "") -> Pop3Source:
    wanted = replace(profile(server), authentication=Authentication.OAUTH, username=user)
    source = Pop3Source(wanted, Mailbox(address=ADDRESS), "a secret", LOCAL)
    tokens = Tokens(*texts)
    monkeypatch.setattr(source, "_bearer", lambda: tokens)  # no login host is asked here
    return source


def test_a_token_is_the_login_and_one_that_is_refused_is_renewed_once(
    server: Pop3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")

    fetched, _ = a_pass(with_tokens(server, monkeypatch, "stale", TOKEN))

    assert [each.raw for each in fetched] == [b"Subject: x\r\n\r\n"]
    logins = [line for line in server.store.commands() if line.startswith(("AUTH", "challenge"))]
    assert logins == ["AUTH XOAUTH2", "challenge answered: ", "AUTH XOAUTH2"]


def test_a_token_that_stays_refused_blocks_the_mailbox_without_being_told(
    server: Pop3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(with_tokens(server, monkeypatch, "wrong-token")) as source, pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())

    assert caught.value.kind == "login_refused"
    assert "POP3 for this mailbox" in caught.value.mend
    assert "wrong-token" not in str(caught.value)


def test_a_server_that_takes_no_tokens_is_told_as_a_refused_login(
    server: Pop3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.store.set_faults(Faults(answers={"AUTH": "-ERR unknown command"}))

    with closing(with_tokens(server, monkeypatch, TOKEN)) as source, pytest.raises(MailboxBlocked, match="unknown"):
        source.has_news(Position())


def test_no_command_is_hidden_in_the_user_of_a_token(server: Pop3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    source = with_tokens(server, monkeypatch, TOKEN, user="x\r\nDELE 1")

    with closing(source), pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())

    assert caught.value.kind == "credentials"
    assert server.store.commands() == []


def test_a_profile_that_wants_another_login_is_a_configuration_error(server: Pop3Server) -> None:
    wanted = replace(profile(server), authentication=Authentication.WINDOWS)

    with pytest.raises(ConfigurationError, match=r"pop3-in.*clear-text"):
        Pop3Source(wanted, Mailbox(address=ADDRESS), PASSWORD, LOCAL)


def test_a_server_without_unique_ids_blocks_the_mailbox_and_says_what_to_do(server: Pop3Server) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")
    server.store.set_faults(Faults(answers={"UIDL": "-ERR unknown command"}))

    with closing(opened(server)) as source, pytest.raises(MailboxBlocked) as caught:
        list(source.pages(Position(), 10))

    assert caught.value.kind == "uidl_missing"
    assert "UIDL" in caught.value.mend


@pytest.mark.parametrize("faults", [Faults(pipelining=False), Faults(capa=False), Faults(top=False, capa=False)])
def test_servers_that_can_little_are_read_all_the_same(server: Pop3Server, faults: Faults) -> None:
    mails = [b"Subject: %d\r\n\r\n%s\r\n" % (number, b"x" * number * 400) for number in range(5)]
    for raw in mails:
        server.put(ADDRESS, raw)
    server.store.set_faults(faults)

    fetched, _ = a_pass(opened(server), limit=1000)

    assert [each.raw for each in fetched if each.complete] == mails[:3]
    assert [each.raw for each in fetched if not each.complete] == [b"Subject: 3\r\n\r\n", b"Subject: 4\r\n\r\n"]


_HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("UIDL", f"+OK\r\n{_HUGE} a\r\n."),
        ("LIST", f"+OK\r\n{_HUGE} 5\r\n."),
        ("STAT", f"+OK {_HUGE} {_HUGE}"),
        ("STAT", "+OK \u00b2 5"),
        ("STAT", "+OK"),
    ],
)
def test_a_number_that_is_none_is_an_unexpected_answer_of_this_mailbox(
    server: Pop3Server, command: str, answer: str
) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")
    server.store.set_faults(Faults(answers={command: answer}))

    with closing(opened(server)) as source, pytest.raises(TryLater) as caught:
        list(source.pages(Position(), 10))

    assert caught.value.kind == "unexpected_answer"
    assert ADDRESS in str(caught.value)


def test_a_size_that_is_no_number_costs_no_message(server: Pop3Server) -> None:
    raw = b"Subject: x\r\n\r\nbody\r\n"
    server.put(ADDRESS, raw)
    server.store.set_faults(Faults(answers={"LIST": f"+OK\r\n1 {_HUGE}\r\n."}))

    assert [each.raw for each in a_pass(opened(server))[0]] == [raw]


@pytest.mark.parametrize("can", [True, False])
def test_a_server_that_does_not_announce_pipelining_gets_one_command_at_a_time(*, can: bool) -> None:
    near, far = socket.socketpair()
    session = Pop3Session(Line(near, "localhost", ADDRESS, 5.0))
    together: list[int] = []

    def serve() -> None:
        with far, contextlib.suppress(OSError):
            while said := far.recv(65536):
                together.append(said.count(b"\r\n"))
                block = b"PIPELINING\r\n" * can + b".\r\n"
                for command in said.splitlines():
                    far.sendall(b"+OK\r\n" + (b"" if command.startswith(b"DELE") else block))

    threading.Thread(target=serve, daemon=True).start()
    assert len(list(session.blocks([b"TOP %d 0" % number for number in range(1, 21)], 1000))) == 20
    session.delete(range(1, 21))
    session.drop()

    assert (max(together) == 1) is not can


# An idle poll


def test_an_idle_poll_asks_two_questions_on_one_connection_and_reads_no_listing(server: Pop3Server) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")
    _, position = a_pass(opened(server))
    before = len(server.store.commands())

    with closing(opened(server)) as source:
        assert not source.has_news(position)

    verbs = [line.split()[0] for line in server.store.commands()[before:]]
    assert verbs == ["USER", "PASS", "STAT", "UIDL", "QUIT"]
    assert server.sessions == 2


def test_news_are_read_on_the_connection_that_found_them(server: Pop3Server) -> None:
    for number in range(100):
        server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number)

    source = opened(server)
    assert source.has_news(Position())
    fetched, _ = a_pass(source)

    assert len(fetched) == 100
    assert server.sessions == 1


def test_a_message_replaced_by_one_of_the_same_size_is_news(server: Pop3Server) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")
    _, position = a_pass(opened(server))
    with closing(opened(server)) as source:
        source.dispose(["uid-1"], AfterDelivery.DELETE)
    server.put(ADDRESS, b"Subject: y\r\n\r\n")

    with closing(opened(server)) as source:
        assert source.has_news(position)
    assert [each.raw for each in a_pass(opened(server), position)[0]] == [b"Subject: y\r\n\r\n"]


def test_the_cursor_forgets_what_the_server_no_longer_lists(server: Pop3Server) -> None:
    for number in range(3):
        server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number)
    _, position = a_pass(opened(server))
    with closing(opened(server)) as source:
        source.dispose(["uid-1", "uid-2"], AfterDelivery.DELETE)

    fetched, later = a_pass(opened(server), position)

    assert fetched == []
    assert (len(position.cursor), len(later.cursor)) == (24, 8)
    with closing(opened(server)) as source:
        assert not source.has_news(later)


# Odd mailboxes


def test_messages_that_share_a_unique_id_are_all_read_once(server: Pop3Server) -> None:
    mails = [b"Subject: %d\r\n\r\n" % number for number in range(4)]
    for raw, unique_id in zip(mails, ("same", "same", "same#2", "same"), strict=True):
        server.put(ADDRESS, raw, unique_id)

    fetched, position = a_pass(opened(server))

    assert [each.raw for each in fetched] == mails
    assert len({each.source_id for each in fetched}) == 4
    assert a_pass(opened(server), position)[0] == []


def test_messages_that_share_a_unique_id_are_deleted_and_read_page_by_page(server: Pop3Server) -> None:
    mails = [b"Subject: %d\r\n\r\n" % number for number in range(5)]
    for raw in mails:
        server.put(ADDRESS, raw, "same")

    raws = []
    with closing(opened(server)) as source:
        for page in source.pages(Position(), 2):
            fetched = list(source.fetch(page.listed, LIMIT))
            raws += [each.raw for each in fetched]
            source.dispose([each.source_id for each in fetched], AfterDelivery.DELETE)

    assert raws == mails
    assert server.messages(ADDRESS) == []


def test_a_unique_id_used_again_for_a_message_of_another_size_is_a_new_message(server: Pop3Server) -> None:
    server.put(ADDRESS, b"Subject: first\r\n\r\n", "again")
    _, position = a_pass(opened(server))
    with closing(opened(server)) as source:
        source.dispose(["again"], AfterDelivery.DELETE)
    server.put(ADDRESS, b"Subject: the second\r\n\r\n", "again")

    assert [each.raw for each in a_pass(opened(server), position)[0]] == [b"Subject: the second\r\n\r\n"]


def test_an_empty_message_is_a_message(server: Pop3Server) -> None:
    server.put(ADDRESS, b"")
    server.put(ADDRESS, b"Subject: x\r\n\r\n")

    first, second = a_pass(opened(server))[0]

    assert (first.raw, first.size, first.complete, first.vanished) == (b"", 0, True, False)
    assert second.raw == b"Subject: x\r\n\r\n"


def test_a_message_of_60_mb_costs_no_more_memory_than_the_limit(tmp_path: Path) -> None:
    server = Pop3Process.start(tmp_path / "pop3")
    try:
        server.put(ADDRESS, b"Subject: large\r\n\r\n" + (b"x" * 998 + b"\r\n") * 60_000)
        server.put(ADDRESS, b"Subject: small\r\n\r\n")
        server.store.set_faults(Faults(top=False, list_size=100))

        tracemalloc.start()
        large, small = a_pass(opened(server), limit=LIMIT)[0]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    finally:
        server.stop()

    assert (large.raw, large.complete) == (b"Subject: large\r\n\r\n", False)
    assert (small.raw, small.complete) == (b"Subject: small\r\n\r\n", True)
    assert peak < 6 * LIMIT


def test_a_message_that_the_server_will_not_give_does_not_stop_the_others(server: Pop3Server) -> None:
    for number in range(4):
        server.put(ADDRESS, b"Subject: %d\r\n\r\nbody\r\n" % number)
    server.store.set_faults(
        Faults(answers={"RETR 2": "-ERR cannot open the file", "RETR 3": "-ERR broken", "TOP 3": "-ERR"})
    )

    fetched, _ = a_pass(opened(server))

    assert [(each.raw, each.complete) for each in fetched] == [
        (b"Subject: 0\r\n\r\nbody\r\n", True),
        (b"Subject: 1\r\n\r\n", False),
        (b"", False),
        (b"Subject: 3\r\n\r\nbody\r\n", True),
    ]


def test_a_server_that_gives_no_message_at_all_means_later(server: Pop3Server) -> None:
    for number in range(3):
        server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number)
    server.store.set_faults(Faults(answers={"RETR": "-ERR disk error", "TOP": "-ERR disk error"}))

    with pytest.raises(TryLater, match="disk error"):
        a_pass(opened(server))


def test_a_temporary_refusal_of_one_message_means_later(server: Pop3Server) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")
    server.store.set_faults(Faults(answers={"RETR": "-ERR [SYS/TEMP] try again"}))

    with pytest.raises(TryLater) as caught:
        a_pass(opened(server))

    assert caught.value.kind == "server_trouble"


def test_a_message_that_vanishes_during_the_session_is_told_as_vanished(server: Pop3Server) -> None:
    for number in range(3):
        server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number)

    source = opened(server)
    with closing(source):
        (page,) = source.pages(Position(), 10)
        server.store.messages(ADDRESS)[1][1].unlink()
        fetched = list(source.fetch(page.listed, LIMIT))

    assert [each.vanished for each in fetched] == [False, True, False]


def test_streaming_a_message_that_is_gone_is_refused(server: Pop3Server) -> None:
    with closing(opened(server)) as source, pytest.raises(MessageRefused) as caught:
        list(source.stream("uid-9"))

    assert caught.value.kind == "vanished"


# Broken lines


def cut_pass(source: Pop3Source) -> tuple[list[bytes], Position]:
    """Read what comes before the line breaks; the position counts only where its page came whole."""
    got: list[bytes] = []
    position = NEVER_READ
    with closing(source), contextlib.suppress(TryLater):
        for page in source.pages(position, 100):
            for each in source.fetch(page.listed, LIMIT):
                got.append(each.raw)  # noqa: PERF401 - what came before the break counts
            position = page.position
    return got, position


def test_a_line_cut_at_any_byte_loses_nothing_and_shortens_nothing(server: Pop3Server) -> None:
    mails = [b"Subject: %d\r\n\r\n.dots\r\n..\r\n%s\r\n" % (number, b"x" * 100) for number in range(3)]
    for raw in mails:
        server.put(ADDRESS, raw)

    a_pass(opened(server))
    outcomes = set()
    for cut in range(server.sent + 1):
        server.store.set_faults(Faults(cut_after=cut))
        got, position = cut_pass(opened(server))
        outcomes.add(len(got))
        assert got == mails[: len(got)], cut
        server.store.set_faults(Faults())
        server.locked.clear()
        rest = [each.raw for each in a_pass(opened(server), position)[0]]
        assert rest == ([] if position.cursor else mails), cut

    assert outcomes == {0, 1, 2, 3}


def test_a_line_cut_at_any_byte_while_deleting_deletes_nothing_else(server: Pop3Server) -> None:
    for cut in range(300):
        server.store.set_faults(Faults())
        server.locked.clear()
        kept, doomed = server.put(ADDRESS, b"Subject: kept\r\n\r\n"), server.put(ADDRESS, b"Subject: doomed\r\n\r\n")
        server.store.set_faults(Faults(cut_after=cut))
        with closing(opened(server)) as source:
            try:
                source.dispose([doomed], AfterDelivery.DELETE)
                assert doomed not in [unique_id for unique_id, _ in server.store.messages(ADDRESS)]
            except TryLater:
                pass
        server.store.set_faults(Faults())
        server.locked.clear()
        assert kept in [unique_id for unique_id, _ in server.store.messages(ADDRESS)]
        with closing(opened(server)) as source:
            source.dispose([kept, doomed], AfterDelivery.DELETE)
        assert server.messages(ADDRESS) == []


def test_a_session_lost_after_reading_is_opened_anew_for_deleting(server: Pop3Server) -> None:
    first, second = (server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number) for number in range(2))
    with closing(opened(server)) as source:
        for page in source.pages(Position(), 10):
            list(source.fetch(page.listed, LIMIT))
        assert source._session is not None
        source._session._line._socket.shutdown(2)
        server.locked.clear()
        source.dispose([first], AfterDelivery.DELETE)

    assert [unique_id for unique_id, _ in server.store.messages(ADDRESS)] == [second]


def test_a_deletion_that_the_server_does_not_confirm_is_told(server: Pop3Server) -> None:
    unique_id = server.put(ADDRESS, b"Subject: x\r\n\r\n")
    server.store.set_faults(Faults(answers={"QUIT": "-ERR some deleted messages not removed"}))

    with closing(opened(server)) as source, pytest.raises(TryLater, match="not removed"):
        source.dispose([unique_id], AfterDelivery.DELETE)

    assert len(server.messages(ADDRESS)) == 1


def test_a_deletion_of_half_a_page_is_done_at_the_latest_when_the_source_is_closed(server: Pop3Server) -> None:
    for number in range(4):
        server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number)

    with closing(opened(server)) as source:
        (page,) = source.pages(Position(), 10)
        list(source.fetch(page.listed[:2], LIMIT))
        source.dispose([page.listed[0].source_id], AfterDelivery.DELETE)
        assert len(server.messages(ADDRESS)) == 4

    assert len(server.messages(ADDRESS)) == 3
    assert server.sessions == 1


@pytest.mark.parametrize("how", [AfterDelivery.LEAVE, AfterDelivery.MARK_READ, AfterDelivery.MOVE])
def test_pop3_can_only_delete_so_every_other_wish_leaves_the_messages(server: Pop3Server, how: AfterDelivery) -> None:
    unique_id = server.put(ADDRESS, b"Subject: x\r\n\r\n")

    with closing(opened(server)) as source:
        source.dispose([unique_id], how)

    assert len(server.messages(ADDRESS)) == 1
    assert server.sessions == 0


# Certificates


def bad_certificate(flaw: str, authority: Authority, folder: Path) -> tuple[tuple[Path, Path], str]:
    """A server's certificate with this flaw, and the bundle that the profile holds."""
    if flaw == "wrong host":
        return authority.issue_only("other.example"), authority.pem
    if flaw == "expired":
        return authority.issue_expired(), authority.pem
    if flaw == "unknown CA":
        return authority.issue("localhost"), ""
    certificate = self_signed(folder)
    return certificate, certificate[0].read_text() if flaw.endswith("in the bundle") else ""


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize("flaw", ["self-signed", "self-signed, in the bundle", "wrong host", "expired", "unknown CA"])
def test_a_bad_certificate_is_refused_before_a_credential_leaves(
    tmp_path: Path, authority: Authority, security: Security, flaw: str
) -> None:
    certificate, pem = bad_certificate(flaw, authority, tmp_path)
    server = Pop3Server(tmp_path / "pop3", certificate=certificate)
    try:
        source = Pop3Source(profile(server, security, pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL)
        with closing(source), pytest.raises(MailboxBlocked) as caught:
            source.has_news(Position())
    finally:
        server.stop()

    assert caught.value.kind == "certificate"
    assert "localhost" in str(caught.value)
    assert caught.value.mend
    assert [line for line in server.store.commands() if line != "STLS"] == []
    if flaw.startswith("self-signed"):
        assert "ca_bundle" in caught.value.mend


def test_what_was_injected_before_tls_is_forgotten(server: Pop3Server, authority: Authority) -> None:
    server.put(ADDRESS, b"Subject: true\r\n\r\n")
    server.store.set_faults(Faults(inject_after_stls="+OK\r\n+OK\r\n+OK 0 0\r\n"))

    source = Pop3Source(profile(server, Security.STARTTLS, authority.pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL)
    assert source.has_news(Position())
    fetched, _ = a_pass(source)

    assert [each.raw for each in fetched] == [b"Subject: true\r\n\r\n"]


@pytest.mark.parametrize("answer", ["-ERR no TLS", "", "+OKAY then no TLS at all"])
def test_no_password_goes_in_clear_when_starttls_fails(server: Pop3Server, authority: Authority, answer: str) -> None:
    server.store.set_faults(Faults(stls=False, answers={"STLS": answer}))

    source = Pop3Source(profile(server, Security.STARTTLS, authority.pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL)
    with closing(source), pytest.raises(RouterError):
        source.has_news(Position())

    assert not [line for line in server.store.commands() if PASSWORD in line or line.startswith("USER")]


def test_a_port_that_speaks_no_tls_is_told_with_what_to_do(server: Pop3Server, authority: Authority) -> None:
    plain = replace(profile(server, Security.TLS, authority.pem), port=server.port)

    with (
        closing(Pop3Source(plain, Mailbox(address=ADDRESS), PASSWORD, LOCAL)) as source,
        pytest.raises(MailboxBlocked) as caught,
    ):
        source.has_news(Position())

    assert caught.value.kind == "tls"
    assert "port" in caught.value.mend


def test_a_bundle_that_holds_no_certificates_is_a_configuration_error(server: Pop3Server) -> None:
    with (
        closing(
            Pop3Source(profile(server, Security.TLS, "nonsense"), Mailbox(address=ADDRESS), PASSWORD, LOCAL)
        ) as source,
        pytest.raises(ConfigurationError, match="ca_bundle"),
    ):
        source.has_news(Position())


# Exactness


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pop3Server]:
    """One simulator for many examples."""
    server = Pop3Server(tmp_path_factory.mktemp("pop3"))
    yield server
    server.stop()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.lists(
        st.sampled_from(
            [b".", b"..", b"\r\n", b"x", b"\r", b"\n", b"\0", b"\xff", b".\r", b"y" * 9000, b"\r\n." * 3000]
        )
    ).map(b"".join)
)
def test_any_bytes_come_whole_and_in_pieces_as_they_were(shared_server: Pop3Server, body: bytes) -> None:
    raw = b"Subject: x\r\n\r\n" + body + b"\r\n"
    for _, path in shared_server.store.messages(ADDRESS):
        path.unlink()
    unique_id = shared_server.put(ADDRESS, raw)

    source = opened(shared_server)
    whole = a_pass(source)[0][0]
    with closing(opened(shared_server)) as streaming:
        pieces = b"".join(streaming.stream(unique_id))

    assert whole.raw == raw
    assert pieces == raw
