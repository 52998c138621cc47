"""The columns that the router and the simulator use of the tables whose whole description lies beside the project's own checkouts only.

A checkout alone can run the simulator with them (`email-router demo --crm dataverse`); a test holds each line to Microsoft's Common Data
Model.  The lines are those of inherited.py.
"""

from __future__ import annotations

from dataclasses import replace

from tests.simulators.dataverse import inherited
from tests.simulators.dataverse.columns import Column

_ADDRESSES = "\n".join(f"emailaddress{number} string 100" for number in (1, 2, 3))
_ACTIVE = "statecode choice 0=Active|1=Inactive\nstatuscode choice 1=Active|2=Inactive"
_NAMES = "firstname string 50\nlastname string 50\nfullname string! 160"
_METHODS = """
outgoingemaildeliverymethod choice 0=None|2=Server-Side Synchronization or Email Router
emailrouteraccessapproval choice 0=Empty|1=Approved|2=Pending Approval|3=Rejected
"""
_STAMPS = inherited.STAMPS.replace("!", "")

_EMAIL = """
statecode choice 0=Open|1=Completed|2=Canceled
statuscode choice 1=Draft|2=Completed|3=Sent|4=Received|5=Canceled|6=Pending Send|7=Sending|8=Failed
description string 1073741823
messageid string 320
inreplyto string 320
conversationindex string 2048
trackingtoken string 50
sender string 250
torecipients string 500
submittedby string 250
regardingobjectid lookup account|contact
parentactivityid lookup email
emailsender lookup account
deliveryattempts integer 0..1000000000
delayedemailsendtime instant
readreceiptrequested boolean
deliveryreceiptrequested boolean
attachmentcount integer 0..2147483647
compressed boolean
correlationmethod choice 0=None|1=Skipped|2=XHeader|3=InReplyTo|4=TrackingToken|5=ConversationIndex|6=SmartMatching|7=CustomCorrelation
notifications choice 0=None|1=Saved without attachments|2=Truncated body.
emailreminderstatus choice 0=NotSet|1=ReminderSet|2=ReminderExpired|3=ReminderInvalid
"""

_PARTY = """
activitypartyid guid
activityid lookup email
partyid lookup account
participationtypemask choice 1=Sender|2=To Recipient|3=CC Recipient|4=BCC Recipient|8=Regarding|9=Owner
addressused string 200
ispartydeleted boolean
instancetypecode choice 0=Not Recurring
versionnumber bigint
"""

_TEXTS = {
    "email": _EMAIL,
    "activityparty": _PARTY,
    "contact": f"contactid guid\n{_NAMES}\n{_ADDRESSES}\n{_ACTIVE}\nmasterid lookup contact\nmerged boolean",
    "lead": f"leadid guid\nsubject string 300\n{_NAMES}\n{_ADDRESSES}\nmasterid lookup lead\nmerged boolean\n"
    "statecode choice 0=Open|1=Qualified|2=Disqualified\n"
    "statuscode choice 1=New|2=Contacted|3=Qualified|4=Lost|5=Cannot Contact|6=No Longer Interested|7=Canceled",
    "account": f"accountid guid\nname string 160\n{_ADDRESSES}\n{_ACTIVE}\nmasterid lookup account\nmerged boolean",
    "incident": "title string 200\nmasterid lookup incident\nmerged boolean\nstatecode choice 0=Active|1=Resolved|2=Canceled\n"
    "statuscode choice 1=In Progress|2=On Hold|3=Waiting for Details|4=Researching|5=Problem Solved|6=Canceled"
    "|1000=Information Provided|2000=Merged",
    "systemuser": "systemuserid guid\nfirstname string 64\nlastname string 64\nfullname string! 200\nisdisabled boolean\n"
    "internalemailaddress string 100\npersonalemailaddress string 100\nmobilealertemail string 100\n"
    f"incomingemaildeliverymethod choice 0=None|2=Server-Side Synchronization or Email Router|3=Forward Mailbox{_METHODS}{_STAMPS}",
    "queue": f"queueid guid\nname string 200\nemailaddress string 100\n{_ACTIVE}\nowninguser guid\nowningteam guid\n"
    "incomingemailfilteringmethod choice 0=All email messages|1=Email messages in response to Dynamics 365 email"
    "|2=Email messages from Dynamics 365 Leads, Contacts and Accounts|3=Email messages from Dynamics 365 records that are email enabled\n"
    f"incomingemaildeliverymethod choice 0=None|2=Server-Side Synchronization or Email Router|3=Forward Mailbox{_METHODS}{_STAMPS}",
}

_ACTIVITY = ("activityCategory", "activityAdditionalParams", "activityDelivery", "activityDirectionCode")
_GROUPS = {
    "email": _ACTIVITY,
    "activityparty": ("ownerIdAttribute",),
    "lead": ("customerIdAttribute",),
    "incident": ("customerIdAttribute",),
    "queue": ("ownerIdAttribute",),
}

_OF_TWO = {1: 0, 2: 1}
_STATES = {
    "email": {1: 0, 2: 1, 3: 1, 4: 1, 5: 2, 6: 1, 7: 1, 8: 0},
    "contact": _OF_TWO,
    "account": _OF_TWO,
    "queue": _OF_TWO,
    "lead": {1: 0, 2: 0, 3: 1, 4: 2, 5: 2, 6: 2, 7: 2},
    "incident": {1: 0, 2: 0, 3: 0, 4: 0, 5: 1, 6: 2, 1000: 1, 2000: 2},
}
"""To which state each status belongs."""


def columns_of(table: str) -> dict[str, Column]:
    """Return the columns of a table that are named here, by logical name; none of a table that is described elsewhere."""
    found = inherited.columns(_TEXTS.get(table, ""))
    if "statuscode" in found:
        found["statuscode"] = replace(found["statuscode"], states=_STATES[table])
    return found


def groups_of(table: str) -> tuple[str, ...]:
    """Return the groups of columns that the table has beyond them."""
    return _GROUPS.get(table, ())
