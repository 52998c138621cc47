"""The operations of the simulated EWS: each takes its request element and a mailbox and returns its response messages as XML text."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from tests.simulators.ews import rules
from tests.simulators.ews.attachments import create_attachment
from tests.simulators.ews.world import Box, EwsFailure, Folder, Item, World

T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
HEADERS = "0x7d"


def answer(world: World, box: Box, request: Any, owner: Callable[[Any], Box]) -> str:
    """Answer one request element; `owner` finds the mailbox that a folder id names."""
    name = request.tag.removeprefix(M)
    if name in rules.NAMES:
        return rules.answer(world, box, request)
    messages = OPERATIONS[name](world, box, request, owner)
    return f"<m:{name}Response><m:ResponseMessages>{''.join(messages)}</m:ResponseMessages></m:{name}Response>"


def error(name: str, failure: EwsFailure) -> str:
    """Return a response message that tells a failure."""
    values = "".join(f"<t:Value Name={quoteattr(key)}>{escape(text)}</t:Value>" for key, text in failure.values.items())
    xml = f"<m:MessageXml>{values}</m:MessageXml>" if values else ""
    empty = EMPTY.get(name, NOTHING.get(name, ""))
    return (
        f'<m:{name}ResponseMessage ResponseClass="Error"><m:MessageText>{escape(failure.text)}</m:MessageText>'
        f"<m:ResponseCode>{failure.code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{xml}{empty}"
        f"</m:{name}ResponseMessage>"
    )


NOTHING = {"SyncFolderItems": "<m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>"}
"""What Exchange writes in a failed response of an operation that tells a state."""
EMPTY = dict.fromkeys(("GetItem", "CreateItem", "MoveItem", "UpdateItem"), "<m:Items/>")


def success(name: str, inside: str = "") -> str:
    return f'<m:{name}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{inside}</m:{name}ResponseMessage>'


def _each(name: str, elements: Any, work: Callable[[Any], str]) -> Iterator[str]:
    for one in elements:
        try:
            yield success(name, work(one))
        except EwsFailure as failure:
            yield error(name, failure)


def _folder(owner: Callable[[Any], Box], parent: Any) -> tuple[Box, Folder]:
    found = parent if parent.tag in {T + "FolderId", T + "DistinguishedFolderId"} else parent[0]
    box = owner(found)
    return box, box.folder(found.get("Id"))


def _folder_xml(box: Box, folder: Folder) -> str:
    parent = box.folder("root" if folder.known in {"root", "msgfolderroot"} else folder.parent).id
    return (
        f'<t:Folder><t:FolderId Id="{folder.id}" ChangeKey="AQ=="/><t:ParentFolderId Id="{parent}" ChangeKey="AQ=="/>'
        f"<t:FolderClass>IPF.Note</t:FolderClass><t:DisplayName>{escape(folder.name)}</t:DisplayName>"
        f"<t:TotalCount>{len(folder.items)}</t:TotalCount><t:ChildFolderCount>0</t:ChildFolderCount>"
        f"<t:UnreadCount>{sum(not one.is_read for one in folder.items)}</t:UnreadCount></t:Folder>"
    )


def _ids(item: Item) -> str:
    return f'<t:ItemId Id="{item.id}" ChangeKey="{item.key}"/>'


def _item_xml(item: Item, request: Any, folder: Folder) -> str:
    """Render what the shape asks for, in the schema's order."""
    wanted = {one.get("FieldURI") for one in request.iter(T + "FieldURI")}
    whole = request.findtext(f".//{T}BaseShape") != "IdOnly"
    mime = request.findtext(f".//{T}IncludeMimeContent") == "true" or "item:MimeContent" in wanted
    text = ""
    if mime:
        text += f'<t:MimeContent CharacterSet="UTF-8">{base64.b64encode(item.raw).decode()}</t:MimeContent>'
    text += _ids(item)

    def add(uri: str, tag: str, value: str) -> str:
        return f"<t:{tag}>{escape(value)}</t:{tag}>" if whole or uri in wanted else ""

    if "item:ParentFolderId" in wanted:
        text += f'<t:ParentFolderId Id="{folder.id}" ChangeKey="AQ=="/>'
    text += add("item:Subject", "Subject", item.subject)
    text += add(
        "item:DateTimeReceived", "DateTimeReceived", item.received.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    )
    text += add("item:Size", "Size", str(len(item.raw)))
    text += add("item:IsDraft", "IsDraft", str(item.is_draft).lower())
    if "item:DateTimeCreated" in wanted:
        text += f"<t:DateTimeCreated>{item.created.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}</t:DateTimeCreated>"
    for field in request.iter(T + "ExtendedFieldURI"):
        if field.getparent().tag == T + "AdditionalProperties":
            text += _extended(item, field)
    text += add("message:IsRead", "IsRead", str(item.is_read).lower())
    text += add("message:InternetMessageId", "InternetMessageId", item.message_id)
    return f"<t:Message>{text}</t:Message>"


def _extended(item: Item, field: Any) -> str:
    value = item.properties.get(field.get("PropertyName", ""))
    if field.get("PropertyTag", "").lower().replace("0x00", "0x") == HEADERS:
        value = item.raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    if value is None:
        return ""
    attributes = " ".join(f"{name}={quoteattr(text)}" for name, text in field.attrib.items())
    return (
        f"<t:ExtendedProperty><t:ExtendedFieldURI {attributes}/><t:Value>{escape(value)}</t:Value></t:ExtendedProperty>"
    )


def _get_folder(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    yield from _each(
        "GetFolder",
        request.find(M + "FolderIds"),
        lambda one: f"<m:Folders>{_folder_xml(*_folder(owner, one))}</m:Folders>",
    )


def _find_folder(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    constant = request.find(f".//{T}Constant")

    def find(one: Any) -> str:
        where, parent = _folder(owner, one)
        found = [each for each in where.folders if each is not parent and where.folder(each.parent) is parent]
        if constant is not None:
            found = [each for each in found if each.name == constant.get("Value")]
        rows = "".join(_folder_xml(where, each) for each in found)
        return (
            f'<m:RootFolder TotalItemsInView="{len(found)}" IncludesLastItemInRange="true" IndexedPagingOffset="{len(found)}">'
            f"<t:Folders>{rows}</t:Folders></m:RootFolder>"
        )

    yield from _each("FindFolder", request.find(M + "ParentFolderIds"), find)


def _create_folder(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    where, parent = _folder(owner, request.find(M + "ParentFolderId"))

    def create(one: Any) -> str:
        name = one.findtext(T + "DisplayName")
        if any(each.name == name for each in where.folders):
            raise EwsFailure("ErrorFolderExists", "A folder with the specified name already exists.")
        where.folders.append(Folder(name, parent=parent.id))
        return f'<m:Folders><t:Folder><t:FolderId Id="{where.folders[-1].id}" ChangeKey="AQ=="/></t:Folder></m:Folders>'

    yield from _each("CreateFolder", request.find(M + "Folders"), create)


def _sync_items(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    _, folder = _folder(owner, request.find(M + "SyncFolderId"))
    state = request.findtext(M + "SyncState") or ""
    most = int(request.findtext(M + "MaxChangesReturned"))
    start = 0
    if state:
        epoch, folder_id, start = _state(state)
        if epoch != world.epoch or folder_id != folder.id:
            yield error("SyncFolderItems", EwsFailure("ErrorInvalidSyncStateData"))
            return
    end, changes = start, list[str]()
    while end < len(folder.log) and len(changes) < most:
        kind, item_id = folder.log[end]
        end += 1
        there = next((one for one in folder.items if one.id == item_id), None)
        if kind == "Delete" and start:
            changes.append(f'<t:Delete><t:ItemId Id="{item_id}" ChangeKey="CQ=="/></t:Delete>')
        elif kind == "ReadFlagChange" and there and start:
            changes.append(
                f"<t:ReadFlagChange>{_ids(there)}<t:IsRead>{str(there.is_read).lower()}</t:IsRead></t:ReadFlagChange>"
            )
        elif kind == "Create" and there:
            changes.append(f"<t:Create>{_item_xml(there, request, folder)}</t:Create>")
    text = base64.b64encode(f"{world.epoch}|{folder.id}|{end}".encode()).decode()
    last = str(end >= len(folder.log)).lower()
    yield success(
        "SyncFolderItems",
        f"<m:SyncState>{text}</m:SyncState><m:IncludesLastItemInRange>{last}</m:IncludesLastItemInRange><m:Changes>{''.join(changes)}</m:Changes>",
    )


def _state(text: str) -> tuple[int, str, int]:
    try:
        epoch, folder, number = base64.b64decode(text, validate=True).decode().split("|")
        return int(epoch), folder, int(number)
    except ValueError:
        return 0, "", 0


def _sync_hierarchy(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    seen = request.findtext(M + "SyncState") or ""
    known = set(base64.b64decode(seen).decode().split("|")) if seen else set()
    found = [each for each in box.folders if each.id not in known and each.known not in {"root", "msgfolderroot"}]
    rows = "".join(f"<t:Create>{_folder_xml(box, each)}</t:Create>" for each in found)
    state = base64.b64encode("|".join(each.id for each in box.folders).encode()).decode()
    yield success(
        "SyncFolderHierarchy",
        f"<m:SyncState>{state}</m:SyncState><m:IncludesLastFolderInRange>true</m:IncludesLastFolderInRange><m:Changes>{rows}</m:Changes>",
    )


def _find_item(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    field, constant = request.find(f".//{M}Restriction//{T}ExtendedFieldURI"), request.find(f".//{T}Constant")
    plain = request.find(f".//{M}Restriction//{T}FieldURI")

    def matches(item: Item) -> bool:
        if constant is None:
            return True
        if field is not None:
            return bool(item.properties.get(field.get("PropertyName")) == constant.get("Value"))
        values = {"message:InternetMessageId": item.message_id, "item:Subject": item.subject}
        return bool(values.get(plain.get("FieldURI")) == constant.get("Value"))

    def find(one: Any) -> str:
        _, folder = _folder(owner, one)
        found = [item for item in folder.items if matches(item)]
        rows = "".join(_item_xml(item, request, folder) for item in found)
        return (
            f'<m:RootFolder TotalItemsInView="{len(found)}" IncludesLastItemInRange="true" IndexedPagingOffset="{len(found)}">'
            f"<t:Items>{rows}</t:Items></m:RootFolder>"
        )

    yield from _each("FindItem", request.find(M + "ParentFolderIds"), find)


def _get_item(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    def get(one: Any) -> str:
        folder, item = box.find(one.get("Id"))
        return f"<m:Items>{_item_xml(item, request, folder)}</m:Items>"

    yield from _each("GetItem", request.find(M + "ItemIds"), get)


def _create_item(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    disposition = request.get("MessageDisposition", "SaveOnly")
    saved = request.find(M + "SavedItemFolderId")
    _, folder = _folder(owner, saved) if saved is not None else (box, box.folder("drafts"))

    def create(one: Any) -> str:
        mime = one.findtext(T + "MimeContent")
        raw = base64.b64decode(mime) if mime else _rendered(box, one)
        item = Item(raw, datetime.now(UTC), is_draft=disposition == "SaveOnly")
        for extended in one.iter(T + "ExtendedProperty"):
            item.properties[extended[0].get("PropertyName", "")] = extended.findtext(T + "Value")
        if disposition != "SaveOnly":
            world.deliver(item)
        if disposition != "SendOnly":
            folder.add(item)
        return f"<m:Items><t:Message>{_ids(item)}</t:Message></m:Items>"

    yield from _each("CreateItem", request.find(M + "Items"), create)


def _rendered(box: Box, one: Any) -> bytes:
    to = ", ".join(each.text for each in one.iter(T + "EmailAddress"))
    text = one.findtext(T + "Body") or ""
    return f"From: {box.address}\r\nTo: {to}\r\nSubject: {one.findtext(T + 'Subject') or ''}\r\n\r\n{text}\r\n".encode()


def _update_item(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    def update(change: Any) -> str:
        folder, item = box.find(change.find(T + "ItemId").get("Id"))
        if not change.find(T + "ItemId").get("ChangeKey"):
            raise EwsFailure(
                "ErrorChangeKeyRequired", "An object within the change description must contain a change key."
            )
        for value in change.iter(T + "IsRead"):
            item.is_read = value.text in {"true", "1"}
            item.version += 1
            folder.log.append(("ReadFlagChange", item.id))
        return f"<m:Items><t:Message>{_ids(item)}</t:Message></m:Items><m:ConflictResults><t:Count>0</t:Count></m:ConflictResults>"

    yield from _each("UpdateItem", request.find(M + "ItemChanges"), update)


def _move_item(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    _, target = _folder(owner, request.find(M + "ToFolderId"))

    def move(one: Any) -> str:
        return f"<m:Items><t:Message>{_ids(box.move(one.get('Id'), target))}</t:Message></m:Items>"

    yield from _each("MoveItem", request.find(M + "ItemIds"), move)


def _delete_item(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    def delete(one: Any) -> str:
        folder, item = box.find(one.get("Id"))
        if request.get("DeleteType") == "MoveToDeletedItems":
            box.move(item.id, box.folder("deleteditems"))
        else:
            folder.take(item)
        return ""

    yield from _each("DeleteItem", request.find(M + "ItemIds"), delete)


def _send_item(world: World, box: Box, request: Any, owner: Any) -> Iterator[str]:
    def send(one: Any) -> str:
        folder, item = box.find(one.get("Id"))
        if not one.get("ChangeKey"):
            raise EwsFailure("ErrorChangeKeyRequired", "A change key is required for this operation.")
        if one.get("ChangeKey") != item.key:
            raise EwsFailure(
                "ErrorStaleObject", "The send operation could not be performed because the change key is old."
            )
        world.deliver(item)
        if request.get("SaveItemToFolder") == "true":
            moved = box.move(item.id, box.folder("sentitems"))
            moved.is_draft = False
        else:
            folder.take(item)
        return ""

    yield from _each("SendItem", request.find(M + "ItemIds"), send)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "GetFolder": _get_folder,
    "FindFolder": _find_folder,
    "CreateFolder": _create_folder,
    "SyncFolderItems": _sync_items,
    "SyncFolderHierarchy": _sync_hierarchy,
    "FindItem": _find_item,
    "GetItem": _get_item,
    "CreateItem": _create_item,
    "CreateAttachment": create_attachment,
    "UpdateItem": _update_item,
    "MoveItem": _move_item,
    "DeleteItem": _delete_item,
    "SendItem": _send_item,
}
