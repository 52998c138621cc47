"""Word the commands of a mail transaction (RFC 5321 3.3), with what the server's extensions let them say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from email_router.core.octets import Octets


class Transaction(NamedTuple):
    """One mail to be handed over: MAIL and each RCPT as they stand on the wire, and its text, every line of which ends in CRLF."""

    commands: tuple[str, ...]
    text: Octets

    @classmethod
    def of(
        cls, extensions: Mapping[str, str], sender: str, recipients: Sequence[str], text: Octets, receipt: str = ""
    ) -> Transaction:
        """Return the transaction for a server of these extensions.

        With `receipt`, an id that stands in the report, a server that knows how (DSN, RFC 3461) is asked to report the delivery too.  The
        addresses are fit for the wire; what is not ASCII needs a server with SMTPUTF8.
        """
        asked = bool(receipt) and "DSN" in extensions
        mail = _mail(extensions, sender, recipients, text) + (f" RET=HDRS ENVID={xtext(receipt)}" if asked else "")
        return cls((mail, *[f"RCPT TO:<{each}>{_notify(each) if asked else ''}" for each in recipients]), text)


def breath(commands: Sequence[str]) -> bytes:
    """Return commands as they go in one write."""
    return "\r\n".join((*commands, "")).encode()


def xtext(text: str) -> str:
    """Return a text as a parameter's value may hold it (RFC 3461 4); what is not ASCII becomes a question mark."""
    plain = text.encode("ascii", "replace").decode("ascii")
    return "".join(each if "!" <= each <= "~" and each not in "+=" else f"+{ord(each):02X}" for each in plain)


def _mail(extensions: Mapping[str, str], sender: str, recipients: Sequence[str], text: Octets) -> str:
    plain = text.isascii()
    command = f"MAIL FROM:<{sender}>" + (f" SIZE={len(text)}" if "SIZE" in extensions else "")
    command += " BODY=8BITMIME" if not plain and "8BITMIME" in extensions else ""
    international = not (plain and sender.isascii() and all(each.isascii() for each in recipients))
    return command + (" SMTPUTF8" if international and "SMTPUTF8" in extensions else "")


def _notify(recipient: str) -> str:
    return f" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT={_original(recipient)}"


def _original(recipient: str) -> str:
    """Return who was meant, as a parameter may hold him (RFC 3461 4.2; RFC 6533 3 for what is not ASCII)."""
    if recipient.isascii():
        return f"rfc822;{xtext(recipient)}"
    plain = (each if "!" <= each <= "~" and each not in "+=\\" else f"\\x{{{ord(each):X}}}" for each in recipient)
    return f"utf-8;{''.join(plain)}"
