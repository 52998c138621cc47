"""Mail that an inbox rule forwarded as an attachment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.forward import unwrap
from email_router.core.mailbox import Direction, Profile
from email_router.core.parse import parse

PROFILE = Profile(name="in", direction=Direction.INCOMING, server="imap", authserv_id="mx.contoso.example")
EXCHANGE = Profile(name="in", direction=Direction.INCOMING, server="exchange-online")
PROOF = "Authentication-Results: mx.contoso.example; dmarc=pass header.from=contoso.example\r\n"
INNER = (
    b"From: carla@cycling.example\r\nTo: ann@contoso.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n"
)


def wrap(*inner: bytes, head: str = PROOF, author: str = "Ann <ann@contoso.example>") -> bytes:
    """Return a wrapper of these mails."""
    fields = f'{head}From: {author}\r\nTo: router@contoso.example\r\nSubject: FW\r\nContent-Type: multipart/mixed; boundary="w"\r\n\r\n'
    part = b"--w\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n"
    return fields.encode() + b"".join(part + one + b"\r\n" for one in inner) + b"--w--\r\n"


def test_the_inner_mail_comes_out_byte_for_byte_with_the_wrapper_proven() -> None:
    inner, wrapper = unwrap(wrap(INNER), parse, PROFILE)

    assert inner is not None
    assert inner.rstrip(b"\r\n") == INNER.rstrip(b"\r\n")
    assert (wrapper.sender, wrapper.authenticated, wrapper.found) == ("ann@contoso.example", True, True)
    assert wrapper.evidence == "mx.contoso.example found dmarc=pass for contoso.example"


@pytest.mark.parametrize(
    ("inner", "seen"),
    [((), "0 attached"), ((INNER, INNER), "2 attached"), ((b"",), "0 attached"), ((b"\r\n \r\n",), "0 attached")],
)
def test_a_wrapper_holds_exactly_one_mail(inner: tuple[bytes, ...], seen: str) -> None:
    mail, wrapper = unwrap(wrap(*inner), parse, PROFILE)

    assert mail is None
    assert not wrapper.found
    assert wrapper.evidence.startswith(seen)


def test_a_mail_within_the_inner_mail_stays_there() -> None:
    nested = INNER.replace(
        b"\r\n\r\nHello",
        b'\r\nContent-Type: multipart/mixed; boundary="n"\r\n\r\n--n\r\nContent-Type: message/rfc822\r\n\r\nSubject: deep\r\n\r\nx\r\n--n--',
    )

    inner, wrapper = unwrap(wrap(nested), parse, PROFILE)

    assert inner is not None
    assert b"Subject: deep" in inner
    assert wrapper.found


def test_results_within_the_inner_mail_prove_nothing() -> None:
    inner = PROOF.encode() + INNER

    assert not unwrap(wrap(inner, head=""), parse, PROFILE)[1].authenticated


@pytest.mark.parametrize(
    "head",
    [
        "",
        "Authentication-Results: mx.contoso.example; dmarc=fail header.from=contoso.example\r\n" + PROOF,
        "Authentication-Results: mx.evil.example; dmarc=pass header.from=contoso.example\r\n",
        "Authentication-Results: =?utf-8?q?mx=2Econtoso=2Eexample=3B_dmarc=3Dpass?=\r\n",
        "ARC-Authentication-Results: i=1; mx.contoso.example; dmarc=pass header.from=contoso.example\r\n",
        "X-MS-Exchange-Organization-AuthAs: Internal\r\n",
    ],
)
def test_a_wrapper_that_the_own_server_did_not_prove_is_not_authenticated(head: str) -> None:
    inner, wrapper = unwrap(wrap(INNER, head=head), parse, PROFILE)

    assert inner is not None
    assert not wrapper.authenticated


@pytest.mark.parametrize(
    "author", ["ann@contoso.example, bob@contoso.example", "", "bob@contoso.example <ann@contoso.example>"]
)
def test_a_wrapper_with_a_from_in_doubt_is_not_authenticated(author: str) -> None:
    wrapper = unwrap(wrap(INNER, author=author), parse, PROFILE)[1]

    assert (wrapper.sender, wrapper.authenticated) == ("", False)
    assert wrapper.evidence == "From names not exactly one mailbox that can be read"


@pytest.mark.parametrize(
    ("head", "inside"),
    [
        ("X-MS-Exchange-Organization-AuthAs: Internal\r\n", True),
        ("X-MS-Exchange-Organization-AuthAs: Anonymous\r\n", False),
        ("X-MS-Exchange-Organization-AuthAs: Anonymous\r\nX-MS-Exchange-Organization-AuthAs: Internal\r\n", False),
        ("X-MS-Exchange-CrossTenant-AuthAs: Internal\r\n", False),
        (PROOF, False),
        ("", False),
    ],
)
def test_exchange_marks_what_came_from_inside(head: str, inside: bool) -> None:
    wrapper = unwrap(wrap(INNER, head=head), parse, EXCHANGE)[1]

    assert wrapper.authenticated is inside


@given(st.binary(max_size=300))
def test_no_bytes_raise_and_none_are_trusted(raw: bytes) -> None:
    inner, wrapper = unwrap(raw, parse, PROFILE)

    assert not wrapper.authenticated
    assert (inner is None) == (not wrapper.found)
