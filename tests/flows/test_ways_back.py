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
from tests.flows.house import NOW, SALES, House, mail

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


def test_people_beyond_the_hash_count_do_not_make_a_smart_match() -> None:
    crowd = [f"p{number}@x.example" for number in range(40)]
    house = House(mail(1, subject="Pumps offer", to=", ".join(crowd)))
    house.configure(tracking=SMART)
    house.route()

    house.source.put(mail(2, subject="Re: Pumps offer", sender="p38@x.example", to=f"p39@x.example, {SALES}"))
    house.source.put(mail(3, subject="Re: Pumps offer", sender="p17@x.example", to=f"p18@x.example, {SALES}"))
    house.route()

    found = {email.message_id: email.correlation_method.value for email in house.crm.activities.values()}
    assert found["<m2@fabrikam.example>"] == "none"
    assert found["<m3@fabrikam.example>"] == "smart_matching"


def test_a_sender_beyond_the_hash_count_is_still_somebody_of_the_conversation_by_its_id() -> None:
    crowd = [f"p{number}@x.example" for number in range(40)]
    house = House(mail(1, subject="Pumps offer", to=", ".join(crowd)))
    house.configure(tracking=Tracking(smart_matching=True, unknown_sender="mark"))
    house.route()

    answer = "In-Reply-To: <m1@fabrikam.example>\r\n"
    house.source.put(mail(2, subject="Re: Pumps offer", sender="p38@x.example", extra=answer))
    house.route()

    second = next(one for one in house.crm.activities.values() if one.message_id == "<m2@fabrikam.example>")
    assert second.correlation_method.value == "in_reply_to"
    assert second.flags == ()


@pytest.mark.parametrize("hash_delta", [0, 1])
def test_a_marked_mail_leads_nobody_to_itself_by_the_words_of_its_subject(hash_delta: int) -> None:
    house = House(mail(1, subject="Delivery of pumps"))
    tracking = Tracking(smart_matching=True, unknown_sender="mark", hash_delta_subject_count=hash_delta)
    house.configure(tracking=tracking)
    house.route()
    house.clock.advance(600)
    everybody = f"{SALES}, erin@fabrikam.example"
    answer = "In-Reply-To: <m1@fabrikam.example>\r\n"
    house.source.put(mail(2, sender="m@evil.example", to=everybody, subject="Re: Delivery of pumps", extra=answer))
    house.route()

    house.clock.advance(600)
    house.source.put(mail(3, subject="Re: Delivery of pumps"))
    house.route()

    first, strange, third = sorted(house.crm.activities.values(), key=lambda one: one.message_id or "")
    assert strange.flags == ("for review",)
    assert third.correlated == first.id
    assert third.correlation_method.value == "smart_matching"
