"""Tracking tokens that Dynamics 365 gives: one for each subject, in one request, and no e-mail fails where it gives none."""

from __future__ import annotations

import pytest

from email_router.core.errors import MessageRefused, RouterError, TryLater
from email_router.core.ledger import Wanted
from email_router.core.settings import Tracking
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_rig import EMAIL, OTHER
from tests.flows.office import Office as Road


def asked(office: Office) -> list[str]:
    return [one["path"].rpartition("/")[2] for one in office.process.requests("/api/") if not one["batched"]]


def test_each_subject_has_a_token_of_its_own_and_one_request_brings_them_all(office: Office) -> None:
    office.process.clear_requests()

    tokens = office.crm.new_tokens([f"Offer {number}" for number in range(5)])

    assert len(set(tokens)) == 5
    assert all(token.startswith("CRM:") and token.removeprefix("CRM:").isdigit() for token in tokens)
    assert asked(office) == ["$batch"]
    assert set(office.crm.new_tokens(["another"])) & set(tokens) == set()


def test_a_subject_of_any_length_and_none_at_all_are_asked_with(office: Office) -> None:
    assert all(office.crm.new_tokens(["x" * 2000, "", "Größe \U0001f600"]))


def test_nothing_asked_is_nothing_said(office: Office) -> None:
    office.process.clear_requests()

    assert list(office.crm.new_tokens([])) == []
    assert asked(office) == []


@pytest.mark.parametrize(("kind", "after"), [("throttled", 7.0), ("unavailable", 0.0), ("broken", 0.0)])
def test_trouble_of_dataverse_means_later(office: Office, kind: str, after: float) -> None:
    office.process.fault("GetTrackingTokenEmail", kind, times=1, **({"retry_after": "7"} if after else {}))

    with pytest.raises(TryLater) as caught:
        office.crm.new_tokens(["Offer"])

    assert (caught.value.shared, caught.value.after) == (True, after)


@pytest.mark.parametrize(("status", "code"), [(400, "0x80040203"), (404, "0x8006088a")])
def test_a_refusal_fails_no_email_it_waits(office: Office, status: int, code: str) -> None:
    office.process.fault("GetTrackingTokenEmail", "status", times=1, status=status, code=code, message="no")

    with pytest.raises(RouterError) as caught:
        office.crm.new_tokens(["Offer"])

    assert not isinstance(caught.value, MessageRefused)
    assert (caught.value.kind, "tokens_from" in str(caught.value)) == ("crm_answer", True)


@pytest.fixture
def road(office: Office) -> Road:
    """The outgoing road over Dynamics 365, all else in memory."""
    made = Road(tracking=Tracking(tokens_from="crm"))
    made.crm = office.crm  # type: ignore[assignment] # the CRM that is meant
    return made


def pending(office: Office, key: str, **more: object) -> None:
    office.rig.outgoing(key, **more)
    office.process.put("email", activityid=key, statecode=1, statuscode=6)


def test_an_email_leaves_with_the_token_that_dynamics_365_gave_and_its_answer_finds_it(
    office: Office, road: Road
) -> None:
    pending(office, EMAIL)

    road.send(EMAIL)

    row = office.rig.email(EMAIL)
    token = row["trackingtoken"]
    assert token.startswith("CRM:")
    assert (row["statuscode"], row["subject"]) == (3, f"Offer {token}")
    assert f"Subject: Offer {token}\r\n".encode() in road.sender.sent[0][1]
    assert road.ledger.find(Wanted(tokens=(token,))).tokens[token].activity == EMAIL
    assert road.alerts.all() == []


def test_one_that_has_its_token_from_dynamics_365_keeps_it_and_none_is_asked_for(office: Office, road: Road) -> None:
    pending(office, OTHER, subject="Offer CRM:0005005", trackingtoken="CRM:0005005")
    office.process.clear_requests()

    road.send(OTHER)

    assert (office.rig.email(OTHER)["subject"], office.rig.email(OTHER)["trackingtoken"]) == (
        "Offer CRM:0005005",
        "CRM:0005005",
    )
    assert not office.process.requests("GetTrackingTokenEmail")
    assert road.ledger.find(Wanted(tokens=("CRM:0005005",))).tokens["CRM:0005005"].activity == OTHER


def test_while_dynamics_365_throttles_nothing_leaves_and_later_it_leaves_once(office: Office, road: Road) -> None:
    pending(office, EMAIL)
    office.process.fault("GetTrackingTokenEmail", "throttled", times=1)
    with pytest.raises(TryLater):
        road.send(EMAIL)
    assert (road.sender.sent, office.rig.email(EMAIL)["statuscode"]) == ([], 6)

    road.send(EMAIL)
    road.send(EMAIL)

    assert len(road.sender.sent) == 1
