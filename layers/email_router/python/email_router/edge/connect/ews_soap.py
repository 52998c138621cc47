"""Wrap operations of EWS into SOAP and read the answers, by exchangelib's own code, in the schema that the server knows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from exchangelib.errors import EWSError, SOAPError  # type: ignore[import-untyped]
from exchangelib.services.common import EWSService  # type: ignore[import-untyped]
from exchangelib.version import EXCHANGE_2016, Version  # type: ignore[import-untyped]

from email_router.core.errors import TryLater
from email_router.edge.connect import waits
from email_router.edge.connect.ews_errors import EwsError, failure
from email_router.edge.connect.ews_wire import element, judged

SCHEMAS = ("Exchange2016", "Exchange2013_SP1", "Exchange2013")
"""RequestServerVersion: 2016, 2019 and SE answer the first, 2013 SP1 the second, 2013 the third."""

_OLDER = frozenset(
    {"ErrorInvalidServerVersion", "ErrorIncorrectSchemaVersion", "ErrorInvalidSchemaVersionForMailboxVersion"}
)
schemas: dict[str, str] = {}
"""Which schema each server has answered, in this process."""


class SchemaUnknown(Exception):
    """The server does not know the schema that was asked for."""


class Soap:
    """The SOAP of one mailbox at one server."""

    def __init__(self, url: str, host: str, address: str, *, impersonates: bool) -> None:
        """Take whose mailbox is meant; `impersonates` says so in the header of each request."""
        self._url = url
        self._host = host
        self._address = address
        self._impersonates = impersonates

    def wrap(self, payload: Any) -> bytes:  # noqa: ANN401 - lxml has no types
        """Return the request's envelope."""
        wrapped: bytes = self._service(payload).wrap(payload, api_version=self._schema())
        return wrapped

    def read(self, payload: Any, content: bytes) -> list[Any]:  # noqa: ANN401 - as above
        """Return response messages and errors; raises SchemaUnknown where an older schema is to be asked for.

        No document type and no UTF-16 is read, so no entity is ever expanded.
        """
        if b"\0" in content[:1024] or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise TryLater(
                f"{self._address}: an answer of {self._host} declares a document type", kind="ews_answer", shared=True
            )
        service = self._service(payload)
        try:
            _, body = service._get_soap_parts(SimpleNamespace(iter_content=lambda: iter([content])))  # noqa: SLF001
            messages = service._get_soap_messages(body)  # noqa: SLF001 - exchangelib's own seams between transport and reading
            return [judged(message) for message in messages]
        except EWSError as problem:
            raise self._fault(problem) from problem
        except Exception as problem:  # whatever lxml makes of what is no XML
            text = f"{self._address}: an answer of {self._host} is no SOAP ({type(problem).__name__})"
            raise TryLater(text, kind="ews_answer", shared=True) from problem

    def _fault(self, problem: EWSError) -> Exception:
        code = type(problem).__name__
        if code in _OLDER and self._schema() != SCHEMAS[-1]:
            schemas[self._url] = SCHEMAS[SCHEMAS.index(self._schema()) + 1]
            return SchemaUnknown()
        if isinstance(problem, SOAPError):
            return TryLater(
                f"{self._address}: an answer of {self._host} is no SOAP of EWS", kind="ews_answer", shared=True
            )
        back_off = waits.bounded(float(getattr(problem, "back_off", None) or 0))
        return failure(EwsError(code, str(problem)[:200], back_off), self._address)

    def _schema(self) -> str:
        return schemas.get(self._url, SCHEMAS[0])

    def _service(self, payload: Any) -> _Service:  # noqa: ANN401 - as above
        name = payload.tag.rpartition("}")[2]
        made: _Service = type(f"_{name}", (_Service,), {"SERVICE_NAME": name})(
            SimpleNamespace(version=Version(EXCHANGE_2016), credentials=None, config=None)
        )
        made.impersonated = self._address if self._impersonates else ""
        return made


class _Service(EWSService):  # type: ignore[misc]  # exchangelib has no types
    """exchangelib's SOAP for one operation; the transport is ours."""

    impersonated = ""

    @property
    def _account_to_impersonate(self) -> Any:  # noqa: ANN401 - the type of exchangelib's own
        if not self.impersonated:
            return None
        return [element("t:ConnectingSID", element("t:SmtpAddress", text=self.impersonated))]
