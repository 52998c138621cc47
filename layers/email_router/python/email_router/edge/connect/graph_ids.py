"""Find a message whose id was kept from a time when ids were asked for in their other form, or that was moved.

Which form is safest and cheapest, and where:

- Default ids are asked for unless the profile says `immutable_ids`.  A delta query with them loses nothing: a message that is moved out and
  back comes again under a new id, and the ledger knows it by its Message-ID.  With immutable ids it is told as removed and never again
  (microsoft-graph-docs 21752), until the mailbox is reconciled.
- Messages are fetched and disposed of under the ids of the listing, seconds old, at no request more.  A default id that has died was
  moved meanwhile: to be fetched the message is looked for by its Message-ID, to be disposed of it is left where a person or a rule has put
  it.  Under immutable ids the message itself is fetched and disposed of, wherever it lies.
- Translating all ids ahead would cost a request for each page, and would make disposal follow a message into a person's folder.  So ids
  are translated only where nothing else is left: those that were kept from before `immutable_ids` was changed (in retries and
  quarantine), when Graph does not find them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from email_router.edge.connect.graph import GraphClient

MOST_AT_ONCE = 1000
"""How many ids translateExchangeIds takes (learn.microsoft.com/graph/api/user-translateexchangeids)."""

_BAD_REQUEST = 400
_FORMS = ("restId", "restImmutableEntryId")


def translated(client: GraphClient, ids: Sequence[str]) -> dict[str, str]:
    """Return the ids in the form that the client asks for, by what they were; without those that Graph cannot translate."""
    source, target = _FORMS if client.immutable else _FORMS[::-1]
    found: dict[str, str] = {}
    for start in range(0, len(ids), MOST_AT_ONCE):
        content = {"inputIds": list(ids[start : start + MOST_AT_ONCE]), "sourceIdType": source, "targetIdType": target}
        reply = client.call("POST", f"{client.user}/translateExchangeIds", content=content, accept=(_BAD_REQUEST,))
        if not reply.done:
            continue  # none of these can be translated
        for one in reply.rows():
            before, now = str(one.get("sourceId") or ""), str(one.get("targetId") or "")
            if before and now and before != now:
                found[before] = now
    return found


def find_moved(client: GraphClient, internet_message_id: str) -> str | None:
    """Return the new id of a message that was moved, wherever it is; None unless exactly one message has this Message-ID."""
    if not internet_message_id:
        return None
    quoted = internet_message_id.replace("'", "''")
    options = urlencode({"$filter": f"internetMessageId eq '{quoted}'", "$select": "id", "$top": "2"}, safe="$")
    rows = client.call("GET", f"{client.user}/messages?{options}").rows()
    return str(rows[0].get("id") or "") or None if len(rows) == 1 else None
