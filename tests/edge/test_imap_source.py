"""What is IMAP's own: hostile and broken servers, odd answers, folders, disposal, logins, and certificates."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from base64 import b64encode
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.core.fetched import Fetched, Listed, Position
from email_router.core.mailbox import AfterDelivery, Authentication, Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.edge.connect.imap_answers import instant_of, tokens
from email_router.edge.connect.imap_names import decode_utf7, encode_utf7, folder_name, uid_set
from email_router.edge.connect.imap_position import Cursor
from email_router.edge.sources.imap import ImapSource
from tests.simulators.certificates import Authority, self_signed
from tests.simulators.imap import CAPABILITIES, PASSWORD, Box, ImapServer, Script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import DovecotServer

ADDRESS = "sales@contoso.example"
LOCAL = Reach(loopback=True)
LIMIT = 1024 * 1024
SMUGGLED = 'x"\r\nX1 UID STORE 1:* +FLAGS (\\Deleted)\r\nX2 EXPUNGE'


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[ImapServer]:
    running = ImapServer(certificate)
    yield running
    running.stop()


def profile(port: int, security: Security = Security.NONE, pem: str = "") -> Profile:
    return Profile(
        name="imap-in",
        direction=Direction.INCOMING,
        server="imap",
        host="localhost",
        port=port,
        security=security,
        ca_pem=pem,
    )


def opened(server: ImapServer, secret: str = PASSWORD, **changes: Any) -> ImapSource:
    return ImapSource(replace(profile(server.port), **changes), Mailbox(address=ADDRESS), secret, LOCAL)


def mail(number: int, body: bytes = b"") -> bytes:
    return b"Subject: %d\r\n\r\n%bend\r\n" % (number, body)


def a_pass(source: ImapSource, position: Position | None = None, limit: int = LIMIT) -> tuple[list[Fetched], Position]:
    """Read everything beyond the position; return it and where that leads."""
    fetched: list[Fetched] = []
    position = position or Position()
    with closing(source):
        for page in source.pages(position, 100):
            fetched += source.fetch(page.listed, limit)
            position = page.position
    return fetched, position


def blocked(source: ImapSource) -> MailboxBlocked:
    with closing(source), pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())
    assert caught.value.mend
    assert ADDRESS in str(caught.value)
    return caught.value


# What comes before the login


@pytest.mark.parametrize("greeting", [b"* PREAUTH you are root\r\n", b"* preauth\r\n"])
def test_a_server_that_takes_us_for_somebody_before_the_login_is_refused(server: ImapServer, greeting: bytes) -> None:
    server.script.greeting = greeting

    assert blocked(opened(server)).kind == "preauth"
    assert server.commands == []


def test_what_was_injected_before_tls_is_forgotten(server: ImapServer, authority: Authority) -> None:
    server.inbox.put(mail(1))
    server.script.greeting = b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready\r\n"
    server.script.inject_after_starttls = b"* CAPABILITY IMAP4rev1\r\nR2 OK\r\nR3 OK\r\n* STATUS INBOX (MESSAGES 0)\r\n"

    source = ImapSource(
        profile(server.port, Security.STARTTLS, authority.pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL
    )
    assert source.has_news(Position())
    assert [each.raw for each in a_pass(source)[0]] == [mail(1)]
    assert server.commands[:2] == ["STARTTLS", "CAPABILITY"]


def test_capabilities_told_in_the_answer_to_starttls_are_not_believed(server: ImapServer, authority: Authority) -> None:
    server.inbox.put(mail(1))
    server.script.starttls_words = "[CAPABILITY IMAP4rev1 LOGINDISABLED] begin"

    secured = profile(server.port, Security.STARTTLS, authority.pem)
    source = ImapSource(secured, Mailbox(address=ADDRESS), PASSWORD, LOCAL)

    assert [each.raw for each in a_pass(source)[0]] == [mail(1)]
    assert server.commands[:2] == ["STARTTLS", "CAPABILITY"]


@pytest.mark.parametrize("answer", [b"TAG NO no TLS\r\n", b"", b"TAG BAD what?\r\n", b"TAG OKAY no TLS at all\r\n"])
def test_no_password_goes_in_clear_when_starttls_fails(server: ImapServer, authority: Authority, answer: bytes) -> None:
    server.script.answers["STARTTLS"] = answer

    source = ImapSource(
        profile(server.port, Security.STARTTLS, authority.pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL
    )
    with closing(source), pytest.raises(RouterError):
        source.has_news(Position())

    assert server.commands == ["STARTTLS"]


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize("flaw", ["self-signed", "self-signed, in the bundle", "wrong host", "expired", "unknown CA"])
def test_a_bad_certificate_is_refused_before_a_credential_leaves(
    tmp_path: Path, authority: Authority, security: Security, flaw: str
) -> None:
    pem = authority.pem
    if flaw.startswith("self-signed"):
        certificate = self_signed(tmp_path)
        pem = certificate[0].read_text() if flaw.endswith("in the bundle") else ""
    elif flaw == "wrong host":
        certificate = authority.issue_only("other.example")
    elif flaw == "expired":
        certificate = authority.issue_expired()
    else:
        certificate, pem = authority.issue("localhost"), ""
    server = ImapServer(certificate, tls=security is Security.TLS)
    try:
        source = ImapSource(profile(server.port, security, pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL)
        with closing(source), pytest.raises(MailboxBlocked) as caught:
            source.has_news(Position())
    finally:
        server.stop()

    assert caught.value.kind == "certificate"
    assert [line for line in server.commands if line != "STARTTLS"] == []


# The login


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("NO [AUTHENTICATIONFAILED] wrong", "login_refused"),
        ("NO [EXPIRED] too old", "login_refused"),
        ("NO [ALERT] Please log in via your web browser", "login_refused"),
        ("NO [CONTACTADMIN] locked", "login_refused"),
        ("NO [AUTHORIZATIONFAILED] not yours", "access_denied"),
        ("BAD User is authenticated but not connected.", "access_denied"),
        ("NO [REFERRAL imap://user;AUTH=*@evil.example/] go there", "referral"),
        ("OK [REFERRAL imap://user;AUTH=*@evil.example/] or there", "referral"),
        ("NO", "login_refused"),
    ],
)
def test_a_refused_login_blocks_the_mailbox_and_says_what_to_do(server: ImapServer, answer: str, kind: str) -> None:
    server.script.answers["AUTHENTICATE"] = f"TAG {answer}\r\n".encode()

    assert blocked(opened(server)).kind == kind


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"TAG NO [UNAVAILABLE] Maximum number of connections exceeded\r\n", "server_trouble"),
        (b"TAG NO [INUSE] busy\r\n", "in_use"),
        (b"TAG NO [LIMIT] slowly\r\n", "not_now"),
        (b"TAG NO Too many simultaneous connections. (Failure)\r\n", "not_now"),
        (b"* BYE [UNAVAILABLE] going down\r\n", "server_trouble"),
        (b"* BYE Connection is closed. 13\r\n", "connection_lost"),
    ],
)
def test_a_login_that_is_only_too_early_is_nobodys_failure(server: ImapServer, answer: bytes, kind: str) -> None:
    server.script.answers["AUTHENTICATE"] = answer

    with closing(opened(server)) as source, pytest.raises(TryLater) as caught:
        source.has_news(Position())

    assert (caught.value.kind, caught.value.shared) == (kind, True)


def test_a_server_that_repeats_the_password_does_not_bring_it_into_the_error(server: ImapServer) -> None:
    coded = b64encode(f"\0{ADDRESS}\0{PASSWORD}".encode())
    server.script.answers["AUTHENTICATE"] = b"TAG NO bad: " + coded + b" " + PASSWORD.encode() + b"\r\n"

    text = str(blocked(opened(server)))

    assert PASSWORD not in text
    assert coded.decode() not in text


@pytest.mark.parametrize("secret", ["pass\rword", "pass\nword", "pass\0word", SMUGGLED])
@pytest.mark.parametrize("capabilities", [CAPABILITIES, "IMAP4rev1"])
def test_no_command_is_hidden_in_a_user_name_or_password(server: ImapServer, secret: str, capabilities: str) -> None:
    server.script.capabilities = capabilities

    assert blocked(opened(server, secret)).kind == "credentials"
    assert blocked(opened(server, username=secret)).kind == "credentials"
    assert {line for line in server.commands if line != "CAPABILITY"} <= {"LOGOUT"}


def test_no_command_is_hidden_in_a_folder_name(server: ImapServer) -> None:
    assert blocked(opened(server, folders=("INBOX", SMUGGLED))).kind == "folder_missing"
    assert not [line for line in server.commands if "STORE" in line or "EXPUNGE" in line]


@pytest.mark.parametrize("secret", [PASSWORD, 'quo"ted\\', "Grüße"])
def test_login_is_used_where_plain_is_not_offered(server: ImapServer, secret: str) -> None:
    server.script.capabilities = "IMAP4rev1"
    server.script.answers = {} if secret == PASSWORD else {"LOGIN": b"TAG OK\r\n"}

    with closing(opened(server, secret)) as source:
        assert not source.has_news(Position())

    (login,) = [line for line in server.commands if line.startswith("LOGIN")]
    assert login.endswith({PASSWORD: f'"{PASSWORD}"', 'quo"ted\\': '"quo\\"ted\\\\"'}.get(secret, f" {secret}"))


def test_a_server_that_takes_no_password_on_this_line_gets_none(server: ImapServer) -> None:
    server.script.capabilities = "IMAP4rev1 LOGINDISABLED"

    assert blocked(opened(server)).kind == "login_disabled"
    assert "CAPABILITY" in server.commands
    assert not [line for line in server.commands if line.startswith(("LOGIN", "AUTH"))]


def test_a_server_without_initial_responses_is_logged_in_to_all_the_same(server: ImapServer) -> None:
    server.script.capabilities = "IMAP4rev1 AUTH=PLAIN"

    with closing(opened(server)) as source:
        assert not source.has_news(Position())

    assert "AUTHENTICATE PLAIN" in server.commands


def test_what_the_server_could_before_the_login_is_asked_anew_after_it(server: ImapServer) -> None:
    server.script.capabilities_in_login = False
    server.inbox.put(mail(1))

    with closing(opened(server)) as source:
        (page,) = source.pages(Position(), 10)
        source.dispose([page.listed[0].source_id], AfterDelivery.DELETE)

    assert server.commands.count("CAPABILITY") == 2
    assert server.inbox.kept == []


def test_a_profile_that_wants_another_login_is_a_configuration_error(server: ImapServer) -> None:
    with pytest.raises(ConfigurationError, match=r"imap-in.*clear-text"):
        opened(server, authentication=Authentication.WINDOWS)


class Tokens:
    """Stands for the login host: hands out the tokens one by one."""

    def __init__(self, *texts: str) -> None:
        self.left = list(texts)
        self.forgotten: list[str] = []

    def token(self) -> str:
        return self.left[0]

    def forget(self, text: str) -> None:
        self.forgotten.append(text)
        self.left = self.left[1:] or self.left


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_token_that_was_refused_is_renewed_once(
    server: ImapServer, mechanism: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script.capabilities = f"IMAP4rev1 SASL-IR AUTH={mechanism}"
    held = Tokens("stale-token", "good-token")
    source = opened(server, authentication=Authentication.OAUTH)
    # The login host is another server, with tests of its own.
    monkeypatch.setattr(source._box, "_bearer", lambda: held)

    with closing(source):
        assert not source.has_news(Position())

    assert held.forgotten == ["stale-token"]
    assert [line for line in server.commands if line.startswith("challenge")] == [
        "challenge: " if mechanism == "XOAUTH2" else "challenge: AQ=="
    ]


def test_tokens_that_are_all_refused_block_the_mailbox_without_being_told(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = opened(server, authentication=Authentication.OAUTH)
    monkeypatch.setattr(source._box, "_bearer", lambda: Tokens("wrong-token-1", "wrong-token-2"))

    refused = blocked(source)

    assert refused.kind == "login_refused"
    assert "wrong-token" not in str(refused)


def test_tokens_are_not_offered_to_a_server_that_takes_none(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script.capabilities = "IMAP4rev1 AUTH=PLAIN"
    source = opened(server, authentication=Authentication.OAUTH)
    monkeypatch.setattr(source._box, "_bearer", lambda: Tokens("token"))

    assert blocked(source).kind == "login_disabled"


# An idle poll, and positions


def test_an_idle_poll_is_one_question_for_all_folders_on_one_connection(server: ImapServer) -> None:
    server.folders["Orders"] = Box()
    server.inbox.put(mail(1))
    _, position = a_pass(opened(server, folders=("INBOX", "Orders")))
    before = len(server.commands)

    with closing(opened(server, folders=("INBOX", "Orders"))) as source:
        assert not source.has_news(position)

    said = [
        line for line in server.commands[before:] if line != "LOGOUT"
    ]  # the pass before may still be taking its leave
    assert [line.split()[0] for line in said][:4] == [
        "CAPABILITY",
        "AUTHENTICATE",
        "STATUS",
        "STATUS",
    ]
    assert server.sessions == 2


def test_several_folders_are_read_each_from_its_own_position(server: ImapServer) -> None:
    server.folders["Orders"] = Box(validity=9)
    server.inbox.put(mail(1))
    server.folders["Orders"].put(mail(2))
    fetched, position = a_pass(opened(server, folders=("inbox", "Orders")))
    server.folders["Orders"].put(mail(3))
    server.inbox.put(mail(4))

    later, _ = a_pass(opened(server, folders=("INBOX", "Orders")), position)

    assert [each.raw for each in fetched] == [mail(1), mail(2)]
    assert [each.source_id for each in fetched] == ["INBOX/7.1", "Orders/9.1"]
    assert [each.raw for each in later] == [mail(4), mail(3)]


def test_a_folder_made_anew_is_read_from_its_beginning(server: ImapServer) -> None:
    for number in range(3):
        server.inbox.put(mail(number))
    _, position = a_pass(opened(server))
    server.folders["INBOX"] = Box(validity=8)
    server.inbox.put(mail(9))

    with closing(opened(server)) as source:
        assert source.has_news(position)
        old = list(source.fetch([Listed("INBOX/7.1", 10)], LIMIT))
        source.dispose(["INBOX/7.1"], AfterDelivery.DELETE)
    fetched, later = a_pass(opened(server), position)

    assert [each.vanished for each in old] == [True]
    assert [each.raw for each in fetched] == [mail(9)]
    assert Cursor.of(later.cursor).folders == {"INBOX": (8, 1)}


@pytest.mark.parametrize("cursor", [b"\x00\x01binary", b"[]", b'{"INBOX": 5}', b'{"INBOX": ["x", 1]}'])
def test_the_position_of_another_kind_of_source_means_never_read(server: ImapServer, cursor: bytes) -> None:
    server.inbox.put(mail(1))

    assert [each.raw for each in a_pass(opened(server), Position(cursor, "5 100 uid"))[0]] == [mail(1)]


def test_a_gap_in_the_uids_is_no_news(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.inbox.put(mail(2))
    server.inbox.drop({2})
    _, position = a_pass(opened(server))

    with closing(opened(server)) as source:
        assert not source.has_news(position)


def test_the_last_message_that_a_search_names_beyond_its_end_is_not_read_again(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    _, position = a_pass(opened(server))
    server.inbox.next += 5
    server.commands.clear()

    fetched, _ = a_pass(opened(server), position)

    assert fetched == []
    assert any(command.startswith("UID SEARCH UID 2:*") for command in server.commands)


_HUGE = b"9" * 5000
_ODD_ANSWERS = {
    "STATUS": (
        b'* STATUS "INBOX" (MESSAGES %b UIDNEXT %b UIDVALIDITY 7)\r\nTAG OK\r\n',
        b"* STATUS\r\n* STATUS %b\r\nTAG OK\r\n",
    ),
    "EXAMINE": (
        b"* %b EXISTS\r\n* OK [UIDVALIDITY %b] x\r\n* OK [UIDNEXT %b] x\r\nTAG OK\r\n",
        b"* OK [UIDVALIDITY \xc2\xb2] x\r\nTAG OK\r\n",
    ),
    "UID SEARCH": (b"* SEARCH %b \xc2\xb2 1\r\nTAG OK\r\n", b"* SEARCH (MODSEQ %b)\r\nTAG OK [X %b]\r\n"),
    "UID FETCH": (
        b"* 1 FETCH (UID %b RFC822.SIZE 1)\r\nTAG OK\r\n",
        b'* %b FETCH (UID 1 RFC822.SIZE %b INTERNALDATE "01-Jan-0001 00:00:00 +9999")\r\nTAG OK\r\n',
        b'* 1 FETCH (UID 1 RFC822.SIZE 9 INTERNALDATE "99-Foo-0000 99:99:99 +0000")\r\nTAG OK\r\n',
        b"* 1 FETCH (UID 1 RFC822.SIZE 9 BODY[] {%b}\r\nTAG OK\r\n",
        b"* 1 FETCH " + b"(" * 5000 + b"\r\nTAG OK\r\n",
        b"* FETCH\r\n* 1 FETCH\r\n* 1 FETCH ()\r\nTAG OK\r\n",
    ),
}


@pytest.mark.parametrize(
    ("command", "said"), [(command, said) for command, all_said in _ODD_ANSWERS.items() for said in all_said]
)
def test_no_answer_is_so_odd_that_a_pass_fails_of_itself(server: ImapServer, command: str, said: bytes) -> None:
    server.inbox.put(mail(1))
    server.script.answers = {command: said.replace(b"%b", _HUGE)}

    with contextlib.closing(opened(server)) as source, contextlib.suppress(RouterError):
        source.has_news(Position(mark="x"))
    with contextlib.suppress(RouterError):
        a_pass(opened(server), Position())
    with contextlib.closing(opened(server)) as source, contextlib.suppress(RouterError):
        list(source.stream("INBOX/7.1"))
    with contextlib.closing(opened(server)) as source, contextlib.suppress(RouterError):
        list(source.inventory(10))
    with contextlib.closing(opened(server)) as source, contextlib.suppress(RouterError):
        source.dispose(["INBOX/7.1"], AfterDelivery.MOVE)


def test_mail_from_before_the_day_is_not_even_asked_for(server: ImapServer) -> None:
    server.inbox.put(mail(1))

    fetched, _ = a_pass(opened(server, process_received_after=datetime(2026, 11, 3, 1, tzinfo=UTC)))

    assert "UID SEARCH UID 1:* SINCE 2-Nov-2026" in server.commands
    assert not [line for line in server.commands if "CHARSET" in line]
    assert fetched[0].received == datetime(2026, 11, 24, 10, tzinfo=UTC)


def test_a_missing_folder_blocks_the_mailbox_by_its_name(server: ImapServer) -> None:
    refused = blocked(opened(server, folders=("Nowhere",)))

    assert (refused.kind, "Nowhere" in str(refused)) == ("folder_missing", True)


# What servers answer to a fetch


def test_reading_changes_nothing(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    a_pass(opened(server))

    assert server.inbox.kept[0].flags == set()
    assert not [line for line in server.commands if line.startswith(("SELECT", "UID STORE"))]


def test_messages_come_in_order_whatever_the_order_of_the_answers(server: ImapServer) -> None:
    mails = [mail(number) for number in range(120)]
    for raw in mails:
        server.inbox.put(raw)
    server.script.backwards = True

    assert [each.raw for each in a_pass(opened(server))[0]] == mails


@pytest.mark.parametrize(
    "noise",
    [
        b"* 5 EXPUNGE\r\n* 4 EXISTS\r\n* 0 RECENT\r\n",
        b"* 1 FETCH (FLAGS (\\Seen))\r\n",
        b'* 1 FETCH (UID 1 FLAGS (\\Seen "x)" {4}\r\n)\r\n) X NIL))\r\n',
        b"* OK [ALERT] words that end in {100}\r\n",
        b"* 1 FETCH (MODSEQ (5) UID 1)\r\n",
        b"* VANISHED 7:9\r\n",
    ],
)
def test_what_the_server_says_unasked_disturbs_nothing(server: ImapServer, noise: bytes) -> None:
    mails = [mail(number) for number in range(3)]
    for raw in mails:
        server.inbox.put(raw)
    server.script.before = {"UID": noise, "STATUS": noise, "EXAMINE": noise}

    assert [each.raw for each in a_pass(opened(server))[0]] == mails


@pytest.mark.parametrize(
    "row",
    [
        b"* 1 FETCH (BODY[] {13}\r\nSubject: x\r\n\r UID 1)\r\n",
        b'* 1 FETCH (FLAGS (\\Recent) BODY[] "Subject: x\r\n"'[:-3] + b'" UID 1)\r\n',
        b"* 1 fetch (uid 1 flags () body[] {12}\r\nSubject: x\r\n)\r\n",
    ],
)
def test_attributes_are_found_in_whatever_order_they_stand(server: ImapServer, row: bytes) -> None:
    server.inbox.put(b"Subject: x")
    server.script.answers = {"UID FETCH 1 (UID BODY": row + b"TAG OK\r\n"}

    (only,) = a_pass(opened(server))[0]

    assert only.raw.startswith(b"Subject: x")
    assert only.complete


def test_messages_of_the_command_ahead_may_come_before_the_answer_to_the_first(server: ImapServer) -> None:
    mails = [mail(number) for number in range(60)]
    for raw in mails:
        server.inbox.put(raw)
    rows = [
        b"* %d FETCH (UID %d BODY[] {%d}\r\n%b)\r\n" % (uid, uid, len(raw), raw) for uid, raw in enumerate(mails, 1)
    ]
    both = b"".join(rows) + b"R7 OK second\r\nR6 OK first\r\n"
    server.script.answers = {"UID FETCH 1:50 (UID BODY": b"* 0 RECENT\r\n", "UID FETCH 51:60 (UID BODY": both}

    fetched, _ = a_pass(opened(server))

    assert [each.raw for each in fetched] == mails
    assert server.sessions == 1
    assert [line for line in server.commands if "BODY" in line] == [
        "UID FETCH 1:50 (UID BODY.PEEK[])",
        "UID FETCH 51:60 (UID BODY.PEEK[])",
    ]


def test_a_message_expunged_between_listing_and_fetching_is_told_as_vanished(server: ImapServer) -> None:
    for number in range(120):
        server.inbox.put(mail(number))
    with closing(opened(server)) as source:
        pages = source.pages(Position(), 200)
        (page,) = pages
        server.inbox.drop({1, 30, 31, 120})
        fetched = list(source.fetch(page.listed, LIMIT))

    assert [one.source_id for one in fetched] == [f"INBOX/7.{uid}" for uid in range(1, 121)]
    assert [one.source_id for one in fetched if one.vanished] == [f"INBOX/7.{uid}" for uid in (1, 30, 31, 120)]
    assert all(one.vanished or one.raw == mail(number) for number, one in enumerate(fetched))


def test_a_message_that_the_server_will_not_give_does_not_stop_the_others(server: ImapServer) -> None:
    for number in range(4):
        server.inbox.put(mail(number))
    refused = b"TAG NO cannot open the file\r\n"
    server.script.answers = {
        "UID FETCH 1:4 (UID BODY": refused,
        "UID FETCH 2 (UID BODY.PEEK[]": refused,
        "UID FETCH 3 (UID BODY": refused,
    }

    fetched, _ = a_pass(opened(server))

    assert [(each.raw, each.complete) for each in fetched] == [
        (mail(0), True),
        (b"Subject: 1\r\n\r\n", False),
        (b"", False),
        (mail(3), True),
    ]


def test_a_server_that_gives_no_message_at_all_means_later(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.script.answers = {"UID FETCH 1 (UID BODY": b"TAG NO disk error\r\n", "UID FETCH *": b"TAG NO disk error\r\n"}
    server.script.answers["FETCH 1"] = b"TAG NO disk error\r\n"

    with pytest.raises(TryLater, match="disk error"):
        a_pass(opened(server))


def test_a_body_that_is_shorter_than_its_size_is_asked_for_again(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.inbox.put(mail(2))
    server.script.size = 1000

    fetched, _ = a_pass(opened(server))

    assert [(each.raw, each.complete) for each in fetched] == [(mail(1), True), (mail(2), True)]
    assert [line for line in server.commands if "BODY" in line].count("UID FETCH 1 (UID BODY.PEEK[])") >= 1


def test_a_body_of_changing_length_is_never_taken_for_whole(server: ImapServer) -> None:
    server.inbox.put(mail(1, b"x" * 100))
    lengths = iter((50, 20, 30))

    def shorten(command: str) -> None:
        if "BODY" in command:
            body = b"y" * next(lengths)
            row = b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b)\r\nTAG OK\r\n" % (len(body), body)
            server.script.answers["UID FETCH 1 (UID BODY"] = row

    server.script.on_command = shorten

    with pytest.raises(TryLater, match="shorter"):
        a_pass(opened(server))


@pytest.mark.parametrize("claimed", [10**18, 5 * 1024**3])
def test_a_huge_claim_takes_no_memory_and_ends_the_session(server: ImapServer, claimed: int) -> None:
    server.inbox.put(mail(1))
    server.script.answers = {"UID FETCH 1 (UID BODY": b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % claimed}

    tracemalloc.start()
    with pytest.raises(TryLater, match="announced"):
        a_pass(opened(server))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 8 * LIMIT


def test_a_message_far_over_the_limit_costs_no_more_memory_than_the_limit(server: ImapServer) -> None:
    server.inbox.put(b"Subject: large\r\n\r\n" + b"x" * 30_000_000)
    server.inbox.put(mail(2))
    server.script.size = 100  # a lie

    tracemalloc.start()
    large, small = a_pass(opened(server), limit=LIMIT)[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (large.raw, large.complete) == (b"Subject: large\r\n\r\n", False)
    assert large.size > LIMIT
    assert (small.raw, small.complete) == (mail(2), True)
    assert peak < 6 * LIMIT + 61_000_000  # the simulator's own copies are in this process too


def test_a_literal_of_the_wrong_length_is_never_taken_for_a_message(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    for wrong in (5, len(mail(1)) + 4):
        server.script.answers = {
            "UID FETCH 1 (UID BODY": b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b)\r\nTAG OK\r\nTAG OK\r\n" % (wrong, mail(1))
        }
        with pytest.raises(TryLater):
            a_pass(opened(server))


@pytest.mark.parametrize(
    "said", [b"R99 OK early\r\n", b"nonsense\r\n", b"* PREAUTH again\r\n", b"+ more?\r\n", b"\r\n"]
)
def test_an_answer_out_of_place_ends_the_session(server: ImapServer, said: bytes) -> None:
    server.inbox.put(mail(1))
    server.script.before = {"UID FETCH": said}

    with pytest.raises(TryLater):
        a_pass(opened(server))


def test_a_flood_of_untagged_answers_is_bounded(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.script.before = {"STATUS": (b"* OK " + b"x" * 8_000_000 + b"\r\n") * 9}

    with closing(opened(server)) as source, pytest.raises(TryLater, match="flood"):
        source.has_news(Position())


def test_a_server_that_says_good_bye_in_the_middle_means_later(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.script.before = {"UID FETCH": b"* BYE [UNAVAILABLE] restarting\r\n"}

    with pytest.raises(TryLater, match="restarting") as caught:
        a_pass(opened(server))

    assert (caught.value.kind, caught.value.shared) == ("server_trouble", True)


def test_streaming_a_message_that_is_gone_is_refused(server: ImapServer) -> None:
    for name in ("INBOX/7.9", "INBOX/6.1", "uid-9"):
        with closing(opened(server)) as source, pytest.raises(MessageRefused) as caught:
            list(source.stream(name))
        assert caught.value.kind == "vanished"


def test_streaming_a_message_that_is_not_given_is_told(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.script.answers = {"UID FETCH 1 (UID BODY": b"TAG NO broken\r\n"}

    with closing(opened(server)) as source, pytest.raises(MessageRefused) as caught:
        list(source.stream("INBOX/7.1"))

    assert caught.value.kind == "unreadable"


def test_sizes_told_unasked_do_not_disturb_the_judgement_of_one_that_is_not_given(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    row = b'* %d FETCH (UID %d RFC822.SIZE 9 INTERNALDATE "24-Nov-2026 10:00:00 +0000")\r\n'
    server.script.answers = {
        "UID FETCH 1 (UID BODY": b"TAG OK done\r\n",
        "UID FETCH 1 (UID RFC822": b"".join(row % (uid, uid) for uid in (2, 1, 3)) + b"TAG OK done\r\n",
    }

    with closing(opened(server)) as source, pytest.raises(MessageRefused) as caught:
        list(source.stream("INBOX/7.1"))

    assert caught.value.kind == "unreadable"


def test_a_line_cut_at_any_byte_loses_nothing_and_shortens_nothing(server: ImapServer) -> None:
    mails = [mail(number, b"x" * 60 + b"\r\n)\r\nR9 OK\r\n") for number in range(3)]
    for raw in mails:
        server.inbox.put(raw)
    a_pass(opened(server))
    whole, outcomes = server.sent, set()

    for cut in range(whole + 100):  # the farewell may not have been counted yet
        server.script = Script(cut_sent=cut)
        got: list[bytes] = []
        position = Position()
        with closing(opened(server)) as source, contextlib.suppress(TryLater):
            for page in source.pages(position, 2):
                got += [each.raw for each in source.fetch(page.listed, LIMIT)]
                position = page.position
        outcomes.add(len(got))
        server.script = Script()
        rest = [each.raw for each in a_pass(opened(server), position)[0]]
        done = 0 if not position.cursor else Cursor.of(position.cursor).folders["INBOX"][1]
        assert got[:done] == mails[:done], cut
        assert rest == mails[done:], cut

    assert {0, 2, 3} <= outcomes


# Disposal


@pytest.fixture
def three(server: ImapServer) -> ImapServer:
    for number in range(3):
        server.inbox.put(mail(number))
    return server


def dispose(server: ImapServer, how: AfterDelivery, *uids: int) -> None:
    for _ in range(2):  # repeatable
        with closing(opened(server)) as source:
            source.dispose([f"INBOX/7.{uid}" for uid in uids], how)


def test_mark_read_sets_the_flag_and_nothing_else(three: ImapServer) -> None:
    dispose(three, AfterDelivery.MARK_READ, 1, 3)

    assert [one.flags for one in three.inbox.kept] == [{"\\Seen"}, set(), {"\\Seen"}]


def test_deleting_expunges_ours_and_never_what_others_have_marked(three: ImapServer) -> None:
    three.inbox.kept[0].flags.add("\\Deleted")  # by a person who may think again

    dispose(three, AfterDelivery.DELETE, 2)

    assert [one.uid for one in three.inbox.kept] == [1, 3]


def test_without_uidplus_ours_are_marked_and_nothing_is_expunged(three: ImapServer) -> None:
    three.script.capabilities = "IMAP4rev1 AUTH=PLAIN"
    three.inbox.kept[0].flags.add("\\Deleted")

    dispose(three, AfterDelivery.DELETE, 2)

    assert [one.flags for one in three.inbox.kept] == [{"\\Deleted"}, {"\\Deleted"}, set()]
    assert not [line for line in three.commands if "EXPUNGE" in line or line == "CLOSE"]


@pytest.mark.parametrize("capabilities", [CAPABILITIES, CAPABILITIES.replace(" MOVE", "")])
def test_moving_makes_the_folder_where_it_is_missing(three: ImapServer, capabilities: str) -> None:
    three.script.capabilities = capabilities
    three.inbox.kept[0].flags.add("\\Deleted")

    dispose(three, AfterDelivery.MOVE, 2, 3)

    assert [one.uid for one in three.inbox.kept] == [1]
    assert [one.raw for one in three.folders["Archive"].kept] == [mail(1), mail(2)]


def test_a_move_that_was_broken_off_after_the_copy_makes_no_second_copy(three: ImapServer) -> None:
    three.script.capabilities = CAPABILITIES.replace(" MOVE", "")
    three.script.answers = {"UID EXPUNGE": b""}
    with closing(opened(three)) as source, contextlib.suppress(TryLater):
        source.dispose(["INBOX/7.1"], AfterDelivery.MOVE)
    three.script.answers = {}

    dispose(three, AfterDelivery.MOVE, 1)

    assert [one.raw for one in three.folders["Archive"].kept] == [mail(0)]
    assert [one.uid for one in three.inbox.kept] == [2, 3]


def test_what_lies_in_the_archive_is_not_moved_into_it_again(server: ImapServer) -> None:
    server.folders["Archive"] = Box()
    server.folders["Archive"].put(mail(1))

    with closing(opened(server, folders=("Archive",))) as source:
        source.dispose(["Archive/7.1"], AfterDelivery.MOVE)

    assert [one.uid for one in server.folders["Archive"].kept] == [1]


def test_gmail_archives_into_all_mail_and_deletes_into_the_trash(three: ImapServer) -> None:
    three.script.capabilities = CAPABILITIES + " X-GM-EXT-1"
    rows = [b'* LIST (\\HasNoChildren \\All) "/" "[Gmail]/All Mail"', b'* LIST (\\Trash) "/" "[Gmail]/Trash"']
    three.script.answers = {"LIST (SPECIAL-USE)": b"\r\n".join(rows) + b"\r\nTAG OK\r\n"}
    three.folders["[Gmail]/All Mail"], three.folders["[Gmail]/Trash"] = Box(), Box()

    dispose(three, AfterDelivery.MOVE, 1)
    dispose(three, AfterDelivery.DELETE, 2)

    assert [one.raw for one in three.folders["[Gmail]/All Mail"].kept] == [mail(0)]
    assert [one.raw for one in three.folders["[Gmail]/Trash"].kept] == [mail(1)]


def test_the_account_s_own_prefix_begins_the_name_of_a_new_folder(three: ImapServer) -> None:
    three.script.answers = {"NAMESPACE": b'* NAMESPACE (("INBOX." ".")) NIL NIL\r\nTAG OK\r\n'}

    with closing(opened(three)) as source:
        source.set_aside(["INBOX/7.2"])
        source.set_aside(["INBOX/7.2"])

    assert [one.raw for one in three.folders["INBOX.Undeliverable"].kept] == [mail(1)]
    assert [one.uid for one in three.inbox.kept] == [1, 3]


def test_a_folder_that_can_only_be_read_is_told_when_something_is_to_be_changed(three: ImapServer) -> None:
    three.script.answers = {"SELECT": b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7]\r\nTAG OK [READ-ONLY] only\r\n"}

    with closing(opened(three)) as source, pytest.raises(MailboxBlocked) as caught:
        source.dispose(["INBOX/7.1"], AfterDelivery.DELETE)

    assert caught.value.kind == "access_denied"


def test_a_full_mailbox_is_told_as_that(three: ImapServer) -> None:
    three.script.answers = {"UID MOVE": b"TAG NO [OVERQUOTA] full\r\n"}

    with closing(opened(three)) as source, pytest.raises(MailboxBlocked) as caught:
        source.dispose(["INBOX/7.1"], AfterDelivery.MOVE)

    assert caught.value.kind == "mailbox_full"


# A real server


def test_dovecot_keeps_folders_with_names_of_any_script_and_its_archive(
    dovecot: DovecotServer, authority: Authority
) -> None:
    box = Mailbox(address="folders@contoso.example")
    settings = replace(profile(dovecot.imaps, Security.TLS, authority.pem), folders=("INBOX", "Grüße & 見積"))
    for number in range(3):
        dovecot.put(box.address, mail(number))
    with (
        closing(ImapSource(settings, box, dovecot.password, LOCAL)) as source,
        pytest.raises(MailboxBlocked, match="Grüße"),
    ):
        source.has_news(Position())
    with closing(ImapSource(replace(settings, folders=()), box, dovecot.password, LOCAL)) as source:
        (page,) = source.pages(Position(), 10)
        ids = [one.source_id for one in page.listed]
        source.dispose(ids[:1], AfterDelivery.MARK_READ)
        source.dispose(ids[1:2], AfterDelivery.MOVE)
        source.set_aside(ids[2:])
        source._box.session().ask(b"CREATE " + folder_name("Grüße & 見積", "test"))

    fetched, _ = a_pass(ImapSource(settings, box, dovecot.password, LOCAL))
    moved, _ = a_pass(ImapSource(replace(settings, folders=("Archive", "Undeliverable")), box, dovecot.password, LOCAL))

    assert [one.raw for one in fetched] == [mail(0)]
    assert [one.raw for one in moved] == [mail(1), mail(2)]
    assert [path.name.rpartition(",")[2] for path in dovecot.files(box.address)] == ["S"]


# Words and numbers


@given(st.text())
def test_modified_utf7_comes_back_as_it_was(name: str) -> None:
    try:
        name.encode("utf-16-be")
    except UnicodeEncodeError:
        return
    coded = encode_utf7(name)

    assert coded.isascii()
    assert decode_utf7(coded) == name


@pytest.mark.parametrize(
    ("name", "coded"),
    [
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Tom & Jerry", "Tom &- Jerry"),
        ("Entwürfe", "Entw&APw-rfe"),
    ],
)
def test_names_are_written_as_the_standard_shows(name: str, coded: str) -> None:
    assert encode_utf7(name) == coded


@given(st.sets(st.integers(1, 2**32 - 1)))
def test_a_set_names_its_uids_and_no_others(uids: set[int]) -> None:
    told = uid_set(sorted(uids)).decode()
    parts = [part.partition(":") for part in told.split(",") if part]

    named = [one for first, _, last in parts for one in range(int(first), int(last or first) + 1)]
    assert named == sorted(uids)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.binary(max_size=40))
def test_any_bytes_are_read_without_an_error(parts: list[bytes], text: bytes) -> None:
    list(tokens(parts))
    instant_of(text)


def test_reading_an_answer_takes_time_in_proportion_to_its_length() -> None:
    def cpu(length: int) -> float:
        began = time.process_time()
        list(tokens([b'"' + b'\\"' * length]))
        return time.process_time() - began

    assert min(cpu(200_000) for _ in range(5)) < 30 * max(min(cpu(20_000) for _ in range(5)), 1e-4)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        (b"17-Jul-1996 02:44:25 -0700", datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)),
        (b" 1-nov-2026 00:00:60 +0000", datetime(2026, 11, 1, 0, 0, 59, tzinfo=UTC)),
        (b"31-Feb-2026 00:00:00 +0000", None),
        (b"1-Xxx-2026 00:00:00 +0000", None),
        (b"1-Nov-2026 00:00:00 +9999", None),
    ],
)
def test_times_of_receipt_are_read_and_bad_ones_are_none(text: bytes, instant: datetime | None) -> None:
    assert instant_of(text) == instant
