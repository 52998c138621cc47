"""By what the messages of a page may lead to known e-mails, and how much of it is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from email_router.core.conversation_index import make_new, thread_hash
from email_router.core.ledger import LinkKind
from email_router.core.message import DeliveryReport
from email_router.core.settings import Tracking
from email_router.core.ways import wanted, ways
from tests.core.cases import mail

INDEX = make_new(datetime(2026, 1, 1, tzinfo=UTC), UUID(int=7))
THREAD = str(thread_hash(INDEX))
OFF = Tracking(tokens=False, correlation=False)


def test_a_page_asks_for_ids_tokens_and_threads_each_once() -> None:
    report = DeliveryReport("failed", (), "<lost@contoso.example>")
    messages = [
        mail(in_reply_to="<a@x>", references=("<b@x>",), subject="Re: CRM:0001001", conversation_index=INDEX),
        mail(message_id="<m2@x>", in_reply_to="<a@x>", subject="Re: CRM:0001001", delivery_report=report),
    ]

    asked = wanted(messages, Tracking())

    assert sorted(asked.message_ids) == ["<a@x>", "<b@x>", "<lost@contoso.example>", "<m1@cycling.example>", "<m2@x>"]
    assert (asked.tokens, asked.threads) == (("CRM:0001001",), (THREAD,))


def test_a_page_asks_nothing_for_rules_that_are_off_but_still_for_its_own_ids() -> None:
    message = mail(in_reply_to="<a@x>", subject="Re: CRM:0001001", conversation_index=INDEX)

    asked = wanted([message], OFF)

    assert (asked.message_ids, asked.tokens, asked.threads) == (("<m1@cycling.example>",), (), ())


def test_a_report_asks_for_what_it_answers_and_for_tokens_whatever_is_off() -> None:
    report = DeliveryReport("failed", (), None, original_subject="Order CRM:0001001 CRM:0001002")

    asked = wanted([mail(in_reply_to="<a@x>", subject="Undelivered: CRM:0001003", delivery_report=report)], OFF)

    assert asked.message_ids == ("<m1@cycling.example>", "<a@x>")
    assert asked.tokens == ("CRM:0001002", "CRM:0001001", "CRM:0001003")


def test_one_message_asks_surest_first_and_a_hundred_values_never() -> None:
    many = tuple(f"<{number}@eu-west-1.AmazonSES.com>" for number in range(400))
    report = DeliveryReport(
        "failed", (), "<o@amazonses.com>", original_subject=" ".join(f"OLD:{one:07d}" for one in range(99))
    )
    message = mail(
        message_id="<own@amazonses.com>",
        in_reply_to=many[0],
        headers=(("in-reply-to", " ".join(many)),),
        references=many,
        subject="Order " + " ".join(f"CRM:{one:07d}" for one in range(5_000)),
        conversation_index=INDEX,
        delivery_report=report,
    )

    asked = ways(message, Tracking(earlier_prefixes=("OLD:",), changed_subject="new"))

    kinds = [kind for kind, _ in asked]
    assert (kinds.count(LinkKind.MESSAGE_ID), kinds.count(LinkKind.TOKEN), kinds.count(LinkKind.THREAD)) == (40, 8, 2)
    assert [value for _, value in asked[:3]] == ["<own@amazonses.com>", "own", "<o@amazonses.com>"]
    assert asked[-1][0] is LinkKind.MESSAGE_ID


def test_where_there_is_no_room_each_message_leaves_out_what_is_least_sure() -> None:
    greedy = mail(message_id="<g@x>", references=tuple(f"<g{one}@x>" for one in range(100)))
    modest = mail(message_id="<m@x>", in_reply_to="<a@x>", references=("<b@x>", "<c@x>"))

    asked = wanted([greedy, modest], Tracking(), room=6)

    assert set(asked.message_ids) == {"<g@x>", "<g99@x>", "<g98@x>", "<g97@x>", "<m@x>", "<a@x>", "<c@x>", "<b@x>"}


def test_spellings_of_one_id_take_the_room_of_one() -> None:
    message = mail(message_id="<M@X.example>", in_reply_to="<a@Y.example>", references=("<b@Z.example>",))

    assert set(wanted([message], Tracking(), room=1).message_ids) == {
        "<M@X.example>",
        "<M@x.example>",
        "<a@Y.example>",
        "<a@y.example>",
    }
