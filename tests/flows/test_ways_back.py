"""By what an e-mail is found again, and what smart matching costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest

from email_router.core.flows.ways_back import subject_links
from email_router.core.ledger import KnownEmail, LinkKind
from email_router.core.settings import Tracking
from email_router.core.smart_hash import near_keys, subject_hash
from tests.fakes import MemoryLedger
from tests.flows.house import NOW, House, mail

SMART = Tracking(smart_matching=True)
NEAR = Tracking(smart_matching=True, hash_delta_subject_count=1)
KNOWN = KnownEmail(activity="a", at=NOW)


def test_without_smart_matching_no_words_are_written_down() -> None:
    assert subject_links(KNOWN, ("Order",), Tracking()) == ()


def test_a_subject_with_and_without_its_token_are_two_ways_back() -> None:
    links = subject_links(KNOWN, ("Order", "Order CRM:0001001", "Order"), SMART)

    assert [link.value for link in links] == [subject_hash("Order", SMART), subject_hash("Order CRM:0001001", SMART)]
    assert {(link.kind, link.email) for link in links} == {(LinkKind.SUBJECT, KNOWN)}


def test_where_words_may_differ_the_rarest_lead_back_and_bring_the_words_along() -> None:
    links = subject_links(KNOWN, ("Order pedals", "Order pedals CRM:0001001"), NEAR)

    assert [link.value for link in links[2:]] == list(near_keys("Order pedals", NEAR))
    assert [len(link.email.words) for link in links] == [0, 0, 2, 2]


def test_a_subject_of_noise_alone_leads_nowhere() -> None:
    assert subject_links(KNOWN, ("RE:",), NEAR) == ()


@pytest.mark.parametrize(("tracking", "calls"), [(SMART, 1), (NEAR, 3)])
@pytest.mark.parametrize("history", [1, 500])
def test_smart_matching_costs_the_same_whatever_the_size_of_the_history(
    tracking: Tracking, calls: int, history: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(mail(1, subject="Order pedals blue"))
    house.configure(tracking=tracking)
    for number in range(history):
        email = KnownEmail(activity=f"old-{number}", at=NOW)
        house.ledger.link(subject_links(email, ("Order pedals blue",), tracking))
    asked: list[tuple[str, int]] = []
    genuine = MemoryLedger.by_subject

    def counted(ledger: MemoryLedger, key: str, since: datetime, limit: int = 100) -> Sequence[KnownEmail]:
        found = genuine(ledger, key, since, limit)
        asked.append((key, len(found)))
        return found

    monkeypatch.setattr(MemoryLedger, "by_subject", counted)
    house.route()

    assert len(asked) == calls
    assert {count for _, count in asked} == {min(history, 100)}
