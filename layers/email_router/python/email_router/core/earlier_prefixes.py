"""Keep the prefixes that tokens were sent with, so that no change of the prefix loses a conversation."""

from __future__ import annotations

from dataclasses import replace

from email_router.core.settings import Tracking

MOST = 10
"""Earlier prefixes that are kept: each is looked for in every subject, and history that grows without end is lost some day, too."""


def keeping(tracking: Tracking, before: Tracking | None) -> tuple[Tracking, tuple[str, ...]]:
    """Return the settings with the prefixes of those that were in force before, and the prefixes that no longer fit.

    First come those that the settings name, then the prefix before, then the ones kept so far: the newest first, at most
    10.  What `forgotten_prefixes` names is not kept; from the next version on it need not be named any more.  As the
    original: if the prefix is changed, earlier ones are still used (Power Platform: e-mail message filtering and
    correlation).
    """
    known = (before.prefix, *before.earlier_prefixes) if before else ()
    left = {tracking.prefix, *tracking.forgotten_prefixes}
    wanted = [one for one in dict.fromkeys((*tracking.earlier_prefixes, *known)) if one not in left]
    return replace(tracking, earlier_prefixes=tuple(wanted[:MOST])), tuple(wanted[MOST:])


def told(tracking: Tracking, before: Tracking | None, lost: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the person who changes the prefix should know; `tracking` and `lost` are as `keeping` returns them."""
    notes = []
    if before and before.prefix in tracking.earlier_prefixes:
        was, now = before.prefix, tracking.prefix
        kept = f"tokens of {was} are still found, until forgotten_prefixes names it"
        notes.append(f"the prefix was {was} and is {now} now; {kept}")
    notes += [f"tokens of {one} are found no more: at most {MOST} earlier prefixes are kept" for one in lost]
    return tuple(notes)
