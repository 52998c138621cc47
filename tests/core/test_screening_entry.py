"""May a mail come in at all?  The questions before matching."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from email_router.core.case import Case, Own
from email_router.core.fetched import Wrapper
from email_router.core.ledger import Claim, Outcome, Receipt
from email_router.core.mailbox import AutomaticMail, DeliveryReports
from email_router.core.message import Address
from tests.core.cases import ANN, CUSTOMER, NOW, ROUTER, SALES, case, mail, people, wrapped
from tests.core.screened import ANNS, OURS, OUT, REPORT, entry

OWN = (("x-emailrouter", "contoso;out"),)
TRUSTED = Wrapper(ANN.address, authenticated=True, evidence="dmarc=pass")


def refusal(one: Case) -> tuple[str, str] | None:
    """Return outcome and reason of the entry, or None when the mail passes."""
    verdict = entry(one)
    return (verdict.outcome.value, verdict.reason) if verdict else None


def test_mail_wrapped_by_an_authenticated_user_passes() -> None:
    assert entry(wrapped(case(mailbox=ANN), TRUSTED)) is None


@pytest.mark.parametrize(
    ("wrapper", "evidence"),
    [
        (None, "not unwrapped"),
        (replace(TRUSTED, found=False), "wraps no message"),
        (replace(TRUSTED, sender=""), "cannot be read"),
        (replace(TRUSTED, sender=CUSTOMER), "no user or queue"),
        (replace(TRUSTED, sender=ROUTER.address), "no user or queue"),
        (replace(TRUSTED, authenticated=False), "not authenticated"),
    ],
)
def test_an_untrusted_wrapper_is_quarantined(wrapper: Wrapper | None, evidence: str) -> None:
    verdict = entry(wrapped(case(), wrapper))

    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.QUARANTINED, "untrusted_wrapper")
    assert evidence in verdict.evidence


def test_nothing_else_of_an_untrusted_wrapper_is_looked_at() -> None:
    forged = mail(headers=OWN, auto_submitted=True, author=Address("", ANN.address), unreadable=True)

    assert refusal(wrapped(case(forged, mailbox=ANN), None)) == ("quarantined", "untrusted_wrapper")


def test_bytes_without_a_mail_in_them_are_quarantined() -> None:
    assert refusal(case(mail(unreadable=True))) == ("quarantined", "unreadable")


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.IGNORED, Outcome.ATTACHED, Outcome.QUARANTINED])
def test_what_the_mailbox_had_before_is_a_duplicate(outcome: Outcome) -> None:
    verdict = entry(replace(case(), receipt=Receipt("k", SALES.key, outcome, "accept_all", "a1")))

    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.IGNORED, "duplicate")
    assert f"{outcome.value}, accept_all as activity a1" in verdict.evidence


def test_unreadable_bytes_that_were_dealt_with_are_not_quarantined_again() -> None:
    receipt = Receipt("k", SALES.key, Outcome.IGNORED, "unreadable")

    assert refusal(replace(case(mail(unreadable=True)), receipt=receipt)) == ("ignored", "duplicate")


def test_what_another_mailbox_had_or_what_failed_is_no_duplicate() -> None:
    claim = Claim("k", "a1", "bob@contoso.example", "i1", "c1")

    assert entry(replace(case(), claim=claim, identity="i1")) is None
    assert entry(replace(case(), receipt=Receipt("k", SALES.key, Outcome.FAILED, "error"))) is None


def test_a_mail_whose_id_somebody_else_used_before_does_not_vanish() -> None:
    receipt = Receipt("k", SALES.key, Outcome.DELIVERED, "accept_all", "a1")
    first = replace(case(), receipt=receipt, claim=Claim("k", "a1", SALES.key, "i1", "c1"), identity="i1")

    assert refusal(first) == ("ignored", "duplicate")
    assert entry(replace(first, identity="another From or Date")) is None


BOUND = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("received", "date", "old"),
    [
        (BOUND - timedelta(seconds=1), NOW, True),
        (BOUND, BOUND - timedelta(days=400), False),
        (None, BOUND - timedelta(days=1), True),
        (None, BOUND, False),
        (None, None, False),
        (None, datetime(1, 1, 1, tzinfo=UTC), True),
        (datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-5))), None, False),
    ],
)
def test_what_came_before_the_profiles_date_is_too_old(
    received: datetime | None, date: datetime | None, old: bool
) -> None:
    one = case(mail(date=date))
    one = replace(
        one, fetched=replace(one.fetched, received=received), profile=replace(one.profile, process_received_after=BOUND)
    )

    assert refusal(one) == (("ignored", "too_old") if old else None)


def test_nothing_is_too_old_for_a_profile_without_a_date() -> None:
    one = case(mail(date=datetime(1970, 1, 1, tzinfo=UTC)))

    assert entry(replace(one, fetched=replace(one.fetched, received=None))) is None


def test_an_address_that_is_not_approved_gets_nothing() -> None:
    assert refusal(case(mailbox=replace(SALES, approved=False))) == ("ignored", "not_approved")


@pytest.mark.parametrize(("hops", "loops"), [(50, False), (51, True)])
def test_more_than_fifty_hops_are_a_loop(hops: int, loops: bool) -> None:
    assert refusal(case(mail(headers=(("received", "by x"),) * hops))) == (("ignored", "loop") if loops else None)


def test_own_mail_back_in_the_mailbox_that_sent_it_is_a_loop() -> None:
    sent = mail(author=Address("", "Sales@Contoso.example"), headers=OWN)

    assert refusal(replace(case(sent), own=OURS)) == ("ignored", "loop")


@pytest.mark.parametrize("address", ["info@contoso.example", "sales+x@contoso.example", "SALES@contoso.example "])
def test_an_alias_of_the_mailbox_is_the_mailbox(address: str) -> None:
    assert refusal(replace(case(mail(headers=OWN)), own=Own("out", address))) == ("ignored", "loop")


@pytest.mark.parametrize("author", [Address("", SALES.address), Address("", CUSTOMER), None])
def test_own_mail_is_known_whatever_its_from_says(author: Address | None) -> None:
    assert refusal(replace(case(mail(author=author)), own=OURS)) == ("ignored", "loop")


def test_an_address_that_is_configured_no_more_is_another_one() -> None:
    assert entry(replace(case(), own=Own("out", "gone@contoso.example"))) is None


@pytest.mark.parametrize("author", [Address("", SALES.address), Address("", ANN.address)])
def test_mail_from_one_mailbox_of_the_organisation_to_another_is_no_loop(author: Address) -> None:
    assert entry(replace(case(mail(author=author, headers=OWN)), own=ANNS)) is None


def test_a_mark_alone_is_nothing_when_its_activity_was_not_sent_from_here() -> None:
    assert entry(case(mail(author=Address("", SALES.address), headers=OWN))) is None


def test_mail_that_a_user_wrote_in_outlook_is_no_loop_in_the_own_mailbox() -> None:
    written = mail(author=Address("", ANN.address), cc=people(ANN.address))

    assert entry(case(written, mailbox=ANN)) is None


@pytest.mark.parametrize("mark", ["fabrikam;out", "contoso", ";out", ""])
def test_the_mark_of_another_organisation_says_nothing(mark: str) -> None:
    sent = mail(author=Address("", SALES.address), headers=(("x-emailrouter", mark),))

    assert entry(case(sent)) is None


def test_an_automatic_mail_that_answers_an_automatic_mail_is_a_loop_even_where_automatic_mail_is_wanted() -> None:
    wanting = replace(SALES, auto_reply=AutomaticMail.DELIVER)
    once = mail(auto_submitted=True, subject="Automatic reply: Order")
    twice = mail(auto_submitted=True, subject="Automatic reply: Out of Office: Order")

    assert refusal(replace(case(once, mailbox=wanting), quoted="out")) == ("ignored", "loop")
    assert refusal(case(twice, mailbox=wanting)) == ("ignored", "loop")
    assert entry(case(once, mailbox=wanting)) is None
    assert entry(case(replace(twice, auto_submitted=False))) is None
    assert entry(replace(case(replace(once, auto_submitted=False)), quoted="out")) is None


def test_the_marks_of_automatic_answers_count_only_at_the_beginning_of_a_subject() -> None:
    wanting = replace(SALES, auto_reply=AutomaticMail.DELIVER)
    second_ends_at = {at: f"Automatic reply: {'x' * (at - 17 - 14)}Out of Office:" for at in (255, 256)}

    assert [len(subject) for subject in second_ends_at.values()] == [255, 256]
    assert refusal(case(mail(auto_submitted=True, subject=second_ends_at[255]), mailbox=wanting)) == ("ignored", "loop")
    assert entry(case(mail(auto_submitted=True, subject=second_ends_at[256]), mailbox=wanting)) is None


def test_an_automatic_mail_of_ours_to_another_mailbox_of_ours_is_no_loop() -> None:
    ours = mail(auto_submitted=True, author=Address("", ANN.address), headers=OWN)
    wanting = replace(SALES, auto_reply=AutomaticMail.DELIVER)

    assert entry(replace(case(ours, mailbox=wanting), own=ANNS)) is None


@pytest.mark.parametrize(("quick", "held"), [(0, False), (9, False), (10, True), (11, True)])
def test_a_dialogue_that_is_too_fast_for_people_waits_for_a_person(quick: int, held: bool) -> None:
    assert refusal(replace(case(), quick=quick)) == (("quarantined", "loop") if held else None)


def test_a_report_about_a_fast_dialogue_goes_its_own_way() -> None:
    report = replace(case(mail(delivery_report=REPORT)), quick=10, reported=OUT)

    assert refusal(report) == ("attached", "delivery_report")


def test_a_report_about_a_known_email_is_attached_to_it() -> None:
    report = mail(delivery_report=REPORT, auto_submitted=True, bulk=True, headers=OWN)

    assert refusal(replace(case(report), reported=OUT)) == ("attached", "delivery_report")


def test_a_report_is_delivered_as_any_mail_where_the_mailbox_says_so_or_the_original_is_unknown() -> None:
    report = mail(delivery_report=REPORT, auto_submitted=True, bulk=True)
    strict = replace(SALES, bulk=AutomaticMail.DROP)

    assert entry(case(report, mailbox=strict)) is None
    assert (
        entry(replace(case(report, mailbox=replace(strict, delivery_report=DeliveryReports.DELIVER)), reported=OUT))
        is None
    )


def test_automatic_replies_are_dropped_by_default_and_delivered_on_demand() -> None:
    automatic = mail(auto_submitted=True, headers=(("auto-submitted", "auto-replied"),))

    assert refusal(case(automatic)) == ("ignored", "auto_reply")
    assert entry(case(automatic, mailbox=replace(SALES, auto_reply=AutomaticMail.DELIVER))) is None


def test_bulk_mail_is_delivered_by_default_and_dropped_on_demand() -> None:
    bulk = mail(bulk=True, headers=(("list-id", "<news.cycling.example>"),))

    assert entry(case(bulk)) is None
    assert refusal(case(bulk, mailbox=replace(SALES, bulk=AutomaticMail.DROP))) == ("ignored", "bulk")
