"""Ask the CRM for the settings that are followed, when it is time, and keep them for all functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from email_router.core.alerts import Alert
from email_router.core.errors import RouterError, TryLater
from email_router.core.followed import CrmSettingsReader, Followed, FollowedSettings
from email_router.core.following import due, judged
from email_router.core.ports import Alerts, Clock
from email_router.core.settings import Configuration

NOT_FOLLOWED = "settings_not_followed"
NOT_READ = "settings_not_read"

_MEND = "Mend it in Dynamics 365, or write the setting into the configuration file and publish it: what the file says is not followed."
_MEND_READING = "The last known settings stay in force. `email-router load-data --refresh` reads them again."


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowSettings:
    """The settings of one organisation's CRM.  `period` is ConfigUpdatePeriod in seconds: within it a change there takes effect here.

    One request after the other may come in at once: whoever claims the reading asks, and only the last claim is written.
    """

    configuration: Configuration
    clock: Clock
    period: float
    followed: FollowedSettings
    alerts: Alerts
    open_reader: Callable[[], CrmSettingsReader]

    def look(self) -> Followed | None:
        """Read the settings if it is time and nobody else does; return what is known.  Never raises what asking the CRM raises.

        A CRM that cannot be asked leaves the last known settings in force; one that refuses is told as an alert.
        """
        if not self._follows:
            return None
        known, now = self.followed.read(), self.clock.now()
        if not due(self.configuration, known, now, self.period):
            return known
        claim = self.followed.claim(now, now - timedelta(seconds=self.period / 4))
        if not claim:
            return known
        try:
            return self._read(claim, known, now)
        except TryLater:
            return known  # the next look asks again
        except RouterError as refusal:
            mend = f"{refusal.mend} {_MEND_READING}".strip()
            self.alerts.raise_alert(self._alert(NOT_READ, "", str(refusal), mend, now))
            return known

    def read_now(self) -> Followed | None:
        """Read the settings whoever else does, and return what is known; None when nothing is followed.  Raises what asking raises."""
        if not self._follows:
            return None
        now = self.clock.now()
        return self._read(self.followed.claim(now, None), self.followed.read(), now)

    @property
    def _follows(self) -> bool:
        follows = self.configuration.follows
        return bool(follows.tracking or follows.mailboxes)

    def _read(self, claim: str, known: Followed | None, now: datetime) -> Followed | None:
        follows = set(self.configuration.follows.mailboxes)
        boxes = [box for box in self.configuration.mailboxes if box.key in follows]
        reading = self.open_reader().settings([one for box in boxes for one in (box.address, *box.aliases)])
        found = judged(self.configuration, reading, known, now)
        self._tell_problems(set(known.problems) if known else set(), found)
        if not self.followed.keep(found, claim):
            return self.followed.read()  # somebody asked after us: theirs is newer
        return found

    def _tell_problems(self, before: set[str], found: Followed) -> None:
        """Raise what is new, and settle what is over."""
        for problem in (one for one in found.problems if one not in before):
            self.alerts.raise_alert(self._alert(NOT_FOLLOWED, problem, problem, _MEND, found.at))
        for problem in before - set(found.problems):
            self.alerts.settle(self._alert(NOT_FOLLOWED, problem, problem, _MEND, found.at).id)
        self.alerts.settle(self._alert(NOT_READ, "", "", "", found.at).id)

    def _alert(self, kind: str, about: str, text: str, mend: str, now: datetime) -> Alert:
        organisation = self.configuration.organisation
        named = text if text.startswith(organisation) else f"{organisation}: {text}"
        return Alert(kind=kind, about=f"{organisation} {about}".strip(), text=named, mend=mend, at=now)
