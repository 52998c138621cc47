"""Count what each piece of work asks of AWS, on the real functions: what cli/cost/counts.json holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from email_router.core.flows.gauges import EVERY
from email_router.core.mailbox import Accept, Direction, Mailbox, MailboxKind
from email_router.core.subscriptions import Watched, client_state
from email_router.edge.connect.values import size_of
from tests.infra.template import functions, resources, template
from tests.memory.sender import MemoryDraftingSender
from tests.roads import rows
from tests.roads.bills import Bill, Count, both, counting, less, plain
from tests.roads.defaults import as_default
from tests.roads.scenes_beside import changed, newest, posted, told_of
from tests.roads.stack import ORGANISATION
from tests.roads.units import held
from tests.roads.world import NEWS, PROFILES, SALES, STORE, contoso, letter, to_send, write

KINDS = ("exchange-online", "exchange", "imap", "pop3")
WAYS = ("smtp", "ses", "exchange-online")
_TICK: dict[str, Any] = {"source": "aws.events"}
_FILE = b"x" * 50_000
_MORE = 10
"""How many of something tell what one more costs."""


def counted(kinds: Sequence[str] = KINDS, ways: Sequence[str] = WAYS) -> dict[str, Any]:
    """Count everything, as counts.json has it; of servers these kinds, of ways out these."""
    work: dict[str, Bill] = {}
    settings: dict[str, Bill] = {}
    beside = _beside()
    for part in (*map(_incoming, kinds), *map(_outgoing, ways), beside, _ticks(), _pushed(), _published()):
        work |= part.work
        settings |= part.settings
    work["subscription looked at"] = less(work["subscription looked at"], work["renewal tick"])
    return {
        "work": {name: plain(one) for name, one in sorted(work.items())},
        "settings": {name: plain(one) for name, one in sorted(settings.items())},
        "memory": {name: one["MemorySize"] for name, one in sorted(functions().items())},
        "standing": _standing(beside.row_bytes),
    }


def _incoming(kind: str) -> Count:
    """A poll that finds nothing, a message that is wanted, and one that is not."""
    wanted = Mailbox(address=SALES, kind=MailboxKind.QUEUE, incoming=kind, accept=Accept.ALL)
    closed = Mailbox(address=STORE, kind=MailboxKind.QUEUE, incoming=kind, accept=Accept.NONE)
    with counting(wanted, closed) as count:
        stack, work = count.stack, count.work
        for number, box in enumerate((SALES, STORE)):
            stack.servers.box(box, kind).put(letter(number, to=box))
            count.passes(box)
        again, idle = count.cold("route_mailbox", lambda: count.passes(SALES))
        count.settings["route_mailbox"] = again
        work[f"idle poll, {kind}"] = idle
        stack.servers.put(SALES, letter(11))
        work[f"message, {kind}"] = count.passes(SALES)
        stack.servers.put(STORE, letter(12, to=STORE))
        work[f"message not wanted, {kind}"] = count.passes(STORE)
    return count


def _beside() -> Count:
    """What is the same whatever the server: a file of a message, and the daily comparison."""
    with counting(Mailbox(address=SALES, kind=MailboxKind.QUEUE, incoming="imap", accept=Accept.ALL)) as count:
        stack, work = count.stack, count.work
        box = stack.servers.box(SALES, "imap")
        bills = []
        for number, file in ((1, b""), (2, b""), (3, _FILE)):
            box.put(letter(number, attachment=file))
            bills.append(count.passes(SALES))
        work["attachment"] = less(bills[2], bills[1])
        stack.later(25 * 3600)
        work["daily comparison"] = base = count.passes(SALES, "reconcile")
        for number in range(20, 20 + _MORE):
            box.put(letter(number, size=100))
        count.passes(SALES)
        stack.later(25 * 3600)
        more = less(count.passes(SALES, "reconcile"), base)
        work["message compared"] = {"read_units": more["read_units"] / _MORE}
        index = next(iter(resources("AWS::DynamoDB::Table")["RouterTable"]["GlobalSecondaryIndexes"]))
        count.row_bytes = max(size_of(held(index, one)) for one in rows.all_items("RouterTable"))
    return count


def _outgoing(way: str) -> Count:
    """An e-mail, from the collect that finds it to the answer of its server; what SES tells of it afterwards."""
    profile = next(one.name for one in PROFILES if (one.direction, one.server) == (Direction.OUTGOING, way))
    with counting(Mailbox(address=SALES, kind=MailboxKind.QUEUE, outgoing=profile)) as count:
        stack = count.stack
        if way == "exchange-online":
            stack.servers.out[SALES] = MemoryDraftingSender()
        order = partial(count.orders, "send_email", to_send("nothing", profile=profile))
        again, _ = count.cold("send_email", order)
        count.settings |= {"send_email": again} if way == "ses" else {}  # it asks most: SES has a pace
        _, tick = count.cold("collect_outgoing", lambda: count.of(partial(stack.invoke, "collect_outgoing", _TICK)))
        for name in ("e1", "e2"):
            write(stack, name)
            collected = less(count.of(partial(stack.invoke, "collect_outgoing", _TICK)), tick)
            left = count.orders("send_email", to_send(name, profile=profile))
        count.work[f"e-mail sent, {way}"] = both(collected, left)
        if way == "ses":
            events = iter([told_of("Delivery", name, ORGANISATION) for name in ("e1", "e2")])
            tell = partial(stack.invoke, "record_delivery")
            again, later = count.cold(
                "record_delivery", lambda: count.of(lambda: tell(next(events)), "record_delivery")
            )
            count.settings["record_delivery"], count.work["delivery event"] = again, later
    return count


def _ticks() -> Count:
    """The ticks of a stack that has nothing to do, and what each mailbox adds to the scheduler's."""
    with counting(Mailbox(address=NEWS)) as count:
        stack = count.stack
        stack.later(60)  # once in five minutes the scheduler tells what stands, too
        for function, name in (
            ("schedule_mailboxes", "schedule tick"),
            ("collect_outgoing", "collect tick"),
            ("renew_subscriptions", "renewal tick"),
        ):
            again, tick = count.cold(function, lambda one=function: count.of(partial(stack.invoke, one, _TICK), one))  # type: ignore[misc]
            count.settings[function], count.work[name] = again, tick
        stack.later((EVERY - 1) * 60)
        told = count.of(partial(stack.invoke, "schedule_mailboxes", _TICK))
        count.work["gauges told"] = less(told, count.work["schedule tick"])
        boxes = (Mailbox(address=f"box{number}@contoso.example", incoming="imap") for number in range(_MORE))
        stack.publish(contoso(*boxes))
        queued = count.of(partial(stack.invoke, "schedule_mailboxes", {"all": True}))
        count.work["mailbox queued"] = {"sqs_requests": queued["sqs_requests"] / _MORE}
    return count


def _pushed() -> Count:
    """A notification with the pass that it asks for, beyond a poll's; what a subscription takes."""
    with counting(
        Mailbox(address=SALES, kind=MailboxKind.QUEUE, incoming="exchange-online", accept=Accept.ALL)
    ) as count:
        stack = count.stack
        stack.servers.box(SALES, "exchange-online").put(letter(1))
        count.passes(SALES)
        watched = Watched(ORGANISATION, SALES, "key")
        told = {"clientState": client_state("s" * 64, watched), "subscriptionId": "s1"}
        post = partial(stack.invoke, "receive_notification", posted({"value": [told]}, {"mailbox": watched.token}))
        again, came = count.cold("receive_notification", lambda: count.of(post, "receive_notification"), count.unnudged)
        count.settings["receive_notification"] = again
        asked = less(count.passes(SALES, "notification"), count.passes(SALES))
        count.work["notification"] = both(came, asked)
        tick = partial(stack.invoke, "renew_subscriptions", _TICK)
        order = json.dumps({"organisation": ORGANISATION, "mailbox": SALES, "event": "reauthorizationRequired"})
        count.orders("renew_subscriptions", order)
        count.work["subscription looked at"] = count.of(tick)
        count.work["subscription renewed"] = both(count.orders("renew_subscriptions", order), {"sqs_requests": 1})
    return count


def _published() -> Count:
    """An event that another CRM follows."""
    with counting(Mailbox(address=SALES, kind=MailboxKind.QUEUE, incoming="imap", accept=Accept.ALL)) as count:
        count.stack.servers.box(SALES, "imap").put(letter(1))
        count.passes(SALES)
        records = {"Records": [changed(newest(count.stack))]}
        count.work["event published"] = count.of(
            partial(count.stack.invoke, "publish_events", records), "publish_events"
        )
        count.settings["publish_events"] = {}
    return count


def _standing(row_bytes: int) -> dict[str, float]:
    """Return what stands in the stack, and the times that are parameters of it."""
    rates = [
        one["ScheduleExpression"] for one in resources("AWS::Events::Rule").values() if "ScheduleExpression" in one
    ]
    minutes = max(int(one.removeprefix("rate(").split()[0]) for one in rates)
    read = (as_default(one["EventSourceArn"]) for one in resources("AWS::Lambda::EventSourceMapping").values())
    return {
        "alarms": len(resources("AWS::CloudWatch::Alarm")),
        "bytes_of_a_scheduled_mailbox": row_bytes,
        "dashboards": len(resources("AWS::CloudWatch::Dashboard")),
        "keys": len(resources("AWS::KMS::Key")),
        "minutes_between_gauges": EVERY,
        "minutes_between_renewals": minutes,
        "minutes_of_a_subscription": int(template()["Parameters"]["SubscriptionMinutes"]["Default"]),
        "queues": sum(one["Fn::GetAtt"][1] == "Arn" for one in read),
        "secrets": len(resources("AWS::SecretsManager::Secret")),
    }
