"""Keep inbox rules, and apply them to what arrives (learn.microsoft.com/graph/api/resources/messagerule)."""

from __future__ import annotations

import base64
import copy
from typing import Any

from tests.simulators.graph.http import GraphFailure, Json, Reply, Request, Route
from tests.simulators.graph.world import Item, Mailbox, World
from tests.simulators.wrapping import went_through, wrapped

_FIELDS = {"displayName", "sequence", "isEnabled", "conditions", "exceptions", "actions"}
_CONDITIONS = {"subjectContains", "senderContains"}
_ACTIONS = {"forwardAsAttachmentTo", "markAsRead", "delete", "moveToFolder", "stopProcessingRules"}
_PAGE = 1


def list_rules(world: World, request: Request, user: str, folder: str) -> Reply:
    """List all rules in order; a page of one each with the quirk `paged_rules`."""
    rules = sorted(_of(world, user, folder), key=lambda rule: rule["sequence"])
    context: Json = {"@odata.context": f"{request.base}/v1.0/$metadata#users/mailFolders('inbox')/messageRules"}
    if "paged_rules" not in world.quirks:
        return Reply(200, {**context, "value": copy.deepcopy(rules)})
    start = int(request.query.get("$skip", 0))
    page = {**context, "value": copy.deepcopy(rules[start : start + _PAGE])}
    if start + _PAGE < len(rules):
        page["@odata.nextLink"] = f"{request.base}{request.path}?$skip={start + _PAGE}"
    return Reply(200, page)


def get_rule(world: World, request: Request, user: str, folder: str, rule_id: str) -> Reply:
    return Reply(200, copy.deepcopy(_find(_of(world, user, folder), rule_id)))


def make_rule(world: World, request: Request, user: str, folder: str) -> Reply:
    rules, wanted = _of(world, user, folder), _checked(request.json())
    if not wanted.get("displayName") or not wanted.get("actions"):
        raise GraphFailure(400, "ErrorInvalidRequest", "The rule needs displayName and actions.")
    world.mailbox(user).clock += 1
    number = f"{user.lower()}/{world.mailbox(user).clock}".encode()
    rule = {
        "id": base64.urlsafe_b64encode(b"\x01\x00\x00\x00" + number).decode(),
        "isEnabled": True,
        "hasError": False,
        "isReadOnly": False,
        **wanted,
        "sequence": 0,
    }
    _place(rules, rule, int(wanted.get("sequence", len(rules) + 1)))
    return Reply(201, copy.deepcopy(rule))


def patch_rule(world: World, request: Request, user: str, folder: str, rule_id: str) -> Reply:
    """Change what is named and leave the rest, actions and conditions each as a whole."""
    rules, wanted = _of(world, user, folder), _checked(request.json())
    rule = _find(rules, rule_id)
    if rule["isReadOnly"]:
        raise GraphFailure(403, "ErrorInvalidOperation", "The rule is read-only.")
    order = int(wanted.pop("sequence", rule["sequence"]))
    for name in ("conditions", "actions"):
        if name in wanted:
            wanted[name] = {**rule.get(name, {}), **wanted[name]}
    rule.update(wanted)
    rule["hasError"] = False
    rules.remove(rule)
    _place(rules, rule, order)
    return Reply(200, copy.deepcopy(rule))


def delete_rule(world: World, request: Request, user: str, folder: str, rule_id: str) -> Reply:
    rules = _of(world, user, folder)
    rules.remove(_find(rules, rule_id))
    return Reply(204)


def arrive(world: World, mailbox: Mailbox, item: Item) -> None:
    """Apply the mailbox's rules to a message that has arrived in its inbox."""
    if item.is_draft or went_through(item.raw, mailbox.address):
        return
    for rule in sorted(mailbox.rules, key=lambda one: one["sequence"]):
        if not rule["isEnabled"] or rule["hasError"] or not _applies(rule.get("conditions") or {}, item):
            continue
        _act(world, mailbox, item, rule["actions"])
        if rule["actions"].get("stopProcessingRules"):
            return


def _act(world: World, mailbox: Mailbox, item: Item, actions: Json) -> None:
    for person in actions.get("forwardAsAttachmentTo", []):
        to = person["emailAddress"]["address"]
        wrapper = wrapped(item.raw, mailbox.address, to)
        box = world.mailboxes.get(to.lower())
        if box is not None and box.state == "ok":
            arrive(world, box, box.add(wrapper))
        elif "forwards_outside" in world.quirks:  # else the outbound spam policy stops it, as it does by default
            world.outside.append((to.lower(), wrapper))
    item.is_read = item.is_read or bool(actions.get("markAsRead"))
    target = "deleteditems" if actions.get("delete") else actions.get("moveToFolder")
    if target and item in mailbox.items:
        mailbox.move(item, target)


def _applies(conditions: Json, item: Item) -> bool:
    told = {
        "subjectContains": str(item.message.get("subject", "")),
        "senderContains": str(item.message.get("from", "")),
    }
    return all(any(word.lower() in told[name].lower() for word in words) for name, words in conditions.items() if words)


def _of(world: World, user: str, folder: str) -> list[Json]:
    mailbox = world.mailbox(user)
    if "no_settings_right" in world.quirks:
        raise GraphFailure(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    if mailbox.folder(folder).well_known != "inbox":
        raise GraphFailure(400, "ErrorInvalidRequest", "Rules are the inbox's.")
    return mailbox.rules


def _find(rules: list[Json], rule_id: str) -> Json:
    for rule in rules:
        if rule["id"] == rule_id:
            return rule
    raise GraphFailure(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def _place(rules: list[Json], rule: Json, order: int) -> None:
    """Put the rule into its place and number them all anew."""
    rules.sort(key=lambda one: one["sequence"])
    rules.insert(max(0, min(order, len(rules) + 1) - 1), rule)
    for number, one in enumerate(rules, 1):
        one["sequence"] = number


def _checked(wanted: Json) -> Json:
    """Refuse what Graph refuses, and what is not simulated."""
    unknown = set(wanted) - _FIELDS
    unknown |= set(wanted.get("conditions") or {}) - _CONDITIONS
    unknown |= set(wanted.get("exceptions") or {}) | set(wanted.get("actions") or {}) - _ACTIONS
    if unknown:
        raise GraphFailure(400, "BadRequest", f"The property '{min(unknown)}' is not known to the simulator.")
    if int(wanted.get("sequence", 1)) < 1:
        raise GraphFailure(400, "ErrorInvalidRequest", "The sequence must be positive.")
    for person in (wanted.get("actions") or {}).get("forwardAsAttachmentTo", []):
        if "@" not in _address(person):
            raise GraphFailure(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
    return wanted


def _address(person: Any) -> str:
    return str(person.get("emailAddress", {}).get("address", "")) if isinstance(person, dict) else ""


ROUTES = [
    Route("GET", "/v1.0/users/{}/mailFolders/{}/messageRules", list_rules),
    Route("POST", "/v1.0/users/{}/mailFolders/{}/messageRules", make_rule),
    Route("GET", "/v1.0/users/{}/mailFolders/{}/messageRules/{}", get_rule),
    Route("PATCH", "/v1.0/users/{}/mailFolders/{}/messageRules/{}", patch_rule),
    Route("DELETE", "/v1.0/users/{}/mailFolders/{}/messageRules/{}", delete_rule),
]
