"""An address header names somebody for sure, or nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core import address
from email_router.core.limits import Defects, Limits
from email_router.core.message import Address


def _author(*values: str) -> Address | None:
    return address.author(values, Defects())


def _people(value: str) -> list[tuple[str, str]]:
    return [(one.name, one.address) for one in address.addresses("To", [value], Limits(), Defects())]


@pytest.mark.parametrize(
    ("value", "name", "spec"),
    [
        ("ann@example.com", "", "ann@example.com"),
        ("<ann@example.com>", "", "ann@example.com"),
        ("Ann Lee <ann@example.com>", "Ann Lee", "ann@example.com"),
        ('"Lee, Ann" <ann@example.com>', "Lee, Ann", "ann@example.com"),
        ('"Ann \\"Nan\\" Lee" <ann@example.com>', 'Ann "Nan" Lee', "ann@example.com"),
        ("Ann Q. Lee <ann@example.com>", "Ann Q. Lee", "ann@example.com"),
        ("ann@example.com (Ann Lee)", "Ann Lee", "ann@example.com"),
        ("Ann (at (her) work) Lee <ann@example.com>", "Ann Lee (at (her) work)", "ann@example.com"),
        ("=?utf-8?q?Ann_K=C3=B6nig?= <ann@example.com>", "Ann König", "ann@example.com"),
        ('"=?utf-8?q?K=C3=B6nig=2C_Ann?=" <ann@example.com>', "König, Ann", "ann@example.com"),
        ("Ann <jdoe@machine(comment). example>", "Ann", "jdoe@machine.example"),
        ('"ann lee"@example.com', "", '"ann lee"@example.com'),
        ("ann@[192.0.2.1]", "", "ann@[192.0.2.1]"),
        ("Jörg <jörg@münchen.example>", "Jörg", "jörg@münchen.example"),
        ("用户 <用户@例え.example>", "用户", "用户@例え.example"),
        ("ann@example.com <ann@example.com>", "ann@example.com", "ann@example.com"),
        ("a..b.@docomo.example", "", "a..b.@docomo.example"),
        ("ann+tag/x=y@example.com", "", "ann+tag/x=y@example.com"),
    ],
)
def test_an_author_is_read(value: str, name: str, spec: str) -> None:
    assert _author(value) == Address(name, spec)


@pytest.mark.parametrize(
    "value",
    [
        "alice@bank.example <mallory@evil.example>",
        "<alice@bank.example>mallory@evil.example",
        "<alice@bank.example> <mallory@evil.example>",
        "alice@bank.example, mallory@evil.example",
        "alice@bank.example mallory@evil.example",
        "<alice@bank.example,mallory@evil.example>",
        "<@bank.example:mallory@evil.example>",
        "staff: alice@bank.example;",
        "alice@bank.example:mallory@evil.example",
        "=?utf-8?b?YWxpY2VAYmFuay5leGFtcGxl?=@evil.example",
        "=?utf-8?q?Alice_=3Calice=40bank.example=3E?=",
        '"alice@bank.example" <mallory@evil.example',
        "alice@bank.example\u200b",
        "ali\u202ece@bank.example",
        "alice@bank..example",
        "alice@",
        "@bank.example",
        "alice",
        '"unclosed <alice@bank.example>',
        "(unclosed <alice@bank.example>",
        "alice@bank.example@evil.example",
        "",
    ],
)
def test_a_doubtful_author_is_nobody(value: str) -> None:
    assert _author(value) is None


@pytest.mark.parametrize(
    "value",
    [
        '"alice@bank.example" <mallory@evil.example>',
        "=?utf-8?q?alice=40bank.example?= <mallory@evil.example>",
        "Alice (alice@bank.example) <mallory@evil.example>",
        "mallory@evil.example (alice@bank.example)",
    ],
)
def test_a_name_or_comment_that_looks_like_an_address_never_is_the_author(value: str) -> None:
    found = _author(value)

    assert found is not None
    assert found.address == "mallory@evil.example"


def test_two_from_fields_are_no_author() -> None:
    defects = Defects()

    assert address.author(["a@example.com", "a@example.com"], defects) is None
    assert defects.as_tuple() == ("From: 2 fields instead of one",)


def test_a_missing_from_is_a_defect() -> None:
    defects = Defects()

    assert address.author([], defects) is None
    assert defects.as_tuple() == ("From: missing",)


def test_groups_routes_and_empty_entries_of_a_list_are_read() -> None:
    value = 'team: Ann <a@x.example>, b@x.example;, , <@r.example,@s.example:c@x.example>, "D, E" <d@x.example>, nobody'

    assert _people(value) == [
        ("Ann", "a@x.example"),
        ("", "b@x.example"),
        ("", "c@x.example"),
        ("D, E", "d@x.example"),
    ]


def test_an_empty_group_names_nobody_and_is_no_defect() -> None:
    defects = Defects()

    assert address.addresses("To", ["undisclosed-recipients:;"], Limits(), defects) == ()
    assert defects.as_tuple() == ()


def test_more_addresses_than_the_limit_are_left_out_and_told() -> None:
    defects = Defects()
    value = ", ".join(f"n{number}@example.com" for number in range(50))

    found = address.addresses("To", [value], Limits(addresses=10), defects)

    assert len(found) == 10
    assert defects.as_tuple() == ("over limit: more than 10 addresses",)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("Whomever", ["Whomever"]),
        ("Someone Else", ["Someone Else"]),
        ('"KLAUS- HÄNSCHEL" <>', ["KLAUS- HÄNSCHEL"]),
        ('"xxxxx@xxxxx" <matmail>', ["xxxxx@xxxxx"]),
        ("(mailbox in US-ASCII)", ["mailbox in US-ASCII"]),
        ("=?utf-8?q?Kl=C3=A4us?= <>", ["Kläus"]),
        ("Ann <ann@example.com>, Bob, cara@example.com, Dan <>", ["Bob", "Dan"]),
        ("ann@example.com", []),
        ("Ann <ann@example.com> (home)", []),
        ("Undisclosed recipients:;", []),
        ("<Undisclosed-Recipient:;>", ["Undisclosed-Recipient"]),
        ("<Undisclosed-Recipient:@mx.example;>", ["Undisclosed-Recipient"]),
        ("<alice@bank.example:;>", []),
        (">", []),
        ("...", []),
        ("Team: Bob, ann@example.com;", ["Bob"]),
        ("Bank alice@bank.example", []),
        ("alice@bank.example <x", []),
        ("", []),
        (" , ,", []),
        ("A" * 400, ["A" * 320]),
    ],
)
def test_the_name_of_an_entry_without_an_address_is_kept_apart_from_the_people(value: str, names: list[str]) -> None:
    assert list(address.names_alone([value], Limits())) == names
    assert not set(names) & {name for name, _ in _people(value)}


def test_names_alone_come_from_the_whole_entries_at_the_beginning_of_a_long_field() -> None:
    crowd = "Ann, " + "b@x.example, " * 700

    assert list(address.names_alone([f"{crowd}Bob"], Limits())) == ["Ann"]
    assert list(address.names_alone(["A" * 8_192, "A" * 8_193], Limits())) == ["A" * 320]


def test_names_alone_are_as_few_as_addresses() -> None:
    assert list(address.names_alone(["a, b, c", "d"], Limits(addresses=2))) == ["a", "b"]


_LOCAL = st.text("abcdefghijklmnopqrstuvwxyz0123456789._+-", min_size=1, max_size=20).filter(
    lambda text: ".." not in text and text.strip(".") == text
)
_DOMAIN = st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=10), min_size=1, max_size=4)
_NAME = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("Cc", "Cf", "Zs")), max_size=20
)


@given(_NAME, _LOCAL, _DOMAIN)
def test_a_quoted_name_never_changes_the_address(name: str, local: str, domain: list[str]) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    spec = f"{local}@{'.'.join(domain)}"

    found = _author(f'"{quoted}" <{spec}>')

    assert found is not None
    assert found.address == spec


@given(st.text(max_size=80))
def test_any_text_is_read_without_an_error(value: str) -> None:
    found = _author(value)

    assert found is None or "@" in found.address


@given(st.text('<>@"\\(),:; .ab[]', max_size=40))
def test_specials_in_any_order_never_name_two_authors(value: str) -> None:
    found = _author(value)

    assert found is None or found.address.replace('"', "").replace(" ", "")[-1:] not in ("<", ",", ";")
