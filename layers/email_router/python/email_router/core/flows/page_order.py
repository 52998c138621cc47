"""Put the messages of a page into the order in which they are decided: as they came, a parent before its answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from email_router.core.flows.incoming import Draft
from email_router.core.lookup_ids import id_forms, lookup_ids

_EVER = datetime.min.replace(tzinfo=UTC)


def in_received_order(drafts: Sequence[Draft]) -> list[Draft]:
    """Return the drafts by the server's times of arrival; no source need list them so (Graph's delta promises no order).

    Equal times go by place, and a message whose time is not told goes with the one listed before it.  Whatever the times say, a message
    that names another one of the page in In-Reply-To or References comes behind it; of messages that name each other the first stays first.
    """
    ordered = [draft for _, draft in sorted(zip(_times(drafts), drafts, strict=True), key=lambda one: one[0])]
    places: dict[str, list[int]] = {}
    for place, draft in enumerate(ordered):
        for form in id_forms(draft.message.message_id):
            places.setdefault(form, []).append(place)
    parents = [{place for form in lookup_ids(draft.message) for place in places.get(form, ())} for draft in ordered]
    return [ordered[place] for place in _behind_parents(parents)]


def _times(drafts: Sequence[Draft]) -> list[datetime]:
    times: list[datetime] = []
    for draft in drafts:
        before = times[-1] if times else _EVER
        times.append(draft.fetched.received or before)
    return times


def _behind_parents(parents: Sequence[set[int]]) -> list[int]:
    """Return all places in order, but each behind its parents; of those that wait for each other the first does not wait."""
    done: list[int] = []
    waiting = list(range(len(parents)))
    while waiting:
        following = next((place for place in waiting if parents[place].issubset(done)), waiting[0])
        waiting.remove(following)
        done.append(following)
    return done
