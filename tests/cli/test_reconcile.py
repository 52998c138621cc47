"""`reconcile`: the proof as it is told, and the command on a state that `local` leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from email_router.cli.comparison import Compared, compared
from email_router.cli.local import leaving
from email_router.core.errors import MailboxBlocked
from email_router.core.flows.accounting import Fate
from email_router.core.flows.reconcile import PickedUp, Proof
from email_router.core.flows.route_mailbox import RouteMailbox
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AfterDelivery
from email_router.wiring.configuration import load
from tests.cli.running import run
from tests.cli.schemas import COUNT, MESSAGE_ID, TEXT, VERDICT, check, exactly, many, or_null
from tests.cli.test_local import SALES, VARIABLES, configuration, mail
from tests.flows import house as flows
from tests.simulators import pop3, smtp
from tests.simulators.certificates import Authority

PROOF = exactly(
    mailbox=TEXT,
    done={"type": "boolean"},
    messages=COUNT,
    folders=COUNT,
    accounted=exactly(**{fate.name.lower(): COUNT for fate in Fate}),
    picked_up=many(exactly(source_id=TEXT, message_id=MESSAGE_ID, verdict=VERDICT)),
    error=or_null(exactly(kind=TEXT, text=TEXT, mend=TEXT)),
)


def silent(_text: str) -> None:
    """Show no progress."""


def a_house(*messages: bytes) -> flows.House:
    """A mailbox that was served, whose first message was lost."""
    house = flows.House(b"", *messages)
    house.source.messages[0] = None
    house.route()
    house.source.messages[0] = flows.mail(1)
    return house


def found_in(house: flows.House, pause: object = None) -> Compared:
    box = house.configuration.mailbox(flows.SALES)
    assert box is not None
    waiting = pause if callable(pause) else lambda _seconds: None
    return compared(RouteMailbox(house.incoming()), "contoso", box, silent, waiting)


def test_the_proof_says_how_many_messages_are_accounted_for_as_what_and_names_those_picked_up() -> None:
    found = found_in(a_house(flows.mail(2), b"\x00"))

    assert found.words() == (
        f"{flows.SALES}: 3 messages in 1 folder, all accounted for: delivered 1, quarantined 1, picked up 1"
    )
    assert not found.failed
    check(found.json(), PROOF)
    assert found.json()["picked_up"] == [
        {"source_id": "0", "message_id": "<m1@fabrikam.example>", "verdict": "delivered"}
    ]


def test_an_empty_mailbox_is_accounted_for() -> None:
    found = found_in(flows.House())

    assert found.words() == f"{flows.SALES}: 0 messages in 1 folder, all accounted for"
    check(found.json(), PROOF)


def test_a_mailbox_that_is_served_is_waited_for() -> None:
    house = a_house()
    house.states.lease(flows.SALES, flows.NOW, flows.NOW + timedelta(seconds=330))
    waited = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        house.clock.advance(400 if len(waited) == 3 else 0)

    assert not found_in(house, pause).failed
    assert len(waited) == 3


def test_a_mailbox_that_is_served_for_ever_is_told_to_be_busy() -> None:
    house = a_house()
    house.states.lease(flows.SALES, flows.NOW, flows.NOW + timedelta(seconds=330))

    found = found_in(house)

    assert found.failed
    assert found.json()["error"] == {
        "kind": "busy",
        "text": f"{flows.SALES} is being served",
        "mend": "Try again in a few minutes.",
    }


def test_what_was_found_before_an_error_is_told_with_it() -> None:
    proof = Proof(folders=2, fates={Fate.DELIVERED: 5}, after="x", done=False)
    found = Compared("a@contoso.example", proof, MailboxBlocked("no", kind="login_refused", mend="Mend it."))

    assert found.words() == (
        "a@contoso.example: 5 messages in 2 folders, so far accounted for, the rest was not compared: delivered 5"
    )
    check(found.json(), PROOF)


def test_passes_that_run_out_of_time_are_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    house = a_house(*(flows.mail(number) for number in range(2, 12)))
    house.timing = replace(house.timing, page_messages=1)
    find = house.ledger.find

    def slow(wanted: object) -> object:
        house.clock.advance(100)
        return find(wanted)  # type: ignore[arg-type]

    monkeypatch.setattr("email_router.cli.comparison.CLOCK", house.clock)
    monkeypatch.setattr(house.ledger, "find", slow)
    found = found_in(house)

    assert found.proof is not None
    assert (found.proof.messages, found.failed) == (11, False)
    assert found.proof.picked_up == (PickedUp("0", "<m1@fabrikam.example>", Outcome.DELIVERED),)


POP3 = """
[organisation]
name = "contoso"

[[profiles]]
name = "in"
direction = "incoming"
server = "pop3"
host = "localhost"
move_undelivered = true
credentials = { env = "GOOD" }

[[mailboxes]]
address = "sales@contoso.example"
incoming = "in"
after_delivery = "delete"
"""


def test_pop3_is_told_to_have_no_folder_for_what_cannot_be_delivered(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text(POP3)

    (warning,) = load(tmp_path / "router.toml", VARIABLES).warnings

    assert warning == "profile in: move_undelivered changes nothing: POP3 has no folders"


def test_on_this_machine_no_message_is_moved_or_deleted(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text(POP3)

    kept = leaving(load(tmp_path / "router.toml", VARIABLES).configuration)

    assert [one.move_undelivered for one in kept.profiles] == [False]
    assert [one.after_delivery for one in kept.mailboxes] == [AfterDelivery.LEAVE]


@pytest.mark.long
def test_the_command_proves_what_local_has_routed_and_takes_up_what_came_since(
    tmp_path: Path, authority: Authority
) -> None:
    inbox = pop3.Pop3Process.start(tmp_path / "pop3", certificate=authority.issue())
    outbox = smtp.SmtpProcess.start(tmp_path / "smtp", certificate=authority.issue())
    try:
        (tmp_path / "ca.pem").write_text(authority.pem)
        (tmp_path / "router.toml").write_text(configuration(inbox, outbox))
        for number in range(3):
            inbox.put(SALES, mail(number))
        run("local", "--config", "router.toml", "--once", "--json", folder=tmp_path, variables=VARIABLES)
        inbox.put(SALES, mail(3))

        ran, told, wrong, unknown = (
            run("reconcile", *more, "--config", "router.toml", folder=tmp_path, variables=VARIABLES)
            for more in ((SALES, "--json"), (SALES,), ("bad@contoso.example", "--json"), ("nobody@contoso.example",))
        )
        neither = run("reconcile", SALES, folder=tmp_path)
        left = len(inbox.messages(SALES))
        emails = run("emails", "--json", folder=tmp_path).json["emails"]
    finally:
        inbox.stop()
        outbox.stop()

    check(ran.json, PROOF)
    assert (ran.code, ran.json["messages"], ran.json["accounted"]["delivered"]) == (0, 4, 4)
    assert told.out.strip() == f"{SALES}: 4 messages in 1 folder, all accounted for: delivered 4"
    assert (len(emails), left) == (4, 4)
    assert (wrong.code, wrong.json["error"]["kind"]) == (1, "login_refused")
    assert (unknown.code, SALES in unknown.err) == (2, True)
    assert (neither.code, "--config" in neither.err) == (2, True)
