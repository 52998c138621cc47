"""The mails of an ordinary day, and the odd ones among them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage

from email_router.cli.demo.world import ANN, AUTHSERV, BOB, CARLA, DORA, EMIL, GITA, HUGO, ROUTER, SALES, STRANGER
from email_router.cli.demo.writing import Sample, Written, attach, filler, mail, wrapped

_PLAIN = (
    ("hours", "maria@wideworld.example", "Opening hours", "Are you open on Saturday?\n"),
    ("catalogue", "jan@litware.example", "Catalogue, please", "Please send your catalogue to our office.\n"),
    ("warranty", EMIL, "Warranty of the folding bike", "The hinge is loose after two weeks. What now?\n"),
    ("helmets", "petra@lucerne.example", "Helmets for children", "Which sizes do you have?\n"),
    ("address", DORA, "Our new address", "From December on we are at 12 Harbour Street.\n"),
    ("thanks", HUGO, "Thank you", "The delivery was complete. Thank you!\n"),
    ("price", "lee@proseware.example", "Price of the cargo bike", "Is the price with or without VAT?\n"),
    ("fair", GITA, "Bicycle fair", "We meet at booth 7 at ten.\n"),
    ("return", "olga@southridge.example", "Return of a lamp", "It does not fit. How do I return it?\n"),
    ("invoice", "accounts@fabrikam.example", "Your invoice 2026-101", "Paid today.\n"),
)


def everyday(at: datetime) -> list[Sample]:
    """Return them, a few minutes apart, beginning at `at`."""
    moments = iter(at + timedelta(minutes=3 * step) for step in range(100))
    plain = [
        Sample(f"everyday-{name}", SALES, mail(Written(next(moments), sender, (SALES,), subject, text)).as_bytes())
        for name, sender, subject, text in _PLAIN
    ]
    return [
        *plain,
        *_shown(moments),
        *_large(moments),
        *_shapes(moments),
        *_twice(next(moments)),
        *_untrusted(next(moments)),
    ]


def _shown(moments: Iterator[datetime]) -> list[Sample]:
    """The mails that are there to show a case."""
    question = Written(
        next(moments),
        CARLA,
        (SALES,),
        "Question about your catalogue",
        "Dear sales team,\n\nis model X4 still made?\n\nCarla\n",
    )
    offer = Written(next(moments), STRANGER, (ANN,), "Unbeatable offers this week", "Buy now. Only today.\n")
    absent = Written(next(moments), EMIL, (SALES,), "Out of office", "I am on holiday until Monday.\n")
    return [
        Sample("new-known-contact", SALES, mail(question).as_bytes(), "new-known-contact"),
        Sample("unwanted", ANN, mail(offer).as_bytes(), "unwanted"),
        Sample(
            "auto-reply",
            SALES,
            mail(absent, Auto_Submitted="auto-replied", Precedence="auto_reply").as_bytes(),
            "auto-reply",
        ),
        Sample("unparsable", SALES, b"\x00\x01\xfe\xff" + filler("unparsable", 900), "unparsable"),
    ]


def _large(moments: Iterator[datetime]) -> list[Sample]:
    """Three mails over 400 KB."""
    files = (
        ("drawing.pdf", "application/pdf", 450_000),
        ("workshop.jpg", "image/jpeg", 620_000),
        ("parts.zip", "application/zip", 900_000),
    )
    return [
        Sample(f"large-{name}", SALES, attach(_letter(next(moments), name), name, kind, filler(name, size)).as_bytes())
        for name, kind, size in files
    ]


def _letter(at: datetime, name: str) -> EmailMessage:
    return mail(Written(at, CARLA, (SALES,), f"The file {name}", "Here is the file.\n"))


def _shapes(moments: Iterator[datetime]) -> list[Sample]:
    """Mails of other shapes: another charset, HTML with a picture, an invitation, one without an id, a newsletter."""
    japanese = EmailMessage()
    japanese.set_content("見積もりをお願いします。\n", charset="iso-2022-jp")
    hugo = mail(Written(next(moments), HUGO, (SALES,), "見積もりのお願い", ""))
    del hugo["Content-Type"], hugo["Content-Transfer-Encoding"], hugo["MIME-Version"]
    for name, value in japanese.items():
        hugo[name] = value
    hugo.set_payload(japanese.get_payload())
    picture = mail(
        Written(next(moments), DORA, (SALES,), "A picture of the damage", "See the picture.\n"),
        html='<p>See the picture: <img src="cid:damage@northwind"></p>',
    )
    html = picture.get_payload()[1]  # type: ignore[index]  # a multipart/alternative of two parts
    html.add_related(filler("damage", 4_000), "image", "png", cid="<damage@northwind>", filename="damage.png")  # type: ignore[union-attr]  # an EmailMessage
    invitation = mail(Written(next(moments), GITA, (SALES,), "Meeting on Friday", "Please join.\n"))
    calendar = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Meeting\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    newsletter = Written(next(moments), "news@cycling.example", (SALES,), "Cycling news 48", "This week: tyres.\n")
    nameless = Written(next(moments), EMIL, (SALES,), "Sent by the scanner", "Scan attached.\n")
    return [
        Sample("shape-japanese", SALES, hugo.as_bytes()),
        Sample("shape-picture", SALES, picture.as_bytes()),
        Sample("shape-invitation", SALES, attach(invitation, "invite.ics", "text/calendar", calendar).as_bytes()),
        Sample(
            "shape-newsletter", SALES, mail(newsletter, List_Id="<news.cycling.example>", Precedence="bulk").as_bytes()
        ),
        Sample("shape-no-id", SALES, mail(nameless, message_id=None).as_bytes()),
    ]


def _twice(at: datetime) -> list[Sample]:
    """One mail to two of our mailboxes, each of which holds a copy."""
    raw = mail(
        Written(at, CARLA, (SALES, ANN), "Complaint about order 4690", "Two wheels are bent. Please call.\n")
    ).as_bytes()
    return [
        Sample("two-mailboxes-sales", SALES, raw, "two-mailboxes"),
        Sample("two-mailboxes-ann", ANN, raw, "two-mailboxes"),
    ]


def _untrusted(at: datetime) -> list[Sample]:
    """A wrapper that claims to be Bob's and does not pass the mail exchanger's check; and one of a mail that Bob does not want."""
    inner = mail(
        Written(at, CARLA, (BOB,), "Please change our bank account", "From now on pay to this account.\n")
    ).as_bytes()
    offer = mail(Written(at, STRANGER, (BOB,), "Offers for Bob", "Buy now.\n")).as_bytes()
    failed = f"{AUTHSERV}; dmarc=fail header.from=contoso.example"
    passed = f"{AUTHSERV}; dmarc=pass header.from=contoso.example"
    return [
        Sample("forward-forged", ROUTER, wrapped(inner, BOB, ROUTER, at, failed)),
        Sample("forward-unwanted", ROUTER, wrapped(offer, BOB, ROUTER, at, passed)),
    ]
