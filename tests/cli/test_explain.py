"""`explain` and `what-if`, as a person uses them on what a run left, and the words in which they tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from email_router.cli.explain_words import ASKED, otherwise_line, outcome_line
from email_router.core import matching, screening
from email_router.core.ledger import Answer, Outcome, Trace
from tests.cli.kinds import reasons
from tests.cli.running import Ran
from tests.cli.schemas import EXPLANATION, check
from tests.cli.standing import held
from tests.cli.test_local import CARLA, CRM, SALES, House, configuration, mail
from tests.simulators import pop3, smtp
from tests.simulators.certificates import Authority

DOC = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
IGNORED = "1@fabrikam.example"


def _file(inbox: pop3.Pop3Process, outbox: smtp.SmtpProcess, accept: str) -> str:
    text = configuration(inbox, outbox).replace('after_delivery = "delete"', f'accept = "{accept}"')
    return text.partition('[[mailboxes]]\naddress = "empty@')[0]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[House]:
    """An organisation whose queue takes replies only, with an e-mail sent and three mails come in."""
    folder = tmp_path_factory.mktemp("explain")
    inbox = pop3.Pop3Process.start(folder / "pop3", certificate=authority.issue())
    outbox = smtp.SmtpProcess.start(folder / "smtp", certificate=authority.issue())
    (folder / "ca.pem").write_text(authority.pem)
    (folder / "router.toml").write_text(_file(inbox, outbox, "replies"))
    (folder / "wide.toml").write_text(_file(inbox, outbox, "all"))
    (folder / "crm.csv").write_text(CRM)
    made = House(folder, inbox, outbox)
    with held(folder / ".email-router"):
        made.run("publish", "router.toml")
        made.run("crm", "import", "crm.csv")
        made.run("send", "--from", SALES, "--to", CARLA, "--subject", "Your order", "--text", "Thank you.")
    (sent,) = made.local().json["outgoing"]
    inbox.put(SALES, mail(1))
    inbox.put(SALES, mail(2, f"In-Reply-To: {sent['message_id']}\r\n"))
    inbox.put(SALES, b"\x00\x01\x02 this is no mail at all")
    made.local()
    with held(folder / ".email-router"):
        yield made
    inbox.stop()
    outbox.stop()


def _one_sent(house: House) -> dict[str, str]:
    (sent,) = house.run("outgoing", "list", "--json").json["outgoing"]
    return sent  # type: ignore[no-any-return]  # JSON


def _plain(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-24T09:00:00Z", text).strip()


def test_an_unwanted_message_says_why_and_which_setting_would_have_it_tracked(house: House) -> None:
    told = house.run("explain", f"<{IGNORED.upper().replace('1@', '1@')}>")

    assert told.code == 0
    assert told.out.startswith(f"Not tracked in {SALES}, because recipients accept replies")
    assert f'set accept = "all" at [[mailboxes]] "{SALES}"' in told.out
    assert "Do In-Reply-To or References name an e-mail of the CRM?" in told.out


def test_the_example_of_the_documentation_is_what_the_command_prints(house: House) -> None:
    told = house.run("explain", IGNORED)

    (example,) = re.findall(r"^```text\n(.*?)^```", DOC.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.rstrip() for line in _plain(told.out).splitlines()]
    assert [line.rstrip() for line in _plain(example).splitlines()] == lines


def test_a_reply_says_what_it_continues(house: House) -> None:
    told = house.run("explain", "Message-ID: <2@fabrikam.example>")

    assert told.out.startswith("Delivered to the CRM as e-mail activity ")
    assert f"It continues activity {_one_sent(house)['activity']}, found by in_reply_to." in told.out


@pytest.mark.parametrize("by", ["activity", "message_id"])
def test_an_outgoing_e_mail_tells_its_history_by_either_id(house: House, by: str) -> None:
    sent = _one_sent(house)

    told = house.run("explain", sent[by])
    shape = house.run("explain", sent[by], "--json").json

    assert told.out.startswith(f"Outgoing e-mail activity {sent['activity']}, from {SALES} to {CARLA}: sent")
    assert shape["trace"][-1]["question"] == "sent"
    assert shape["verdict"] == "sent"


def test_an_incoming_activity_id_is_as_good_as_its_message_id(house: House) -> None:
    activity = next(
        one["activity"] for one in house.run("emails", "--json").json["emails"] if one["direction"] == "incoming"
    )

    told = house.run("explain", activity, "--json").json

    check(told, EXPLANATION)
    assert told["message_id"] == "<2@fabrikam.example>"


def test_an_unknown_id_ends_with_1_and_names_what_it_may_be(house: House) -> None:
    told = house.run("explain", "1@fabrikan.example")

    assert (told.code, told.out) == (1, "")
    assert "no trace of this message" in told.err
    assert "Did you mean '1@fabrikam.example'" in told.err
    assert "Traces are kept 90 days" in told.err


def _what_if(house: House, *more: str) -> Ran:
    return house.run("what-if", "wide.toml", *more)


def test_what_if_lists_what_would_be_tracked_and_changes_nothing(house: House) -> None:
    told = _what_if(house, "--json").json
    lines = _what_if(house).out

    assert told["messages"] == 3
    assert told["differences"]["newly tracked"] == 1
    (change,) = [one for one in told["changes"] if one["difference"] == "newly tracked"]
    assert (change["message_id"], change["then"]["verdict"]) == (f"<{IGNORED}>", "ignored")
    assert (change["now"]["verdict"], change["now"]["reason"]) == ("delivered", "accept_all")
    assert lines.startswith("3 messages of the last 7 days: 1 newly tracked")
    assert house.run("explain", IGNORED, "--json").json["verdict"] == "ignored"


def test_what_if_of_the_file_in_force_changes_nothing_and_another_mailbox_has_no_messages(house: House) -> None:
    same = house.run("what-if", "router.toml", "--json").json
    other = _what_if(house, "--json", "--mailbox", "ann@contoso.example").json

    assert same["changes"] == []
    assert (same["differences"]["nothing"], other["messages"]) == (3, 0)


def test_every_question_is_worded() -> None:
    asked = {name for name, _ in (*screening.ENTRY, *matching.RULES, *screening.ACCEPTANCE)}

    assert asked - ASKED.keys() == set()


def _trace(outcome: Outcome, reason: str, **more: object) -> Trace:
    plain = Trace(
        key="k",
        mailbox=SALES,
        source="pop3",
        source_id="1",
        message_id="<1@x.example>",
        subject="",
        outcome=outcome,
        reason=reason,
        rule="",
        at=datetime(2026, 11, 24, tzinfo=UTC),
        activity="a1",
        answers=(Answer("asked", outcome.value, f"{reason}: what was seen"),),
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("trace", "line"),
    [
        (_trace(Outcome.IGNORED, "duplicate", copy="c"), f"{SALES}: a further copy of a message that was dealt with"),
        (_trace(Outcome.ATTACHED, "delivery_report"), "Attached to e-mail activity a1 as its delivery report"),
        (_trace(Outcome.QUARANTINED, "unreadable"), f"Set aside for a person in {SALES}, because what was seen"),
        (_trace(Outcome.FAILED, "accept_all"), f"Not in the CRM yet: {SALES} tries it again"),
    ],
)
def test_each_outcome_is_one_sentence(trace: Trace, line: str) -> None:
    assert outcome_line(trace).startswith(line)


def test_every_reason_for_which_a_message_is_ignored_says_what_would_have_to_be_different() -> None:
    delivered = {"accept_all", "correlation_match", "sender_match", "over_limit", "correlation"}
    ignored = reasons() - delivered - {"unreadable", "untrusted_wrapper", "undelivered", "vanished"}

    assert [one for one in sorted(ignored) if not otherwise_line(_trace(Outcome.IGNORED, one))] == []


def test_a_recipient_who_is_not_approved_is_named_with_what_would_change_it() -> None:
    told = "no_recipient_match: nobody; bob@contoso.example accepts all, but is not approved"
    trace = _trace(Outcome.IGNORED, "no_recipient_match", answers=(Answer("asked", "ignored", told),))

    line = otherwise_line(trace)

    assert f'accept = "all" (or replies, contacts, records) at [[mailboxes]] "{SALES}"' in line
    assert 'or approved = true at [[mailboxes]] "bob@contoso.example"' in line
    assert "approved" not in otherwise_line(_trace(Outcome.IGNORED, "no_recipient_match"))


@pytest.mark.parametrize(
    ("kept_apart", "advice"),
    [
        ('unknown_sender = "mark"', 'unknown_sender = "follow" in [organisation.tracking]'),
        (
            'changed_subject = "new" and unknown_sender = "mark"',
            'changed_subject = "follow" and unknown_sender = "follow" in [organisation.tracking]',
        ),
    ],
)
def test_what_was_found_and_not_linked_names_the_setting_that_links_it(kept_apart: str, advice: str) -> None:
    evidence = f"no_correlation_match: recipients accept replies; it would continue a1 (x), but {kept_apart}"
    trace = _trace(Outcome.IGNORED, "no_correlation_match", answers=(Answer("x", "ignored", evidence),))

    assert f'set {advice}, or accept = "all" at [[mailboxes]] "{SALES}"' in otherwise_line(trace)
