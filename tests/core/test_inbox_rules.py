"""What is to be done to a mailbox's rules, whatever was made of them before."""

from __future__ import annotations

import pytest

from email_router.core.inbox_rules import Action, InboxRule, plan_deployment, plan_removal, rule_name

NAME = rule_name("contoso")
TO = "forward@contoso.example"
GOOD = InboxRule(id="1", name=NAME, forwards_to=(TO,))


def rule(**changes: object) -> InboxRule:
    return InboxRule(**{"id": "1", "name": NAME, "forwards_to": (TO,), **changes})  # type: ignore[arg-type]  # fields by name


def test_two_organisations_have_a_rule_each() -> None:
    assert rule_name("contoso") != rule_name("fabrikam")


def test_a_mailbox_without_our_rule_gets_one_whatever_other_rules_it_has() -> None:
    others = [rule(name="Newsletters"), rule(name=rule_name("fabrikam"))]

    assert plan_deployment([], NAME, TO).action is Action.MAKE
    assert plan_deployment(others, NAME, TO).action is Action.MAKE


@pytest.mark.parametrize(
    "as_it_stands",
    [GOOD, rule(name=f" {NAME.upper()} "), rule(forwards_to=(TO.upper(),)), rule(order=7), rule(ends=True)],
)
def test_a_rule_that_does_what_is_wanted_is_left_alone(as_it_stands: InboxRule) -> None:
    plan = plan_deployment([as_it_stands], NAME, TO)

    assert (plan.action, plan.rule, plan.differences) == (Action.NONE, as_it_stands, ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"forwards_to": ("old@contoso.example",)}, "forwards to old@contoso.example"),
        ({"forwards_to": ()}, "forwards to nobody"),
        ({"forwards_to": (TO, "spy@fabrikam.example")}, f"forwards to {TO}, spy@fabrikam.example"),
        ({"enabled": False}, "is switched off"),
        ({"narrowed": True}, "does not apply to every mail"),
        ({"more": True}, "does more than forwarding"),
        ({"broken": True}, "is marked as in error by the server"),
    ],
)
def test_a_rule_that_is_not_as_wanted_is_updated_and_the_difference_told(
    changes: dict[str, object], words: str
) -> None:
    plan = plan_deployment([rule(**changes)], NAME, TO)

    assert (plan.action, plan.differences, plan.surplus) == (Action.UPDATE, (words,), ())


def test_a_rule_behind_one_that_ends_the_processing_is_put_before_it() -> None:
    ending = rule(id="2", name="Spam", order=1, ends=True)

    assert plan_deployment([ending, rule(order=2)], NAME, TO).differences == (
        "runs after 'Spam', which ends the processing of rules",
    )
    assert (
        plan_deployment([rule(order=1), rule(id="2", name="Spam", order=2, ends=True)], NAME, TO).action is Action.NONE
    )
    assert (
        plan_deployment([rule(id="2", name="Spam", order=1, ends=True, enabled=False), rule(order=2)], NAME, TO).action
        is Action.NONE
    )


def test_of_several_rules_of_our_name_the_one_that_is_as_wanted_stays_and_the_others_go() -> None:
    old, good = rule(id="old", forwards_to=("old@contoso.example",)), rule(id="good", order=2)

    plan = plan_deployment([old, good], NAME, TO)

    assert (plan.action, plan.rule, plan.surplus) == (Action.UPDATE, good, (old,))
    assert plan.differences == ("1 more of this name",)


def test_removal_takes_all_rules_of_our_name_or_those_that_forward_to_the_address() -> None:
    here, there, theirs = rule(id="a"), rule(id="b", forwards_to=("old@contoso.example",)), rule(id="c", name="Mine")

    assert plan_removal([here, there, theirs], NAME).surplus == (here, there)
    assert plan_removal([here, there, theirs], NAME, TO.upper()).surplus == (here,)
    assert plan_removal([theirs], NAME).action is Action.NONE
