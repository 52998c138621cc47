"""What of a text, a record or a mail is about a person, and what is somebody else's."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from email_router.core.activity import EmailActivity, EmailStatus, Party, Record, Role
from email_router.core.erasing import Fate, Judge
from email_router.core.mailbox import Direction
from email_router.core.person import ERASED_ADDRESS, ERASED_NAME, Person, mail_names

ERIN = Person("erin@fabrikam.example", frozenset({"Erin Example", "Erin"}), frozenset({("contact", "c-1")}))
SALES, CARL = "sales@contoso.example", "carl@northwind.example"


@pytest.mark.parametrize(
    "text",
    [
        "erin@fabrikam.example",
        "Write to ERIN@Fabrikam.Example.",
        "<erin@fabrikam.example>,",
        "'erin@fabrikam.example'",
        '<a href="mailto:erin%40fabrikam.example?subject=x">',
        "https://x.example/?to=%3Cerin@fabrikam.example%3E",
        "&lt;erin&#64;fabrikam.example&gt;",
        "bounces+erin=fabrikam.example@lists.example",
    ],
)
def test_the_address_is_found_however_it_is_written(text: str) -> None:
    assert ERIN.named_in(text)
    assert not ERIN.named_in(ERIN.in_words(text))


@pytest.mark.parametrize(
    "text",
    [
        "catherin@fabrikam.example",
        "erin@fabrikam.example.org",
        "erin@fabrikam.examples",
        "o'erin@fabrikam.example",
        "team-erin@fabrikam.example",
        "erin@fabrikam-example",
        "Erin Example",
    ],
)
def test_another_s_address_is_another_s(text: str) -> None:
    assert not ERIN.named_in(text)


def test_a_domain_is_found_in_letters_and_as_idna_writes_it() -> None:
    person = Person("jörg@bücher.example")

    assert person.named_in("an jörg@xn--bcher-kva.example")
    assert person.has("JÖRG@bücher.example")
    assert Person("jorg@xn--bcher-kva.example").named_in("jorg@bücher.example")


def test_whole_names_are_replaced_and_those_that_are_many_people_s_are_not() -> None:
    person = replace(ERIN, names=ERIN.names | {"Erin Example Jr"})

    assert (
        person.in_words("erin example jr, Erin Example, Erin, Erin Examples")
        == f"{ERASED_NAME}, {ERASED_NAME}, Erin, Erin Examples"
    )


def test_what_the_person_owned_is_nobody_s() -> None:
    record = Record("contact", "c-2", "Carl", ERIN.address)

    assert ERIN.without(record) == Record("contact", "c-2", "Carl")
    assert ERIN.without({"owner": ERIN.address}) == {"owner": ""}


def test_values_of_any_shape_are_searched_and_rewritten() -> None:
    row = {"a": [("x", {"erin@fabrikam.example": 1})], "record": {"kind": "contact", "id": "c-1", "name": "E."}, "n": 3}

    assert ERIN.named_in(row)
    assert ERIN.named_in({"record": {"kind": "contact", "id": "c-1"}})
    assert not ERIN.named_in({"record": {"kind": "contact", "id": "c-2"}})
    assert ERIN.without(row) == {"a": [("x", {ERASED_ADDRESS: 1})], "record": None, "n": 3}


def email(*parties: tuple[Role, str], **fields: object) -> EmailActivity:
    made = EmailActivity(id="e", direction=Direction.INCOMING, status=EmailStatus.RECEIVED)
    return replace(made, parties=tuple(Party(role, address) for role, address in parties), **fields)  # type: ignore[arg-type]  # fields by name


def judged(one: EmailActivity, *, whole: bool = False, person: Person = ERIN) -> Fate | None:
    return Judge(person, lambda address: address == SALES, whole).fate_of(one)


FROM_ERIN, TO_SALES = (Role.FROM, "Erin@Fabrikam.example"), (Role.TO, SALES)


@pytest.mark.parametrize(
    ("one", "fate"),
    [
        (email(FROM_ERIN, TO_SALES), Fate.REMOVED),
        (email(FROM_ERIN, TO_SALES, (Role.CC, CARL)), Fate.REMOVED),
        (email((Role.FROM, SALES), (Role.TO, "erin@fabrikam.example")), Fate.REMOVED),
        (email((Role.FROM, SALES), (Role.TO, "erin@fabrikam.example"), (Role.BCC, CARL)), Fate.REPLACED),
        (email((Role.FROM, CARL), TO_SALES, (Role.CC, "erin@fabrikam.example")), Fate.REPLACED),
        (email((Role.FROM, CARL), TO_SALES, text="ask erin@fabrikam.example"), Fate.REPLACED),
        (email((Role.FROM, CARL), TO_SALES, regarding=Record("contact", "c-1")), Fate.REPLACED),
        (email((Role.FROM, CARL), TO_SALES, text="ask Erin Example"), None),
    ],
)
def test_an_e_mail_goes_where_the_person_is_its_author_or_alone_outside(one: EmailActivity, fate: Fate | None) -> None:
    assert judged(one) is fate
    assert judged(one, whole=True) is (Fate.REMOVED if fate else None)


def test_a_user_s_e_mails_are_his_customers_too() -> None:
    ann = Person("ann@contoso.example", records=frozenset({("user", "u-1")}))
    sent = email((Role.FROM, "ann@contoso.example"), (Role.TO, CARL))

    assert judged(sent, person=ann) is Fate.REPLACED
    assert judged(sent, person=replace(ann, records=frozenset())) is Fate.REMOVED  # as it is of somebody outside


def test_a_mail_is_searched_decoded_but_one_that_is_not_to_be_read_only_as_it_stands() -> None:
    coded = base64.b64encode(b"I am erin@fabrikam.example, you know")
    raw = (
        b"From: x@y.example\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + coded
    )

    assert mail_names(ERIN, raw)
    assert not mail_names(ERIN, raw, read=False)
    assert mail_names(ERIN, b"From: <erin@fabrikam.example>\r\n\r\n\x00", read=False)
    assert not mail_names(ERIN, b"From: x@y.example\r\n\r\nErin")
