"""Let settings be those of the CRM: say when to ask it, judge what it says and keep what was known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from email_router.core import earlier_prefixes
from email_router.core.followed import Followed, FollowedMailbox, MailboxReading, Reading
from email_router.core.mailbox import Accept, Mailbox
from email_router.core.noise import noise_defect
from email_router.core.settings import Configuration, Tracking

_WHOLE = {
    "base": (0, 2_147_483_647),
    "user_digits": (1, 10),
    "counter_digits": (1, 9),
    "maximum_subject_length": (20, 800),
    "hash_max_count": (0, 1000),
    "hash_delta_subject_count": (0, 2),
    "hash_min_address_count": (0, 1000),
}
_WORDS = {"internal_email": ("track", "ignore"), "acceptance": ("any-recipient", "syncing-mailbox")}
_SWITCHES = ("correlation", "smart_matching", "internal_email_to_queues", "internal_email_from_queues")
_LONGEST_PREFIX = 20
_MOST_PROBLEMS = 20
"""Of mailboxes: each is an alert, and thousands may be missing at once."""

FOLLOWABLE = frozenset({*_WHOLE, *_WORDS, *_SWITCHES, "prefix", "hash_filter_keywords"})
"""The fields of Tracking that an organisation in Dynamics 365 has settings for."""

Value = str | int | bool


def due(configuration: Configuration, known: Followed | None, now: datetime, period: float) -> bool:
    """Tell whether the CRM is to be asked: half of `period` (seconds) has passed, or a mailbox is followed of which nothing is known."""
    if known is None or now - known.at >= timedelta(seconds=period / 2):
        return True
    return not {box.key for box in known.mailboxes} >= set(configuration.follows.mailboxes)


def judged(configuration: Configuration, reading: Reading, known: Followed | None, now: datetime) -> Followed:
    """Return what is known from now on.  A value that is not fit, or not told any more, leaves the one before in force.

    The prefixes of before are kept, as publishing keeps them; those that `forgotten_prefixes` names are not.
    """
    problems: list[str] = []
    mailboxes = tuple(_mailboxes(configuration, reading, known, problems))
    more = len(problems) - _MOST_PROBLEMS
    if more > 0:
        problems[_MOST_PROBLEMS:] = [
            f"{more} more mailboxes have such a problem: mend these, the next reading names others"
        ]
    given = dict(reading.tracking)
    if reading.prefixes:
        given["prefix"] = reading.prefixes[0]
    values: dict[str, Value] = dict(known.tracking) if known else {}
    for name in configuration.follows.tracking:
        if (value := given.get(name)) is None:
            continue
        if defect := _defect(name, value):
            problems.append(f"{name} is {_shown(value)} in the CRM: {defect}")
        else:
            values[name] = value  # type: ignore[assignment]  # _defect has seen to its type
    return Followed(
        at=now,
        tracking={name: value for name, value in values.items() if name in configuration.follows.tracking},
        earlier_prefixes=_earlier(configuration, reading, known, str(values.get("prefix", ""))),
        mailboxes=mailboxes,
        problems=tuple(problems),
    )


def _earlier(configuration: Configuration, reading: Reading, known: Followed | None, prefix: str) -> tuple[str, ...]:
    if "prefix" not in configuration.follows.tracking:
        return ()
    fit = tuple(one for one in reading.prefixes[1:] if not _defect("prefix", one))
    old = (
        Tracking(prefix=known.tracking.get("prefix", prefix), earlier_prefixes=known.earlier_prefixes)
        if known
        else None
    )
    now = Tracking(prefix=prefix, earlier_prefixes=fit, forgotten_prefixes=configuration.tracking.forgotten_prefixes)
    return earlier_prefixes.keeping(now, old)[0].earlier_prefixes


def _mailboxes(
    configuration: Configuration, reading: Reading, known: Followed | None, problems: list[str]
) -> Iterator[FollowedMailbox]:
    before = {box.key: box for box in known.mailboxes} if known else {}
    followed = set(configuration.follows.mailboxes)
    options = tuple(Accept)
    for box in (one for one in configuration.mailboxes if one.key in followed):
        found = _reading_of(box, reading)
        old = before.get(box.key) or FollowedMailbox(key=box.key)
        if found is None:
            problems.append(f"{box.address}: the CRM has no mailbox of this address; what was known of it stays")
            yield old
            continue
        accept = old.accept
        if found.accept is not None:
            if 0 <= found.accept < len(options):
                accept = options[found.accept]
            else:
                problems.append(f"{box.address}: its accept option is {found.accept} in the CRM: expected 0 to 4")
        approved = old.approved if found.approved is None else found.approved
        twice = [one for one in found.served if getattr(box, one)]
        problems += [
            f"{box.address}: its {one} mail is served by the CRM itself, too: one of both is to stop" for one in twice
        ]
        yield FollowedMailbox(key=box.key, accept=accept, approved=approved)


def _reading_of(box: Mailbox, reading: Reading) -> MailboxReading | None:
    names: Sequence[str] = (box.key, *(alias.casefold() for alias in box.aliases))
    return next((reading.mailboxes[name] for name in names if name in reading.mailboxes), None)


def _defect(name: str, value: object) -> str:
    """Say what the router expects of a value instead, or nothing."""
    if name in _WHOLE:
        low, high = _WHOLE[name]
        fit = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return "" if fit else f"expected a number from {low} to {high}"
    if name in _WORDS:
        return "" if value in _WORDS[name] else f"expected one of {', '.join(_WORDS[name])}"
    if name in _SWITCHES:
        return "" if isinstance(value, bool) else "expected true or false"
    text = value if isinstance(value, str) else ""
    if name == "prefix":
        fit = 0 < len(text) <= _LONGEST_PREFIX and text.isprintable() and text == text.strip()
        return "" if fit else f"expected 1 to {_LONGEST_PREFIX} printable characters without blanks around them"
    return (noise_defect(text) or "") if text else "expected a pattern"


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= _LONGEST_PREFIX else f"{text[:_LONGEST_PREFIX]}…")
