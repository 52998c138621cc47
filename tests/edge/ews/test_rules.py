"""Inbox rules by EWS beside what every keeper of rules promises: Outlook's own rules, places, refusals.

Every request and answer is held to Microsoft's schema by the fixture.
"""

from __future__ import annotations

import itertools
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from exchangelib.util import create_element  # type: ignore[import-untyped]

from email_router.core.errors import MailboxBlocked, RouterError
from email_router.core.flows.deploy_rules import Wanted, deploy
from email_router.core.inbox_rules import InboxRule, rule_name
from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.edge.connect.ews_wire import element
from email_router.edge.rules.ews import EwsInboxRules
from tests.simulators.ews.process import PASSWORD, EwsProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = itertools.count(1)
NAME = rule_name("contoso")
TO = "forward@contoso.example"


@pytest.fixture
def address(server: EwsProcess) -> Iterator[str]:
    """A mailbox without rules."""
    found = f"rules{next(_NUMBERS)}@contoso.example"
    server.control("mailbox", {"address": found})
    yield found
    server.control("settings", {"unique_priorities": False})


def opened(server: EwsProcess, address: str, **more: Any) -> closing[EwsInboxRules]:
    profile = server.profile()
    return closing(EwsInboxRules(profile, Mailbox(address=address), PASSWORD, Reach(loopback=True), **more))


def only(rules: EwsInboxRules) -> InboxRule:
    (rule,) = rules.all().rules
    return rule


def test_the_destructive_flag_is_never_sent_unasked(server: EwsProcess, address: str) -> None:
    with opened(server, address) as rules:
        rules.make(NAME, TO)
        rules.update(only(rules), NAME, "other@contoso.example")
        rules.remove(only(rules))

    assert len(server.requests("UpdateInboxRules")) == 3
    assert server.requests("RemoveOutlookRuleBlob") == []


def test_rules_of_outlook_stop_every_change_and_the_way_out_is_told(server: EwsProcess, address: str) -> None:
    server.control("mailbox", {"address": address, "outlook_rules": True})

    with opened(server, address) as rules:
        with pytest.raises(MailboxBlocked, match="ErrorOutlookRuleBlobExists") as refused:
            rules.make(NAME, TO)
        assert rules.all().outlook_only

    assert refused.value.kind == "outlook_rules"
    assert "--replace-outlook-rules deletes" in refused.value.mend
    assert server.requests("RemoveOutlookRuleBlob") == []


def test_a_preview_sees_that_the_server_will_refuse(server: EwsProcess, address: str) -> None:
    server.control("mailbox", {"address": address, "outlook_rules": True})

    with opened(server, address) as rules, pytest.raises(MailboxBlocked) as refused:
        deploy(rules, address, Wanted(name=NAME, forward_to=TO, preview=True))

    assert refused.value.kind == "outlook_rules"
    assert server.requests("UpdateInboxRules") == []


def test_rules_of_outlook_are_deleted_when_that_was_asked_for(server: EwsProcess, address: str) -> None:
    server.control("mailbox", {"address": address, "outlook_rules": True})

    with opened(server, address, replace_outlook_rules=True) as rules:
        rules.make(NAME, TO)
        found = rules.all()

    assert (found.outlook_only, [rule.name for rule in found.rules]) == (False, [NAME])


def test_where_the_first_place_is_not_given_away_the_rule_comes_behind_the_others(
    server: EwsProcess, address: str
) -> None:
    server.control("settings", {"unique_priorities": True})
    with opened(server, address) as rules:
        rules.make("Newsletters", TO)
        rules.make(NAME, TO)
        (ours,) = [rule for rule in rules.all().rules if rule.name == NAME]
        rules.update(ours, NAME, "other@contoso.example")

        assert {rule.name: (rule.order, rule.forwards_to) for rule in rules.all().rules} == {
            "Newsletters": (1, (TO,)),
            NAME: (2, ("other@contoso.example",)),
        }


def test_an_address_that_the_server_does_not_take_is_refused_in_its_words(server: EwsProcess, address: str) -> None:
    with opened(server, address) as rules:
        with pytest.raises(MailboxBlocked, match="ErrorInboxRulesValidationError") as refused:
            rules.make(NAME, "nobody")
        rules.make(NAME, TO)
        with pytest.raises(MailboxBlocked) as again:
            rules.update(only(rules), NAME, "nobody")
        assert only(rules).forwards_to == (TO,)

    assert (refused.value.kind, again.value.kind) == ("rule_refused", "rule_refused")


@pytest.mark.parametrize(
    ("inside", "field"),
    [
        (element("t:Conditions", element("t:HasAttachments", text="true")), "narrowed"),
        (element("t:Exceptions", element("t:HasAttachments", text="true")), "narrowed"),
        (element("t:IsNotSupported", text="true"), "more"),
        (element("t:IsInError", text="true"), "broken"),
    ],
)
def test_what_a_person_made_of_a_rule_is_seen_and_an_update_makes_it_whole(
    server: EwsProcess, address: str, inside: Any, field: str
) -> None:
    with opened(server, address) as rules:
        _by_hand(rules, NAME, inside)

        told = only(rules)
        rules.update(told, NAME, TO)

        assert {name for name in ("narrowed", "more", "broken") if getattr(told, name)} == {field}
        assert not getattr(only(rules), field)


def test_a_rule_that_does_more_than_forwarding_is_seen(server: EwsProcess, address: str) -> None:
    with opened(server, address) as rules:
        _by_hand(rules, NAME, None, element("t:MarkAsRead", text="true"), element("t:StopProcessingRules", text="true"))

        assert (only(rules).more, only(rules).ends, only(rules).forwards_to) == (True, True, (TO,))


def _by_hand(rules: EwsInboxRules, name: str, inside: Any, *actions: Any) -> None:
    """Make a rule as another client would."""
    person = element("t:Address", element("t:EmailAddress", text=TO))
    rule = create_element("t:Rule")
    for tag, text in (("DisplayName", name), ("Priority", "1"), ("IsEnabled", "true")):
        rule.append(element(f"t:{tag}", text=text))
    if inside is not None:
        rule.append(inside)
    rule.append(element("t:Actions", element("t:ForwardAsAttachmentToRecipients", person), *actions))
    rules._change(element("t:CreateRuleOperation", rule))


@pytest.mark.parametrize(
    ("state", "kind"), [("ErrorAccessDenied", "access_denied"), ("ErrorNonExistentMailbox", "mailbox_missing")]
)
def test_a_mailbox_that_may_not_be_used_is_an_error_of_its_kind(
    server: EwsProcess, address: str, state: str, kind: str
) -> None:
    server.control("mailbox", {"address": address, "state": state})

    with opened(server, address) as rules, pytest.raises(RouterError) as refused:
        rules.all()

    assert refused.value.kind == kind
