"""`email-router cost`: what a month costs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from email_router.cli.cost.load import Load, polls
from email_router.cli.cost.month import Month, month, pair_of_servers
from email_router.cli.cost.tables import Prices, counts, prices
from email_router.cli.options import Json
from email_router.cli.output import console, print_json, table

_WHOLE = 100
"""From here on nobody wants decimals."""


class Source(StrEnum):
    """Where mail is fetched."""

    EXCHANGE_ONLINE = "exchange-online"
    EXCHANGE = "exchange"
    IMAP = "imap"
    POP3 = "pop3"


class Sender(StrEnum):
    """By what e-mails leave."""

    EXCHANGE_ONLINE = "exchange-online"
    SMTP = "smtp"
    SES = "ses"


def cost(
    *,
    mailboxes: Annotated[int, typer.Option(min=1, metavar="N", help="Mailboxes that are read.")] = 1,
    organisations: Annotated[int, typer.Option(min=1, metavar="N", help="Organisations that are published.")] = 1,
    messages_per_day: Annotated[
        float, typer.Option(min=0, metavar="N", help="Messages that come to one mailbox a day.")
    ] = 50,
    sent_per_day: Annotated[float, typer.Option(min=0, metavar="N", help="E-mails of one mailbox a day.")] = 10,
    wanted: Annotated[float, typer.Option(min=0, max=1, help="Share of the messages that become activities.")] = 0.5,
    attachments: Annotated[float, typer.Option(min=0, max=1, help="Share of these that have a file.")] = 0.2,
    source: Annotated[Source, typer.Option(help="Where mail is fetched.")] = Source.EXCHANGE_ONLINE,
    sender: Annotated[Sender, typer.Option(help="By what e-mails leave.")] = Sender.EXCHANGE_ONLINE,
    push: Annotated[bool, typer.Option("--push", help="Exchange Online tells of new mail (docs/push.md).")] = False,
    minimum_interval: Annotated[int, typer.Option(min=60, metavar="SECONDS", help="Shortest polling interval.")] = 60,
    maximum_interval: Annotated[int, typer.Option(min=60, metavar="SECONDS", help="Longest polling interval.")] = 900,
    in_mailbox: Annotated[int, typer.Option(min=0, metavar="N", help="Messages that lie in one mailbox.")] = 1000,
    months_kept: Annotated[float, typer.Option(min=0, metavar="N", help="Months of mail that are kept.")] = 12,
    publish_events: Annotated[
        bool, typer.Option("--publish-events", help="Other CRMs are told by events (docs/other-crms.md).")
    ] = False,
    json: Json = False,
) -> None:
    """Show what a month costs on AWS, by service; what is counted and what is assumed stands in docs/cost.md."""
    if push and source is not Source.EXCHANGE_ONLINE:
        raise typer.BadParameter(
            "only Exchange Online tells of new mail: leave --push away, or --source", param_hint="--push"
        )
    if maximum_interval < minimum_interval:
        raise typer.BadParameter("it is shorter than --minimum-interval", param_hint="--maximum-interval")
    load = Load(
        mailboxes=mailboxes,
        organisations=organisations,
        messages_per_day=messages_per_day,
        sent_per_day=sent_per_day,
        wanted=wanted,
        attachments=attachments,
        source=source.value,
        sender=sender.value,
        push=push,
        shortest=minimum_interval,
        longest=maximum_interval,
        in_mailbox=in_mailbox,
        months_kept=months_kept,
        publish_events=publish_events,
    )
    known = prices()
    bill = month(load, counts(), known)
    if json:
        print_json(_told(load, bill, known))
    else:
        _shown(load, bill, known)


def _told(load: Load, bill: Month, known: Prices) -> dict[str, Any]:
    services = [
        {
            "service": service,
            "usd": round(bill.of(service), 4),
            "lines": [{"what": one.what, "amount": round(one.amount, 4), "usd": round(one.usd, 6)} for one in lines],
        }
        for service, lines in bill.services.items()
    ]
    return {
        "region": known.region,
        "prices_of": known.date,
        "usd": round(bill.usd, 2),
        "usd_per_mailbox": round(bill.usd / load.mailboxes, 4),
        "services": services,
        "always_on_usd": round(pair_of_servers(known), 2),
        "load": {name: getattr(load, name) for name in load.__dataclass_fields__},
        "polls_of_a_mailbox_and_day": round(polls(load).idle + polls(load).busy, 1),
        "assumed": dict(known.assumed),
        "sources": {name: one.source for name, one in known.price.items()},
    }


def _of_a_mailbox(load: Load) -> str:
    """Say what one mailbox has to do in a day."""
    polled = polls(load)
    told = ", told of new mail" if load.push else ""
    return (
        f"A mailbox: {load.messages_per_day:g} messages a day, {load.wanted:.0%} of them wanted, {load.attachments:.0%} of these "
        f"with a file; {load.sent_per_day:g} e-mails a day by {load.sender}; {polled.idle + polled.busy:.0f} polls a day of "
        f"{load.source}{told}; {load.in_mailbox:,} messages lie in it, and mail of {load.months_kept:g} months is kept."
    )


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= _WHOLE or amount == int(amount) else f"{amount:,.2f}"


def _shown(load: Load, bill: Month, known: Prices) -> None:
    rows = [
        (service if first else "", f"{_amount(line.amount)} {line.what}", f"{line.usd:,.2f}")
        for service, lines in bill.services.items()
        for first, line in ((number == 0, line) for number, line in enumerate(one for one in lines if one.amount))
    ]
    table(f"A month in {known.region}, prices of {known.date}", ("service", "what", "USD"), rows)
    out, pair = console(), known.always_on
    for text in (
        f"Together {bill.usd:,.2f} USD, {bill.usd / load.mailboxes:,.4f} for a mailbox.",
        f"{pair['servers']} {pair['instance']} that always run: {pair_of_servers(known):,.2f} USD, licences not counted.",
        _of_a_mailbox(load),
        "Assumed: " + ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in known.assumed.items()) + ".",
    ):
        out.print(text, markup=False)
