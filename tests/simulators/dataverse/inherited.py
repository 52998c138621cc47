"""Columns that the Common Data Model's files name without defining, and the tables they leave out.

From Microsoft's table reference (learn.microsoft.com/power-apps/developer/data-platform/reference/entities).  A line is: name, kind, then a
longest length, a range low..high, targets a|b, or choices 0=Label|1=Label; "!" marks what no client may write, "*" what one must.
"""

from __future__ import annotations

from tests.simulators.dataverse.columns import Column


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OWNER = """
ownerid lookup systemuser|team
owninguser lookup! systemuser
owningteam lookup! team
owningbusinessunit lookup! businessunit
"""

_STAMPS = """
createdon instant!
createdby lookup! systemuser
modifiedon instant!
modifiedby lookup! systemuser
versionnumber bigint!
"""

GROUPS = {
    "activityCategory": "category string 250\nsubcategory string 250",
    "activityAdditionalParams": "activityadditionalparams string 8192",
    "activityToFrom": "",
    "activityCC": "",
    "activityDelivery": "deliverylastattemptedon instant!\ndeliveryprioritycode choice 0=Low|1=Normal|2=High\nsenton instant!",
    "activityDirectionCode": "directioncode boolean",
    "ownerIdAttribute": _OWNER,
    "customerIdAttribute": "customerid lookup account|contact",
}
"""By the group's name.  Parties (to, from, cc, bcc) are written and read as email_activity_parties."""

ACTIVITY = f"""
activityid guid
subject string 800
activitytypecode string! 64
scheduledstart instant
scheduledend instant
actualstart instant
actualend instant
actualdurationminutes integer 0..2147483647
isworkflowcreated boolean
isbilled boolean
prioritycode choice 0=Low|1=Normal|2=High
sortdate instant
overriddencreatedon instant
importsequencenumber integer -2147483648..2147483647
timezoneruleversionnumber integer -1..2147483647
utcconversiontimezonecode integer -1..2147483647
sendermailboxid lookup! mailbox
{_OWNER}{_STAMPS}"""

EMAIL = """
receivingmailboxid lookup mailbox
acceptingentityid lookup queue|systemuser
correlatedactivityid lookup email
correlatedsubjectchanged boolean
messageiddupcheck guid
internetmessageheaders string 1073741823
isduplicatesenderunresolved boolean
reservedforinternaluse string 1073741823
"""

EMAIL_WRITABLE = _words(
    """
    acceptingentityid activityadditionalparams activityid actualdurationminutes actualend actualstart attachmentopencount
    baseconversationindexhash category conversationtrackingid correlatedactivityid correlatedsubjectchanged delayedemailsendtime
    deliveryattempts deliveryprioritycode deliveryreceiptrequested description directioncode emailreminderexpirytime emailremindertext
    emailremindertype emailtrackingid followemailuserpreference importsequencenumber internetmessageheaders isbilled
    isduplicatesenderunresolved isworkflowcreated lastonholdtime lastopenedtime linksclickedcount messageid messageiddupcheck mimetype
    notifications opencount overriddencreatedon ownerid parentactivityid prioritycode processid readreceiptrequested receivingmailboxid
    regardingobjectid reminderactioncardid reservedforinternaluse scheduledend scheduledstart sender slaid sortdate stageid statecode
    statuscode subcategory subject submittedby templateid timezoneruleversionnumber torecipients trackingtoken transactioncurrencyid
    traversedpath utcconversiontimezonecode
    """
)
"""The email table's "Writable columns/attributes": all others return false for IsValidForCreate and IsValidForUpdate."""

ATTACHMENT = """
activitymimeattachmentid guid
activityid lookup! email
objectid lookup* email
objecttypecode string* 64
attachmentid lookup attachment
attachmentnumber integer 0..1000000000
attachmentcontentid string 250
body string 1073741823
filename string 255
mimetype string 256
subject string 2000
filesize integer! 0..1000000000
isfollowed boolean!
ownerid lookup! systemuser|team
versionnumber bigint!
"""

MAILBOX = f"""
mailboxid guid
name string 200
emailaddress string 100
username string 200
regardingobjectid lookup queue|systemuser
emailserverprofile lookup emailserverprofile
incomingemaildeliverymethod choice 0=None|2=Server-Side Synchronization or Email Router|3=Forward Mailbox
outgoingemaildeliverymethod choice 0=None|1=Microsoft Dynamics 365 for Outlook|2=Server-Side Synchronization or Email Router
incomingemailstatus choice 0=Not Run|1=Success|2=Failure
outgoingemailstatus choice 0=Not Run|1=Success|2=Failure
emailrouteraccessapproval choice 0=Empty|1=Approved|2=Pending Approval|3=Rejected
isemailaddressapprovedbyo365admin boolean
isforwardmailbox boolean
mailboxstatus choice! 0=Not Run|1=Success|2=Failure
testemailconfigurationscheduled boolean
enabledforincomingemail boolean!
enabledforoutgoingemail boolean!
statecode choice 0=Active|1=Inactive
statuscode choice 1=Active|2=Inactive
{_OWNER}{_STAMPS}"""

ORGANIZATION = f"""
organizationid guid
name string 160
trackingprefix string 256
trackingtokenidbase integer 0..2147483647
trackingtokeniddigits integer 0..2147483647
maximumtrackingnumber integer 0..2147483647
enablesmartmatching boolean
maxuploadfilesize integer 0..134217728
blockedattachments string 1073741823
blockedmimetypes string 1073741823
allowedmimetypes string 1073741823
emailcorrelationenabled boolean
emailsenddeliverymethod integer
requireapprovalforuseremail boolean
requireapprovalforqueueemail boolean
allowunresolvedpartiesonemailsend boolean
ignoreinternalemail boolean
usesearchcriteria boolean
hashfilterkeywords string 1073741823
hashmaxcount integer 0..2147483647
hashminaddresscount integer 0..2147483647
hashdeltasubjectcount integer 0..2147483647
orgdborgsettings string 1073741823
isdisabled boolean!
{_STAMPS}"""

USER_SETTINGS = """
systemuserid guid
incomingemailfilteringmethod choice 0=All email messages|1=Email messages in response to Dynamics 365 email\
|2=Email messages from Dynamics 365 Leads, Contacts and Accounts\
|3=Email messages from Dynamics 365 records that are email enabled|4=No email messages
versionnumber bigint!
"""

TEAM = f"""
teamid guid
name string 160
description string 2000
emailaddress string 100
teamtype choice 0=Owner|1=Access|2=Security Group|3=Office Group
isdefault boolean!
queueid lookup queue
administratorid lookup systemuser
businessunitid lookup businessunit
{_STAMPS}"""

OWNED = f"{_OWNER}{_STAMPS}"
STAMPS = _STAMPS

READ_ONLY = _words(
    "createdon createdby createdonbehalfby modifiedon modifiedby modifiedonbehalfby versionnumber fullname yomifullname exchangerate "
    "owninguser owningteam owningbusinessunit organizationid ispartydeleted instancetypecode addressusedemailcolumnnumber masterid merged "
    "isemailaddressapprovedbyo365admin entityimageid onholdtime"
)
"""Columns of the other tables that the platform alone writes (their "Read-only columns/attributes"); merging sets masterid and merged."""


def columns(text: str) -> dict[str, Column]:
    """Return the columns that the lines describe."""
    return {column.name: column for column in map(_column, filter(None, map(str.strip, text.splitlines())))}


def _column(line: str) -> Column:
    name, kind, rest = [*line.split(" ", 2), ""][:3]
    plain = kind.rstrip("!*")
    low, _, high = rest.partition("..")
    options = dict(part.split("=", 1) for part in rest.split("|")) if plain == "choice" else {}
    return Column(
        name=name,
        kind=plain,
        longest=int(rest) if plain == "string" and rest else None,
        low=float(low) if high else None,
        high=float(high) if high else None,
        options={int(value): label for value, label in options.items()},
        targets=tuple(rest.split("|")) if plain == "lookup" else (),
        required=kind.endswith("*"),
        writable=not kind.endswith("!"),
    )
