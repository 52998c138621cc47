"""A month's bill: made of what the functions were counted to ask, of a table of prices, and of what is assumed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import email_router.cli.cost
from email_router.cli.cost.amounts import amounts, times
from email_router.cli.cost.load import Load, polls
from email_router.cli.cost.month import month, pair_of_servers
from email_router.cli.cost.seconds import seconds_of
from email_router.cli.cost.tables import counts, prices
from email_router.cli.main import app
from email_router.core.counters import COUNTERS, GAUGES
from tests.roads.counting import counted
from tests.shared import PROJECT

FILE = Path(email_router.cli.cost.__file__).parent / "counts.json"
PUSHED = Load(mailboxes=1000, push=True)
LOG = 200
"""Bytes by which two logs of the same work may differ: some numbers in them are longer than others."""


def bill(**load: Any) -> float:
    return month(Load(**load), counts(), prices()).usd


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["cost", *arguments])


def differences(known: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what differs, but for a few bytes of log."""
    names = {name for name in {*known, *now} if name != "log_bytes" and known.get(name) != now.get(name)}
    far = abs(known.get("log_bytes", 0) - now.get("log_bytes", 0)) > LOG
    return sorted(names | ({"log_bytes"} if far else set()))


def test_what_was_counted_is_what_the_functions_ask_today() -> None:
    """Where this fails on purpose, `python -m benchmarks counts` writes the file anew; look at what the change costs before."""
    file = json.loads(FILE.read_text("utf-8"))

    now = counted(kinds=("pop3",), ways=("ses",))

    assert len(now["work"]) > 12
    for part in ("work", "settings"):
        for name, found in now[part].items():
            assert differences(file[part][name], found) == [], (part, name, file[part][name], found)
    assert (file["memory"], file["standing"]) == (now["memory"], now["standing"])


@pytest.mark.long
def test_all_of_the_file_is_what_the_functions_ask_today() -> None:
    file, now = json.loads(FILE.read_text("utf-8")), counted()

    assert file.keys() == now.keys()
    for part in ("work", "settings"):
        assert file[part].keys() == now[part].keys()
        for name, found in now[part].items():
            assert differences(file[part][name], found) == [], (part, name)


def test_every_price_is_of_something_and_says_where_it_stands() -> None:
    known = prices()

    assert known.price.keys() == amounts(PUSHED, counts(), known).keys()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", known.date)
    assert all("aws.amazon.com/" in one.source and one.per > 0 for one in known.price.values())
    assert "aws.amazon.com/" in known.always_on["source"]


def test_a_stack_without_mail_costs_what_stands_there() -> None:
    idle = month(Load(mailboxes=1, messages_per_day=0, sent_per_day=0, in_mailbox=0), counts(), prices())
    lines = {line.what: line.usd for lines in idle.services.values() for line in lines}

    assert lines["metrics (the first 10,000)"] == pytest.approx((len(COUNTERS) + len(GAUGES)) * 0.30)
    assert lines["alarms"] == pytest.approx(counts().standing["alarms"] * 0.10)
    assert lines["keys"] == 1.0
    assert lines["GB-months"] == 0
    assert idle.of("SES") == idle.of("Data transfer") * 0 == 0


def test_a_message_costs_its_units_wherever_it_comes() -> None:
    """By hand: 1,000 messages a day that are all wanted, beside the same without them."""
    one = Load(mailboxes=100, messages_per_day=10, sent_per_day=0, wanted=1, attachments=0, push=True)
    none = replace(one, messages_per_day=0)
    taken, idle = (amounts(load, counts(), prices()) for load in (one, none))
    work = counts().work

    more = taken["dynamodb_write"] - idle["dynamodb_write"]

    each = work["message, exchange-online"].write_units + work["notification"].write_units
    assert more == pytest.approx(1000 * 365.25 / 12 * each)
    assert each > 10


def test_a_poll_is_billed_for_what_was_counted_of_it() -> None:
    """By hand: one call of AWS, six round trips that the server thinks of once, and CPU at the share that 512 MB give."""
    found = seconds_of("idle poll, imap", "route_mailbox", counts(), prices())

    assert counts().memory["route_mailbox"] == 512
    assert found == pytest.approx(0.01 + 6 * 0.03 + 0.05 + 0.012 * 1769 / 512)
    assert seconds_of("message, imap", "route_mailbox", counts(), prices()) > found


def test_every_wait_that_is_told_is_of_a_piece_of_work() -> None:
    assert set(prices().round_trips) <= set(counts().work)


def test_rows_that_expire_are_paid_for_as_long_as_they_lie_there() -> None:
    load = Load(mailboxes=100, push=True)
    of = {
        months: amounts(replace(load, months_kept=months), counts(), prices())["dynamodb_storage"]
        for months in (0, 1, 12, 24, 36)
    }

    assert of[0] == 0
    assert of[36] - of[24] == pytest.approx(of[24] - of[12])
    assert of[1] > (of[24] - of[12]) / 12, "in the first month lies what expires later, too"


def test_more_of_anything_costs_more() -> None:
    plain: dict[str, Any] = {"mailboxes": 100, "source": "imap", "sender": "smtp"}
    base = bill(**plain)

    for change in (
        {"mailboxes": 200},
        {"organisations": 2},
        {"messages_per_day": 60},
        {"sent_per_day": 11},
        {"wanted": 0.6},
        {"attachments": 0.3},
        {"longest": 60},
        {"in_mailbox": 2000},
        {"months_kept": 24},
        {"publish_events": True},
        {"sender": "ses"},
    ):
        assert bill(**{**plain, **change}) > base, change


def test_mail_that_is_told_of_costs_less_than_a_poll_a_minute() -> None:
    assert bill(mailboxes=1000, push=True) < bill(mailboxes=1000, longest=60) / 2


def test_polls_follow_the_mail_between_the_bounds() -> None:
    quiet = polls(Load(mailboxes=1, messages_per_day=0))
    lively = polls(Load(mailboxes=1, messages_per_day=200))
    each_minute = polls(Load(mailboxes=1, longest=60))

    assert 24 * 4 <= quiet.idle <= 24 * 4 + 16
    assert quiet.busy == 0
    assert quiet.idle < lively.idle + lively.busy < 24 * 60
    assert each_minute.idle + each_minute.busy == 24 * 60
    assert each_minute.busy <= 50 * 1.2


def test_every_piece_of_work_of_a_month_was_counted() -> None:
    for source in ("exchange-online", "exchange", "imap", "pop3"):
        for sender in ("exchange-online", "smtp", "ses"):
            load = Load(mailboxes=1, source=source, sender=sender, publish_events=True)
            assert set(times(load, counts(), prices().assumed)) <= set(counts().work)


def test_json_adds_up_and_tells_what_it_is_made_of() -> None:
    done = run("--mailboxes", "1000", "--messages-per-day", "50", "--push", "--json")
    told = json.loads(done.stdout)

    assert done.exit_code == 0
    assert told["usd"] == pytest.approx(sum(one["usd"] for one in told["services"]), abs=0.01)
    assert told["usd"] == pytest.approx(month(PUSHED, counts(), prices()).usd, abs=0.01)
    assert told["usd_per_mailbox"] == pytest.approx(told["usd"] / 1000, abs=0.0001)
    assert told["always_on_usd"] == pytest.approx(pair_of_servers(prices()), abs=0.01)
    assert (told["load"]["mailboxes"], told["load"]["push"]) == (1000, True)
    assert told["assumed"].keys() == prices().assumed.keys()
    assert (told["region"], told["prices_of"]) == (prices().region, prices().date)


def test_people_see_every_service_and_what_is_assumed() -> None:
    out = run("--mailboxes", "1000", "--push", "--publish-events").stdout

    assert all(service in out for service in month(PUSHED, counts(), prices()).services if service != "SES")
    assert "that always run" in out
    assert "seconds of a round trip" in out
    assert prices().date in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--push", "--source", "imap"),
        ("--minimum-interval", "300", "--maximum-interval", "60"),
        ("--mailboxes", "0"),
        ("--wanted", "2"),
    ],
)
def test_what_cannot_be_ends_with_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)

    assert (done.exit_code, done.stdout) == (2, "")


def test_the_figures_of_the_page_are_those_of_the_command() -> None:
    """Within a tenth: they are to be right in what they say, not to the cent."""
    text = (PROJECT / "docs" / "cost.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,.]+) \| ([\d,.]+) \| ([\d,.]+) \|", text, re.MULTILINE)
    ways: tuple[dict[str, Any], ...] = (
        {"push": True},
        {"source": "imap", "sender": "smtp"},
        {"source": "imap", "sender": "smtp", "longest": 60},
    )

    assert [row[0] for row in rows] == ["1", "1,000", "100,000"]
    for mailboxes, *figures in rows:
        for figure, way in zip(figures, ways, strict=True):
            now = bill(mailboxes=int(mailboxes.replace(",", "")), **way)
            assert float(figure.replace(",", "")) == pytest.approx(now, rel=0.1), (mailboxes, way, now)
