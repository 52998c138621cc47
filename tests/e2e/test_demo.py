"""The demo from beginning to end, with each CRM: each case that it promises, as it really happened in the stores."""

from __future__ import annotations

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import KEEP_LOGS, Ran, run
from tests.cli.schemas import RUN, check

CASES = {
    *("new-known-contact", "reply-in-reply-to", "reply-token", "reply-smart", "unwanted", "auto-reply", "unparsable"),
    *("sent-smtp", "sent-ses", "bounce", "two-mailboxes", "forward", "exchange-online", "exchange-server"),
}
OWN = b"From: me@here.example\r\nTo: you@there.example\r\nSubject: my own mail\r\nMessage-ID: <own@here.example>\r\n\r\nhello\r\n"

Told = dict[str, Any]


CRMS = ("builtin", "dataverse")


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """The demo with each CRM, side by side."""
    folders = [tmp_path_factory.mktemp(crm) for crm in CRMS]
    with ThreadPoolExecutor(len(CRMS)) as threads:
        return dict(zip(CRMS, threads.map(_played, CRMS, folders), strict=True))


def _played(crm: str, folder: Path) -> Ran:
    (folder / "mails").mkdir()
    (folder / "mails" / "OWN.EML").write_bytes(OWN)
    began = time.monotonic()
    chosen = () if crm == "builtin" else ("--crm", crm)
    ran = run("demo", "--json", "--mail", "mails", *chosen, folder=folder, variables={KEEP_LOGS: f"{folder}.logs"})
    print(f"the demo with {crm} took {time.monotonic() - began:.1f} seconds")
    assert list(folder.iterdir()) == [folder / "mails"]
    return ran


@pytest.fixture(scope="module", params=CRMS)
def crm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def demo(demos: dict[str, Ran], crm: str) -> Ran:
    return demos[crm]


@pytest.fixture(scope="module")
def told(demo: Ran) -> Told:
    assert demo.code == 0, demo.err
    found: Told = demo.json
    return found


@pytest.fixture(scope="module")
def messages(told: Told) -> dict[str, list[Told]]:
    found = defaultdict(list)
    for message in told["messages"]:
        found[message["case"]].append(message)
    return found


@pytest.fixture(scope="module")
def outgoing(told: Told) -> dict[str, list[Told]]:
    found = defaultdict(list)
    for email in told["outgoing"]:
        found[email["case"]].append(email)
    return found


def test_the_demo_prints_its_object_and_nothing_else(demo: Ran, told: Told) -> None:
    check(told, RUN)
    assert demo.err == ""


def test_no_address_subject_or_text_stands_in_what_the_functions_log(
    told: Told, crm: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (file,) = tmp_path_factory.getbasetemp().glob(f"{crm}*.logs")
    lines = [line for line in file.read_text("utf-8").splitlines() if line.startswith("{")]

    assert sum('"mailbox routed"' in line for line in lines) > 5
    assert sum('"e-mail handled"' in line for line in lines) > 5
    subjects = {one["subject"].strip() for one in (*told["messages"], *told["outgoing"])} - {""}
    assert len(subjects) > 10
    assert [line for line in lines if "@" in line or any(one in line for one in subjects)] == []


def test_every_case_is_shown(told: Told) -> None:
    shown = {one["case"] for one in (*told["messages"], *told["outgoing"])} - {None}

    assert shown == CASES


def test_there_are_at_least_thirty_messages_and_every_mailbox_is_served(told: Told) -> None:
    assert len(told["messages"]) >= 30
    assert {one["status"] for one in told["mailboxes"]} == {"ok"}
    assert {one["source"] for one in told["messages"]} == {"pop3", "graph", "ews", "forward"}


def test_a_new_mail_of_a_known_contact_is_delivered(messages: dict[str, list[Told]]) -> None:
    (one,) = messages["new-known-contact"]

    assert (one["verdict"], one["reason"], one["correlation_method"]) == ("delivered", "accept_all", "none")


@pytest.mark.parametrize(
    ("case", "method"),
    [
        ("reply-in-reply-to", "in_reply_to"),
        ("reply-token", "tracking_token"),
        ("reply-smart", "smart_matching"),
        ("forward", "in_reply_to"),
    ],
)
def test_an_answer_finds_the_email_that_it_answers(
    messages: dict[str, list[Told]], told: Told, case: str, method: str
) -> None:
    sent = {email["activity"] for email in told["outgoing"]}

    assert messages[case]
    for one in messages[case]:
        assert (one["verdict"], one["correlation_method"], one["rule"]) == ("delivered", method, method)
        assert one["correlated"] in sent
        assert one["regarding"] is not None


def test_an_answer_that_carries_only_the_id_of_ses_finds_its_email(
    messages: dict[str, list[Told]], outgoing: dict[str, list[Told]]
) -> None:
    by_ses = {email["activity"] for email in outgoing["sent-ses"]}

    assert [one["subject"] for one in messages["reply-in-reply-to"] if one["correlated"] in by_ses] == ["Yes, please"]


@pytest.mark.parametrize(
    ("case", "verdict", "reason"),
    [
        ("unwanted", "ignored", "invalid_sender"),
        ("auto-reply", "ignored", "auto_reply"),
        ("unparsable", "quarantined", "unreadable"),
        ("bounce", "attached", "delivery_report"),
    ],
)
def test_what_is_no_activity_has_its_reason(
    messages: dict[str, list[Told]], case: str, verdict: str, reason: str
) -> None:
    (one,) = messages[case]

    assert (one["verdict"], one["reason"], one["rule"]) == (verdict, reason, reason)


def test_a_forwarded_mail_is_its_users(messages: dict[str, list[Told]]) -> None:
    (one,) = messages["forward"]

    assert (one["mailbox"], one["source"]) == ("bob@contoso.example", "forward")


def test_one_mail_in_two_mailboxes_is_one_activity_with_two_receipts(messages: dict[str, list[Told]]) -> None:
    both = messages["two-mailboxes"]

    assert sorted(one["mailbox"] for one in both) == ["ann@contoso.example", "sales@contoso.example"]
    assert len({one["activity"] for one in both}) == 1
    assert {tuple(one["receipts"]) for one in both} == {("ann@contoso.example", "sales@contoso.example")}
    assert {one["correlation_method"] for one in both} == {"none"}


@pytest.mark.parametrize(("case", "sender"), [("sent-smtp", "smtp"), ("sent-ses", "ses")])
def test_what_was_sent_bears_its_token(outgoing: dict[str, list[Told]], case: str, sender: str) -> None:
    assert outgoing[case]
    for email in outgoing[case]:
        assert (email["status"], email["sender"], email["attempts"]) == ("sent", sender, 1)
        assert email["subject"].endswith(email["tracking_token"])


@pytest.mark.parametrize(
    ("case", "mailbox", "protocol"),
    [
        ("exchange-online", "ida@contoso.example", "graph"),
        ("exchange-server", "support@contoso.example", "ews"),
    ],
)
def test_a_question_is_answered_through_the_mailbox_it_came_to_and_the_answer_to_that_continues_it(
    messages: dict[str, list[Told]], outgoing: dict[str, list[Told]], case: str, mailbox: str, protocol: str
) -> None:
    question, thanks = messages[case]
    (answer,) = outgoing[case]

    assert [(one["mailbox"], one["source"], one["verdict"]) for one in (question, thanks)] == [
        (mailbox, protocol, "delivered")
    ] * 2
    assert (answer["from"], answer["sender"], answer["status"], answer["attempts"]) == (mailbox, protocol, "sent", 1)
    assert answer["subject"].endswith(answer["tracking_token"])
    assert (question["correlation_method"], thanks["correlation_method"]) == ("none", "in_reply_to")
    assert thanks["correlated"] == answer["activity"]


def test_a_report_by_pop3_and_an_event_of_ses_turn_their_emails_to_failed(outgoing: dict[str, list[Told]]) -> None:
    failed = {email["sender"]: (email["status"], email["reason"]) for email in outgoing["bounce"]}

    assert failed == {
        "smtp": ("failed", "delivery report: failed for good (5.1.1) (moved.away@fabrikam.example)"),
        "ses": ("failed", "bounce: Permanent General 5.1.1 (closed.account@northwind.example)"),
    }


def test_the_folder_of_ones_own_mails_is_routed_too(told: Told) -> None:
    (own,) = [one for one in told["messages"] if one["message_id"] == "<own@here.example>"]

    assert (own["case"], own["mailbox"], own["verdict"]) == (None, "sales@contoso.example", "delivered")


def test_the_counters_agree_with_what_is_told(told: Told) -> None:
    verdicts = [one["verdict"] for one in told["messages"]]

    assert told["counters"]["IncomingMessagesDelivered"] == verdicts.count("delivered")
    assert told["counters"]["IncomingMessagesDiscarded"] == verdicts.count("ignored")
    assert told["counters"]["IncomingMessagesProcessed"] == len(verdicts)
    assert told["counters"]["OutgoingMessagesDelivered"] == len(told["outgoing"])


def test_every_case_ends_with_dynamics_365_as_it_ends_with_the_built_in_crm(demos: dict[str, Ran]) -> None:
    """Ids and times apart, which are each CRM's own."""
    builtin, dataverse = (_outcomes(demos[crm].json) for crm in CRMS)

    assert len(builtin) > 40
    assert dataverse == builtin


def _outcomes(told: Told) -> list[tuple[object, ...]]:
    """Return of each message and e-mail what both CRMs must agree on, in one order; which number a token gets is chance."""
    names = {one["activity"]: _untokened(one) for one in (*told["messages"], *told["outgoing"])}
    words = ("case", "mailbox", "verdict", "reason", "rule", "correlation_method", "source")
    ends = ("case", "sender", "from", "to", "status", "reason", "attempts")
    found: list[tuple[object, ...]] = []
    for one in told["messages"]:
        about = one["regarding"] and (one["regarding"]["kind"], one["regarding"]["name"])
        continued = names.get(one["correlated"])
        found.append((_untokened(one), *(one[name] for name in words), about, continued, tuple(one["receipts"])))
    found += [(_untokened(one), *(one[name] for name in ends), bool(one["tracking_token"])) for one in told["outgoing"]]
    return sorted(found, key=str)


def _untokened(one: Told) -> str:
    subject: str = one["subject"].partition(" CRM:")[0]
    return subject
