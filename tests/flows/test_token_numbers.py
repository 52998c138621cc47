"""Tokens of new conversations: by the block, never two alike alive, longer where they run out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from email_router.core.flows.token_numbers import TokenNumbers
from email_router.core.flows.ways_back import TOKEN_LIVES
from email_router.core.ledger import Counted, KnownEmail, Link, LinkKind
from email_router.core.mailbox import Mailbox
from email_router.core.settings import Tracking
from tests.flows.house import NOW
from tests.flows.office import Office

USERS = ("ann@contoso.example", "bob@contoso.example", "cy@contoso.example")


def office(**tracking: object) -> Office:
    return Office(tracking=Tracking(**tracking))  # type: ignore[arg-type]  # fields by name


def numbers(place: Office, user: str = USERS[0], most: int = 1) -> TokenNumbers:
    return TokenNumbers(place.road(), Mailbox(address=user), most)


def token(given: TokenNumbers, known: KnownEmail) -> str | None:
    """The token of one new conversation."""
    return given.several([(known, "")])[0]


def conversation(number: int, at: datetime = NOW) -> KnownEmail:
    return KnownEmail(activity=f"c{number}", at=at)


def test_an_order_of_200_new_conversations_asks_the_counter_four_times() -> None:
    place = office()
    asked: list[int] = []
    count = place.ledger.next_counts

    def counted(user: str, size: int) -> Counted:
        asked.append(size)
        return count(user, size)

    place.ledger.next_counts = counted  # type: ignore[method-assign, assignment]  # counted on the way

    for number in range(200):
        place.write(f"e{number}")
    place.send(*(f"e{number}" for number in range(200)))

    assert asked == [25, 25, 50, 100]
    tokens = {place.outgoing.get(f"e{number}").tracking_token for number in range(200)}  # type: ignore[union-attr]  # all were sent
    assert len(tokens) == 200


def test_a_queue_uses_the_numbers_of_its_owner() -> None:
    place = office()
    queue = replace(place.configuration.mailboxes[0], address="sales@contoso.example", owner=USERS[0])

    first = token(TokenNumbers(place.road(), queue), conversation(1))
    second = token(numbers(place), conversation(2))

    assert (first, second) == ("CRM:0001001", "CRM:0001002")


def test_a_counter_that_comes_round_to_live_conversations_has_a_digit_more_for_good_and_somebody_is_told_once() -> None:
    place = office(counter_digits=1)

    tokens = [token(numbers(place), conversation(number)) for number in range(30)]

    assert len(set(tokens)) == 30
    assert None not in tokens
    assert {len(str(token)) for token in tokens[:10]} == {len("CRM:00011")}
    assert {len(str(token)) for token in tokens[10:]} == {len("CRM:000111")}
    assert [alert.kind for alert in place.alerts.all()] == ["token_digits"]
    assert place.ledger.next_counts(USERS[0], 1).digits == 2


def test_a_user_number_longer_than_its_digits_is_written_whole_and_told_once() -> None:
    place = office(base=998)

    told = [
        [token(numbers(place, user), conversation(number)) for number in (one, one + 10)]
        for one, user in enumerate(USERS)
    ]

    assert [tokens[0] for tokens in told] == ["CRM:0999001", "CRM:01000001", "CRM:01001001"]
    assert {(alert.kind, alert.about) for alert in place.alerts.all()} == {("user_digits", user) for user in USERS[1:]}


class Tokens(RuleBasedStateMachine):
    """Users with one digit each begin conversations and go on with them while the clock moves."""

    def __init__(self) -> None:
        super().__init__()
        self.place = office(counter_digits=1, user_digits=1, base=8)
        self.threads: list[tuple[str, datetime]] = []

    @rule(user=st.sampled_from(USERS), count=st.integers(1, 12))
    def begin(self, user: str, count: int) -> None:
        given = numbers(self.place, user, count)
        for _ in range(count):
            now = self.place.clock.now()
            new = token(given, conversation(len(self.threads), now))
            assert new is not None
            self.threads.append((new, now))

    @rule(chosen=st.integers(0, 1000))
    def go_on(self, chosen: int) -> None:
        now = self.place.clock.now()
        alive = [number for number, (_, last) in enumerate(self.threads) if last >= now - TOKEN_LIVES]
        if alive:
            number = alive[chosen % len(alive)]
            token, _ = self.threads[number]
            self.place.ledger.link([Link(LinkKind.TOKEN, token, conversation(number, now))])
            self.threads[number] = (token, now)

    @rule(days=st.integers(1, 100))
    def wait(self, days: int) -> None:
        self.place.clock.advance(timedelta(days=days).total_seconds())

    @invariant()
    def no_two_live_conversations_have_one_token(self) -> None:
        now = self.place.clock.now()
        alive = [token for token, last in self.threads if last > now - TOKEN_LIVES]
        assert len(alive) == len(set(alive))


TestTokens = Tokens.TestCase
TestTokens.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
