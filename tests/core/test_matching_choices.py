"""What matching does with a new subject, with strangers, and with subjects that differ in a word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from email_router.core.conversation_index import make_new, thread_hash
from email_router.core.ledger import KnownEmail
from email_router.core.matching import MARKED, NEW_TOPIC, match
from email_router.core.smart_hash import near_keys, near_words, subject_hash
from email_router.core.topic import thread_keys, topic
from email_router.core.ways import wanted
from tests.core.cases import CUSTOMER, EVERYTHING, NOW, SALES, Store, known, mail

NEW = replace(EVERYTHING, changed_subject="new")
MARK = replace(EVERYTHING, unknown_sender="mark")
DELTA = replace(EVERYTHING, hash_delta_subject_count=1)
INDEX = make_new(datetime(2026, 1, 1, tzinfo=UTC), UUID(int=7))
THREAD = str(thread_hash(INDEX))


def _about(activity: str, subject: str, *people: str, token: str | None = None) -> KnownEmail:
    return replace(
        known(activity, *(people or (CUSTOMER, SALES.address)), token=token), topic=topic(subject, EVERYTHING)
    )


def test_a_new_subject_is_followed_and_noted_by_default() -> None:
    store = Store(ids={"<a@x>": _about("order", "Broken pedal")})

    found = match(mail(in_reply_to="<a@x>", subject="Invoice"), store, EVERYTHING).match

    assert found is not None
    assert found.subject_changed
    assert found.evidence == "In-Reply-To <a@x>; its subject is new"


@pytest.mark.parametrize("about", ["Broken pedal", "Broken pedal OLD:0001001"], ids=["known then", "never known"])
def test_a_token_whose_prefix_is_not_known_makes_no_new_subject(about: str) -> None:
    sent = _about("order", about, token="OLD:0001001")
    store = Store(ids={"<a@x>": sent})

    found = match(mail(in_reply_to="<a@x>", subject="Re: Broken pedal OLD:0001001"), store, NEW).match

    assert found is not None
    assert not found.subject_changed


def test_the_same_subject_is_not_noted() -> None:
    store = Store(ids={"<a@x>": _about("order", "Broken pedal")})

    found = match(mail(in_reply_to="<a@x>", subject="Broken pedal"), store, NEW).match

    assert found is not None
    assert not found.subject_changed
    assert found.evidence == "In-Reply-To <a@x>"


def test_a_new_subject_can_begin_a_conversation_and_the_later_rules_are_asked() -> None:
    old = _about("order", "Broken pedal")
    store = Store(ids={"<a@x>": old}, threads={THREAD: old}, tokens={"CRM:0001001": old})
    message = mail(in_reply_to="<a@x>", subject="Invoice", conversation_index=INDEX)

    found = match(message, store, NEW)
    with_token = match(replace(message, subject="Invoice CRM:0001001"), store, NEW)

    assert found.match is None
    assert [one.answer for one in found.answers] == [NEW_TOPIC, "no match", NEW_TOPIC, "no match"]
    assert found.candidates == (
        "order: new topic (in_reply_to: In-Reply-To <a@x>; its subject is new)",
        f"order: new topic (conversation_index: conversation {THREAD}; its subject is new)",
    )
    assert with_token.match is not None
    assert (with_token.match.rule, with_token.match.subject_changed) == ("tracking_token", True)


def test_an_e_mail_whose_topic_is_not_known_is_followed() -> None:
    store = Store(ids={"<a@x>": known("old row", CUSTOMER)})

    found = match(mail(in_reply_to="<a@x>", subject="Invoice"), store, NEW).match

    assert found is not None
    assert "may be a new topic" in found.evidence


def test_the_newest_of_the_same_topic_comes_before_the_newest_of_the_index() -> None:
    own, plain = thread_keys(INDEX, "Broken pedal", NEW)
    store = Store(threads={own: _about("pedal", "Broken pedal"), plain: _about("holiday", "Holiday")})
    message = mail(subject="RE: Broken pedal", conversation_index=INDEX)

    found = match(message, store, NEW).match

    assert found is not None
    assert (found.email.activity, found.evidence) == ("pedal", f"conversation {plain}")
    assert wanted([message], NEW).threads == (own, plain)


def test_a_new_topic_comes_before_the_question_who_wrote() -> None:
    store = Store(ids={"<a@x>": _about("order", "Broken pedal", "x@y.example")})
    both = replace(NEW, unknown_sender="mark")

    assert match(mail(in_reply_to="<a@x>", subject="Invoice"), store, both).answers[0].answer == NEW_TOPIC


def test_somebody_of_the_newest_e_mail_with_the_token_is_no_stranger() -> None:
    found = known("first", SALES.address, token="CRM:0001001")
    newest = known("newest", CUSTOMER, SALES.address, token="CRM:0001001")
    store = Store(ids={"<a@x>": found}, tokens={"CRM:0001001": newest})

    matched = match(mail(in_reply_to="<a@x>"), store, MARK).match

    assert matched is not None
    assert matched.email == found


def test_somebody_of_a_named_e_mail_with_the_same_token_is_no_stranger() -> None:
    found = known("first", SALES.address, token="CRM:0001001")
    later = known("later", CUSTOMER, token="CRM:0001001")
    store = Store(ids={"<a@x>": found, "<b@x>": later})

    assert match(mail(in_reply_to="<a@x>", references=("<b@x>",)), store, MARK).match is not None


@pytest.mark.parametrize("token", [None, "CRM:0002002"])
def test_a_mail_of_his_own_beside_somebody_elses_lets_no_stranger_in(token: str | None) -> None:
    victim = known("victim", SALES.address, token="CRM:0001001" if token else None)
    own = known("own", CUSTOMER, token=token)
    store = Store(ids={"<a@x>": victim, "<b@x>": own})

    found = match(mail(in_reply_to="<a@x>", references=("<b@x>",)), store, MARK)

    assert found.answers[0].answer == MARKED
    assert found.match is None


def test_smart_matching_asks_the_store_once_when_no_word_may_differ() -> None:
    store = Store()

    match(mail(), store, EVERYTHING)

    assert store.asked == [subject_hash("Order 4711", EVERYTHING)]


def test_smart_matching_asks_for_the_words_too_when_some_may_differ() -> None:
    store = Store()

    match(mail(), store, DELTA)

    assert sorted(store.asked) == sorted([*near_keys("Order 4711", DELTA), str(subject_hash("Order 4711", DELTA))])


def _near(activity: str, subject: str, *people: str, days: int = 0) -> KnownEmail:
    email = known(activity, *(people or (CUSTOMER, SALES.address)))
    return replace(email, words=near_words(subject, DELTA), at=NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("subject", "evidence"),
    [
        ("Order 4711 urgent", "subject with 1 words of difference, 2 participants in common"),
        ("4711", "subject with 1 words of difference, 2 participants in common"),
        ("Order 4711", "subject with 0 words"),
        ("Order 4712", None),
        ("Order 4711 very urgent", None),
    ],
)
def test_one_word_may_stand_in_only_one_of_both_subjects(subject: str, evidence: str | None) -> None:
    store = Store(subjects={key: [_near("near", subject)] for key in near_keys("Order 4711", DELTA)})

    found = match(mail(), store, DELTA).match

    assert (found is not None) == (evidence is not None)
    if found and evidence:
        assert found.evidence == (
            evidence if subject != "Order 4711" else "same subject words, 2 participants in common"
        )


def test_a_subject_without_a_common_word_is_never_near() -> None:
    store = Store(subjects={key: [_near("near", "")] for key in near_keys("Order", DELTA)})

    assert match(mail(subject="Order"), store, DELTA).match is None


def test_the_newest_of_all_keys_wins() -> None:
    first, second = near_keys("Order 4711", DELTA)
    exact = str(subject_hash("Order 4711", DELTA))
    store = Store(
        subjects={
            first: [_near("old", "Order 4711 a", days=3)],
            second: [_near("new", "Order 4711 b", days=1)],
            exact: [_near("middle", "Order 4711", days=2)],
        }
    )

    found = match(mail(), store, DELTA).match

    assert found is not None
    assert found.email.activity == "new"
