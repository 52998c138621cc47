"""Tell where an organisation's Web API is: Dynamics 365 online, or Customer Engagement on premises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from email_router.core.errors import ConfigurationError
from email_router.edge.connect.https import Place

if TYPE_CHECKING:
    from email_router.core.ports import Reach

VERSION = "v9.2"
"""What Dynamics 365 online speaks; on premises (9.1) it is "v9.1"."""

_LEAVE = "%/:=&?~#+!$,;'@()*[]"


@dataclass(frozen=True, slots=True)
class Address:
    """`root` is https://host, which a token is asked for; `base` the path of the Web API at `place`."""

    root: str
    base: str
    place: Place

    def target(self, text: str) -> str | None:
        """Return path and query of a path below the Web API, or of a whole link; None for a link that leads elsewhere."""
        if text.startswith(("https://", "http://")):
            try:
                there = Place.of(text, self.place.reach, self.place.ca_pem)
            except ConfigurationError:
                return None
            parts = urlsplit(text)
            if there != self.place or not parts.path.startswith(f"{self.base}/"):
                return None
            text = f"{parts.path}?{parts.query}" if parts.query else parts.path
            return quote(text, safe=_LEAVE)
        return quote(f"{self.base}/{text.lstrip('/')}", safe=_LEAVE)


def address_of(url: str, reach: Reach, ca_pem: str = "", version: str = VERSION) -> Address:
    """Return the address of an organisation: https://contoso.crm.dynamics.com, or https://crm.contoso.example/ORGANISATION on premises.

    Raises ConfigurationError for what is no https address.
    """
    try:
        parts = urlsplit(url.strip())
        place = Place.of(url.strip(), reach, ca_pem)
    except (ValueError, ConfigurationError) as problem:
        raise ConfigurationError(
            f"organisation.crm: url: expected an https:// address such as https://contoso.crm.dynamics.com, found {url!r}"
        ) from problem
    path = parts.path.rstrip("/").partition("/api/data")[0]
    return Address(f"https://{parts.netloc}", f"{path}/api/data/{version}", place)
