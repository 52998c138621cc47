"""Keep the inbox rules of a mailbox in Exchange Online, by Microsoft Graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from email_router.core.errors import MailboxBlocked
from email_router.core.inbox_rules import FIRST, InboxRule, MailboxRules
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_errors import NOT_FOUND
from email_router.edge.connect.graph_reading import next_link, reading

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach
    from email_router.edge.connect.graph_errors import GraphReply, JsonObject

_FORWARDS = "forwardAsAttachmentTo"
_MOST_PAGES = 100
_MEND = (
    "Rules need the right MailboxSettings.ReadWrite: grant it to the application and consent, or assign the Exchange role for the mailbox "
    '(New-ManagementRoleAssignment -App ... -Role "Application MailboxSettings.ReadWrite"); it takes up to two hours.'
)


class GraphInboxRules:
    """The messageRules of an inbox.

    Nothing is kept here: each call is one request.  An update of a rule that somebody narrowed makes a new rule before it removes the old
    one; if we die between the two, both forward until the next update removes one.
    """

    kind = "graph"

    def __init__(
        self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach, *, replace_outlook_rules: bool = False
    ) -> None:
        """Take what is needed to log in; nothing is opened yet.  Exchange Online never asks to delete Outlook's own rules."""
        del replace_outlook_rules
        self._client = GraphClient(profile, mailbox.address, secret, reach)
        self._path = f"{self._client.user}/mailFolders/inbox/messageRules"

    def all(self) -> MailboxRules:
        """Read every page of the list."""
        rows: list[JsonObject] = []
        target = self._path
        for _ in range(_MOST_PAGES):
            reply = self._call("GET", target)
            rows += reply.rows()
            target = next_link(reply.json(), self._client.address)
            if not target:
                break
        with reading(self._client.address):
            return MailboxRules(tuple(_rule(row) for row in rows))

    def make(self, name: str, forward_to: str) -> None:
        """Make the rule, first in order."""
        self._call("POST", self._path, _wanted(name, forward_to), repeatable=False)

    def update(self, rule: InboxRule, name: str, forward_to: str) -> None:
        """Change the rule; one with conditions or other actions is replaced, for a change leaves what it does not name."""
        if rule.narrowed or rule.more:
            self.make(name, forward_to)
            self.remove(rule)
            return
        self._call("PATCH", self._place(rule), _wanted(name, forward_to))

    def remove(self, rule: InboxRule) -> None:
        """Delete the rule."""
        self._call("DELETE", self._place(rule), accept=(NOT_FOUND,))

    def close(self) -> None:
        """Do nothing: lines and tokens are kept for the process."""

    def _place(self, rule: InboxRule) -> str:
        return f"{self._path}/{quote(rule.id, safe='=')}"

    def _call(
        self,
        method: str,
        target: str,
        content: JsonObject | None = None,
        *,
        accept: tuple[int, ...] = (),
        repeatable: bool = True,
    ) -> GraphReply:
        try:
            return self._client.call(method, target, content=content, accept=accept, repeatable=repeatable)
        except MailboxBlocked as refusal:
            if refusal.kind != "access_denied":
                raise
            raise MailboxBlocked(str(refusal), kind="access_denied", mend=_MEND) from refusal


def _wanted(name: str, forward_to: str) -> JsonObject:
    person = {"emailAddress": {"name": forward_to, "address": forward_to}}
    return {"displayName": name, "sequence": FIRST, "isEnabled": True, "actions": {_FORWARDS: [person]}}


def _rule(row: JsonObject) -> InboxRule:
    actions = _set(row.get("actions"))
    ends = bool(actions.pop("stopProcessingRules", False))
    people = actions.pop(_FORWARDS, [])
    return InboxRule(
        id=str(row.get("id", "")),
        name=str(row.get("displayName") or ""),
        order=int(row.get("sequence") or FIRST),
        enabled=bool(row.get("isEnabled")),
        forwards_to=tuple(str((one.get("emailAddress") or {}).get("address") or "") for one in people),
        narrowed=bool(_set(row.get("conditions")) or _set(row.get("exceptions"))),
        more=bool(actions),
        ends=ends,
        broken=bool(row.get("hasError")),
    )


def _set(values: Any) -> dict[str, Any]:  # noqa: ANN401 - what JSON holds
    """Return the properties that say something: Graph also tells those that are not set."""
    return {name: value for name, value in (values or {}).items() if value and not name.startswith("@")}
