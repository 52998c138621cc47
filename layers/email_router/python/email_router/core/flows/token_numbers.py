"""Give new conversations their tracking tokens: numbers of the sender, taken from the store by the block."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from email_router.core.alerts import Alert
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.ways_back import TOKEN_LIVES
from email_router.core.ledger import KnownEmail
from email_router.core.mailbox import Mailbox
from email_router.core.tracking_token import make_token

_SKIPS = 20
_MEND = (
    "Nothing is lost, and no token stands for two live conversations.  If tokens shall be of one length, raise counter_digits or user_digits "
    "in [organisation.tracking] and publish; then `email-router alerts --settle` this one."
)


class TokenNumbers:
    """The numbers for one order of at most `most` e-mails: a user's own; a queue has its owner's.

    The first block is as large as what is asked for first, each further one as large as all before it: never more numbers go unused than are
    used.  If the worker dies, the rest of its block is unused; no number is given twice.
    """

    def __init__(self, out: Outgoing, mailbox: Mailbox, most: int = 1) -> None:
        self._out = out
        self._user = (mailbox.owner or mailbox.address).casefold()
        self._left = most
        self._number = 0
        self._taken = 0
        self._digits = out.configuration.tracking.counter_digits
        self._counts: deque[int] = deque()

    def several(self, asked: Sequence[tuple[KnownEmail, str]]) -> Sequence[str | None]:
        """Reserve a token for each that no live conversation has, those of all together.

        After 20 in a row that are taken the user's counter has run round too early: it gets one digit more, for good, and somebody is told.
        """
        self._number = self._number or self._out.ledger.user_number(self._user)
        wanted = [known for known, _ in asked]
        found = self._reserved(wanted)
        if missing := [one for one in wanted if one.activity not in found]:
            self._grow()
            found |= self._reserved(missing)
        self._left -= len(asked)
        return [found.get(one.activity) for one in wanted]

    def _reserved(self, wanted: Sequence[KnownEmail]) -> dict[str, str]:
        """Return the tokens that were free, by their e-mails; all of them, unless 20 in a row were taken."""
        found: dict[str, str] = {}
        in_a_row = 0
        while wanted and in_a_row < _SKIPS:
            tried = [replace(one, token=self._next(len(wanted) - number)) for number, one in enumerate(wanted)]
            free = self._out.ledger.reserve_tokens(tried, tried[0].at - TOKEN_LIVES)
            found |= {one.activity: str(one.token) for one, is_free in zip(tried, free, strict=True) if is_free}
            wanted = [one for one, is_free in zip(wanted, free, strict=True) if not is_free]
            in_a_row = 0 if any(free) else in_a_row + len(free)
        return found

    def _next(self, wanted: int) -> str:
        if not self._counts:
            self._take(wanted)
        tracking = replace(self._out.configuration.tracking, counter_digits=self._digits)
        return make_token(tracking, self._number, self._counts.popleft())

    def _take(self, wanted: int) -> None:
        size = max(wanted, min(self._taken, self._left))
        counted = self._out.ledger.next_counts(self._user, size)
        self._taken += size
        self._digits = max(self._digits, counted.digits)
        self._counts.extend(range(counted.before + 1, counted.before + size + 1))
        if counted.before == 0:
            self._check_number()

    def _check_number(self) -> None:
        """Tell, with the user's first token, that the number is longer than configured; the token holds all of it."""
        tracking = self._out.configuration.tracking
        if tracking.base + self._number >= 10**tracking.user_digits:
            self._tell(
                "user_digits",
                f"the user number {tracking.base + self._number} has more than {tracking.user_digits} digits",
            )

    def _grow(self) -> None:
        """Tell first: if the worker dies in between, the next one tells and grows it again."""
        self._digits += 1
        self._tell(
            "token_digits", f"the counter came round to live conversations; it has {self._digits} digits from now on"
        )
        self._out.ledger.grow_digits(self._user, self._digits)

    def _tell(self, kind: str, what: str) -> None:
        text = f"{self._user}: {what}"
        alert = Alert(kind=kind, about=self._user, text=text, mend=_MEND, at=self._out.clock.now())
        self._out.alerts.raise_alert(alert)
