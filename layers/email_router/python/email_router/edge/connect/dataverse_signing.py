"""Sign in at Dataverse.  Apart from the client, so that an organisation on premises (NTLM, AD FS) gets a way of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from email_router.core.errors import REFUSED_LOGINS, MailboxBlocked
from email_router.edge.connect.bearing import ask_bearing
from email_router.edge.connect.microsoft_login import CLOUDS, Account, application_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from email_router.edge.connect.dataverse_address import Address
    from email_router.edge.connect.https import Answer, Place


class SignIn(Protocol):
    """One way to be let in: it asks with what proves who we are, on the line or in a header."""

    @property
    def who(self) -> str:
        """Whom an administrator must look for: the application's id, or the user's name."""

    def ask(
        self, place: Place, method: str, target: str, headers: Mapping[str, str], body: bytes, *, repeatable: bool
    ) -> Answer:
        """Send one request, signed in; return the answer whatever its status.  Raises what https.ask and the login raise."""


class ApplicationSignIn:
    """As an application of Entra (client credentials).  A token that is refused is replaced once, and so is a secret.

    `anew` reads the secret as it is kept now, after a login was refused; an empty text where that cannot be told.
    """

    def __init__(self, account: Account, anew: Callable[[], str] | None = None) -> None:
        self._account = account
        self._anew = anew

    @property
    def who(self) -> str:
        """The application's id."""
        return self._account.client_id

    def ask(
        self, place: Place, method: str, target: str, headers: Mapping[str, str], body: bytes, *, repeatable: bool
    ) -> Answer:
        """Send one request with a bearer token.  Raises what access_token and https.ask raise.

        A login that is refused is tried once more where another secret is kept by now; nothing had been sent then.
        """
        try:
            return ask_bearing(self._account, place, method, target, headers, body, repeatable=repeatable)
        except MailboxBlocked as refused:
            if refused.kind not in REFUSED_LOGINS or not self._renewed():
                raise
        return ask_bearing(self._account, place, method, target, headers, body, repeatable=repeatable)

    def _renewed(self) -> bool:
        """Take the secret that is kept now; tell whether it is another."""
        secret = self._anew() if self._anew else ""
        if not secret.strip() or secret == self._account.secret:
            return False
        self._account = replace(self._account, secret=secret)
        return True


def application(
    address: Address,
    *,
    tenant_id: str,
    client_id: str,
    secret: str,
    organisation: str,
    authority: str = "",
    anew: Callable[[], str] | None = None,
) -> ApplicationSignIn:
    """Return the way in of an application; `secret` is a client secret or PEM text, `authority` a login host other than the global cloud's.

    `anew` reads the secret as it is kept now (ApplicationSignIn).

    Raises ConfigurationError when tenant_id or client_id is missing, MailboxBlocked "credentials" when there is no secret.
    """
    application_named("organisation.crm", tenant_id=tenant_id, client_id=client_id)
    if not secret.strip():
        raise MailboxBlocked(
            f"{organisation}: organisation.crm holds no client secret or certificate",
            kind="credentials",
            mend="Set the credentials of organisation.crm and publish.",
        )
    login = f"{(authority or CLOUDS['global'].login).rstrip('/')}/{tenant_id}"
    reach, ca_pem = address.place.reach, address.place.ca_pem
    return ApplicationSignIn(Account(login, client_id, secret, address.root, reach, ca_pem, organisation), anew)
