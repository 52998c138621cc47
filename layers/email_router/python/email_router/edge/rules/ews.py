"""Keep the inbox rules of a mailbox on an Exchange server, by Exchange Web Services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exchangelib.util import MNS, TNS  # type: ignore[import-untyped]

from email_router.core.errors import MailboxBlocked
from email_router.core.inbox_rules import FIRST, OUTLOOK_MEND, InboxRule, MailboxRules
from email_router.edge.connect.ews import EwsClient
from email_router.edge.connect.ews_errors import EwsError
from email_router.edge.connect.ews_reading import number
from email_router.edge.connect.ews_wire import child_text, element

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach

_FORWARDS = f"{{{TNS}}}ForwardAsAttachmentToRecipients"
_ENDS = f"{{{TNS}}}StopProcessingRules"
_REFUSED = "ErrorInboxRulesValidationError"
_OUTLOOK = "ErrorOutlookRuleBlobExists"
_MEND_REFUSED = "Check the address to forward to and the mailbox's other rules (their room is limited), then try again."


class EwsInboxRules:
    """GetInboxRules and UpdateInboxRules (Exchange 2010 SP1 and newer).

    Nothing is kept here: each call is one request, but that a rule which the server does not take in the first place is asked for once
    more behind the others.  Outlook's own rules are deleted only where `replace_outlook_rules` was asked for.
    """

    kind = "ews"

    def __init__(
        self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach, *, replace_outlook_rules: bool = False
    ) -> None:
        """Take what is needed to log in; nothing is opened yet."""
        self._client = EwsClient(profile, mailbox, secret, reach)
        self._address = mailbox.address
        self._replaces = replace_outlook_rules

    def all(self) -> MailboxRules:
        """Read all of them at once."""
        payload = element("m:GetInboxRules", self._mailbox())
        try:
            (answer,) = self._client.call(payload)
        except EwsError as error:
            raise self._client.failed(error) from error
        rules = tuple(_rule(one) for one in answer.iter(f"{{{TNS}}}Rule"))
        return MailboxRules(rules, answer.findtext(f"{{{MNS}}}OutlookRuleBlobExists") == "true")

    def make(self, name: str, forward_to: str) -> None:
        """Make the rule, first in order where the server lets it."""
        try:
            self._change(element("t:CreateRuleOperation", _wanted(name, forward_to, FIRST)), repeatable=False)
        except EwsError as error:
            last = max((rule.order for rule in self.all().rules), default=0) if error.code == _REFUSED else 0
            if not last:
                raise self._failed(error) from error
            self._checked(element("t:CreateRuleOperation", _wanted(name, forward_to, last + 1)), repeatable=False)

    def update(self, rule: InboxRule, name: str, forward_to: str) -> None:
        """Set the whole rule; where the server does not take it to the first place it stays at its own."""
        try:
            self._change(element("t:SetRuleOperation", _wanted(name, forward_to, FIRST, rule.id)))
        except EwsError as error:
            if error.code != _REFUSED or rule.order == FIRST:
                raise self._failed(error) from error
            self._checked(element("t:SetRuleOperation", _wanted(name, forward_to, rule.order, rule.id)))

    def remove(self, rule: InboxRule) -> None:
        """Delete the rule; whether one that is not taken is gone is looked up."""
        try:
            self._change(element("t:DeleteRuleOperation", element("t:RuleId", text=rule.id)))
        except EwsError as error:
            if error.code != _REFUSED or any(one.id == rule.id for one in self.all().rules):
                raise self._failed(error) from error

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _mailbox(self) -> Any:  # noqa: ANN401 - lxml has no types
        return element("m:MailboxSmtpAddress", text=self._address)

    def _checked(self, operation: Any, *, repeatable: bool = True) -> None:  # noqa: ANN401 - as above
        try:
            self._change(operation, repeatable=repeatable)
        except EwsError as error:
            raise self._failed(error) from error

    def _change(self, operation: Any, *, repeatable: bool = True) -> None:  # noqa: ANN401 - as above
        flag = element("m:RemoveOutlookRuleBlob", text="true") if self._replaces else None
        payload = element("m:UpdateInboxRules", self._mailbox(), flag, element("m:Operations", operation))
        self._client.call(payload, repeatable=repeatable)

    def _failed(self, error: EwsError) -> Exception:
        if error.code == _OUTLOOK:
            return MailboxBlocked(f"{self._address}: {error}", kind="outlook_rules", mend=OUTLOOK_MEND)
        if error.code == _REFUSED:
            return MailboxBlocked(f"{self._address}: {error}", kind="rule_refused", mend=_MEND_REFUSED)
        return self._client.failed(error)


def _wanted(name: str, forward_to: str, order: int, rule_id: str = "") -> Any:  # noqa: ANN401 - as above
    person = element("t:Address", element("t:EmailAddress", text=forward_to))
    return element(
        "t:Rule",
        element("t:RuleId", text=rule_id) if rule_id else None,
        element("t:DisplayName", text=name),
        element("t:Priority", text=str(order)),
        element("t:IsEnabled", text="true"),
        element("t:Actions", element("t:ForwardAsAttachmentToRecipients", person)),
    )


def _rule(found: Any) -> InboxRule:  # noqa: ANN401 - as above
    actions = found.find(f"{{{TNS}}}Actions")
    done = list(actions) if actions is not None else []
    people = found.iterfind(f"{{{TNS}}}Actions/{_FORWARDS}/{{{TNS}}}Address")
    return InboxRule(
        id=child_text(found, "RuleId"),
        name=child_text(found, "DisplayName"),
        order=number(child_text(found, "Priority")) or FIRST,
        enabled=child_text(found, "IsEnabled") == "true",
        forwards_to=tuple(child_text(one, "EmailAddress") for one in people),
        narrowed=any(len(found.findall(f"{{{TNS}}}{name}/*")) for name in ("Conditions", "Exceptions")),
        more=child_text(found, "IsNotSupported") == "true" or any(one.tag not in {_FORWARDS, _ENDS} for one in done),
        ends=any(one.tag == _ENDS and one.text == "true" for one in done),
        broken=child_text(found, "IsInError") == "true",
    )
