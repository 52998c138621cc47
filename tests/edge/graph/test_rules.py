"""Inbox rules by Graph beside what every keeper of rules promises: Microsoft's schema, rights, pages, rules that people changed."""

from __future__ import annotations

from typing import Any

import pytest

from email_router.core.errors import MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.core.inbox_rules import InboxRule, rule_name
from email_router.core.mailbox import Mailbox
from email_router.edge.rules.graph import GraphInboxRules
from tests.contracts.graph_shapes import ERROR, collection, schema_of
from tests.edge.graph.mailboxes import HERE
from tests.simulators.graph.http import Json
from tests.simulators.graph.process import SECRET, GraphProcess

NAME = rule_name("contoso")
TO = "forward@contoso.example"


def opened(graph: GraphProcess, box: str) -> GraphInboxRules:
    return GraphInboxRules(graph.profile(), Mailbox(address=box), SECRET, HERE)


def only(rules: GraphInboxRules) -> InboxRule:
    (rule,) = rules.all().rules
    return rule


def test_what_is_sent_and_what_is_answered_is_what_microsoft_describes(graph: GraphProcess, box: str) -> None:
    rules = opened(graph, box)
    rules.all()
    rules.make(NAME, TO)
    rules.update(only(rules), NAME, "other@contoso.example")
    rules.remove(only(rules))
    graph.settings(quirks=["no_settings_right"])
    with pytest.raises(MailboxBlocked):
        rules.all()

    said = graph.requests("/messageRules")

    statuses = [(one["method"], one["status"]) for one in said]
    assert statuses == [
        ("GET", 200), ("POST", 201), ("GET", 200), ("PATCH", 200), ("GET", 200), ("DELETE", 204), ("GET", 403),
    ]  # fmt: skip
    for one in said:
        if one["body"] is not None:
            schema_of("messageRule").validate(one["body"])
        if one["answer"] is not None:
            _answered(one).validate(one["answer"])


def _answered(said: Json) -> Any:
    if said["status"] >= 400:
        return ERROR
    return collection("messageRule") if said["method"] == "GET" else schema_of("messageRule")


def test_the_rule_that_is_sent_forwards_every_mail_and_does_nothing_else(graph: GraphProcess, box: str) -> None:
    opened(graph, box).make(NAME, TO)

    (sent,) = [one["body"] for one in graph.requests("/messageRules") if one["method"] == "POST"]
    assert sent == {
        "displayName": "E-mail Router: contoso",
        "sequence": 1,
        "isEnabled": True,
        "actions": {"forwardAsAttachmentTo": [{"emailAddress": {"name": TO, "address": TO}}]},
    }


def test_a_missing_right_is_named(graph: GraphProcess, box: str) -> None:
    graph.settings(quirks=["no_settings_right"])

    with pytest.raises(MailboxBlocked, match=f"{box}: HTTP 403 ErrorAccessDenied") as refused:
        opened(graph, box).all()

    assert refused.value.kind == "access_denied"
    assert "MailboxSettings.ReadWrite" in refused.value.mend


def test_all_pages_of_the_list_are_read(graph: GraphProcess, box: str) -> None:
    rules = opened(graph, box)
    for number in range(3):
        rules.make(f"rule {number}", TO)
    graph.settings(quirks=["paged_rules"])

    assert sorted(rule.name for rule in rules.all().rules) == ["rule 0", "rule 1", "rule 2"]
    assert len([one for one in graph.requests("/messageRules") if one["method"] == "GET"]) == 3


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"conditions": {"subjectContains": ["order"]}}, "narrowed"),
        ({"exceptions": {"senderContains": ["boss"]}}, "narrowed"),
        ({"actions": {"delete": True}}, "more"),
        ({"hasError": True}, "broken"),
        ({"actions": {"stopProcessingRules": True}}, "ends"),
    ],
)
def test_what_a_person_made_of_a_rule_is_seen(
    graph: GraphProcess, box: str, changes: dict[str, Any], field: str
) -> None:
    rules = opened(graph, box)
    rules.make(NAME, TO)
    graph.spoil_rule(box, NAME, **changes)

    told = only(rules)

    assert {name for name in ("narrowed", "more", "broken", "ends") if getattr(told, name)} == {field}


def test_conditions_that_say_nothing_narrow_nothing(graph: GraphProcess, box: str) -> None:
    rules = opened(graph, box)
    rules.make(NAME, TO)
    graph.spoil_rule(box, NAME, conditions={"subjectContains": [], "hasAttachments": None})

    assert not only(rules).narrowed


@pytest.mark.parametrize("changes", [{"conditions": {"subjectContains": ["x"]}}, {"actions": {"markAsRead": True}}])
def test_a_rule_that_a_change_would_not_make_whole_is_replaced(
    graph: GraphProcess, box: str, changes: dict[str, Any]
) -> None:
    rules = opened(graph, box)
    rules.make(NAME, TO)
    graph.spoil_rule(box, NAME, **changes)
    before = only(rules)

    rules.update(before, NAME, TO)

    after = only(rules)
    assert after.id != before.id
    assert (after.forwards_to, after.narrowed, after.more) == ((TO,), False, False)


def test_an_address_that_exchange_refuses_is_told_in_its_words(graph: GraphProcess, box: str) -> None:
    with pytest.raises(TryLater, match="ErrorInvalidRecipients"):
        opened(graph, box).make(NAME, "nobody")


def test_changing_a_rule_that_was_deleted_meanwhile_is_an_error_and_makes_none(graph: GraphProcess, box: str) -> None:
    rules = opened(graph, box)
    rules.make(NAME, TO)
    gone = only(rules)
    rules.remove(gone)

    with pytest.raises(MessageRefused, match="ErrorItemNotFound"):
        rules.update(gone, NAME, TO)
    assert rules.all().rules == ()


@pytest.mark.parametrize("kind", ["throttled", "unavailable", "lose_answer", "close"])
def test_a_deployment_that_broke_off_is_completed_by_the_next(graph: GraphProcess, box: str, kind: str) -> None:
    rules = opened(graph, box)
    rules.all()
    graph.fault("POST .*messageRules", kind, times=2)

    with pytest.raises(RouterError):
        rules.make(NAME, TO)
    made_after_all = kind == "lose_answer"

    assert len(rules.all().rules) == made_after_all
    assert len(graph.requests("POST /v1.0/users")) <= 1  # a request that may have been done is never made twice
