"""All mails of the corpora, by POP3 from a real Dovecot, through the deployed functions, into the CRM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from email_router.core.activity import EmailActivity, Role
from email_router.core.dedupe import collision_key, message_key
from email_router.core.ledger import Outcome
from email_router.core.message import Address, Attachment, Message
from email_router.core.parse import parse
from tests.core import corpus
from tests.e2e.installation import ORGANISATION, Installation, installation
from tests.servers import DovecotServer
from tests.shared import shared_path
from tests.simulators.certificates import Authority

SALES = "sales@contoso.example"

CONFIGURATION = """
[organisation]
name = "contoso"

[[profiles]]
name = "pop3-in"
direction = "incoming"
server = "pop3"
host = "localhost"
port = {port}
security = "tls"
ca_bundle = "{ca}"
credentials = {{ env = "POP3_PASSWORD" }}

[[mailboxes]]
address = "{mailbox}"
kind = "queue"
incoming = "pop3-in"
accept = "all"
auto_reply = "deliver"
bulk = "deliver"
delivery_report = "deliver"
after_delivery = "{after}"
"""


def corpus_mails() -> dict[str, bytes]:
    """Every mail of the corpora by its path."""
    folder = shared_path("corpora")
    places = [
        "imap_tools/messages/**/*",
        "stalwart/*/*.eml",
        "bounces/flufl/*.txt",
        "bounces/sisimai/*.eml",
        "rspamd/**/*.eml",
    ]
    files = [path for place in places for path in sorted(folder.glob(place)) if path.is_file()]
    mails = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    assert len(mails) == 605
    return mails


def expected_keys(mails: dict[str, bytes]) -> dict[str, list[str]]:
    """The message key under which each mail must be accounted for, with the mails that share it, as design says."""
    identities: dict[str, str] = {}
    keys: dict[str, list[str]] = {}
    for name, raw in mails.items():
        known = message_key(parse(on_the_wire(raw)), "incoming")
        same = identities.setdefault(known.key, known.identity) == known.identity
        keys.setdefault(known.key if same else collision_key(known), []).append(name)
    return keys


@dataclass
class Delivered:
    """The installation after the corpora have been routed."""

    there: Installation
    mails: dict[str, bytes]
    dovecot: DovecotServer
    emails: list[EmailActivity]


@pytest.fixture(scope="module")
def delivered(
    dovecot: DovecotServer, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Delivered]:
    folder = tmp_path_factory.mktemp("corpora")
    mails = corpus_mails()
    mailbox = "corpora@contoso.example"
    for raw in mails.values():
        dovecot.put(mailbox, raw)
    file = folder / "router.toml"
    with pytest.MonkeyPatch.context() as patch, installation() as there:
        patch.setenv("POP3_PASSWORD", dovecot.password)
        file.write_text(CONFIGURATION.format(port=dovecot.pop3s, ca=authority.ca, mailbox=mailbox, after="leave"))
        there.publish(file)
        there.route(within=240)
        yield Delivered(there, mails, dovecot, there.emails())


def on_the_wire(raw: bytes) -> bytes:
    """The bytes as Dovecot serves them: every line ends in CRLF."""
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def test_every_mail_of_the_corpora_is_accounted_for_exactly_once(delivered: Delivered) -> None:
    keys = expected_keys(delivered.mails)
    ledger = delivered.there.services.ledger(ORGANISATION)
    outcomes: Counter[Outcome] = Counter()
    unaccounted = []
    for key, names in keys.items():
        receipts = ledger.receipts(key)
        if len(receipts) != 1:
            unaccounted.append((names, receipts))
        outcomes.update(receipt.outcome for receipt in receipts)

    quarantined = delivered.there.services.quarantine(ORGANISATION).entries()
    traces = delivered.there.traces()
    assert unaccounted == []
    assert len(traces) == len({trace.source_id for trace in traces}) == len(delivered.mails)
    assert sum(trace.reason == "duplicate" for trace in traces) == len(delivered.mails) - len(keys)
    assert len(delivered.emails) == outcomes[Outcome.DELIVERED] == len({email.id for email in delivered.emails})
    assert len(quarantined) == outcomes[Outcome.QUARANTINED]
    assert delivered.there.state("corpora@contoso.example").error_kind == ""


def test_mails_without_an_id_and_mails_that_share_one_are_kept_and_flagged(delivered: Delivered) -> None:
    flags = Counter(flag for email in delivered.emails for flag in email.flags)

    assert flags["no message-id"] > 20
    assert flags["message-id collision"] > 0


def test_a_second_run_finds_nothing_new(delivered: Delivered) -> None:
    before = (len(delivered.emails), len(delivered.there.traces()))

    delivered.there.route()

    assert (len(delivered.there.emails()), len(delivered.there.traces())) == before
    assert delivered.dovecot.count("corpora@contoso.example") == len(delivered.mails)


def test_the_activities_hold_what_the_corpora_say(delivered: Delivered) -> None:
    # `pytest -rP` prints the differences; docs/parsing.md lists them with their reasons.
    by_id = {email.id: email for email in delivered.emails}
    ledger, blobs = delivered.there.services.ledger(ORGANISATION), delivered.there.services.blobs(ORGANISATION)

    def became(raw: bytes) -> Message:
        """The activity of the mail; of a further copy with other words, what was kept of it."""
        known = message_key(parse(on_the_wire(raw)), "incoming")
        claims = [claim for key in (known.key, collision_key(known)) if (claim := ledger.claim(key))]
        claim = next(one for one in claims if one.identity == known.identity)
        if claim.content == known.content:
            return message_of(by_id[claim.activity], blobs.get)
        return parse(blobs.get(f"raw/{claim.key}/{known.content[:16]}"))

    results = [corpus.imap_tools(became), corpus.stalwart(became)]
    expected = sum(sum(one.expected.values()) for one in results)
    agreed = sum(sum(one.agreed.values()) for one in results)
    print(f"what became of the corpora: {agreed} of {expected} expected values ({100 * agreed / expected:.1f} %)")
    for difference in (one for result in results for one in result.differences):
        print(f"  {difference}")
    assert agreed / expected >= 0.9


def message_of(email: EmailActivity, blob: Callable[[str], bytes]) -> Message:
    """Return what the activity tells, in the shape of a message."""

    def people(role: Role) -> tuple[Address, ...]:
        found = {party.address: Address(party.name, party.address) for party in email.parties if party.role is role}
        return tuple(found.values())

    attachments = tuple(
        Attachment(one.name, one.media_type, blob(one.blob), one.inline, one.content_id) for one in email.attachments
    )
    return Message(
        size=0,
        message_id=email.message_id,
        in_reply_to=email.in_reply_to,
        references=email.references,
        date=email.date,
        subject=email.subject,
        author=next(iter(people(Role.FROM)), None),
        reply_to=email.reply_to,
        to=people(Role.TO),
        cc=people(Role.CC),
        bcc=people(Role.BCC),
        text=email.text,
        html=email.html,
        attachments=attachments,
    )


@pytest.mark.long
def test_with_deletion_the_mailbox_is_empty_in_the_end_and_no_mail_is_missing(
    dovecot: DovecotServer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = "deleted@contoso.example"
    mails = dict(list(corpus_mails().items())[:150])
    for raw in mails.values():
        dovecot.put(mailbox, raw)
    monkeypatch.setenv("POP3_PASSWORD", dovecot.password)
    file = tmp_path / "router.toml"
    file.write_text(CONFIGURATION.format(port=dovecot.pop3s, ca=authority.ca, mailbox=mailbox, after="delete"))

    with installation() as there:
        there.publish(file)
        there.route(within=240)
        there.route(within=240)
        keys = expected_keys(mails)
        ledger = there.services.ledger(ORGANISATION)
        outcomes = [receipt.outcome for key in keys for receipt in ledger.receipts(key)]

        assert len(outcomes) == len(keys)
        assert len(there.emails()) == outcomes.count(Outcome.DELIVERED)
        assert dovecot.count(mailbox) == 0
