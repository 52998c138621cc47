"""Hold the line to Exchange Web Services for one mailbox: login, impersonation, schema version, answers.

exchangelib wraps and reads the SOAP; autodiscovery, its cache on disk and its probing are never used.  Nothing is retried here but a token
that was refused, once, and a request that the server's schema does not know, with the next older schema.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import requests

from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.core.mailbox import Authentication, own_password_mend, password_for
from email_router.edge.connect import waits
from email_router.edge.connect.bearer import OUTLOOK
from email_router.edge.connect.ews_errors import EwsError, failure, refused_status
from email_router.edge.connect.ews_soap import SchemaUnknown, Soap
from email_router.edge.connect.ews_transport import READ_SECONDS, BearerAuth, login, open_session
from email_router.edge.connect.ews_wire import Coded, after_tag, decoded, element, lost, pieces, whole
from email_router.edge.connect.https import AnswerLost, Place
from email_router.edge.connect.microsoft_login import access_token, account_of, forget_token
from email_router.edge.connect.network import narrow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.octets import Octets
    from email_router.core.ports import Reach

ENDS = date(2027, 4, 1)
"""The day on which Exchange Online ends EWS for everybody."""

_PATH = "/EWS/Exchange.asmx"
_UNAUTHORIZED = 401
_OK, _SERVER_ERROR = 200, 500


def today() -> date:
    """Return the day, by UTC."""
    return datetime.now(UTC).date()


class EwsClient:
    """EWS on behalf of one mailbox: as its owner, as a delegate, or by impersonation."""

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed; nothing is opened yet.  Raises ConfigurationError or MailboxBlocked "credentials"."""
        self.address = mailbox.address
        self.online = profile.server == "exchange-online"
        if self.online and today() >= ENDS:
            raise MailboxBlocked(
                f"{mailbox.address}: Exchange Online ended EWS on {ENDS}",
                kind="not_available",
                mend='Set protocol = "graph" in the profile and publish; nothing is delivered twice.',
            )
        self._access = "impersonation" if self.online else profile.access
        self.url = _endpoint(profile, online=self.online)
        self._place = Place.of(self.url, narrow(reach, profile), profile.ca_pem)
        self._account = None
        self._auth: Any = None
        self._who = ""
        if self.online or profile.authentication is Authentication.OAUTH:
            resource = OUTLOOK[profile.cloud] if self.online else f"https://{self._place.host}"
            self._account = account_of(profile, secret, reach, self.address, resource)
        else:
            own = profile.access == "own" or not profile.username
            username = profile.username or mailbox.address
            self._auth = login(profile.authentication, username, _password(profile, secret, mailbox.address, own=own))
            method = "NTLM" if profile.authentication is Authentication.WINDOWS else "basic authentication"
            self._who = f"{username} by {method}{'' if own else f', {profile.access} of {mailbox.address}'}"
        self._soap = Soap(self.url, self._place.host, self.address, impersonates=self._access == "impersonation")
        self._session: requests.Session | None = None

    def folder(self, name: str) -> Any:  # noqa: ANN401 - lxml has no types
        """Return the id element of a folder that every mailbox has, such as inbox."""
        whose = None
        if self._access == "delegate":
            whose = element("t:Mailbox", element("t:EmailAddress", text=self.address))
        return element("t:DistinguishedFolderId", whose, Id=name)

    def call(self, payload: Any, *, repeatable: bool = True, mime: Octets = b"") -> list[Any]:  # noqa: ANN401 - as above
        """Send one operation and return its response messages.  Raises EwsError for the first that failed, unless it is a batch's.

        `mime` stands where the payload says MIME, and is coded as it goes.  Raises AnswerLost when the request was begun and not answered,
        TryLater or MailboxBlocked else.
        """
        rows = self.rows(payload, repeatable=repeatable, mime=mime)
        for row in rows:
            if isinstance(row, EwsError):
                raise row
        return rows

    def rows(self, payload: Any, *, repeatable: bool = True, mime: Octets = b"") -> list[Any]:  # noqa: ANN401 - as above
        """Send one operation and return each response message, or its EwsError in its place."""
        answer = self._post(payload, repeatable=repeatable, mime=mime)
        try:
            return self._soap.read(payload, whole(answer, self._place.host))
        except SchemaUnknown:
            return self.rows(payload, repeatable=repeatable, mime=mime)

    def mime(self, item_id: str) -> Iterator[bytes]:
        """Yield a message's MIME in pieces as the server sends it.  Raises EwsError."""
        shape = element(
            "m:ItemShape", element("t:BaseShape", text="IdOnly"), element("t:IncludeMimeContent", text="true")
        )
        payload = element("m:GetItem", shape, element("m:ItemIds", element("t:ItemId", Id=item_id)))
        answer = self._post(payload)
        with contextlib.closing(answer):
            following = pieces(answer, self._place.host)
            head = b""
            for piece in following:
                head += piece
                start = after_tag(head)
                if start is not None:
                    yield from decoded(head[start:], following, self._place.host)
                    return
        for row in self._soap.read(payload, head):
            if isinstance(row, EwsError):
                raise row
        raise EwsError("ErrorMimeContentConversionFailed", "the answer holds no MIME")

    def failed(self, error: EwsError) -> Exception:
        """Return what an EwsError means for the mailbox, for `raise`."""
        return failure(error, self.address)

    def close(self) -> None:
        """Hang up; never raises."""
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(Exception):
                session.close()

    def _post(self, payload: Any, *, repeatable: bool = True, mime: Octets = b"") -> requests.Response:  # noqa: ANN401 - as above
        wrapped = self._soap.wrap(payload)
        body = Coded.into(wrapped, mime) if mime else wrapped
        for last in (False, True):
            token = access_token(self._account) if self._account else ""
            answer = self._sent(body, BearerAuth(token) if self._account else self._auth, repeatable=repeatable)
            if answer.status_code != _UNAUTHORIZED or not self._account or last:
                break
            answer.close()
            forget_token(self._account, token)
        self._check(answer)
        self._tell_login()
        return answer

    def _tell_login(self) -> None:
        """Tell the witness, if there is one, who has logged in; of a token it was told before."""
        if self._account is None and self._place.reach.witness is not None:
            self._place.reach.witness.authenticated(self._who)

    def _sent(self, body: bytes | Coded, auth: Any, *, repeatable: bool) -> requests.Response:  # noqa: ANN401 - as above
        headers = {"X-AnchorMailbox": self.address}
        for last in (not repeatable, True):
            if self._session is None:
                self._session = open_session(self._place)
            try:
                return self._session.post(
                    self.url,
                    data=body,
                    auth=auth,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=READ_SECONDS,
                )
            except requests.Timeout as problem:
                self.close()
                raise AnswerLost(
                    f"{self._place.host} fell silent before it answered", kind="timeout", shared=True
                ) from problem
            except (requests.RequestException, OSError) as problem:
                self.close()
                if last:
                    raise lost(self._place.host, "broke the line before it answered") from problem
        raise AssertionError

    def _check(self, answer: requests.Response) -> None:
        """Raise for a status that carries no SOAP; EWS sends its faults with 500."""
        soap = "xml" in answer.headers.get("Content-Type", "").lower()
        if answer.status_code == _OK or (answer.status_code == _SERVER_ERROR and soap):
            return
        answer.close()
        wait = waits.retry_after(answer.headers.get("Retry-After", ""), datetime.now(UTC)) or 0.0
        raise refused_status(answer.status_code, self.address, self._place.host, online=self.online, wait=wait)


def _endpoint(profile: Profile, *, online: bool) -> str:
    if profile.endpoint:
        return profile.endpoint
    if online:
        return f"{OUTLOOK[profile.cloud]}{_PATH}"
    if not profile.host:
        raise ConfigurationError(
            f"profile {profile.name}: host: expected the name of the Exchange server, found nothing"
        )
    return f"https://{profile.host}{f':{profile.port}' if profile.port else ''}{_PATH}"


def _password(profile: Profile, secret: str, address: str, *, own: bool) -> str:
    password = password_for(secret, address if own else profile.username)
    if not password:
        raise MailboxBlocked(
            f"{address}: profile {profile.name} holds no password for it",
            kind="credentials",
            mend=own_password_mend(address),
        )
    return password
