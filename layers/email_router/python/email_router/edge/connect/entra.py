"""Ask Microsoft Entra for an application's token, by client secret or certificate.

msal (MIT) makes the requests and the assertions; it is imported at the first login, so that a pass without Microsoft never pays for it, and
speaks over our own lines (edge/connect/https.py): addresses are judged and certificates verified as everywhere.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.edge.connect.https import Place, ask
from email_router.edge.connect.importing import in_turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from email_router.core.errors import RouterError
    from email_router.core.ports import Reach

_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:RSA |EC )?PRIVATE KEY-----.+?-----END (?:RSA |EC )?PRIVATE KEY-----", re.DOTALL
)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_LOGIN_HOSTS = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.chinacloudapi.cn",
        "login.partner.microsoftonline.cn",
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """An application and what it wants to use: `authority` is https://host/tenant, `resource` the root of the service.

    `secret` is the client secret, or PEM text with the private key and its certificate.  `who` names the mailbox or organisation in errors.
    """

    authority: str
    client_id: str
    secret: str = field(repr=False)
    resource: str
    reach: Reach
    ca_pem: str = ""
    who: str = field(default="", compare=False)


def request_token(account: Account) -> tuple[str, float]:
    """Return a new token and the instant (seconds of the epoch) of its end.

    Raises MailboxBlocked "login_refused", "secret_expired" or "credentials", and TryLater (shared) when the login host does not answer.
    """
    msal = in_turn("msal")  # 0.1 s that only mailboxes of Microsoft pay

    asked = time.time()
    http = _Http(account)
    credential = _credential(account)
    try:
        application = msal.ConfidentialClientApplication(
            account.client_id,
            authority=account.authority,
            client_credential=credential,
            instance_discovery=False,
            http_client=http,
        )
        answer = application.acquire_token_for_client([f"{account.resource}/.default"])
    except (ValueError, TypeError, KeyError, RuntimeError, msal.exceptions.MsalError) as problem:
        raise _no_login(account, http.status, problem) from problem
    if "access_token" in answer:
        return str(answer["access_token"]), asked + float(answer.get("expires_in", 0))
    raise _refused(account, answer, http.status)


def _credential(account: Account) -> str | dict[str, str]:
    if "-----BEGIN" not in account.secret:
        return account.secret.strip()
    key, certificate = _PRIVATE_KEY.search(account.secret), _CERTIFICATE.search(account.secret)
    if key is None or certificate is None or not _belong_together(key[0], certificate[0]):
        raise MailboxBlocked(
            f"{account.who}: the credentials look like a certificate, and are no PEM text with an RSA key, unencrypted, and its certificate",
            kind="credentials",
            mend="Put both into one PEM file: -----BEGIN PRIVATE KEY----- ... -----BEGIN CERTIFICATE----- ...",
        )
    return {"private_key": key[0], "public_certificate": certificate[0]}


def _belong_together(key: str, certificate: str) -> bool:
    """Tell whether both can be read, and the key is RSA (what Entra takes) and the certificate's own."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only where a certificate is used
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    try:
        private = load_pem_private_key(key.encode(), None)
        public = load_pem_x509_certificate(certificate.encode()).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return isinstance(private, RSAPrivateKey) and private.public_key() == public


def _no_login(account: Account, status: int, problem: Exception) -> RouterError:
    """Translate what msal raises: a tenant that is not there, or a login host in trouble."""
    if 400 <= status < 500 and status != 429 and isinstance(problem, ValueError):  # noqa: PLR2004 - HTTP
        return MailboxBlocked(
            f"{account.who}: {account.authority} is no tenant of this login host (HTTP {status})",
            kind="login_refused",
            mend="Check tenant_id and cloud of the profile.",
        )
    return _away(account, status)


def _away(account: Account, status: int) -> TryLater:
    host = urlsplit(account.authority).hostname
    return TryLater(
        f"{account.who}: the login host {host} gives no token now (HTTP {status})",
        kind="login_away",
        mend="It passes by itself; see Microsoft's service health (admin.microsoft.com, Health, Service health).",
        shared=True,
    )


_RENEW = "Make a new client secret (Entra, App registrations, Certificates & secrets), set it as the profile's credentials and publish."
_CONSENT = (
    "No administrator of this tenant has consented to the application: Entra admin center, App registrations, the application of client_id, "
    "API permissions: add the application permissions that the profile needs, then Grant admin consent (docs/exchange.md)."
)
_POLICY = (
    "A Conditional Access policy for workload identities keeps the application out (Entra, Protection, Conditional Access): except it, or "
    "let the addresses through from which the router comes."
)
_MEND: dict[int, tuple[str, str]] = {
    7000215: ("login_refused", f"The secret is wrong: give its value, not its id. {_RENEW}"),
    7000222: ("secret_expired", f"The client secret has expired. {_RENEW}"),
    700027: ("login_refused", "Upload the certificate to the application in Entra, or use the one that is registered."),
    700016: ("login_refused", "Check client_id and tenant_id: this tenant knows no such application."),
    7000112: ("login_refused", "Enable the application in Entra (Enterprise applications, Properties)."),
    90002: ("login_refused", "Check tenant_id and cloud of the profile."),
    65001: ("login_refused", _CONSENT),
    500011: ("login_refused", _CONSENT),
    53003: ("login_refused", _POLICY),
}
_MEND_OTHER = ("login_refused", "Look up the AADSTS code at https://login.microsoftonline.com/error.")
_PASSING = frozenset({"temporarily_unavailable", "server_error"})


def _refused(account: Account, answer: Mapping[str, Any], status: int) -> RouterError:
    """Translate an error answer of the token endpoint (RFC 6749 5.2, learn.microsoft.com/entra AADSTS codes)."""
    codes = [code for code in answer.get("error_codes") or () if isinstance(code, int)]
    if str(answer.get("error")) in _PASSING or status == 429 or status >= 500:  # noqa: PLR2004 - HTTP
        return _away(account, status)
    kind, mend = next((_MEND[code] for code in codes if code in _MEND), _MEND_OTHER)
    words = f"AADSTS{codes[0]}" if codes else str(answer.get("error", "no reason given"))[:80]
    return MailboxBlocked(
        f"{account.who}: the login as application {account.client_id} was refused ({words})", kind=kind, mend=mend
    )


class _Reply:
    """An answer as msal reads it."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.text = text
        self.headers = dict(headers)


class _Http:
    """The HTTP client that msal asks for (msal.oauth2cli.http.HttpClient), over our own lines."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._hosts = _LOGIN_HOSTS | {urlsplit(account.authority).hostname}
        self.status = 0

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **_: object
    ) -> _Reply:
        """GET a URL of the login host."""
        return self._ask("GET", url, params, headers, b"")

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> _Reply:
        """POST a form to the login host."""
        form = urlencode({name: value for name, value in (data or {}).items() if value is not None}).encode()
        return self._ask(
            "POST", url, params, {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}, form
        )

    def close(self) -> None:
        """Do nothing: lines are kept for the process."""

    def _ask(
        self, method: str, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None, body: bytes
    ) -> _Reply:
        place = Place.of(url, self._account.reach, self._account.ca_pem)
        if place.host not in self._hosts:
            raise MailboxBlocked(
                f"{self._account.who}: the login host sends us on to {place.host}, which is none of Microsoft's",
                kind="foreign_link",
                mend="Check authority of the profile.",
            )
        parts = urlsplit(url)
        query = "&".join(part for part in (parts.query, urlencode(params or {})) if part)
        target = f"{parts.path or '/'}?{query}" if query else parts.path or "/"
        answer = ask(place, method, target, {"Accept": "application/json", **(headers or {})}, body)
        self.status = answer.status
        return _Reply(answer.status, answer.read().decode("utf-8", "replace"), answer.headers)
