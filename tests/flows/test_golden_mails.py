"""Mails that have gone astray elsewhere, each with its predecessors and what must become of it.

A folder of tests/mails holds the mails in order, and in expect.json why it is there, the e-mails sent before (`sent`), the organisation's
choices (`tracking`) and for each mail how and what it continues.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from email_router.core.activity import EmailActivity
from email_router.core.flows.ways_back import subject_links
from email_router.core.ledger import KnownEmail, Link, LinkKind, Trace
from email_router.core.mailbox import AutomaticMail
from email_router.core.settings import Tracking
from email_router.core.smart_hash import participants
from email_router.core.topic import topic
from tests.flows.house import NOW, House

HORRORS = sorted(path.parent for path in (Path(__file__).parents[1] / "mails").glob("*/expect.json"))
BY_HEADER = {"in_reply_to", "conversation_index"}


def _tracking(written: dict[str, Any]) -> Tracking:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in written.items()
    }
    return Tracking(**values)


def _sent(house: House, one: dict[str, Any], tracking: Tracking) -> None:
    known = KnownEmail(
        activity=one["activity"],
        participants=participants(one["people"]),
        at=NOW - timedelta(days=one.get("days_ago", 1)),
        token=one["token"],
        topic=topic(one["subject"], tracking),
    )
    links = [Link(LinkKind.MESSAGE_ID, message_id, known) for message_id in one["ids"]]
    links += [Link(LinkKind.TOKEN, one["token"], known)] if one["token"] else []
    house.ledger.link([*links, *subject_links(known, (one["subject"],), tracking)])


def _arrive(house: House, raw: bytes) -> tuple[EmailActivity, Trace]:
    before = set(house.crm.activities)
    house.source.put(raw)
    house.route()
    (new,) = set(house.crm.activities) - before
    (trace,) = [one for one in house.ledger.traces_since(NOW - timedelta(days=1)) if one.activity == new]
    return house.crm.activities[new], trace


def test_there_are_mails_of_at_least_forty_kinds() -> None:
    assert len(HORRORS) >= 40


@pytest.mark.parametrize("folder", HORRORS, ids=lambda folder: folder.name)
def test_a_mail_that_went_astray_elsewhere_finds_its_conversation(folder: Path) -> None:
    told = json.loads((folder / "expect.json").read_text("utf-8"))
    tracking = _tracking(told.get("tracking", {}))
    house = House()
    house.configure(tracking=tracking, auto_reply=AutomaticMail.DELIVER)
    for one in told.get("sent", []):
        _sent(house, one, tracking)
    activities: dict[str, str] = {}
    files = sorted(folder.glob("*.eml"))
    assert [file.stem for file in files] == sorted(told["expect"])

    for file in files:
        email, trace = _arrive(house, file.read_bytes())

        wanted = told["expect"][file.stem]
        continues = activities.get(wanted["continues"], wanted["continues"])
        assert (email.correlation_method.value, email.correlated) == (wanted["method"], continues), trace
        assert email.parent == (continues if wanted["method"] in BY_HEADER else None)
        assert wanted.get("evidence", "") in " ".join(one.evidence for one in trace.answers if one.answer == "match")
        if "flags" in wanted:
            assert list(email.flags) == wanted["flags"]
        for candidate in wanted.get("candidates", []):
            assert any(candidate in one for one in trace.candidates), trace.candidates
        activities[file.stem] = email.id
