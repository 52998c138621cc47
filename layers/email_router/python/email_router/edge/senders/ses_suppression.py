"""Send nothing to an address on the account's suppression list of Amazon SES, and say how it comes off.

SES takes mail to such an address and bounces it without trying, which counts as a bounce of the account ("Using the Amazon SES
account-level suppression list", developer guide).  The list is asked of addresses alone that bounced or complained before: the API takes one
call a second ("Service quotas"), and for every recipient that would be too little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from email_router.core.errors import MessageRefused
from email_router.core.wire import mail_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from types_boto3_sesv2 import SESV2Client

_ABSENT = "NotFoundException"
MEND = "remove it there if it is right after all (`aws sesv2 delete-suppressed-destination`), then `email-router outgoing retry`"


class Shared(Protocol):
    """What all workers share: who may lie on the list."""

    def holds(self, address: str) -> bool:
        """Tell whether the address may lie on the list."""

    def forget(self, address: str) -> None:
        """Remember this one no more: it lies there no more."""


class SesSuppression:
    """The list as the e-mails of one order meet it: each address is asked for once.

    Where SES does not answer, or may not be asked, nobody is held back: it holds back by itself.
    """

    def __init__(self, client: SESV2Client, shared: Shared) -> None:
        self._client = client
        self._shared = shared
        self._asked: dict[str, str] = {}
        self._silent = False

    def among(self, recipients: Iterable[str]) -> Mapping[str, str]:
        """Return those of the recipients who lie on the list, each with what to say of it."""
        suspects = [one for one in recipients if self._shared.holds(one)]
        return {one: why for one in suspects if (why := self._why(one))}

    def _why(self, address: str) -> str:
        """Return since when and why the address lies on the list, or nothing where it does not, or nobody can tell."""
        if address not in self._asked and not self._silent:
            self._asked[address] = self._ask(address)
        return self._asked.get(address, "")

    def _ask(self, address: str) -> str:
        try:
            found = self._client.get_suppressed_destination(EmailAddress=mail_address(address))
        except MessageRefused:  # no address for SES: it will say so
            return ""
        except (ClientError, BotoCoreError) as trouble:
            if isinstance(trouble, ClientError) and trouble.response["Error"].get("Code") == _ABSENT:
                self._shared.forget(address)
            else:
                self._silent = True
            return ""
        told = found["SuppressedDestination"]
        since, why = told["LastUpdateTime"], told["Reason"].lower()
        return f"not sent to: on the suppression list of Amazon SES since {since:%Y-%m-%d} ({why}): {MEND}"
