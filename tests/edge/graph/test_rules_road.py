"""From the deployed rule to the CRM: mail that arrives at a user's mailbox is forwarded, unwrapped and becomes the user's activity."""

from __future__ import annotations

from typing import Any

from email_router.core.flows.deploy_rules import Wanted, deploy
from email_router.core.inbox_rules import rule_name
from email_router.core.mailbox import Accept, AfterDelivery, Direction, Mailbox, MailboxKind, Profile
from email_router.core.parse import parse
from email_router.edge.rules.graph import GraphInboxRules
from email_router.edge.sources.forward import ForwardSource
from tests.edge.graph.mailboxes import HERE, source
from tests.flows.house import House, mail
from tests.simulators.graph.process import SECRET, GraphProcess

FORWARD = "forward@contoso.example"
WANTED = Wanted(name=rule_name("contoso"), forward_to=FORWARD)


def road(graph: GraphProcess, user: str) -> House:
    """A house whose one incoming mailbox is the forward mailbox at the simulator."""
    profile = Profile(name="in", direction=Direction.INCOMING, server="exchange-online")
    graph.mailbox_state(FORWARD, "ok")
    for row in graph.messages(FORWARD):
        graph.remove_message(FORWARD, row["id"])
    house = House()
    house.configure(profile=profile)
    house.add_mailbox(Mailbox(address=user, accept=Accept.ALL))
    forward = Mailbox(address=FORWARD, kind=MailboxKind.FORWARD, incoming="in", after_delivery=AfterDelivery.DELETE)
    house.add_mailbox(forward)

    def opened(profile: Profile, mailbox: Mailbox) -> Any:
        return ForwardSource(source(graph, FORWARD), profile, parse)

    house._open = opened  # type: ignore[method-assign]  # the road's one inlet
    return house


def test_mail_at_a_users_mailbox_becomes_an_activity_of_that_user_once_the_rule_is_deployed(
    graph: GraphProcess, box: str
) -> None:
    house = road(graph, box)
    graph.put_message(box, mail(1, to=box))
    rules = GraphInboxRules(graph.profile(), Mailbox(address=box), SECRET, HERE)

    deploy(rules, box, WANTED)
    graph.put_message(box, mail(2, to=box, subject="An order of bikes"))
    house.route(FORWARD)

    (activity,) = house.crm.activities.values()
    assert (activity.mailbox, activity.subject, activity.message_id) == (
        box,
        "An order of bikes",
        "<m2@fabrikam.example>",
    )
    assert [one["folder"] for one in graph.messages(box)] == ["inbox", "inbox"]
    assert [one["folder"] for one in graph.messages(FORWARD)] == ["deleteditems"]
    assert house.quarantine.entries() == []


def test_nothing_more_comes_once_the_rule_is_removed(graph: GraphProcess, box: str) -> None:
    house = road(graph, box)
    rules = GraphInboxRules(graph.profile(), Mailbox(address=box), SECRET, HERE)
    deploy(rules, box, WANTED)
    deploy(rules, box, Wanted(name=WANTED.name, remove=True))

    graph.put_message(box, mail(1, to=box))
    house.route(FORWARD)

    assert house.crm.activities == {}
    assert graph.messages(FORWARD) == []


def test_mail_that_is_sent_from_mailbox_to_mailbox_meets_the_rule_and_no_circle_is_made(
    graph: GraphProcess, box: str
) -> None:
    """The forward mailbox's owner made a rule back: Exchange's mark ends the circle."""
    road(graph, box)
    deploy(GraphInboxRules(graph.profile(), Mailbox(address=box), SECRET, HERE), box, WANTED)
    back = GraphInboxRules(graph.profile(), Mailbox(address=FORWARD), SECRET, HERE)
    deploy(back, FORWARD, Wanted(name="back", forward_to=box))

    graph.put_message(box, mail(1, to=box))

    assert len(graph.messages(FORWARD)) == 1
    assert len(graph.messages(box)) == 2
    deploy(back, FORWARD, Wanted(name="back", remove=True))
