"""Notes on e-mails of Dynamics 365 lie there, once each, and keep no e-mail from its way."""

from __future__ import annotations

import html

import pytest

from email_router.core.activity import Note
from email_router.core.errors import TryLater
from email_router.core.sending import SendOutcome, SendResult
from email_router.edge.crm.dataverse_notes import note_id
from tests.contracts.dataverse_crm import Json, Office
from tests.contracts.dataverse_rig import EMAIL, OTHER
from tests.deliveries import ANN, NOW
from tests.flows.office import Office as Road

NOTE = Note(NOW, ANN, "Not delivered to <bob@example.com>: 550 <script>no</script> & more")


@pytest.fixture(autouse=True)
def email(office: Office) -> None:
    office.rig.outgoing()


def there(office: Office) -> list[Json]:
    return office.process.rows("annotation")


def asked(office: Office) -> list[str]:
    return [one["method"] for one in office.process.requests("/api/data/v9.2/annotations")]


def test_a_note_hangs_on_its_email_under_an_id_of_its_own_as_words_that_are_no_markup(office: Office) -> None:
    office.crm.note(EMAIL.upper(), "failed-1", NOTE)

    (row,) = there(office)
    assert row["annotationid"] == note_id("contoso", EMAIL, "failed-1")
    assert row["objectid"] == {"table": "email", "id": EMAIL}
    assert (row["subject"], row["isdocument"]) == ("E-mail Router", False)
    assert row["notetext"] == (
        "Not delivered to &lt;bob@example.com&gt;: 550 &lt;script&gt;no&lt;/script&gt; &amp; more"
    )
    assert list(office.crm.notes(EMAIL)) == [NOTE]


def test_what_stands_is_told_without_asking_again_and_one_that_a_user_deleted_stays_deleted(office: Office) -> None:
    office.crm.note(EMAIL, "failed-1", NOTE)
    office.rig.client.call("DELETE", f"annotations({there(office)[0]['annotationid']})")
    office.process.clear_requests()

    office.crm.note(EMAIL, "failed-1", NOTE)

    assert there(office) == []
    assert asked(office) == []


def test_whoever_dies_before_our_row_is_written_leaves_a_note_that_the_next_one_finds(office: Office) -> None:
    office.process.put("annotation", annotationid=note_id("contoso", EMAIL, "failed-1"), notetext="half")

    office.crm.note(EMAIL, "failed-1", NOTE)

    (row,) = there(office)
    assert row["notetext"].startswith("Not delivered")
    assert list(office.crm.notes(EMAIL)) == [NOTE]


def test_an_answer_that_is_lost_makes_no_second_note(office: Office) -> None:
    office.process.fault("annotations", "lose_answer", times=1)

    office.crm.note(EMAIL, "failed-1", NOTE)

    assert len(there(office)) == 1


@pytest.mark.parametrize("privilege", ["prvCreateNote", "prvAppendNote"])
def test_a_user_without_the_privilege_has_the_note_in_our_row_only(office: Office, privilege: str) -> None:
    office.process.settings(denied=[privilege])

    office.crm.note(EMAIL, "failed-1", NOTE)

    assert there(office) == []
    assert list(office.crm.notes(EMAIL)) == [NOTE]


def test_a_plug_in_that_refuses_notes_stops_nothing(office: Office) -> None:
    office.process.fault("annotations", "status", times=1, status=400, code="0x80040265", message="not here")

    office.crm.note(EMAIL, "failed-1", NOTE)

    assert there(office) == []
    assert list(office.crm.notes(EMAIL)) == [NOTE]


def test_an_email_that_is_gone_takes_no_note_and_nothing_stops(office: Office) -> None:
    office.crm.note(OTHER, "failed-1", NOTE)

    assert there(office) == []


def test_when_dataverse_asks_to_wait_the_note_is_written_by_the_next_attempt(office: Office) -> None:
    office.process.fault("annotations", "throttled", times=1)
    with pytest.raises(TryLater):
        office.crm.note(EMAIL, "failed-1", NOTE)
    assert list(office.crm.notes(EMAIL)) == []

    office.crm.note(EMAIL, "failed-1", NOTE)

    assert len(there(office)) == 1


def test_a_note_that_is_too_long_is_cut(office: Office) -> None:
    office.crm.note(EMAIL, "failed-1", Note(NOW, ANN, "x" * 100_001))

    assert len(there(office)[0]["notetext"]) == 100_000


def test_a_note_goes_with_its_email(office: Office) -> None:
    office.crm.note(EMAIL, "failed-1", NOTE)

    office.rig.client.call("DELETE", f"emails({EMAIL})")

    assert there(office) == []


def test_an_email_that_is_refused_has_a_note_in_dynamics_365_once_however_often_it_is_told(office: Office) -> None:
    office.process.put("email", activityid=EMAIL, statecode=1, statuscode=6)
    road = Road()
    road.crm = office.crm  # type: ignore[assignment] # the CRM that is meant
    road.sender.answers = [SendResult(outcome=SendOutcome.REFUSED, evidence="550 <no> such user")]

    for _ in range(3):
        road.send(EMAIL)

    (row,) = there(office)
    assert row["notetext"].startswith("Not delivered")
    assert [note.text for note in office.crm.notes(EMAIL)] == [html.unescape(row["notetext"])]
    assert len(road.sender.sent) == 1
