"""The steps that lead into a mailbox and out of it, and what was seen at each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from email_router.core.errors import RouterError
from email_router.core.mailbox import Authentication, Profile

_EXCHANGE = frozenset({"exchange-online", "exchange"})
_SHOWN_NAMES = 5


class StepName(StrEnum):
    """What is done, in the order of a road; where a login takes a token, its host is resolved, connected and secured, too."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    AUTHENTICATE = "authenticate"
    READ = "read"
    SEND = "send"
    FIND = "find"


class StepStatus(StrEnum):
    """What became of a step.  Not reached: one before it failed.  Not asked: it was left out, for a reason that is told."""

    OK = "ok"
    ERROR = "error"
    NOT_REACHED = "not_reached"
    NOT_ASKED = "not_asked"


class Host(StrEnum):
    """Whose host a step is about: the mail server's, or the one that gives the token to log in with."""

    SERVER = "server"
    TOKEN = "token"  # noqa: S105 - a word, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a server showed when TLS began.  `names` are those it is for (RFC 6125), `sha256` digests its DER form, `tls` is the version.

    Of one that was not proven nothing holds but that the server showed it.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    sha256: str
    tls: str

    def days_left(self, now: datetime) -> int:
        """Return the whole days until it ends, below zero when it has ended."""
        return (self.not_after - now).days

    def words(self, now: datetime) -> str:
        """Return it for people."""
        more = len(self.names) - _SHOWN_NAMES
        names = ", ".join(self.names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
        left = self.days_left(now)
        ends = f"{self.not_after:%Y-%m-%d} ({f'{left} days left' if left >= 0 else 'over'})"
        return (
            f"{self.tls}; certificate {self.subject}, issued by {self.issuer}, for {names or 'no name'}, "
            f"valid from {self.not_before:%Y-%m-%d} until {ends}, SHA-256 {self.sha256}"
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """A step that a road has before it; `unasked` says why it is left out, where it is."""

    name: StepName
    host: Host = Host.SERVER
    unasked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of a step.  `seconds` is what it took, None where it was not begun; `seen` says in words what was seen.

    With an error `certificate` is the one that was refused, where the server showed it.
    """

    stage: Stage
    status: StepStatus
    seconds: float | None = None
    seen: str = ""
    certificate: Certificate | None = None
    error: RouterError | None = None


_WAY = (StepName.RESOLVE, StepName.CONNECT, StepName.TLS)
_TO_SERVER = tuple(Stage(name) for name in _WAY)
_TO_TOKEN = tuple(Stage(name, Host.TOKEN) for name in _WAY)


def incoming_stages(profile: Profile) -> tuple[Stage, ...]:
    """Return the steps by which a mailbox is read."""
    return (*_login(profile), Stage(StepName.READ))


def outgoing_stages(profile: Profile, unsent: str = "", unfound: str = "") -> tuple[Stage, ...]:
    """Return the steps by which a mailbox sends; both arguments say why nothing is sent, and nothing looked for, if it is so.

    Where nothing is sent by Exchange, the drafts folder is read in its place.
    """
    drafts = (Stage(StepName.READ),) if unsent and profile.server in _EXCHANGE else ()
    ending = (Stage(StepName.SEND, unasked=unsent), Stage(StepName.FIND, unasked=unsent or unfound))
    return (*_login(profile), *drafts, *ending)


def _login(profile: Profile) -> tuple[Stage, ...]:
    by_token = profile.server == "exchange-online" or profile.authentication is Authentication.OAUTH
    if not by_token or profile.server == "ses":
        return (*_TO_SERVER, Stage(StepName.AUTHENTICATE))
    if profile.server in _EXCHANGE:  # over HTTPS the token comes first, and goes with each request
        return (*_TO_TOKEN, Stage(StepName.AUTHENTICATE, Host.TOKEN), *_TO_SERVER)
    return (*_TO_SERVER, *_TO_TOKEN, Stage(StepName.AUTHENTICATE))
