"""Keep the inbox rules of the simulated Exchange, and apply them to what arrives."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from lxml import etree  # type: ignore[import-untyped]

from tests.simulators.wrapping import went_through, wrapped

if TYPE_CHECKING:
    from tests.simulators.ews.world import Box, EwsFailure, Item, World

T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
NAMES = frozenset({"GetInboxRules", "UpdateInboxRules"})
_BOOLEAN = ("Is", "Has", "Sent", "Not", "Stop", "Delete", "Permanent", "MarkAsRead")
_WRITTEN = {"0": "false", "1": "true"}
_numbers = itertools.count(1)


@dataclass
class Rule:
    """A rule: its place, and its element as it was sent."""

    element: Any
    priority: int
    id: str = field(default_factory=lambda: f"RULE{next(_numbers):06d}=")

    def __post_init__(self) -> None:
        """Write what is true or false as Exchange does, whichever of the schema's two forms the client wrote."""
        for one in self.element.iter():
            if one.text in _WRITTEN and etree.QName(one).localname.startswith(_BOOLEAN):
                one.text = _WRITTEN[one.text]

    def text(self, name: str) -> str:
        return str(self.element.findtext(f"{T}{name}") or "")

    @property
    def forwards_to(self) -> list[str]:
        path = f"{T}Actions/{T}ForwardAsAttachmentToRecipients/{T}Address/{T}EmailAddress"
        return [one.text.lower() for one in self.element.iterfind(path)]

    def xml(self) -> str:
        """Render it with its id and place in the schema's order."""
        rest = "".join(
            etree.tostring(one, encoding="unicode", with_tail=False)
            for name in ("IsNotSupported", "IsInError", "Conditions", "Exceptions", "Actions")
            for one in self.element.findall(f"{T}{name}")
        )
        return (
            f"<t:Rule><t:RuleId>{self.id}</t:RuleId><t:DisplayName>{escape(self.text('DisplayName'))}</t:DisplayName>"
            f"<t:Priority>{self.priority}</t:Priority><t:IsEnabled>{self.text('IsEnabled')}</t:IsEnabled>{rest}</t:Rule>"
        )


def answer(world: World, box: Box, request: Any) -> str:
    """Answer GetInboxRules or UpdateInboxRules for the mailbox that the request names."""
    address = request.findtext(M + "MailboxSmtpAddress")
    box = world.box(address) if address else box
    return _get(box) if request.tag == M + "GetInboxRules" else _update(world, box, request)


def error(name: str, failure: EwsFailure) -> str:
    """Return the answer that tells a failure: these two know no response messages."""
    return _response(name, "Error", failure.code, text=failure.text)


def arrive(world: World, box: Box, item: Item) -> None:
    """Apply the mailbox's rules to a message that has arrived in its inbox: forward it as attachment, where it applies to all mail."""
    if went_through(item.raw, box.address):
        return
    for rule in sorted(box.rules, key=lambda one: one.priority):
        if rule.text("IsEnabled") != "true" or len(rule.element.findall(f"{T}Conditions/*")):
            continue
        for to in rule.forwards_to:
            wrapper = wrapped(item.raw, box.address, to)
            if to in world.boxes:
                world.put(to, wrapper)
            else:
                world.outside.append((to, wrapper))
        if rule.element.findtext(f"{T}Actions/{T}StopProcessingRules") == "true":
            return


def _get(box: Box) -> str:
    rules = "".join(rule.xml() for rule in sorted(box.rules, key=lambda one: one.priority))
    found = f"<m:InboxRules>{rules}</m:InboxRules>" if rules else ""
    blob = str(box.outlook_rules).lower()
    return _response(
        "GetInboxRules", "Success", "NoError", f"<m:OutlookRuleBlobExists>{blob}</m:OutlookRuleBlobExists>{found}"
    )


def _update(world: World, box: Box, request: Any) -> str:
    if box.outlook_rules and request.findtext(M + "RemoveOutlookRuleBlob") != "true":
        text = "Outlook rule blob exists; set RemoveOutlookRuleBlob to overwrite it."
        return _response("UpdateInboxRules", "Error", "ErrorOutlookRuleBlobExists", text=text)
    errors = "".join(
        _wrong(number, *problem)
        for number, operation in enumerate(request.find(M + "Operations"))
        if (problem := _problem(world, box, operation))
    )
    if errors:
        inside = f"<m:RuleOperationErrors>{errors}</m:RuleOperationErrors>"
        text = "A validation error occurred on one or more rules."
        return _response("UpdateInboxRules", "Error", "ErrorInboxRulesValidationError", inside, text)
    box.outlook_rules = False
    for operation in request.find(M + "Operations"):
        _carry_out(box, operation)
    return _response("UpdateInboxRules", "Success", "NoError")


def _problem(world: World, box: Box, operation: Any) -> tuple[str, str, str] | None:
    """Return field, code and value of what is wrong with an operation."""
    rule_id = operation.findtext(f".//{T}RuleId")
    creates = operation.tag == T + "CreateRuleOperation"
    if creates and rule_id:
        return "RuleId", "CreateWithRuleId", rule_id
    if not creates and all(rule.id != rule_id for rule in box.rules):
        return "RuleId", "RuleNotFound", rule_id or ""
    priority = operation.findtext(f".//{T}Priority")
    taken = {rule.priority for rule in box.rules if rule.id != rule_id}
    if priority and world.unique_priorities and int(priority) in taken:
        return "Priority", "DuplicatedPriority", priority
    if operation.tag != T + "DeleteRuleOperation" and operation.find(f"{T}Rule/{T}Actions/*") is None:
        return "Actions", "MissingAction", ""
    for person in operation.iter(T + "EmailAddress"):
        if "@" not in (person.text or ""):
            return "Action:ForwardAsAttachmentToRecipients", "InvalidAddress", person.text or ""
    return None


def _carry_out(box: Box, operation: Any) -> None:
    rule_id = operation.findtext(f".//{T}RuleId")
    gone = next((rule for rule in box.rules if rule.id == rule_id), None)
    if gone is not None:
        box.rules.remove(gone)
    element = operation.find(T + "Rule")
    if element is None:
        return
    priority = int(element.findtext(T + "Priority"))
    for rule in box.rules:
        rule.priority += rule.priority >= priority
    made = Rule(element, priority)
    if gone is not None:
        made.id = gone.id
    box.rules.append(made)


def _wrong(number: int, uri: str, code: str, value: str) -> str:
    return (
        f"<t:RuleOperationError><t:OperationIndex>{number}</t:OperationIndex><t:ValidationErrors><t:Error><t:FieldURI>{uri}</t:FieldURI>"
        f"<t:ErrorCode>{code}</t:ErrorCode><t:ErrorMessage>{code}</t:ErrorMessage><t:FieldValue>{escape(value)}</t:FieldValue>"
        "</t:Error></t:ValidationErrors></t:RuleOperationError>"
    )


def _response(name: str, kind: str, code: str, inside: str = "", text: str = "") -> str:
    said = f"<m:MessageText>{escape(text)}</m:MessageText>" if text else ""
    return f'<m:{name}Response ResponseClass="{kind}">{said}<m:ResponseCode>{code}</m:ResponseCode>{inside}</m:{name}Response>'
