"""The security role of the documentation is enough: with every other privilege taken away, all that the router does works."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from email_router.core.activity import (
    CorrelationMethod,
    EmailStatus,
    NewPerson,
    Note,
    Party,
    Record,
    Role,
    StoredAttachment,
)
from email_router.core.errors import MailboxBlocked
from email_router.core.write_back import WriteBack
from email_router.edge.crm.dataverse_coexistence import served_there
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_rig import EMAIL
from tests.deliveries import ANN, SALES, delivery, later
from tests.shared import PROJECT
from tests.simulators.dataverse.privileges import known

EVERY = known()


def documented() -> set[str]:
    text = (PROJECT / "docs" / "dynamics.md").read_text("utf-8")
    return set(re.findall(r"`(prv\w+)`", text))


def work(office: Office) -> None:
    """Do all that the router ever does in Dynamics 365."""
    office.stores.blobs.put("a/1", b"x")
    file = StoredAttachment("a.pdf", "application/pdf", 1, "0" * 64, inline=False, content_id=None, blob="a/1")
    (zoe,) = office.crm.create_people([NewPerson("zoe@x.example", "contact", "Zoe", ANN)])["zoe@x.example"]
    (lee,) = office.crm.create_people([NewPerson("lee@x.example", "lead", "Lee", ANN)])["lee@x.example"]
    records = office.crm.resolve([SALES, ANN, "info@x.example", "zoe@x.example"])
    found = [zoe, lee, *records[SALES], *records[ANN], *records["info@x.example"]]
    assert [one.kind for one in found] == ["contact", "lead", "queue", "user", "account"]
    people = [
        Party(Role.FROM, "zoe@x.example", "Zoe", zoe),
        *(Party(Role.TO, f"{one.kind}@x.example", "", one) for one in found),
    ]
    (case,) = office.process.rows("incident")
    mail = delivery(
        1,
        parties=tuple(people),
        regarding=Record("incident", case["incidentid"], "Case"),
        owner=ANN,
        attachments=(file,),
    )
    office.crm.deliver([mail], office.lease)
    answer = delivery(2, correlated=mail.activity.id, correlation_method=CorrelationMethod.IN_REPLY_TO, regarding=zoe)
    office.crm.deliver([answer], office.lease)
    assert office.crm.about([mail.activity.id])[mail.activity.id].owner == ANN
    assert [row["ownerid"]["id"] for row in office.process.rows("lead")] == [records[ANN][0].id]
    assert [activity for activity, _ in office.crm.pending(later(0), 9)] == [EMAIL]
    email = office.crm.email(EMAIL)
    assert email is not None
    assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING))
    assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENT, subject="Offer CRM:1"))
    for text in ("Not delivered", "Not delivered, again"):
        office.crm.note(EMAIL, "failed-1", Note(later(0), ANN, text))
    assert all(office.crm.new_tokens(["Offer"]))
    served_there(office.rig.client, [SALES])
    assert replace(email, status=EmailStatus.SENT).direction is email.direction


def prepared(office: Office) -> None:
    office.rig.queue(SALES)
    office.process.put("systemuser", internalemailaddress=ANN)
    office.process.put("account", name="Fabrikam", emailaddress1="info@x.example")
    office.process.put("incident", title="Case")
    office.rig.outgoing()
    office.process.put("email", activityid=EMAIL, statecode=1, statuscode=6)


def test_the_privileges_of_the_documentation_are_enough(office: Office) -> None:
    prepared(office)
    office.process.settings(denied=sorted(EVERY - documented()))

    work(office)

    assert office.process.rows("email")[-1]["statuscode"] == 4
    assert [row["notetext"] for row in office.process.rows("annotation")] == ["Not delivered, again"]


@pytest.mark.parametrize(
    "privilege",
    [
        "prvReadActivity",
        "prvCreateActivity",
        "prvWriteActivity",
        "prvReadOrganization",
        "prvReadMailbox",
        "prvReadUser",
    ],
)
def test_one_that_is_missing_is_named_by_the_first_call_that_lacks_it(office: Office, privilege: str) -> None:
    prepared(office)
    office.process.settings(denied=[privilege])

    with pytest.raises(MailboxBlocked, match=privilege):
        work(office)


@pytest.mark.parametrize("denied", ["prvAssignActivity", "prvAssignContact"])
def test_what_may_not_be_assigned_stays_the_router_s(office: Office, denied: str) -> None:
    ann = office.process.put("systemuser", internalemailaddress=ANN)["systemuserid"]
    office.process.settings(denied=[denied])

    office.crm.create_people([NewPerson("zoe@x.example", "contact", "Zoe", ANN)])
    office.crm.deliver([delivery(1, owner=ANN)], office.lease)

    owners = {
        "prvAssignActivity": office.row(delivery(1))["ownerid"]["id"],
        "prvAssignContact": office.process.rows("contact")[0]["ownerid"]["id"],
    }
    assert {name: owner == ann for name, owner in owners.items()} == {name: name != denied for name in owners}
