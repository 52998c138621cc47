"""Answer delta queries over the messages of a folder (learn.microsoft.com/graph/delta-query-messages)."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from tests.simulators.graph.http import GraphFailure, Json, Reply, Request, Route
from tests.simulators.graph.rendering import expanded, selected, show_message
from tests.simulators.graph.world import Folder, Item, Mailbox, World

_FILTER = re.compile(r"receivedDateTime\s+(ge|gt)\s+(\S+)", re.IGNORECASE)
_DEFAULT_PAGE = 10
_LARGEST_PAGE = 1000


@dataclass(frozen=True)
class Round:
    """What a token stands for.  `since` None: a full round; `upto` is where the next round begins, `after` where this page does."""

    mailbox: str
    folder: str
    epoch: int
    since: int | None
    upto: int
    after: int
    given: int
    select: list[str]
    extended: list[str]
    floor: str
    kind: str
    rested: bool = False

    def token(self) -> str:
        """Write the round as an opaque token."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode().rstrip("=")

    @classmethod
    def of(cls, token: str) -> Round:
        """Read a token; Graph's 400 for one that it never gave."""
        try:
            return cls(**json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))))
        except (ValueError, TypeError) as broken:
            raise GraphFailure(400, "BadRequest", "Badly formed token.") from broken


def messages_delta(world: World, request: Request, user: str, folder_name: str) -> Reply:
    """Answer one page of a round."""
    mailbox = world.mailbox(user)
    if mailbox.state == "full":
        raise GraphFailure(403, "ErrorQuotaExceeded", "The mailbox is over its quota; the operation was not performed.")
    folder = mailbox.folder(folder_name)
    token = request.query.get("$skiptoken") or request.query.get("$deltatoken")
    current = Round.of(token) if token else _first(world, request, mailbox, folder)
    if (current.mailbox, current.folder) != (mailbox.user, folder.id):
        raise GraphFailure(400, "ErrorInvalidUrlQuery", "The token belongs to another folder.")
    if current.epoch < world.sync_floor:
        raise GraphFailure(
            410, "SyncStateNotFound", "The sync state generation is not found; a full synchronization is needed."
        )
    if "$deltatoken" in request.query:
        current = replace(current, since=current.upto, after=current.upto, upto=mailbox.clock, given=0, rested=False)
    return _page(world, request, mailbox, current)


def _first(world: World, request: Request, mailbox: Mailbox, folder: Folder) -> Round:
    if "$search" in request.query:
        raise GraphFailure(400, "ErrorInvalidUrlQuery", "Query option 'Search' is not allowed with change tracking.")
    kind = request.query.get("changeType", "")
    if kind not in {"", "created", "updated", "deleted"}:
        raise GraphFailure(400, "ErrorInvalidUrlQuery", f"changeType '{kind}' is not supported.")
    return Round(
        mailbox=mailbox.user,
        folder=folder.id,
        epoch=world.sync_round,
        since=None,
        upto=mailbox.clock,
        after=0,
        given=0,
        select=selected(request),
        extended=expanded(request),
        floor=_floor(request.query.get("$filter", "")),
        kind=kind,
    )


def _floor(text: str) -> str:
    if not text:
        return ""
    found = _FILTER.fullmatch(text.strip())
    if found is None:
        raise GraphFailure(400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.")
    try:
        datetime.fromisoformat(found[2])
    except ValueError as broken:
        raise GraphFailure(400, "BadRequest", f"Invalid filter clause: '{found[2]}'.") from broken
    return f"{found[1].lower()} {found[2]}"


def _page(world: World, request: Request, mailbox: Mailbox, current: Round) -> Reply:
    if "empty_page" in world.quirks and not current.rested:
        return _reply(world, request, mailbox, [], replace(current, rested=True), last=False)
    size = min(int(request.preference("odata.maxpagesize") or _DEFAULT_PAGE), _LARGEST_PAGE)
    entries = _entries(mailbox, current, request, world.quirks)
    if current.floor and current.since is None:
        entries = entries[: max(world.filter_limit - current.given, 0)]
    shown = entries[:size]
    rows = [row for _, row in shown]
    if "newest_first" in world.quirks:  # without $orderby a page may list in any order
        rows.reverse()
    if "duplicate" in world.quirks and rows:
        rows = [*rows, rows[0]]
    after = shown[-1][0] if shown else current.after
    following = replace(current, after=after, given=current.given + len(shown), rested=False)
    return _reply(world, request, mailbox, rows, following, last=len(entries) <= size)


def _entries(mailbox: Mailbox, current: Round, request: Request, quirks: set[str]) -> list[tuple[int, Json]]:
    """Return what is still to be told in this round, with its number in the change log."""
    if current.since is None:
        items = [item for item in mailbox.listed(current.folder) if item.arrived > current.after]
        return [(item.arrived, _shown(item, current, request)) for item in items if _recent(item, current.floor)]
    found: list[tuple[int, Json]] = []
    returned = _returned(mailbox, current) if request.immutable else set()
    for item in mailbox.items:
        if item.immutable_id in returned:
            continue
        created = item.arrived > current.since
        fits = {"": True, "created": created, "updated": not created}.get(current.kind, False)
        told = item.arrived if current.kind == "created" else item.changed
        if item.folder == current.folder and fits and told > current.after and _recent(item, current.floor):
            found.append((told, _shown(item, current, request)))
    tells_removals = current.kind in {"", "deleted"} or "tells_removals" in quirks
    lying = {item.immutable_id for item in mailbox.items}
    for gone in mailbox.removals:
        if gone.folder == current.folder and gone.at > current.after and tells_removals:
            gone_id = gone.immutable_id if request.immutable else gone.id
            reason = "changed" if gone.immutable_id in lying else "deleted"
            row: Json = {"@odata.type": "#microsoft.graph.message", "id": gone_id, "@removed": {"reason": reason}}
            found.append((gone.at, row))
    return sorted(found, key=lambda entry: entry[0])


def _returned(mailbox: Mailbox, current: Round) -> set[str]:
    """Return the immutable ids of messages that left the folder and lie in it again.

    Asked for by immutable ids they are told as removed, and not again before a full round (microsoft-graph-docs 21752).
    """
    left = {gone.immutable_id for gone in mailbox.removals if gone.folder == current.folder}
    return {item.immutable_id for item in mailbox.items if item.folder == current.folder and item.immutable_id in left}


def _recent(item: Item, floor: str) -> bool:
    if not floor:
        return True
    operator, _, text = floor.partition(" ")
    edge = datetime.fromisoformat(text)
    return item.received > edge or (operator == "ge" and item.received == edge)


def _shown(item: Item, current: Round, request: Request) -> Json:
    shown = show_message(item, immutable=request.immutable, select=current.select, extended=current.extended)
    return {"@odata.type": "#microsoft.graph.message", **shown}


def _reply(
    world: World, request: Request, mailbox: Mailbox, rows: list[Json], following: Round, *, last: bool
) -> Reply:
    base = "https://graph.invalid" if "foreign_link" in world.quirks else request.base
    path = f"{base}/v1.0/users('{mailbox.address}')/mailFolders('{following.folder}')/messages/delta"
    link = f"{path}?${'delta' if last else 'skip'}token={following.token()}"
    content: Json = {
        "@odata.context": f"{request.base}/v1.0/$metadata#Collection(message)",
        "@odata.deltaLink" if last else "@odata.nextLink": link,
        "value": rows,
    }
    return Reply(200, content)


ROUTES = [Route("GET", "/v1.0/users/{}/mailFolders/{}/messages/delta", messages_delta)]
