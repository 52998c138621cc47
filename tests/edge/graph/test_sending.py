"""Sending by Graph: one draft for each e-mail for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.compose import Outgoing, compose
from email_router.core.errors import MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.core.message import Address
from email_router.core.ports import Reach
from email_router.core.sending import Envelope, SendOutcome
from email_router.edge.connect.graph import IMMUTABLE, GraphClient
from tests.edge.graph.outgoing import NOW, OUTSIDE, SEND, arrived, envelope, mail, sender
from tests.simulators.graph.process import SECRET, GraphProcess


def test_a_mail_leaves_once_with_its_thread_and_lies_in_sent_items(graph: GraphProcess, box: str) -> None:
    opened = sender(graph, box)
    draft = opened.draft(envelope(box), mail(box))

    result = opened.send(envelope(box, draft=draft), mail(box))

    assert (result.outcome, result.provider_id) == (SendOutcome.ACCEPTED, None)
    (got,) = arrived(graph, box)
    assert (got["Subject"], got["In-Reply-To"]) == ("Größe", "<before@fabrikam.example>")
    (kept,) = graph.messages(box)
    assert (kept["folder"], kept["is_draft"], kept["immutable_id"]) == ("sentitems", False, draft)


def test_every_request_asks_for_immutable_ids(graph: GraphProcess, box: str) -> None:
    opened = sender(graph, box)

    opened.send(envelope(box, draft=opened.draft(envelope(box), mail(box))), mail(box))

    told = [row["prefer"] for row in graph.requests("/messages")]
    assert told
    assert set(told) == {'IdType="ImmutableId"'}


def test_the_id_that_exchange_puts_in_place_of_ours_is_told(graph: GraphProcess, box: str) -> None:
    graph.settings(quirks=["own_ids"])
    opened = sender(graph, box)

    result = opened.send(envelope(box, draft=opened.draft(envelope(box), mail(box))), mail(box))

    assert result.provider_id
    assert result.provider_id.startswith("<AM0PR00MB")
    assert result.provider_id == arrived(graph, box)[0]["Message-ID"]


def test_a_blind_copy_arrives_and_stands_in_no_header(graph: GraphProcess, box: str) -> None:
    opened = sender(graph, box)
    both = envelope(box, OUTSIDE, "blind@fabrikam.example")

    opened.send(replace(both, draft=opened.draft(both, mail(box))), mail(box))

    (got,) = arrived(graph, box, "blind@fabrikam.example")
    assert "blind" not in str(got)


def test_blind_copies_alone_have_no_group_of_undisclosed_recipients_on_the_way_in(
    graph: GraphProcess, box: str
) -> None:
    opened = sender(graph, box)
    wanted = Outgoing(
        sender=Address("", box), to=(), subject="x", date=NOW, message_id="<two@contoso.example>", text="t"
    )
    blind = envelope(box, "blind2@fabrikam.example", message_id="<two@contoso.example>")

    result = opened.send(replace(blind, draft=opened.draft(blind, compose(wanted))), compose(wanted))

    assert result.outcome is SendOutcome.ACCEPTED
    assert len(arrived(graph, box, "blind2@fabrikam.example")) == 1


@pytest.mark.parametrize("kind", ["lose_answer", "close", "timeout", "broken", "unavailable"])
def test_a_send_without_an_answer_is_unknown_and_asked_after_five_minutes(
    graph: GraphProcess, box: str, kind: str
) -> None:
    opened = sender(graph, box)
    draft = opened.draft(envelope(box), mail(box))
    graph.fault(SEND, kind)

    result = opened.send(envelope(box, draft=draft), mail(box))

    assert (result.outcome, result.after) == (SendOutcome.UNKNOWN, 300)


@pytest.mark.parametrize("kind", ["lose_answer", "close", "timeout"])
@pytest.mark.parametrize("again", [1, 2])
def test_whatever_became_of_the_answer_the_mail_leaves_once(
    graph: GraphProcess, box: str, kind: str, again: int
) -> None:
    first = sender(graph, box)
    draft = first.draft(envelope(box), mail(box))
    graph.fault(SEND, kind)
    first.send(envelope(box, draft=draft), mail(box))

    results = [sender(graph, box).send(envelope(box, draft=draft, attempt=2), mail(box)).outcome for _ in range(again)]

    assert results == [SendOutcome.ACCEPTED] * again
    assert len(arrived(graph, box)) == 1


def test_a_draft_that_somebody_threw_away_stays_unknown_for_a_person(graph: GraphProcess, box: str) -> None:
    draft = sender(graph, box).draft(envelope(box), mail(box))
    graph.move_message(box, draft, "deleteditems")

    result = sender(graph, box).send(envelope(box, draft=draft, attempt=2), mail(box))

    assert (result.outcome, result.after) == (SendOutcome.UNKNOWN, 0)
    assert arrived(graph, box) == []


def test_one_that_waits_in_the_outbox_is_asked_after_again(graph: GraphProcess, box: str) -> None:
    draft = sender(graph, box).draft(envelope(box), mail(box))
    graph.move_message(box, draft, "outbox")

    result = sender(graph, box).send(envelope(box, draft=draft, attempt=2), mail(box))

    assert (result.outcome, result.after) == (SendOutcome.UNKNOWN, 300)
    assert arrived(graph, box) == []


def test_a_sent_mail_that_was_moved_for_good_is_found_by_its_message_id(graph: GraphProcess, box: str) -> None:
    first = sender(graph, box)
    draft = first.draft(envelope(box), mail(box))
    first.send(envelope(box, draft=draft), mail(box))
    graph.remove_message(box, draft)
    graph.put_message(box, mail(box), "archive")

    result = sender(graph, box).send(envelope(box, draft=draft, attempt=2), mail(box))

    assert result.outcome is SendOutcome.ACCEPTED
    assert len(arrived(graph, box)) == 1


def test_a_draft_whose_id_was_lost_is_removed_before_the_next_is_made(graph: GraphProcess, box: str) -> None:
    graph.fault("POST .*/messages$", "lose_answer")
    with pytest.raises(TryLater):
        sender(graph, box).draft(envelope(box), mail(box))
    again = sender(graph, box)

    draft = again.draft(envelope(box, attempt=2), mail(box))
    again.send(envelope(box, draft=draft, attempt=2), mail(box))

    assert len(arrived(graph, box)) == 1
    assert {row["folder"] for row in graph.messages(box)} == {"sentitems", "deleteditems"}


def test_of_an_e_mail_that_is_sent_again_what_was_sent_before_stays_in_sent_items(
    graph: GraphProcess, box: str
) -> None:
    first = sender(graph, box)
    first.send(envelope(box, draft=first.draft(envelope(box), mail(box))), mail(box))

    again = sender(graph, box)
    again.draft(envelope(box, attempt=2), mail(box))
    again.draft(envelope(box, attempt=3), mail(box))  # the draft of the second was not kept

    assert sorted(row["folder"] for row in graph.messages(box)) == ["deleteditems", "drafts", "sentitems"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_draft_that_graph_names_no_id_of_is_not_kept_and_is_removed_by_the_next_attempt(
    graph: GraphProcess, box: str, *, kept: bool
) -> None:
    graph.settings(quirks=["no_draft_ids"])
    opened = sender(graph, box)

    with pytest.raises(TryLater) as nameless:
        opened.draft(envelope(box), mail(box)) if kept else opened.send(envelope(box), mail(box))
    graph.settings(quirks=[])
    opened.send(envelope(box, attempt=2), mail(box))

    assert nameless.value.kind == "graph_answer"
    assert len(arrived(graph, box)) == 1
    assert sorted(row["folder"] for row in graph.messages(box)) == ["deleteditems", "sentitems"]


def test_a_draft_that_its_owner_edited_is_sent_as_it_lies_there(graph: GraphProcess, box: str) -> None:
    draft = sender(graph, box).draft(envelope(box), mail(box))
    client = GraphClient(graph.profile(), box, SECRET, Reach(loopback=True))
    client.call("PATCH", f"{client.user}/messages/{draft}", content={"subject": "Edited"}, prefer=(IMMUTABLE,))

    result = sender(graph, box).send(envelope(box, draft=draft, attempt=2), mail(box))

    assert result.outcome is SendOutcome.ACCEPTED
    assert [str(one["Subject"]) for one in arrived(graph, box)] == ["Edited"]


def test_a_draft_that_its_owner_moved_into_another_folder_is_sent_from_there(graph: GraphProcess, box: str) -> None:
    draft = sender(graph, box).draft(envelope(box), mail(box))
    graph.move_message(box, draft, "archive")

    result = sender(graph, box).send(envelope(box, draft=draft, attempt=2), mail(box))

    assert result.outcome is SendOutcome.ACCEPTED
    assert len(arrived(graph, box)) == 1


def test_the_rate_of_thirty_a_minute_delays_and_nothing_is_lost(graph: GraphProcess, box: str) -> None:
    graph.settings(sends_a_minute=1)
    opened = sender(graph, box)
    opened.send(envelope(box, draft=opened.draft(envelope(box), mail(box))), mail(box))
    second = opened.draft(envelope(box), mail(box))

    with pytest.raises(TryLater) as slow:
        opened.send(envelope(box, draft=second), mail(box))

    assert (slow.value.kind, slow.value.after) == ("throttled", 60)
    graph.settings(sends_a_minute=30)
    assert sender(graph, box).send(envelope(box, draft=second, attempt=2), mail(box)).outcome is SendOutcome.ACCEPTED
    assert len(arrived(graph, box)) == 2


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "ErrorMimeContentInvalid", "Write the e-mail again"),
        (400, "ErrorInvalidRecipients", "Correct the recipients"),
        (413, "ErrorMessageSizeExceeded", "smaller attachments"),
    ],
)
def test_what_graph_takes_as_no_mail_is_refused_with_what_to_do(
    graph: GraphProcess, box: str, status: int, code: str, words: str
) -> None:
    graph.fault("POST .*/messages$", "status", status=status, code=code)

    with pytest.raises(MessageRefused) as refused:
        sender(graph, box).draft(envelope(box), mail(box))

    assert code in str(refused.value)
    assert words in refused.value.mend


def test_a_missing_right_to_send_as_is_told_and_refuses_the_mail(graph: GraphProcess, box: str) -> None:
    graph.settings(quirks=["no_send_as"])
    other = f"through-{box}"
    graph.mailbox_state(other, "ok")
    opened = sender(graph, box, access="delegate", username=other)

    result = opened.send(envelope(box, draft=opened.draft(envelope(box), mail(box))), mail(box))

    assert result.outcome is SendOutcome.REFUSED
    assert "Send As or Send on Behalf" in result.evidence


def test_with_the_right_it_leaves_through_the_other_mailbox_in_the_senders_name(graph: GraphProcess, box: str) -> None:
    other = f"through-{box}"
    graph.mailbox_state(other, "ok")
    opened = sender(graph, box, access="delegate", username=other)

    opened.send(envelope(box, draft=opened.draft(envelope(box), mail(box))), mail(box))

    assert len(arrived(graph, box)) == 1
    assert [row["folder"] for row in graph.messages(other)] == ["sentitems"]


def test_with_the_right_to_send_on_behalf_the_mail_shows_who_sent_it_for_whom(graph: GraphProcess, box: str) -> None:
    graph.settings(quirks=["on_behalf"])
    other = f"through-{box}"
    graph.mailbox_state(other, "ok")
    opened = sender(graph, box, access="delegate", username=other)

    result = opened.send(envelope(box, draft=opened.draft(envelope(box), mail(box))), mail(box))

    assert result.outcome is SendOutcome.ACCEPTED
    (got,) = arrived(graph, box)
    assert (got["From"], got["Sender"]) == (f"Sales <{box}>", other)


@pytest.mark.parametrize("state", ["denied", "missing", "disabled", "full"])
def test_a_mailbox_that_cannot_send_is_told_by_kind_and_with_what_to_do(
    graph: GraphProcess, box: str, state: str
) -> None:
    graph.mailbox_state(box, state)

    with pytest.raises(RouterError) as blocked:
        sender(graph, box).draft(envelope(box), mail(box))

    assert isinstance(blocked.value, MailboxBlocked)
    assert blocked.value.mend


@pytest.mark.parametrize("count", [0, 501])
def test_nobody_and_more_than_five_hundred_are_refused_before_anything_is_asked(
    graph: GraphProcess, box: str, count: int
) -> None:
    crowd = Envelope(
        organisation="contoso",
        activity="6f1d",
        sender=box,
        recipients=tuple(f"p{number}@fabrikam.example" for number in range(count)),
    )

    with pytest.raises(MessageRefused):
        sender(graph, box).draft(crowd, mail(box))

    assert graph.requests() == []


def test_without_a_keeper_of_drafts_a_mail_is_drafted_and_sent_in_one(graph: GraphProcess, box: str) -> None:
    result = sender(graph, box).send(envelope(box), mail(box))

    assert result.outcome is SendOutcome.ACCEPTED
    assert len(arrived(graph, box)) == 1
