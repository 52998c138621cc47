"""Give one mailbox the inbox rule that forwards its mail to a forward mailbox, or take it away."""

from __future__ import annotations

from dataclasses import dataclass

from email_router.core.errors import MailboxBlocked
from email_router.core.inbox_rules import OUTLOOK_MEND, Action, InboxRules, Plan, plan_deployment, plan_removal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted of every mailbox: the rule's name and where it forwards to.

    `preview` changes nothing; `update` may change a rule of ours that is not as wanted; `remove` takes our rules away, all of them where
    `forward_to` is empty; `replace_outlook_rules` says that Outlook's own rules may be deleted for it.
    """

    name: str
    forward_to: str = ""
    preview: bool = False
    update: bool = False
    remove: bool = False
    replace_outlook_rules: bool = False


@dataclass(frozen=True, slots=True)
class Deployed:
    """What was planned for a mailbox, and whether it was done."""

    plan: Plan
    done: bool


def deploy(rules: InboxRules, address: str, wanted: Wanted) -> Deployed:
    """Look at the mailbox's rules and make them as wanted.  Repeatable: what is as wanted stays untouched.

    Raises what the port raises, and MailboxBlocked "rule_differs" for a rule of ours that may not be updated, "outlook_rules" where a
    preview sees that the server will refuse.
    """
    found = rules.all()
    make = plan_removal if wanted.remove else plan_deployment
    plan = make(found.rules, wanted.name, wanted.forward_to)
    if plan.action is Action.UPDATE and not wanted.update:
        raise MailboxBlocked(
            f"{address}: expected the rule {wanted.name!r} to forward every mail to {wanted.forward_to}; it {', '.join(plan.differences)}",
            kind="rule_differs",
            mend="--update changes it.",
        )
    if plan.action is Action.NONE:
        return Deployed(plan, done=False)
    if wanted.preview:
        if found.outlook_only and not wanted.replace_outlook_rules:
            raise MailboxBlocked(
                f"{address}: the server will refuse to change its rules", kind="outlook_rules", mend=OUTLOOK_MEND
            )
        return Deployed(plan, done=False)
    _carry_out(rules, plan, wanted)
    return Deployed(plan, done=True)


def _carry_out(rules: InboxRules, plan: Plan, wanted: Wanted) -> None:
    """If this dies between two calls, the next deployment finds what is left to do."""
    if plan.action is Action.MAKE:
        rules.make(wanted.name, wanted.forward_to)
    if plan.action is Action.UPDATE and plan.rule is not None:
        rules.update(plan.rule, wanted.name, wanted.forward_to)
    for rule in plan.surplus:
        rules.remove(rule)
