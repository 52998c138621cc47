"""`outgoing show`, `settle`, `retry`, `cancel` and `alerts`, as a person uses them on what a relay did to the e-mails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.running import Ran
from tests.cli.test_local import CARLA, SALES, House, configuration
from tests.simulators import pop3, smtp
from tests.simulators.certificates import Authority
from tests.simulators.smtp import Faults

BOB = "bob@fabrikam.example"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[House]:
    """An organisation with one sender and a relay."""
    folder = tmp_path_factory.mktemp("outgoing")
    inbox = pop3.Pop3Process.start(folder / "pop3", certificate=authority.issue())
    outbox = smtp.SmtpProcess.start(folder / "smtp", certificate=authority.issue())
    (folder / "ca.pem").write_text(authority.pem)
    (folder / "router.toml").write_text(configuration(inbox, outbox).partition('[[mailboxes]]\naddress = "empty@')[0])
    made = House(folder, inbox, outbox)
    assert made.run("publish", "router.toml").code == 0
    yield made
    inbox.stop()
    outbox.stop()


def write(house: House, subject: str, *more: str) -> str:
    to = ("--to", CARLA, "--to", BOB)
    made = house.run("send", "--from", SALES, *to, "--subject", subject, "--text", "Hello.", "--json", *more)
    return str(made.json["activity"])


def shown(house: House, activity: str) -> dict[str, Any]:
    told = house.run("outgoing", "show", activity, "--json")
    assert told.code == 0, told.err
    return dict(told.json)


def got(house: House, subject: str) -> list[tuple[str, ...]]:
    """Return whom the relay took a mail of this subject for, mail by mail."""
    return [mail.recipients for mail in house.outbox.received() if f"Subject: {subject}".encode() in mail.raw]


@pytest.mark.long
def test_a_recipient_that_was_refused_is_shown_explained_and_tried_again_alone(house: House) -> None:
    house.outbox.store.set_faults(Faults(rcpt={BOB: "550 5.1.1 no such user"}))
    activity = write(house, "Refused")
    assert house.local().code == 0
    first, table, why = (
        shown(house, activity),
        house.run("outgoing", "show", activity).out,
        house.run("explain", activity).out,
    )
    house.outbox.store.set_faults(Faults())

    retried = house.run("outgoing", "retry", activity)
    house.local()

    assert {one["address"]: (one["outcome"], one["reported"]) for one in first["recipients"]} == {
        CARLA: ("accepted", None),
        BOB: ("refused", None),
    }
    assert first["status"] == "sent"
    assert f"refused: {BOB} 550 5.1.1 no such user" in first["reason"]
    assert [one["status"] for one in first["history"]] == ["pending", "sending", "sent"]
    assert all(one["at"] and one["request"] for one in first["history"])
    assert "no such user" in table
    assert BOB in why
    assert retried.code == 0
    after = shown(house, activity)
    assert {one["outcome"] for one in after["recipients"]} == {"accepted"}
    assert "by hand: email-router" in [one["request"] for one in after["history"]]
    assert got(house, "Refused") == [(CARLA,), (BOB,)]


def _unknown(house: House, subject: str) -> str:
    house.outbox.store.set_faults(Faults(close_after_data=True))
    activity = write(house, subject)
    house.local()
    house.outbox.store.set_faults(Faults())
    assert shown(house, activity)["status"] == "unknown"
    return activity


@pytest.mark.long
def test_an_unknown_result_is_settled_by_a_person_either_way(house: House) -> None:
    left, again = _unknown(house, "Left"), _unknown(house, "Again")

    told = [
        house.run("outgoing", "settle", left),
        house.run("outgoing", "settle", left, "--sent", "--resend"),
        house.run("outgoing", "cancel", left),
        house.run("outgoing", "settle", left, "--sent", "--json"),
        house.run("outgoing", "settle", again, "--resend", "--json"),
    ]
    house.local()

    assert [one.code for one in told] == [2, 2, 2, 0, 0]
    assert "either --sent or --resend" in told[0].err
    assert "cannot be cancelled" in told[2].err
    assert (told[3].json["status"], told[4].json["status"]) == ("sent", "pending")
    assert (shown(house, left)["status"], shown(house, again)["status"]) == ("sent", "sent")
    assert (len(got(house, "Left")), len(got(house, "Again"))) == (1, 2)
    assert house.run("outgoing", "settle", left, "--resend").code == 2


@pytest.mark.long
def test_what_failed_is_an_alert_of_its_owner(house: House) -> None:
    house.outbox.store.set_faults(Faults(mail="550 5.7.1 not you"))
    activity = write(house, "Failed")
    house.local()
    house.outbox.store.set_faults(Faults())

    alerts = house.run("alerts", "--json").json["alerts"]

    (mine,) = [one for one in alerts if one["kind"] == "not_sent"]
    assert mine["about"] == SALES
    assert activity in mine["messages"]
    assert not [one for one in alerts if one["kind"] == "unknown_result"]
    told = shown(house, activity)
    assert told["status"] == "failed"
    assert [one["text"] for one in told["notes"]] == [f"Not delivered to {CARLA}, {BOB}: 550 5.7.1 not you"]


@pytest.mark.long
def test_an_e_mail_for_later_waits_with_its_instant_and_can_be_cancelled(house: House) -> None:
    asked = ("--at", "2099-01-01T08:00:00+01:00", "--importance", "high", "--read-receipt", "--delivery-receipt")
    activity = write(house, "Later", *asked)
    house.local()
    before = shown(house, activity)

    told: Ran = house.run("outgoing", "cancel", activity)
    house.local()

    assert (before["status"], before["due"], before["recipients"]) == ("pending", "2099-01-01T07:00:00Z", [])
    assert (told.code, shown(house, activity)["status"]) == (0, "cancelled")
    assert got(house, "Later") == []
    assert house.run("send", "--from", SALES, "--to", BOB, "--subject", "x", "--at", "tomorrow").code == 2
    assert house.run("outgoing", "show", "never").code == 2
