"""What every keeper of inbox rules promises, asked of each in turn, and what the rules then do to mail that arrives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from email_router.core.errors import RouterError
from email_router.core.flows.deploy_rules import Wanted, deploy
from email_router.core.inbox_rules import Action, InboxRules, rule_name
from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.edge.connect.https import hang_up
from email_router.edge.rules.ews import EwsInboxRules
from email_router.edge.rules.graph import GraphInboxRules
from email_router.wiring.registry import RULES, load
from tests.simulators.ews.process import PASSWORD, EwsProcess
from tests.simulators.graph.process import SECRET, GraphProcess

HERE = Reach(loopback=True)
NAME = rule_name("contoso")
MAIL = b"From: Erin <erin@fabrikam.example>\r\nSubject: An order\r\nMessage-ID: <1@fabrikam.example>\r\n\r\nHello\r\n"
_NUMBERS = itertools.count(1)


@dataclass
class House:
    """A mailbox with its rules, one to forward to, how mail arrives, and what the second one got."""

    open: Callable[[], InboxRules]
    forward_to: str
    arrive: Callable[[bytes], object]
    got: Callable[[], list[bytes]]
    address: str


def _graph(graph: GraphProcess) -> House:
    number = next(_NUMBERS)
    box, to = f"rules{number}@contoso.example", f"forward{number}@contoso.example"
    graph.mailbox_state(box, "ok")
    graph.mailbox_state(to, "ok")
    return House(
        lambda: GraphInboxRules(graph.profile(), Mailbox(address=box), SECRET, HERE),
        to,
        lambda raw: graph.put_message(box, raw),
        lambda: [row["raw"] for row in graph.messages(to)],
        box,
    )


def _ews(server: EwsProcess, access: str) -> House:
    number = next(_NUMBERS)
    box, to = f"rules{number}@contoso.example", f"forward{number}@contoso.example"
    server.control("mailbox", {"address": box})
    server.control("mailbox", {"address": to})
    return House(
        lambda: EwsInboxRules(server.profile(access=access), Mailbox(address=box), PASSWORD, HERE),
        to,
        lambda raw: server.put(box, raw),
        lambda: [row["raw"] for row in server.messages(to)],
        box,
    )


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("graph")) as running:
        yield running
    hang_up()


@pytest.fixture(params=["graph", "ews-impersonation", "ews-delegate"])
def house(request: pytest.FixtureRequest, graph: GraphProcess, ews_server: EwsProcess) -> House:
    kind, _, access = request.param.partition("-")
    return _graph(graph) if kind == "graph" else _ews(ews_server, access)


def deployed(house: House, **wanted: bool) -> tuple[Action, bool]:
    forward_to = "" if wanted.get("remove") else house.forward_to
    with closing(house.open()) as rules:
        found = deploy(rules, house.address, Wanted(name=NAME, forward_to=forward_to, **wanted))
    return found.plan.action, found.done


def test_every_line_of_the_registry_is_held_to_this_contract() -> None:
    assert {load(place) for place in RULES.values()} == {GraphInboxRules, EwsInboxRules}


def test_a_rule_that_was_made_is_read_back_as_it_was_wanted(house: House) -> None:
    with closing(house.open()) as rules:
        assert rules.all().rules == ()
        rules.make(NAME, house.forward_to)
        (made,) = rules.all().rules

    assert (made.name, made.forwards_to, made.enabled, made.order) == (NAME, (house.forward_to,), True, 1)
    assert (made.narrowed, made.more, made.ends, made.broken) == (False, False, False, False)


def test_a_rule_comes_before_those_that_are_there(house: House) -> None:
    with closing(house.open()) as rules:
        rules.make("Newsletters", house.forward_to)
        rules.make(NAME, house.forward_to)

        assert {rule.name: rule.order for rule in rules.all().rules} == {NAME: 1, "Newsletters": 2}


def test_mail_that_arrives_is_forwarded_as_an_attachment_byte_for_byte_and_stays_where_it_is(house: House) -> None:
    house.arrive(MAIL)
    deployed(house)

    house.arrive(MAIL.replace(b"<1@", b"<2@"))

    (wrapper,) = house.got()
    assert MAIL.replace(b"<1@", b"<2@") in wrapper
    assert b"Content-Type: message/rfc822" in wrapper
    assert wrapper.startswith(f"From: <{house.address}>".encode())


def test_deploying_again_changes_nothing(house: House) -> None:
    assert deployed(house) == (Action.MAKE, True)
    with closing(house.open()) as rules:
        before = rules.all()

        assert deployed(house) == (Action.NONE, False)
        assert rules.all() == before


def test_a_preview_changes_nothing(house: House) -> None:
    assert deployed(house, preview=True) == (Action.MAKE, False)
    with closing(house.open()) as rules:
        assert rules.all().rules == ()


def test_a_rule_that_forwards_elsewhere_is_changed_only_when_it_may_be(house: House) -> None:
    with closing(house.open()) as rules:
        rules.make(NAME, "old@contoso.example")

    with pytest.raises(RouterError, match=r"it forwards to old@contoso\.example") as refused:
        deployed(house)
    assert (refused.value.kind, refused.value.mend) == ("rule_differs", "--update changes it.")
    assert deployed(house, preview=True, update=True) == (Action.UPDATE, False)
    assert deployed(house, update=True) == (Action.UPDATE, True)
    assert deployed(house) == (Action.NONE, False)


def test_of_two_rules_of_our_name_one_is_left(house: House) -> None:
    with closing(house.open()) as rules:
        rules.make(NAME, "old@contoso.example")
        rules.make(NAME, house.forward_to)

        assert deployed(house, update=True) == (Action.UPDATE, True)
        assert [rule.forwards_to for rule in rules.all().rules] == [(house.forward_to,)]


def test_removing_takes_our_rule_alone_and_once_more_is_no_error(house: House) -> None:
    deployed(house)
    with closing(house.open()) as rules:
        rules.make("Newsletters", house.forward_to)
        (ours,) = [rule for rule in rules.all().rules if rule.name == NAME]

        assert deployed(house, remove=True, preview=True) == (Action.REMOVE, False)
        assert deployed(house, remove=True) == (Action.REMOVE, True)
        assert deployed(house, remove=True) == (Action.NONE, False)
        rules.remove(ours)
        assert [rule.name for rule in rules.all().rules] == ["Newsletters"]
