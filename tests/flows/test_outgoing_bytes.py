"""What leaves is what was composed and proven: once, with one Message-ID, and the same bytes at every attempt."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from email_router.core import wire
from email_router.core.activity import EmailStatus
from email_router.core.errors import TryLater
from email_router.core.parse import parse
from email_router.core.sending import SendOutcome, SendResult
from tests.flows.office import Office

LARGE = random.Random(1).randbytes(20_000).hex()


@pytest.mark.parametrize("text", ["small", LARGE], ids=["beside the state", "in the blob store"])
def test_every_attempt_sends_the_bytes_that_were_composed_first(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    office.write(text=text)
    office.sender.answers = [
        SendResult(outcome=SendOutcome.DEFERRED, evidence="451 later"),
        SendResult(outcome=SendOutcome.DEFERRED, evidence="451 later"),
    ]
    office.send()
    first = office.outgoing.get("e1")
    assert first is not None
    # Composed anew it would be another mail.
    monkeypatch.setattr(wire, "printable", lambda text: f"other {text}")

    for _ in range(2):
        office.clock.advance(7_200)
        office.send()

    (state,) = office.outgoing.all()
    assert (state.status, state.attempts) == (EmailStatus.SENT, 3)
    assert state.beside is (text != LARGE)
    sent = [raw for _, raw in office.sender.sent]
    assert len(sent) == 3
    assert {sha256(bytes(raw)).hexdigest() for raw in sent} == {state.blob.rpartition("/")[2]}
    assert {parse(bytes(raw)).message_id for raw in sent} == {state.message_id} == {first.message_id}
    assert {envelope.message_id for envelope, _ in office.sender.sent} == {state.message_id}


def test_a_worker_that_dies_before_the_state_is_written_leaves_the_next_one_the_same_message_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []
    office = Office()
    office.write()
    prepare_all = office.outgoing.prepare_all

    def away(prepared: list[object]) -> None:
        made.extend(one.state.message_id for one in prepared)  # type: ignore[attr-defined]  # as the port has it
        raise TryLater("the store is away")

    monkeypatch.setattr(office.outgoing, "prepare_all", away)
    with pytest.raises(TryLater):
        office.send()
    monkeypatch.setattr(office.outgoing, "prepare_all", prepare_all)

    office.send()

    assert [parse(bytes(raw)).message_id for _, raw in office.sender.sent] == made


@pytest.mark.parametrize("name", ["printable", "unstructured"])
def test_what_does_not_read_as_it_was_meant_is_neither_stored_nor_sent(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, name, lambda text, *_: text)  # a guard of composing does nothing
    office = Office()
    office.write(subject="x\r\nBcc: evil@example.org", text=LARGE)

    office.send()

    email = office.crm.activities["e1"]
    assert email.status is EmailStatus.FAILED
    assert "does not read as it was meant" in (email.reason or "")
    assert office.sender.sent == []
    assert office.outgoing.all() == []
    assert office.blobs.stored == {}
