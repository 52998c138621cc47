"""The CSV of `crm import`: what is read, and what is told about a line that cannot be right."""

from __future__ import annotations

import pytest

from email_router.cli.crm_rows import read_rows
from email_router.core.errors import ConfigurationError

HEADER = "kind,address,name,owner\n"


def test_rows_are_read_with_quoted_names_and_blank_lines_are_passed_over() -> None:
    text = (
        HEADER + '\ncontact, erin@x.example ,"Erin, ""E."" Fabrikam",ann@contoso.example\n , ,,\nLEAD,l@x.example,,\n'
    )

    assert read_rows(text, "a.csv") == [
        ("contact", "erin@x.example", 'Erin, "E." Fabrikam', "ann@contoso.example", ""),
        ("lead", "l@x.example", "", "", ""),
    ]


def test_one_address_may_have_several_records_and_one_record_several_addresses() -> None:
    text = "Kind,Address,Name,Owner,ID\ncontact,home@x.example,Erin,,e\ncontact,home@x.example,Ed,,d\ncontact,w@x.example,Erin,,e\n"

    assert [(row[1], row[4]) for row in read_rows(text, "a.csv")] == [
        ("home@x.example", "e"),
        ("home@x.example", "d"),
        ("w@x.example", "e"),
    ]


def test_characters_that_only_look_like_line_ends_are_part_of_the_name() -> None:
    text = HEADER + "contact,a@x.example,A\u2028B\x85C,\r\ncontact,b@x.example,B,\r\n"

    assert [row[2] for row in read_rows(text, "a.csv")] == ["A\u2028B\x85C", "B"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("person,a@x.example,A,", "kind is 'person'; expected one of contact, lead, account, user, queue"),
        ("contact,nobody,A,", "address is 'nobody'; expected one e-mail address"),
        ("contact,@,A,", "address is '@'; expected one e-mail address"),
        ("contact,a@x.example b@x.example,A,", "address is 'a@x.example b@x.example'; expected one e-mail address"),
        ("contact,A <a@x.example>,A,", "address is 'A <a@x.example>'; expected one e-mail address"),
        ("contact,a@x.example,A,Ann", "owner is 'Ann'; expected the e-mail address of a user, or nothing"),
        ("contact,a@x.example,A", "expected 4 values (kind,address,name,owner), found 3"),
    ],
)
def test_a_wrong_line_is_told_with_its_number_its_value_and_what_was_expected(line: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        read_rows(f"{HEADER}contact,ok@x.example,OK,\n{line}\n", "a.csv")

    assert str(wrong.value) == f"a.csv, line 3: {told}"


def test_a_wrong_id_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"line 2: id is 'a#b'; expected up to 100 characters without blanks"):
        read_rows("kind,address,name,owner,id\ncontact,a@x.example,A,,a#b\n", "a.csv")


@pytest.mark.parametrize(
    ("text", "found"),
    [("", "nothing"), ("kind;address;name;owner\n", "'kind;address;name;owner'"), ("a@x.example\n", "'a@x.example'")],
)
def test_a_wrong_header_is_told_with_what_was_found(text: str, found: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        read_rows(text, "a.csv")

    assert str(wrong.value) == f"a.csv, line 1: the header is {found}; expected kind,address,name,owner and perhaps id"


def test_an_open_quotation_mark_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"a\.csv, line \d: is not valid CSV"):
        read_rows(f'{HEADER}contact,a@x.example,"A,\n', "a.csv")
