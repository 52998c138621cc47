"""Serve the simulated EWS by HTTPS: logins, impersonation, faults, one thread a connection."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import spnego
from lxml import etree  # type: ignore[import-untyped]

from tests.simulators.ews import rules
from tests.simulators.ews.control import control
from tests.simulators.ews.operations import EMPTY, M, T, answer, error
from tests.simulators.ews.world import PASSWORD, Box, EwsFailure, World
from tests.simulators.serving import HttpsHandler, HttpsServer

S = "{http://schemas.xmlsoap.org/soap/envelope/}"
ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"'
    ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Header><t:ServerVersionInfo MajorVersion="15"'
    ' MinorVersion="1" MajorBuildNumber="2507" MinorBuildNumber="6"/></s:Header><s:Body>{}</s:Body></s:Envelope>'
)
FAULT = (
    "<s:Fault><faultcode>s:Client</faultcode><faultstring>{0}</faultstring><detail>"
    '<e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">{0}</e:ResponseCode>'
    '<e:Message xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">{0}</e:Message>'
    "<t:MessageXml>{1}</t:MessageXml></detail></s:Fault>"
)
SCHEMAS = ("Exchange2013", "Exchange2013_SP1", "Exchange2016")


class EwsServer(HttpsServer):
    """The listening server."""

    def __init__(self, port: int, certificate: Path, key: Path, users: Path) -> None:
        super().__init__(port, certificate, key, _Handler)
        self.world = World()
        os.environ["NTLM_USER_FILE"] = str(users)
        users.write_text(f"CONTOSO:router:{PASSWORD}\n")


class _Handler(HttpsHandler):
    server: EwsServer

    def setup(self) -> None:
        self._context: Any = None
        self._user = ""
        super().setup()

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
        self._control()

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server looks for
        if self.path.startswith("/_control/"):
            self._control()
            return
        body = self.read_body()
        user = self._login()
        if not user:
            return
        with self.server.world.lock:
            fault = self._fault(body)
            self._act(user, body, fault)

    def _act(self, user: str, body: bytes, fault: dict[str, Any]) -> None:
        kind = fault.get("kind", "")
        if kind == "close":
            self.hang_up()
            return
        if kind == "status":
            self._write(fault["status"], fault.get("body", "").encode(), fault.get("headers", {}))
            return
        if kind == "raw":
            self._write(200, fault["body"].encode(), {"Content-Type": "text/xml; charset=utf-8"})
            return
        time.sleep(fault.get("seconds", 0))
        status, text = self._reply(user, etree.fromstring(body), fault if kind in {"code", "fault"} else {})
        payload = ENVELOPE.format(text).encode()
        self.server.world.exchanges.append(
            {
                "user": user,
                "anchor": self.headers.get("X-AnchorMailbox", ""),
                "request": body.decode(),
                "answer": payload.decode(),
                "connection": id(self),
                "status": status,
            }
        )
        if self.server.world.witnessed is not None:
            self.server.world.witnessed.append(self.server.world.exchanges[-1])
        if kind == "lose_answer":
            self.hang_up()
            return
        self._write(status, payload, {"Content-Type": "text/xml; charset=utf-8"}, cut=kind == "cut")

    def _reply(self, user: str, envelope: Any, fault: dict[str, Any]) -> tuple[int, str]:
        world, request = self.server.world, envelope.find(S + "Body")[0]
        name = request.tag.removeprefix(M)
        if fault.get("kind") == "fault":
            values = "".join(f'<t:Value Name="{key}">{text}</t:Value>' for key, text in fault.get("values", {}).items())
            return 500, FAULT.format(fault["code"], values)
        asked = envelope.find(f".//{T}RequestServerVersion").get("Version")
        if asked not in SCHEMAS[: SCHEMAS.index(world.schema) + 1]:
            return 500, FAULT.format("ErrorInvalidServerVersion", "")
        try:
            return 200, self._answer(user, envelope, fault)
        except EwsFailure as failure:
            if name in rules.NAMES:
                return 200, rules.error(name, failure)
            if failure.code in {"ErrorImpersonateUserDenied", "ErrorNonExistentMailbox"} and name not in EMPTY:
                return 500, FAULT.format(failure.code, "")
            return (
                200,
                f"<m:{name}Response><m:ResponseMessages>{error(name, failure)}</m:ResponseMessages></m:{name}Response>",
            )

    def _answer(self, user: str, envelope: Any, fault: dict[str, Any]) -> str:
        box, owner = self._box(user, envelope)
        if fault:
            raise EwsFailure(fault["code"], values=fault.get("values"))
        return answer(self.server.world, box, envelope.find(S + "Body")[0], owner)

    def _box(self, user: str, envelope: Any) -> tuple[Box, Any]:
        """Find whose mailbox is meant: the impersonated one's, that of the one who logged in, or the one that a folder id names."""
        world = self.server.world
        sid = envelope.find(f".//{T}ConnectingSID")
        if sid is not None and user not in world.impersonators:
            raise EwsFailure(
                "ErrorImpersonateUserDenied", "The account does not have permission to impersonate the user."
            )
        named = sid[0].text if sid is not None else user
        delegated = envelope.find(f".//{T}DistinguishedFolderId/{T}Mailbox/{T}EmailAddress")
        if delegated is not None:
            named = delegated.text
        elif sid is None and (holder := self._holder(envelope)):
            named = holder  # an item id leads to its mailbox by itself
        elif sid is None and named in world.impersonators:
            named = ""
        box = world.box(named) if named else Box("")

        def owner(folder: Any) -> Box:
            found = folder.find(f"{T}Mailbox/{T}EmailAddress")
            return world.box(found.text) if found is not None else box

        return box, owner

    def _holder(self, envelope: Any) -> str:
        wanted = {one.get("Id") for one in envelope.iter(T + "ItemId", T + "FolderId")}
        for box in self.server.world.boxes.values():
            held = {folder.id for folder in box.folders} | {one.id for folder in box.folders for one in folder.items}
            if wanted & held:
                return box.address
        return ""

    def _login(self) -> str:
        """Return who asks, or answer 401 and return nothing."""
        kind, _, rest = self.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer" and self.server.world.takes(rest):
            return "app"
        if kind == "Basic":
            name, _, password = base64.b64decode(rest).decode().partition(":")
            if password == PASSWORD:
                return name.rpartition("\\")[2].lower()
        if kind in {"NTLM", "Negotiate"}:
            return self._ntlm(kind, base64.b64decode(rest))
        if not kind and self._user:
            return self._user
        self._write(401, b"", {"WWW-Authenticate": ["NTLM", 'Basic realm="x"']})
        return ""

    def _ntlm(self, kind: str, token: bytes) -> str:
        try:
            if self._context is None or token[8:9] == b"\1":
                self._context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
            out = self._context.step(token)
        except spnego.exceptions.SpnegoError:
            self._context = None
            self._write(401, b"", {"WWW-Authenticate": [kind]})
            return ""
        if not self._context.complete:
            self._write(401, b"", {"WWW-Authenticate": [f"{kind} {base64.b64encode(out).decode()}"]})
            return ""
        self._user = str(self._context.client_principal).rpartition("\\")[2].lower()
        return self._user

    def _fault(self, body: bytes) -> dict[str, Any]:
        for one in list(self.server.world.faults):
            if one["match"].encode() in body:
                one["times"] -= 1
                if one["times"] <= 0:
                    self.server.world.faults.remove(one)
                return one
        return {}

    def _write(self, status: int, payload: bytes, headers: dict[str, Any], *, cut: bool = False) -> None:
        self.send_response(status)
        for name, values in headers.items():
            for value in values if isinstance(values, list) else [values]:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload[: len(payload) // 2] if cut else payload)
        if cut:
            self.hang_up()

    def _control(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.read_body()
        wanted = json.loads(body) if body else {}
        found = control(self.server.world, parts.path.removeprefix("/_control/"), wanted, asked)
        self._write(200, json.dumps(found).encode(), {"Content-Type": "application/json"})
