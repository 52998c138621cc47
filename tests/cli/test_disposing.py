"""Which messages `local --dispose` may remove from their mailboxes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from email_router.cli.run.disposing import settled, source_of
from email_router.core.ledger import Outcome, Trace
from email_router.edge.sources.ews import EwsSource
from email_router.wiring.configuration import load
from tests.cli.example import EXAMPLE, VARIABLES, write_example

SALES, ROUTER = "sales@contoso.example", "router@contoso.example"
TEXT = EXAMPLE.replace('after_delivery = "leave"', 'after_delivery = "delete"')
FORWARD = f'\n[[mailboxes]]\naddress = "{ROUTER}"\nkind = "forward"\nincoming = "pop3-in"\n'


def trace(source_id: str, outcome: Outcome, mailbox: str = SALES, source: str = "pop3") -> Trace:
    return Trace(
        key=source_id,
        mailbox=mailbox,
        source=source,
        source_id=source_id,
        message_id=None,
        subject="",
        outcome=outcome,
        reason="accept_all",
        rule="",
        at=datetime(2026, 11, 2, tzinfo=UTC),
    )


def ids(folder: Path, text: str, *traces: Trace) -> dict[str, list[str]]:
    loaded = load(write_example(folder, text), VARIABLES)
    return {mailbox.address: found for mailbox, found in settled(loaded, traces)}


def test_only_delivered_and_attached_messages_leave_a_mailbox(tmp_path: Path) -> None:
    traces = [trace(outcome.value, outcome) for outcome in Outcome]

    assert ids(tmp_path, TEXT, *traces) == {SALES: ["delivered", "attached"]}


def test_nothing_leaves_a_mailbox_that_leaves_its_mail(tmp_path: Path) -> None:
    assert ids(tmp_path, EXAMPLE, trace("1", Outcome.DELIVERED)) == {}


def test_exchange_online_by_ews_is_tidied_by_ews(tmp_path: Path) -> None:
    text = EXAMPLE.replace('protocol = "graph"', 'protocol = "ews"').replace(
        'incoming = "pop3-in"', 'incoming = "online"'
    )
    loaded = load(write_example(tmp_path, text), VARIABLES)
    mailbox = loaded.configuration.mailbox(SALES)
    assert mailbox is not None

    assert isinstance(source_of(loaded, mailbox), EwsSource)


def test_a_forward_mailbox_is_emptied_of_what_nobody_wants_too(tmp_path: Path) -> None:
    traces = [trace(outcome.value, outcome, "bob@contoso.example", "forward") for outcome in Outcome]

    found = ids(tmp_path, EXAMPLE + FORWARD, *traces, trace("own", Outcome.DELIVERED))

    assert found == {ROUTER: ["delivered", "ignored", "attached"]}
