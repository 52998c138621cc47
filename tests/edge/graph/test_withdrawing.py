"""Take back what was drafted, unless it has left."""

from __future__ import annotations

import pytest

from email_router.core.errors import TryLater
from email_router.core.sending import SendOutcome
from tests.edge.graph.outgoing import SEND, arrived, envelope, mail, sender
from tests.simulators.graph.process import GraphProcess


def test_a_draft_that_has_not_left_is_withdrawn_and_again_without_harm(graph: GraphProcess, box: str) -> None:
    draft = sender(graph, box).draft(envelope(box), mail(box))

    told = [sender(graph, box).withdraw(envelope(box, draft=draft)) for _ in range(2)]

    assert told == [None, None]
    assert [row["folder"] for row in graph.messages(box)] == ["deleteditems"]
    assert arrived(graph, box) == []


def test_one_that_has_left_is_not_withdrawn(graph: GraphProcess, box: str) -> None:
    opened = sender(graph, box)
    draft = opened.draft(envelope(box), mail(box))
    graph.fault(SEND, "lose_answer")
    opened.send(envelope(box, draft=draft), mail(box))

    told = sender(graph, box).withdraw(envelope(box, draft=draft))

    assert told is not None
    assert told.outcome is SendOutcome.ACCEPTED
    assert [row["folder"] for row in graph.messages(box)] == ["sentitems"]


def test_of_a_draft_that_is_leaving_or_nowhere_nobody_can_tell(graph: GraphProcess, box: str) -> None:
    draft = sender(graph, box).draft(envelope(box), mail(box))
    graph.move_message(box, draft, "outbox")
    leaving = sender(graph, box).withdraw(envelope(box, draft=draft))
    graph.remove_message(box, draft)
    nowhere = sender(graph, box).withdraw(envelope(box, draft=draft))

    assert leaving is not None
    assert nowhere is not None
    assert (leaving.outcome, leaving.after) == (SendOutcome.UNKNOWN, 300)
    assert (nowhere.outcome, nowhere.after) == (SendOutcome.UNKNOWN, 0)


def test_drafts_whose_ids_were_lost_are_withdrawn_by_their_message_id(graph: GraphProcess, box: str) -> None:
    graph.fault("POST .*/messages$", "lose_answer")
    with pytest.raises(TryLater):
        sender(graph, box).draft(envelope(box), mail(box))

    assert sender(graph, box).withdraw(envelope(box)) is None
    assert [row["folder"] for row in graph.messages(box)] == ["deleteditems"]
