"""A delta page that lists newest first is one conversation all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.edge.graph.mailboxes import source
from tests.flows.house import NOW, House, mail
from tests.simulators.graph.process import GraphProcess


@pytest.mark.parametrize("apart", [0, 1, -1], ids=["in one second", "in order", "the reply before its parent"])
def test_a_reply_that_delta_lists_before_its_parent_continues_it(graph: GraphProcess, box: str, apart: int) -> None:
    house = House()
    house._open = lambda _profile, _mailbox: source(graph, box)  # type: ignore[assignment, return-value, method-assign]  # the road's one inlet
    graph.settings(quirks=["newest_first"])
    for number in range(3):
        answers = f"In-Reply-To: <m{number - 1}@fabrikam.example>\r\n" if number else ""
        received = NOW - timedelta(hours=1) + timedelta(seconds=number * apart)
        graph.put_message(box, mail(number, extra=answers), received=received)

    house.route()

    ids = {email.id: email.message_id for email in house.crm.activities.values()}
    parents = {email.message_id: ids.get(email.correlated or "") for email in house.crm.activities.values()}
    assert parents == {
        "<m0@fabrikam.example>": None,
        "<m1@fabrikam.example>": "<m0@fabrikam.example>",
        "<m2@fabrikam.example>": "<m1@fabrikam.example>",
    }
