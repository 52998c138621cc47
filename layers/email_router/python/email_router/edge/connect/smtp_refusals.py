"""Say what a person does about a login that an SMTP server refuses, by the server's words."""

from __future__ import annotations

from email_router.core.errors import MailboxBlocked

_ACCOUNT = (
    "Check user name and password (the profile's credentials, or the mailbox's own: `email-router set-password MAILBOX`), and that "
    "the account may send by SMTP."
)
_APPLICATION = (
    "See that the application may send by SMTP as this mailbox: in Entra the permission SMTP.SendAsApp with admin consent, in Exchange "
    "Online PowerShell Add-RecipientPermission {address} -Trustee OBJECT-ID -AccessRights SendAs for its service principal "
    "(New-ServicePrincipal), and SMTP AUTH on for it (Set-CASMailbox {address} -SmtpClientAuthenticationDisabled $false)."
)
_TENANT = (
    "SMTP AUTH is switched off for the whole organisation.  In Exchange Online PowerShell: Set-TransportConfig "
    "-SmtpClientAuthenticationDisabled $false (or only for this mailbox, which comes first: Set-CASMailbox {address} "
    '-SmtpClientAuthenticationDisabled $false); or send by Graph: server = "exchange-online" in the outgoing profile.'
)
_MAILBOX = (
    "SMTP AUTH is switched off for the mailbox.  In Exchange Online PowerShell: Set-CASMailbox {address} -SmtpClientAuthenticationDisabled "
    "$false (or Microsoft 365 admin center, Users, Active users, the user, Mail, Manage email apps, Authenticated SMTP); it takes up to an "
    'hour; or send by Graph: server = "exchange-online" in the outgoing profile.'
)
_BASIC = (
    "The organisation takes no password by SMTP AUTH any more (an authentication policy, or the end of basic authentication).  Send by "
    'Graph: server = "exchange-online" in the outgoing profile; or set authentication = "oauth" with tenant_id and client_id; or allow it '
    "for the account: Set-AuthenticationPolicy -AllowBasicAuthSmtp."
)
_POLICY = (
    "A policy of the organisation keeps the account from logging in by SMTP: Entra admin center, Properties, Manage security defaults, or "
    "Protection, Conditional Access (the sign-in logs of Entra name the policy).  Except the account there, or send by Graph: "
    'server = "exchange-online" in the outgoing profile.'
)
_BY_WORDS = {
    "smtpclientauthentication is disabled for the tenant": ("login_disabled", _TENANT),
    "smtpclientauthentication is disabled": ("login_disabled", _MAILBOX),
    "basic authentication is": ("login_disabled", _BASIC),
    "security defaults": ("login_refused", _POLICY),
    "did not meet the criteria": ("login_refused", _POLICY),
}
"""What Exchange Online says behind 535 5.7.139 and 550 5.7.30 (learn.microsoft.com/exchange, "Authenticated client SMTP submission")."""


def refusal(name: str, why: str, *, with_token: bool) -> MailboxBlocked:
    """Return the error of a login that the server refused with these words; `name` is the line's: whose mailbox at which server."""
    words = why.lower()
    known = next((one for one in _BY_WORDS if one in words), "")
    kind, mend = _BY_WORDS.get(known, ("login_refused", _APPLICATION if with_token else _ACCOUNT))
    address = name.partition(" at ")[0]
    return MailboxBlocked(f"{name}: the login was refused: {why}", kind=kind, mend=mend.format(address=address))
