"""By which profile the rules of a mailbox are reached."""

from __future__ import annotations

import pytest

from email_router.cli.mailbox_rule import profile_of
from email_router.core.errors import MailboxBlocked
from email_router.core.mailbox import Direction, Mailbox, MailboxKind, Profile
from email_router.core.settings import Configuration

FORWARD = Mailbox(address="forward@contoso.example", kind=MailboxKind.FORWARD, incoming="online")
OLD = Mailbox(address="old@contoso.example", kind=MailboxKind.FORWARD, incoming="own")
ANN = "ann@contoso.example"


def profile(name: str, server: str, direction: Direction = Direction.INCOMING, protocol: str = "") -> Profile:
    return Profile(name=name, direction=direction, server=server, protocol=protocol)


PROFILES = (
    profile("online", "exchange-online", protocol="graph"),
    profile("old-online", "exchange-online", protocol="ews"),
    profile("own", "exchange"),
    profile("pop3", "pop3"),
    profile("imap", "imap"),
    profile("smtp", "smtp", Direction.OUTGOING),
    profile("own", "exchange", Direction.OUTGOING),
)


def chosen(mailbox: Mailbox, *others: Mailbox, named: str = "", forward_to: str = FORWARD.address) -> str:
    configuration = Configuration(organisation="contoso", profiles=PROFILES, mailboxes=(mailbox, *others))
    return profile_of(configuration, mailbox, forward_to, named).name


@pytest.mark.parametrize("name", ["online", "old-online", "own"])
def test_a_mailbox_that_is_fetched_from_exchange_is_reached_by_its_own_profile(name: str) -> None:
    assert chosen(Mailbox(address=ANN, incoming=name), FORWARD) == name


def test_a_mailbox_that_only_sends_by_exchange_is_reached_that_way() -> None:
    assert chosen(Mailbox(address=ANN, outgoing="own"), FORWARD) == "own"


@pytest.mark.parametrize("outgoing", [None, "smtp"])
def test_a_mailbox_that_is_not_fetched_is_reached_by_the_profile_of_the_mailbox_that_it_forwards_to(
    outgoing: str | None,
) -> None:
    ann = Mailbox(address=ANN, outgoing=outgoing)

    assert chosen(ann, OLD, FORWARD) == "online"
    assert chosen(ann, OLD, FORWARD, forward_to=OLD.address) == "own"
    assert chosen(ann, OLD, FORWARD, forward_to="") == "own"


def test_the_named_profile_is_taken_whatever_else_there_is() -> None:
    assert chosen(Mailbox(address=ANN, incoming="pop3"), FORWARD, named="own") == "own"


@pytest.mark.parametrize(("incoming", "named"), [("pop3", ""), ("imap", ""), ("online", "pop3")])
def test_where_the_server_keeps_no_rules_the_person_is_told_which_to_make(incoming: str, named: str) -> None:
    with pytest.raises(MailboxBlocked) as refused:
        chosen(Mailbox(address=ANN, incoming=incoming), FORWARD, named=named)

    assert refused.value.kind == "rules_by_hand"
    assert "forward@contoso.example as an attachment" in refused.value.mend


def test_where_nothing_leads_to_the_mailbox_a_profile_is_asked_for() -> None:
    with pytest.raises(MailboxBlocked, match="no profile leads to its inbox rules") as refused:
        chosen(Mailbox(address=ANN))

    assert refused.value.kind == "no_profile"
