"""What the roads leave lives as long as docs/privacy.md says, and `erase` leaves nothing of a person and everything of everybody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.erasing import Fate
from email_router.core.flows.erase import Tally
from email_router.core.person import ERASED_ADDRESS, ERASED_NAME
from email_router.core.sending import OutgoingState
from email_router.edge.connect.row_kinds import BLOBS, CRM, OF_NO_ORGANISATION, ROUTER, RowKind, kind_of
from email_router.edge.connect.values import Item
from tests.cloud import Clients, make_place
from tests.flows.house import ANN, NOW, SALES
from tests.flows.scene import (
    CARL,
    ERIN,
    ERINS_NAME,
    MARKER,
    Scene,
    blobs,
    play,
    remember_all,
    road,
    rows,
    texts,
    with_attachment,
)
from tests.shared import PROJECT

NEEDLES = (ERIN, ERINS_NAME, MARKER, "only Erin's file")
DYNAMICS = {
    *("settings that are followed", "attempt at Dynamics 365", "e-mail of Dynamics 365 to be sent"),
    *("person made in Dynamics 365", "pause of Dynamics 365"),
}
"""Written only where there is a Dynamics 365, as its own tests see."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """What stood before and after, as data: played once for all tests of this file."""

    rows: list[Item]
    blobs: Mapping[str, bytes]
    unchanged: bool
    looked: Tally
    done: Tally
    again: Tally
    before: str
    after: str
    others: tuple[dict[str, Any], dict[str, Any]]
    shared: EmailActivity
    sent: EmailActivity | None
    state: OutgoingState | None
    sent_later: list[str]
    came_again: list[str]
    came_new: EmailActivity
    file_again: bytes


def of_others(scene: Scene) -> dict[str, Any]:
    """Return what Carl and the organisation have, as they see it."""
    emails = {one.subject: one for one in scene.crm.emails()}
    return {
        "emails": [emails["Apples"], emails["Greetings"], scene.crm.email("to-carl"), scene.crm.email("carl-waits")],
        "records": [one for one in scene.crm.records() if one.address != ERIN],
        "resolved": scene.crm.resolve([CARL, SALES]),
        "states": [scene.outgoing.get("to-carl")],
        "pending": [one for one in scene.crm.pending(NOW, 100) if one[0] == "carl-waits"],
        "alerts": [one for one in scene.alerts.all() if one.about == CARL],
        "traces": [
            one for one in scene.ledger.traces_since(NOW - timedelta(days=1)) if one.subject in ("Apples", "Greetings")
        ],
        "positions": [scene.states.read(box).position for box in (SALES, ANN)],
        "blobs": [scene.blobs.get(f"attachment/{one.sha256}") for one in emails["Apples"].attachments],
    }


@pytest.fixture(scope="module")
def story(moto_clients: Clients) -> Iterator[Story]:
    with mock_aws():
        yield told(play(make_place(moto_clients)))


def told(scene: Scene) -> Story:
    place = scene.place
    remember_all(scene)
    kept = rows(place), blobs(place)
    before, others = "\n".join(texts(*kept)), of_others(scene)
    looked = road(scene).look()
    unchanged = (rows(place), blobs(place)) == kept
    done = road(scene).erase()
    after, others_after = "\n".join(texts(rows(place), blobs(place))), of_others(scene)
    shared, sent, state = (
        scene.activity_of("Apples and bicycles"),
        scene.crm.email("to-both"),
        scene.outgoing.get("to-both"),
    )
    again = road(scene).look()
    left = len(scene.sender.sent)
    scene.send("waits", "carl-waits")
    old = scene.source.messages[1]
    assert old
    scene.source.put(old)
    scene.source.put(with_attachment(8, f"Erin <{ERIN}>", "Back again", "Hello", b"only Erin's file"))
    scene.route()
    new = scene.activity_of("Back again")
    return Story(
        rows=kept[0],
        blobs=kept[1],
        unchanged=unchanged,
        looked=looked,
        done=done,
        again=again,
        before=before,
        after=after,
        others=(others, others_after),
        shared=shared,
        sent=sent,
        state=state,
        sent_later=[envelope.activity for envelope, _ in scene.sender.sent[left:]],
        came_again=[one.subject for one in scene.crm.emails() if "Bicycle" in one.subject],
        came_new=new,
        file_again=scene.blobs.get(new.attachments[0].blob),
    )


def test_every_row_is_of_a_listed_kind_and_lives_as_long_as_that_one(story: Story) -> None:
    seen = set()
    for row in story.rows:
        kind = kind_of(row["pk"], row["sk"])
        assert kind is not None, (row["pk"], row["sk"])
        seen.add(kind.name)
        assert ("expires" in row) == (kind.days is not None), kind
        if kind.days is not None:
            left = timedelta(seconds=row["expires"] - NOW.timestamp())
            assert abs(left - timedelta(days=kind.days)) < timedelta(hours=20), kind

    assert seen | DYNAMICS == {kind.name for kind in (*ROUTER, *CRM, *OF_NO_ORGANISATION)}


def test_a_row_of_a_kind_that_is_not_listed_is_none() -> None:
    assert kind_of("ORG#contoso#MAILBOX#a@b.example", "DIARY") is None
    assert kind_of("ORG#contoso#DIARY#1", "STATE") is None
    assert kind_of("DIARY", "1") is None


def template() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((PROJECT / "infra_cdk" / "template.json").read_text())
    return made["Resources"]  # type: ignore[no-any-return]  # JSON


def test_every_blob_is_of_a_listed_kind_and_the_bucket_removes_it_in_time(story: Story) -> None:
    found = {key.partition("/")[0] for key in story.blobs}
    rules = template()["DataBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]

    assert {"attachment", "email", "raw", "body", "outgoing"} <= found <= BLOBS.keys()
    assert {one["Prefix"].rstrip("/"): one["ExpirationInDays"] for one in rules if "Prefix" in one} == {
        kind: days for kind, days in BLOBS.items() if days
    }


def test_the_tables_forget_by_the_attribute_that_rows_bear() -> None:
    for name in ("RouterTable", "CrmTable"):
        ttl = template()[name]["Properties"]["TimeToLiveSpecification"]
        assert ttl == {"AttributeName": "expires", "Enabled": True}


def test_the_documentation_lists_every_kind_with_its_time_and_no_other() -> None:
    text = (PROJECT / "docs" / "privacy.md").read_text("utf-8")
    lines = re.findall(r"^\| (.+?) \| (table `\w+`|bucket) \| (.+?) \|", text, re.MULTILINE)

    def in_words(days: int | None) -> str:
        return "for ever" if days is None else "1 day" if days == 1 else f"{days} days"

    def listed(kinds: tuple[RowKind, ...], table: str) -> dict[str, tuple[str, str]]:
        return {kind.name: (f"table `{table}`", in_words(kind.days)) for kind in kinds}

    of_blobs = {f"`{kind}/`": ("bucket", in_words(days)) for kind, days in BLOBS.items()}
    assert {name: (where, kept) for names, where, kept in lines for name in names.split(", ")} == {
        **listed((*ROUTER, *OF_NO_ORGANISATION), "router"),
        **listed(CRM, "crm"),
        **of_blobs,
    }


@pytest.mark.parametrize("words", NEEDLES)
def test_nothing_of_the_person_is_left(story: Story, words: str) -> None:
    assert words.casefold() in story.before.casefold()
    assert words.casefold() not in story.after.casefold()


def test_everything_of_everybody_else_is_left(story: Story) -> None:
    before, after = story.others

    assert after == before
    assert all(before.values())


def test_all_kinds_had_something_and_each_is_counted(story: Story) -> None:
    assert not story.done.left
    assert set(story.done.counts[Fate.REMOVED]) == {
        *("e-mail", "trace", "retry", "quarantined message", "outgoing state", "alert", "way back", "smart matching"),
        *("record", "records of an address", "raw mail", "attachment", "body told to other CRMs"),
    }
    assert story.done.counts[Fate.REMOVED]["e-mail"] == 4


def test_a_look_counts_the_same_and_changes_nothing_and_a_second_run_finds_nothing(story: Story) -> None:
    assert story.unchanged
    assert story.looked.counts == story.done.counts
    assert story.again.nothing


def test_in_others_e_mails_somebody_without_a_name_stands_in_the_person_s_place(story: Story) -> None:
    assert story.shared.addresses() == (CARL, SALES, ERASED_ADDRESS, "dora@x.example")
    assert story.shared.text.strip() == f"{ERASED_NAME} <{ERASED_ADDRESS}> knows."
    assert story.sent is not None
    assert [(one.address, one.name, one.record) for one in story.sent.parties][1] == (ERASED_ADDRESS, ERASED_NAME, None)
    assert (story.sent.status, story.sent.text) == (EmailStatus.SENT, f"Dear {ERASED_NAME}, dear Carl")
    assert story.state is not None
    assert (story.state.recipients, story.state.status) == ((ERASED_ADDRESS, CARL), EmailStatus.SENT)


def test_an_erased_mail_that_still_lies_in_its_mailbox_is_not_taken_in_again(story: Story) -> None:
    assert story.came_again == []


def test_a_new_mail_of_the_person_is_taken_in_as_anybody_s(story: Story) -> None:
    assert story.file_again == b"only Erin's file"
    assert story.came_new.parties[0].record is None


def test_a_pending_e_mail_to_the_person_is_not_sent_any_more(story: Story) -> None:
    assert story.sent_later == ["carl-waits"]
