"""Hold what is said by EWS to Microsoft's schema: the body of each envelope, and the fields of its header."""

from __future__ import annotations

from functools import cache
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from tests.shared import shared_path

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_TYPES = "{http://schemas.microsoft.com/exchange/services/2006/types}"


@cache
def schema() -> Any:
    """Microsoft's schema of EWS."""
    return etree.XMLSchema(etree.parse(shared_path("contracts", "ews-full-v2018", "messages.xsd")))


def check(said: dict[str, Any]) -> None:
    """Hold a request and its answer to the schema."""
    for side in ("request", "answer"):
        check_envelope(said[side])


def check_envelope(text: str) -> None:
    """Hold one envelope to the schema; faults are of SOAP's own."""
    envelope = etree.fromstring(text.encode())
    (inside,) = envelope.find(f"{_SOAP}Body")
    if inside.tag != f"{_SOAP}Fault":
        schema().assertValid(etree.fromstring(etree.tostring(inside)))
    for field in envelope.iterfind(f"{_SOAP}Header/{_TYPES}*"):
        schema().assertValid(etree.fromstring(etree.tostring(field)))
