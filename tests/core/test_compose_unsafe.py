"""Nothing that is written adds a field or a recipient; what would have to be changed for that is refused."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from email_router.core.compose import compose
from email_router.core.errors import MessageRefused
from email_router.core.message import Address, Attachment
from email_router.core.wire import mail_address
from tests.core.composed import PLAIN, parsed

INJECTIONS = [
    "a\r\nBcc: eve@example.org",
    "a\nBcc: eve@example.org",
    "a\rBcc: x",
    "a\0b",
    "=?utf-8?q?a=0d=0aBcc:_e?=",
    "a\x85b",
    "a\u2028b",
]


@pytest.mark.parametrize("injection", INJECTIONS)
def test_nothing_injects_a_field(injection: str) -> None:
    friendly = replace(
        PLAIN,
        subject=injection,
        sender=Address(injection, "sales@contoso.example"),
        in_reply_to=f"<{injection}@x>",
        references=(f"<{injection}@x>", "<good@x>"),
        attachments=(Attachment(injection, f"text/{injection}", b"x", inline=True, content_id=injection),),
    )

    raw = compose(friendly)
    message = parsed(friendly)

    assert message["Bcc"] is None
    for reading in (policy.default, policy.compat32, policy.SMTP):
        again = message_from_bytes(message_from_bytes(raw, policy=reading).as_bytes(), policy=policy.default)
        assert [name for name in again if name.lower() == "bcc"] == []
    assert message["References"] == "<good@x>"


@pytest.mark.parametrize("injection", INJECTIONS)
def test_what_would_have_to_be_changed_is_refused(injection: str) -> None:
    strict = [
        replace(PLAIN, message_id=f"<{injection}@x y>"),
        replace(PLAIN, sender=Address("", f"{injection} @contoso.example")),
        replace(PLAIN, to=(Address("", f"ann@{injection} .example"),)),
        replace(PLAIN, headers=((f"X-{injection}", "x"),)),
        replace(PLAIN, headers=(("X-Field", f"{injection}\n"),)),
    ]
    for mail in strict:
        with pytest.raises(MessageRefused) as caught:
            compose(mail)
        assert caught.value.kind in {"address", "unsafe"}
        assert injection not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["Bcc", "bcc", "Subject", "From", "Content-Type", "content-transfer-encoding", "MIME-Version", "X Y", "", "X:"],
)
def test_a_further_field_may_not_be_one_that_the_composer_writes(name: str) -> None:
    with pytest.raises(MessageRefused):
        compose(replace(PLAIN, headers=((name, "x"),)))


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ann@example.org", "ann@example.org"),
        (" Ann+x@Example.org ", "Ann+x@Example.org"),
        ('"ann b"@example.org', '"ann b"@example.org'),
        ("ann@müller.example", "ann@xn--mller-kva.example"),
        ("o'neil/x=y@example.org", "o'neil/x=y@example.org"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
    ],
)
def test_an_address_goes_as_it_may_stand_on_the_wire(address: str, wire: str) -> None:
    assert mail_address(address) == wire


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "ann",
        "ann@",
        "@x",
        "a b@x",
        "ann@x y",
        "ann@x>",
        "<ann@x>",
        "änn@x",
        "a@b@c,d",
        '"a"b"@x',
        "a" * 250 + "@x.example",
        "ann@" + "ü" * 70,
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(MessageRefused) as caught:
        mail_address(address)

    assert caught.value.kind == "address"
    assert caught.value.mend
