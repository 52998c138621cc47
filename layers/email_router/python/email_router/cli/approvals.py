"""Tell which mailboxes wait for an approval: by the configuration, or by Dynamics 365 where that is followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from email_router.cli.servers import REACH, MailServers
from email_router.core.errors import MailboxBlocked, RouterError
from email_router.core.followed import CrmSettingsReader
from email_router.core.mailbox import Mailbox, MailboxKind
from email_router.wiring import registry

_MEND = (
    'Set approved = true at [[mailboxes]] "{address}" (or leave approved out: true is the default), and publish; `email-router explain` '
    "tells what became of mail in the meantime."
)
_MEND_THERE = (
    "In Dynamics 365 choose the mailbox (Power Platform admin center, the environment, Settings, Email, Mailboxes; or Settings, Email "
    "Configuration, Mailboxes), see that it is active, and choose Approve Email; then `email-router load-data --refresh`, or wait until the "
    "router reads it."
)


def unapproved(servers: MailServers) -> Mapping[str, MailboxBlocked]:
    """Return by mailbox key what is to be told of those whose mail is not processed for want of an approval.

    What is followed is asked for now; where the CRM cannot be asked, what was known of it holds.
    """
    configuration = servers.configuration
    boxes = [box for box in configuration.mailboxes if box.kind is not MailboxKind.FORWARD]
    followed = set(configuration.follows.approved)
    there = _asked(servers, [box for box in boxes if box.key in followed])
    waiting = [box for box in boxes if not there.get(box.key, box.approved)]
    return {box.key: _told(box, followed=box.key in followed) for box in waiting}


def _asked(servers: MailServers, boxes: Sequence[Mailbox]) -> Mapping[str, bool]:
    configuration = servers.configuration
    if not boxes:
        return {}
    names = {box.key: (box.key, *(alias.casefold() for alias in box.aliases)) for box in boxes}
    try:
        line = registry.load(registry.DATAVERSE)(
            configuration.crm.options, servers.crm_secret(), REACH, configuration.organisation
        )
        reader: CrmSettingsReader = registry.adapter(registry.SETTINGS, configuration.crm.kind)(line)
        said = reader.settings([name for group in names.values() for name in group]).mailboxes
    except RouterError:  # the test of the CRM tells what is wrong with it
        return {}
    first = {key: next((said[name] for name in group if name in said), None) for key, group in names.items()}
    return {key: one.approved for key, one in first.items() if one is not None and one.approved is not None}


def _told(box: Mailbox, *, followed: bool) -> MailboxBlocked:
    where = "in Dynamics 365" if followed else "in the configuration"
    mend = _MEND_THERE if followed else _MEND.format(address=box.address)
    return MailboxBlocked(
        f"{box.address} is not approved {where}: its mail is fetched and none of it is processed",
        kind="not_approved",
        mend=mend,
    )
