"""Webhooks as Dataverse makes them of service endpoints and steps: posted later, in the background, repeated once on 502, 503 and 504.

learn.microsoft.com/power-apps/developer/data-platform: use-webhooks, register-web-hook, and the table reference of serviceendpoint,
sdkmessage, sdkmessagefilter and sdkmessageprocessingstep.
"""

from __future__ import annotations

import json
import queue
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from tests.simulators.dataverse import inherited

if TYPE_CHECKING:
    from tests.simulators.dataverse.world import Row, World

Json = dict[str, Any]

ENDPOINT = f"""
serviceendpointid guid
name string* 100
description string 100
contract choice 1=OneWay|2=Queue|3=Rest|4=TwoWay|5=Topic|6=Queue (Persistent)|7=Event Hub|8=Webhook|9=Event Grid
authtype choice 1=ACS|2=SAS Key|3=SAS Token|4=Webhook Key|5=Http Header|6=Http Query String|7=Connection String|8=Access Key
authvalue string 2048
url string 512
messageformat choice 1=Binary XML|2=Json|3=Text XML
{inherited.STAMPS}"""
MESSAGE = f"sdkmessageid guid\nname string 256\n{inherited.STAMPS}"
FILTER = f"""
sdkmessagefilterid guid
sdkmessageid lookup sdkmessage
primaryobjecttypecode string 64
iscustomprocessingstepallowed boolean
{inherited.STAMPS}"""
STEP = f"""
sdkmessageprocessingstepid guid
name string 256
description string 256
mode choice* 0=Synchronous|1=Asynchronous
stage choice* 5=Initial Pre-operation|10=Pre-validation|20=Pre-operation|30=Main Operation|40=Post-operation|50=Deprecated
rank integer* -2147483648..2147483647
supporteddeployment choice* 0=Server Only|1=Client Only|2=Both
filteringattributes string 100000
asyncautodelete boolean
eventhandler lookup plugintype|serviceendpoint
sdkmessageid lookup* sdkmessage
sdkmessagefilterid lookup sdkmessagefilter
statecode choice 0=Enabled|1=Disabled
statuscode choice 1=Enabled|2=Disabled
{inherited.STAMPS}"""

UPDATE = "20bebb1b-ea3e-db11-86a7-000a3a5473e8"
SEND = "21bebb1b-ea3e-db11-86a7-000a3a5473e8"
UPDATE_OF_EMAIL = "c4c5bb1b-ea3e-db11-86a7-000a3a5473e8"
SEND_OF_EMAIL = "c5c5bb1b-ea3e-db11-86a7-000a3a5473e8"

_PATIENCE = 60.0
_LARGEST = 256 * 1024
_REPEATED = frozenset({502, 503, 504})
_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
_WEBHOOK, _KEY, _HEADER, _QUERY = 8, 4, 5, 6


def found(world: World, reference: Callable[[str, str], Any]) -> None:
    """Make the messages that every organisation has; `reference` makes the value of a lookup."""
    for message, name, filtered in ((UPDATE, "Update", UPDATE_OF_EMAIL), (SEND, "Send", SEND_OF_EMAIL)):
        world.put("sdkmessage", {"sdkmessageid": message, "name": name})
        row = {"sdkmessagefilterid": filtered, "primaryobjecttypecode": "email", "iscustomprocessingstepallowed": True}
        world.put("sdkmessagefilter", {**row, "sdkmessageid": reference("sdkmessage", message)})


@dataclass
class Posted:
    """One POST that was made, and the status that came (0: none)."""

    url: str
    body: str
    status: int
    seconds: float


@dataclass
class Webhooks:
    """Sees what became of e-mails and posts it.  `lose` posts nothing, `duplicate` all twice, `oversize` all stripped, `delay` in seconds."""

    ca_pem: str = ""
    lose: bool = False
    duplicate: bool = False
    oversize: bool = False
    delay: float = 0.0
    posted: list[Posted] = field(default_factory=list)
    _seen: dict[str, int] | None = None
    _waiting: queue.Queue[tuple[float, Row, Json]] = field(default_factory=queue.Queue)
    _thread: threading.Thread | None = None

    def settle(self, world: World) -> None:
        """Post for each e-mail whose status has changed since the last call, as the steps that stand want it."""
        steps = [row for row in world.rows["sdkmessageprocessingstep"].values() if not row.get("statecode")]
        if not steps:
            self._seen = None
            return
        seen, now = self._seen, {key: row["statuscode"] for key, row in world.rows["email"].items()}
        self._seen = now
        for key in [] if seen is None else [key for key, status in now.items() if seen.get(key, 1) != status]:
            for step in steps:
                if _wants(world, step):
                    self._later(world, step, world.rows["email"][key])

    def _later(self, world: World, step: Row, email: Row) -> None:
        if self.lose:
            return
        endpoint = world.rows["serviceendpoint"][step["eventhandler"].id]
        for _ in range(2 if self.duplicate else 1):
            self._waiting.put((time.monotonic() + self.delay, endpoint, _context(world, step, email)))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            due, endpoint, context = self._waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            for _ in range(2):
                if self._post(endpoint, context) not in _REPEATED:
                    break

    def _post(self, endpoint: Row, context: Json) -> int:
        url, headers = _addressed(endpoint)
        headers |= {
            "Content-Type": "application/json; charset=utf-8",
            "x-ms-dynamics-organization": f"{context['OrganizationName']}.crm.dynamics.example",
            "x-ms-dynamics-entity-name": context["PrimaryEntityName"],
            "x-ms-dynamics-request-name": context["MessageName"],
            "x-ms-correlation-request-id": context["CorrelationId"],
        }
        body = json.dumps(context)
        if self.oversize or len(body) > _LARGEST:
            taken = {"ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages"}
            body = json.dumps({name: value for name, value in context.items() if name not in taken})
            headers["x-ms-dynamics-msg-size-exceeded"] = "true"
        began = time.monotonic()
        status = self._send(url, headers, body.encode())
        self.posted.append(Posted(url, body, status, time.monotonic() - began))
        return status

    def _send(self, url: str, headers: dict[str, str], body: bytes) -> int:
        request = urllib.request.Request(url, data=body, method="POST", headers=headers)
        trust = ssl.create_default_context(cadata=self.ca_pem or None)
        try:
            with urllib.request.urlopen(request, context=trust, timeout=_PATIENCE) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code
        except OSError:
            return 0


def _wants(world: World, step: Row) -> bool:
    """Tell whether a step is one of Update of e-mails with the status among its columns, and leads to a webhook."""
    handler = step.get("eventhandler")
    endpoint = world.rows["serviceendpoint"].get(handler.id) if handler and handler.table == "serviceendpoint" else None
    columns = str(step.get("filteringattributes") or "statuscode").split(",")
    place = step["sdkmessagefilterid"].id if step.get("sdkmessagefilterid") else ""
    return bool(endpoint and endpoint["contract"] == _WEBHOOK and place == UPDATE_OF_EMAIL and "statuscode" in columns)


def _addressed(endpoint: Row) -> tuple[str, dict[str, str]]:
    """Return the address with the query, and the headers, that the endpoint's authentication makes."""
    url, kind, value = str(endpoint["url"]), endpoint["authtype"], str(endpoint["authvalue"])
    if kind == _KEY:
        return f"{url}?{urlencode({'code': value})}", {}
    settings = {one.attrib["name"]: one.attrib["value"] for one in ET.fromstring(value).iter("setting")}
    return (url, settings) if kind == _HEADER else (f"{url}?{urlencode(settings)}", {})


def _context(world: World, step: Row, email: Row) -> Json:
    """Return a RemoteExecutionContext as JSON."""

    def option(value: int) -> Json:
        return {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": value}

    attributes = [
        {"key": "statecode", "value": option(email["statecode"])},
        {"key": "statuscode", "value": option(email["statuscode"])},
        {"key": "activityid", "value": email["activityid"]},
    ]
    target = {
        "__type": f"Entity:{_CONTRACTS}",
        "Attributes": attributes,
        "Id": email["activityid"],
        "LogicalName": "email",
    }
    organization = next(iter(world.rows["organization"].values()))
    return {
        "CorrelationId": email["activityid"],
        "Depth": 1,
        "InputParameters": [{"key": "Target", "value": target}],
        "MessageName": "Update",
        "Mode": step["mode"],
        "OrganizationId": organization["organizationid"],
        "OrganizationName": organization["name"],
        "ParentContext": None,
        "PostEntityImages": [],
        "PreEntityImages": [],
        "PrimaryEntityId": email["activityid"],
        "PrimaryEntityName": "email",
        "Stage": step["stage"],
    }
