"""What stands before a subject."""

from __future__ import annotations

import time

import pytest

from email_router.core.reply_marks import FORWARDS, REPLIES, mark_of, without_marks


@pytest.mark.parametrize("word", sorted(REPLIES))
def test_every_reply_mark_is_known_and_taken_off(word: str) -> None:
    assert mark_of(f"{word.upper()}: Order") == "reply"
    assert without_marks(f"{word.capitalize()}: Order") == "Order"


@pytest.mark.parametrize("word", sorted(FORWARDS))
def test_every_forward_mark_is_known_and_taken_off(word: str) -> None:
    assert mark_of(f" {word.upper()} : Order") == "forward"
    assert without_marks(f"{word}：Order") == "Order"  # noqa: RUF001 - the colon of Chinese and Japanese clients


@pytest.mark.parametrize(
    ("subject", "mark", "rest"),
    [
        ("AW[12]: Order", "reply", "Order"),
        ("Re(3): Order", "reply", "Order"),
        ("Re[1234]: Order", "", "Re[1234]: Order"),
        ("[Fwd: Order]", "forward", "Order]"),
        ("RE: FW: Order", "reply", "Order"),
        ("[EXTERN] RE: [EXTERNAL] Order", "reply", "Order"),
        ("***SPAM*** WG: Order", "forward", "Order"),
        ("EXTERNAL: Order", "", "Order"),
        ("[riders] Order", "", "Order"),
        ("Out of office: Order", "", "Order"),
        ("Abwesenheitsnotiz: AW: Order", "", "Order"),
        ("Zugesagt: Order", "", "Order"),
        ("Order: one", "", "Order: one"),
        ("Reorder: one", "", "Reorder: one"),
        ("Re Order", "", "Re Order"),
        ("*one* Order", "", "*one* Order"),
        ("[URGENT]", "", "[URGENT]"),
        ("RE:", "reply", "RE:"),
        ("", "", ""),
        ("  Order  ", "", "Order"),
        (f"[{'x' * 41}] Order", "", f"[{'x' * 41}] Order"),
        (f"[{'x' * 40}] Order", "", "Order"),
    ],
)
def test_marks_tags_and_notices_are_told_from_the_subject(subject: str, mark: str, rest: str) -> None:
    assert mark_of(subject) == mark
    assert without_marks(subject) == rest


@pytest.mark.parametrize(
    ("subject", "mark"),
    [
        ("Antwort: Order", "reply"),  # Notes
        ("Antwort: Re: Order", "reply"),
        ("Réf. : Order", "reply"),
        ("Betr.: Order", "reply"),
        ("Svar: Order", "reply"),
        ("Re^2: Order", "reply"),
        ("RE*3: Order", "reply"),
        ("Отв: Order", "reply"),
        ("Ответ: Order", "reply"),
        ("\u041d\u0430: Order", "reply"),  # Russian Outlook
        ("HA: Order", "reply"),
        ("ΑΠ: Order", "reply"),
        ("ΣΧΕΤ: Order", "reply"),
        ("השב: Order", "reply"),
        ("رد: Order", "reply"),
        ("답장: Order", "reply"),
        ("Atb.: Order", "reply"),
        ("BLS: Order", "reply"),
        ("Odg: Order", "reply"),
        ("Пересл: Order", "forward"),
        ("ΠΡΘ: Order", "forward"),
        ("הועבר: Order", "forward"),
        ("إعادة توجيه: Order", "forward"),
        ("전달: Order", "forward"),
        ("TRS: Order", "forward"),
        ("İLT: Order", "forward"),
        ("Weitergeleitet: Order", "forward"),
        ("{Spam?} Re: Order", "reply"),
        ("EXTERNAL EMAIL: Re: Order", "reply"),
        ("External - Re: Order", "reply"),
        ("\u26a0\ufe0f External: AW: Order", "reply"),
        ("(EXTERNAL) Order", ""),
        ("<extern> Order", ""),
        ("CAUTION: Order", ""),
        ("Suspected Spam: Order", ""),
        ("Angenommen: Order", ""),
        ("Refusé : Order", ""),
        ("Nicht gelesen: Order", ""),
        ("Not read: Order", ""),
        ("Abwesend: Order", ""),
        ("Order [Ticket#1]", ""),
        ("Order [SEC=OFFICIAL]", ""),
        ("Order [ref:_00D5.500x:ref]", ""),
        ("Order [Case 4711] [EXTERN] ", ""),
        ("[#4711] Order [#4711]", ""),
    ],
)
def test_marks_and_tags_of_common_clients_and_gateways_are_taken_off(subject: str, mark: str) -> None:
    assert mark_of(subject) == mark
    assert without_marks(subject) == "Order"


@pytest.mark.parametrize(
    "subject", ["Order [blue]", "Order [2026]", "Order <12>", "(blue) Order", "External order - 5"]
)
def test_what_may_belong_to_the_subject_stays(subject: str) -> None:
    assert without_marks(subject) == subject


def test_ten_tags_behind_a_subject_are_taken_off_and_no_more() -> None:
    assert without_marks("Order" + " [Ticket#1]" * 10) == "Order"
    assert without_marks("Order" + " [Ticket#1]" * 11) == "Order [Ticket#1]"
    assert without_marks(f"Order [Ticket#{'1' * 33}]") == "Order"
    assert without_marks(f"Order [Ticket#{'1' * 34}]") == f"Order [Ticket#{'1' * 34}]"


def test_sixty_marks_are_taken_off_and_no_more() -> None:
    assert without_marks("RE: " * 60 + "Order") == "Order"
    assert without_marks("RE: " * 61 + "Order") == "RE: Order"
    assert mark_of("[a]" * 59 + "RE: Order") == "reply"
    assert mark_of("[a]" * 60 + "RE: Order") == ""


@pytest.mark.parametrize(
    "piece", ["RE: ", "[", "*", "re ", " ", "[a] ", "**a", "[a#1]", "]", "[#", "{", "external ", "(", "re^", "\u26a0"]
)
def test_no_subject_is_slow(piece: str) -> None:
    begun = time.process_time()
    without_marks(piece * 100_000)
    mark_of(piece * 100_000)

    assert time.process_time() - begun < 5
