"""Who takes part in a mail, and who owns its activity."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.activity import Record, Role
from email_router.core.mailbox import Mailbox
from email_router.core.parties import (
    SENDER_ORDER,
    choose_sender,
    in_doubt,
    mailbox_owner_of,
    owner_of,
    parties_of,
)
from email_router.core.settings import Configuration, Tracking
from tests.core.cases import ANN, BOB, CUSTOMER, ROUTER, SALES, mail, people

CONFIGURATION = Configuration(organisation="contoso", mailboxes=(SALES, ANN, BOB, ROUTER))
RECORDS = st.lists(
    st.builds(
        Record,
        st.sampled_from([*SENDER_ORDER, "custom"]),
        st.uuids().map(str),
        owner=st.sampled_from(["", ANN.address, BOB.address]),
    ),
    max_size=8,
)


def test_the_sender_is_the_first_in_the_documented_order_of_kinds() -> None:
    records = [Record(kind, kind) for kind in ("custom", "queue", "lead", "account", "contact", "user")]

    for kind in SENDER_ORDER:
        assert choose_sender(records, "") == Record(kind, kind)
        records = [record for record in records if record.kind != kind]
    assert choose_sender(records, "") == Record("custom", "custom")


def test_a_record_of_the_mailbox_owner_wins_over_all_others() -> None:
    user, contact = Record("user", "u"), Record("contact", "c")
    lead = Record("lead", "l", owner="Ann@Contoso.example")

    assert choose_sender([user, contact, lead], ANN.address.upper()) == lead
    assert choose_sender([user, contact, lead], BOB.address) == user


def test_an_owned_account_wins_over_a_contact_of_nobody() -> None:
    contact, account = Record("contact", "c"), Record("account", "a", owner=ANN.address)

    assert choose_sender([contact, account], ANN.address) == account
    assert choose_sender([contact, account], "") == contact


def test_nobody_and_more_than_a_hundred_are_unresolved() -> None:
    crowd = [Record("contact", str(number)) for number in range(101)]

    assert choose_sender([], ANN.address) is None
    assert choose_sender(crowd, ANN.address) is None
    assert choose_sender(crowd[:100], ANN.address) == crowd[0]


@given(RECORDS, st.sampled_from(["", ANN.address]))
def test_a_sender_is_one_of_the_records_and_of_the_best_kind_among_the_owned(records: list[Record], owner: str) -> None:
    chosen = choose_sender(records, owner)

    assert (chosen is None) == (not records)
    if chosen:
        rivals = [record for record in records if owner and record.owner == owner] or records
        ranks = {kind: rank for rank, kind in enumerate([*SENDER_ORDER, "custom"])}
        assert chosen in rivals
        assert ranks[chosen.kind] == min(ranks[record.kind] for record in rivals)


@given(RECORDS, st.sampled_from(["", ANN.address]), st.randoms(use_true_random=False))
def test_a_sender_of_a_kind_of_its_own_is_the_same_in_whatever_order_the_records_come(
    records: list[Record], owner: str, chance: Random
) -> None:
    one_of_each = list({record.kind: record for record in records}.values())
    shuffled = list(one_of_each)
    chance.shuffle(shuffled)

    assert choose_sender(shuffled, owner) == choose_sender(one_of_each, owner)


@given(RECORDS, st.sampled_from(["", ANN.address]))
def test_with_unresolved_a_sender_is_the_only_record_or_nobody_and_then_in_doubt(
    records: list[Record], owner: str
) -> None:
    strict = Tracking(ambiguous_sender="unresolved")

    chosen = choose_sender(records, owner, strict)

    assert chosen == (records[0] if len(records) == 1 else None)
    assert in_doubt(mail(), {CUSTOMER: records}, strict) == (len(records) > 1)
    assert not in_doubt(mail(author=None), {CUSTOMER: records}, strict)


@pytest.mark.parametrize("several", ["first", "unresolved"])
def test_more_than_a_hundred_are_in_doubt_whatever_is_configured(several: str) -> None:
    crowd = tuple(Record("contact", str(number)) for number in range(101))
    tracking = Tracking(ambiguous_sender=several)

    assert in_doubt(mail(), {CUSTOMER: crowd}, tracking)
    assert not in_doubt(mail(), {CUSTOMER: crowd[:1]}, tracking)
    assert not in_doubt(mail(), {}, tracking)


@given(st.dictionaries(st.sampled_from([SALES.address, "a@x.example", "b@x.example"]), RECORDS))
def test_with_unresolved_each_recipient_is_one_party_with_its_only_record_or_none(
    records: dict[str, list[Record]],
) -> None:
    message = mail(to=people(SALES.address, "a@x.example"), cc=people("b@x.example"))

    parties = parties_of(message, records, "", Tracking(ambiguous_recipients="unresolved"))

    found = [(party.address, party.record) for party in parties if party.role is not Role.FROM]
    assert found == [
        (address, records[address][0] if len(records.get(address, [])) == 1 else None)
        for address in (SALES.address, "a@x.example", "b@x.example")
    ]


def test_from_is_one_record_and_to_cc_bcc_are_all_with_the_address() -> None:
    message = mail(to=people(SALES.address, "twice@x.example"), cc=people("nobody@x.example"), bcc=people(ANN.address))
    queue, contact, lead = Record("queue", "q"), Record("contact", "c"), Record("lead", "l")
    records = {
        CUSTOMER: (lead, contact),
        SALES.address: (queue,),
        "twice@x.example": (contact, lead),
        ANN.address: (Record("user", "u"),),
    }

    parties = parties_of(message, records, "")

    assert [(party.role, party.address, party.record.id if party.record else None) for party in parties] == [
        (Role.FROM, CUSTOMER, "c"),
        (Role.TO, SALES.address, "q"),
        (Role.TO, "twice@x.example", "c"),
        (Role.TO, "twice@x.example", "l"),
        (Role.CC, "nobody@x.example", None),
        (Role.BCC, ANN.address, "u"),
    ]
    assert parties[0].name == "Carla"


def test_an_address_that_stands_twice_in_a_field_is_one_party_in_its_place() -> None:
    message = mail(to=people("a@x.example", "b@x.example", "A@x.example"))

    assert [party.address for party in parties_of(message, {}, "") if party.role is Role.TO] == [
        "a@x.example",
        "b@x.example",
    ]


def test_an_address_of_more_than_a_hundred_records_is_one_unresolved_party() -> None:
    records = {SALES.address: tuple(Record("contact", str(number)) for number in range(101))}

    found = [party for party in parties_of(mail(), records, "") if party.role is Role.TO]

    assert [party.record for party in found] == [None]


def test_a_from_in_doubt_is_no_party() -> None:
    assert [party.role for party in parties_of(mail(author=None), {}, "")] == [Role.TO]


@pytest.mark.parametrize(
    ("mailbox", "owner"),
    [
        (ANN, ANN.address),
        (SALES, ANN.address),
        (replace(SALES, owner=""), ""),
        (ROUTER, ""),
        (replace(ANN, owner=BOB.address), BOB.address),
    ],
)
def test_a_mailbox_belongs_to_its_user_or_to_the_owner_of_the_queue(mailbox: Mailbox, owner: str) -> None:
    assert mailbox_owner_of(mailbox) == owner


def test_the_owner_of_the_email_that_is_continued_comes_first_if_a_recipient() -> None:
    message = mail(to=people(ANN.address), cc=people(BOB.address.title()))

    assert owner_of(message, CONFIGURATION, ANN, correlated_owner="BOB@contoso.example") == BOB.address
    assert owner_of(message, CONFIGURATION, ANN, correlated_owner="eve@contoso.example") == ANN.address


def test_then_comes_the_owner_of_the_senders_record_if_a_recipient() -> None:
    message = mail(to=people(ANN.address, BOB.address))

    assert owner_of(message, CONFIGURATION, ANN, sender=Record("contact", "c", owner=BOB.address)) == BOB.address
    assert owner_of(message, CONFIGURATION, ANN, sender=Record("user", "u", owner=BOB.address)) == ANN.address
    both = owner_of(
        message, CONFIGURATION, ANN, sender=Record("lead", "l", owner=BOB.address), correlated_owner=ANN.address
    )
    assert both == ANN.address


def test_then_the_first_recipient_in_to_cc_bcc() -> None:
    message = mail(to=people("x@else.example"), cc=people(BOB.address), bcc=people(ANN.address))

    assert owner_of(message, CONFIGURATION, ANN) == BOB.address


def test_a_mail_by_bcc_belongs_to_the_mailbox_it_came_to() -> None:
    assert owner_of(mail(to=people("list@else.example")), CONFIGURATION, SALES) == ANN.address
    assert owner_of(mail(to=()), CONFIGURATION, BOB) == BOB.address


def test_forward_mailboxes_own_nothing() -> None:
    assert owner_of(mail(to=people(ROUTER.address, BOB.address)), CONFIGURATION, ANN) == BOB.address


BOXES = (SALES, ANN, BOB, ROUTER, replace(SALES, address="lost@contoso.example", owner="", aliases=()))
ADDRESSES = st.sampled_from(
    [box.address for box in BOXES] + ["info@contoso.example", "Bob+x@contoso.example", "x@else.example"]
)
OWNERS = st.sampled_from(["", ANN.address, BOB.address.upper(), "eve@contoso.example"])
SENDERS = st.none() | st.builds(Record, st.sampled_from([*SENDER_ORDER, "custom"]), st.just("r"), owner=OWNERS)


@given(st.lists(ADDRESSES, max_size=4), st.lists(ADDRESSES, max_size=3), SENDERS, OWNERS, st.sampled_from(BOXES))
def test_the_owner_is_the_first_of_the_three_who_is_a_recipient_else_the_mailboxs(
    to: list[str], cc: list[str], sender: Record | None, correlated: str, mailbox: Mailbox
) -> None:
    configuration = Configuration(organisation="contoso", mailboxes=BOXES)
    owned = {"sales": ANN.address, "info": ANN.address, "ann": ANN.address, "bob": BOB.address, "Bob+x": BOB.address}
    eligible = [owned[local] for one in (*to, *cc) if (local := one.partition("@")[0]) in owned]
    people_kind = sender is not None and sender.kind in ("contact", "account", "lead")
    wishes = [correlated.lower(), sender.owner.lower() if sender and people_kind else ""]

    owner = owner_of(
        mail(to=people(*to), cc=people(*cc)), configuration, mailbox, sender=sender, correlated_owner=correlated
    )

    expected = [wish for wish in wishes if wish in eligible] + eligible + [mailbox_owner_of(mailbox)]
    assert owner == expected[0]
