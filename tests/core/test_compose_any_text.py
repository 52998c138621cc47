"""Whatever is written comes back as it was, by the standard library and by the router itself."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from email.utils import unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from email_router.core.compose import compose
from email_router.core.message import Address, Attachment
from email_router.core.parse import parse
from tests.core.composed import NOW, PLAIN, addresses, clean, content, parsed

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
ODD = st.lists(
    st.sampled_from(
        [
            "a",
            "ä",
            "日本",
            "🙂",
            " ",
            "  ",
            "\t",
            "\r",
            "\n",
            "\0",
            '"',
            "\\",
            "=?",
            "?=",
            "<",
            ">",
            ",",
            ";",
            ":",
            "(",
            ")",
            "@",
            "x" * 80,
            "'",
        ]
    ),
    max_size=30,
).map("".join)


def with_width(text: str) -> str:
    """The text without the invisible characters that the reader takes out."""
    return "".join(one for one in text if unicodedata.category(one) not in ("Cf", "Cn"))


@settings(deadline=None, max_examples=300)
@given(subject=TEXT | ODD, name=TEXT | ODD)
def test_any_subject_and_name_come_back_and_add_no_field(subject: str, name: str) -> None:
    mail = replace(
        PLAIN, subject=subject, to=(Address(name, "ann@example.org"),), cc=(Address(name, "bob@example.org"),)
    )

    message = parsed(mail)

    assert message["Subject"] == clean(subject)
    assert [address for _, address in addresses(message, "To") + addresses(message, "Cc")] == [
        "ann@example.org",
        "bob@example.org",
    ]
    assert sorted(message.keys()) == sorted(
        [
            "Date",
            "From",
            "To",
            "Cc",
            "Subject",
            "Message-ID",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
        ]
    )
    # The library's reader makes one space of several, and puts one between two encoded words of a name (Python 3.11).
    shown = {"".join(each.split()) for each, _ in addresses(message, "To") + addresses(message, "Cc")}
    assert shown == {"".join(clean(name).split())}


@settings(deadline=None, max_examples=200)
@given(text=TEXT | ODD, html=TEXT | ODD)
def test_any_text_comes_back(text: str, html: str) -> None:
    message = parsed(replace(PLAIN, text=text, html=html))

    for kind, given_text in (("plain", text), ("html", html)):
        if given_text:
            wanted = re.sub("\r\n|\r|\n", "\n", given_text)
            # The line end before a boundary belongs to the boundary (RFC 2046 5.1.1).
            assert content(message, kind).rstrip("\n") == wanted.rstrip("\n")


@settings(deadline=None, max_examples=200)
@given(
    name=TEXT | ODD,
    data=st.binary(max_size=200),
    media_type=ODD | st.sampled_from(["image/png", "text/plain", "message/rfc822", "multipart/mixed"]),
)
def test_any_attachment_comes_back(name: str, data: bytes, media_type: str) -> None:
    message = parsed(replace(PLAIN, attachments=(Attachment(name, media_type, data),)))

    (part,) = message.iter_attachments()
    wanted = clean(name).replace("/", "_").replace("\\", "_")
    assert part.get_payload(decode=True) == data
    assert part.get_content_disposition() == "attachment"
    # The library's reader takes off quotes, brackets and blanks that are the name's own.
    assert (part.get_filename() or "") == unquote(wanted).strip()
    assert part.get_content_type() in {media_type, "application/octet-stream"}
    assert part.get_content_maintype() not in {"message", "multipart"}


@settings(deadline=None, max_examples=200)
@given(subject=TEXT | ODD, name=TEXT | ODD, text=TEXT)
def test_the_routers_own_reader_reads_what_was_written(subject: str, name: str, text: str) -> None:
    message = parse(compose(replace(PLAIN, subject=subject, sender=Address(name, "sales@contoso.example"), text=text)))

    assert with_width(message.subject).split() == with_width(clean(subject)).split()
    assert message.author is not None
    assert message.author.address == "sales@contoso.example"
    assert "".join(with_width(message.author.name).split()) == "".join(with_width(clean(name)).split())
    assert message.message_id == PLAIN.message_id
    assert message.date == NOW
    assert message.defects == ()
