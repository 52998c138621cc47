"""Mail on its whole road to a Dataverse that decides and matches by itself: what it wants, what it makes of it, and what is told of that."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from email_router.core.activity import CorrelationMethod
from email_router.core.crm_rulings import DECIDES, MATCHES, Offer, Ruling, id_there, made_id
from email_router.core.dedupe import message_key
from email_router.core.errors import MessageRefused, TryLater
from email_router.core.ledger import Outcome, Trace, Wanted
from email_router.core.mailbox import AutomaticMail
from email_router.core.message import Message
from email_router.edge.crm.dataverse_server import DataverseServerCrm
from tests.cloud import Place, aws_stores
from tests.contracts.dataverse_page import files
from tests.contracts.dataverse_rig import EMAIL, Json, Rig
from tests.deliveries import ANN, SALES, delivery
from tests.flows.house import NOW, House, mail
from tests.simulators.dataverse.world import ORGANIZATION

TOKEN = "CRM:0001001"
DELIVER = "Microsoft.Dynamics.CRM.DeliverIncomingEmail"


class Server(House):
    """The incoming road over the simulated Dataverse and stores in memory of AWS."""

    def __init__(self, place: Place, rig: Rig) -> None:
        super().__init__()
        self.rig, self.stores = rig, aws_stores(place)
        self.states, self.ledger, self.blobs = self.stores.states, self.stores.ledger, self.stores.blobs
        names = place.crm, place.router, "contoso"
        self.server = DataverseServerCrm(rig.client, place.clients.dynamodb, *names, self.stores.blobs)
        self.crm = self.server  # type: ignore[assignment]  # another CRM
        self.queue = rig.queue(SALES, incomingemailfilteringmethod=0)

    def came(self) -> list[Json]:
        """Return the e-mails that came, in the order they were made."""
        return [row for row in self.rig.process.rows("email") if row["directioncode"] is False]

    def trace(self, message_id: str, mailbox: str = SALES) -> Trace:
        key = message_key(Message(size=0, message_id=message_id), "incoming").key
        return next(one for one in self.ledger.traces(key) if one.mailbox == mailbox)

    def asked(self) -> list[str]:
        """Return the requests that were made, each batch as one."""
        return [one["path"] for one in self.rig.process.requests("/api/") if not one["batched"]]

    def calls(self, name: str) -> int:
        return sum(name in one["path"] for one in self.rig.process.requests("/api/"))


@pytest.fixture
def house(moto_place: Place, dataverse: Rig) -> Server:
    return Server(moto_place, dataverse)


def answers(trace: Trace) -> dict[str, tuple[str, str]]:
    return {one.question: (one.answer, one.evidence) for one in trace.answers}


def test_a_mail_becomes_the_email_that_dataverse_makes_of_it(house: Server, dataverse: Rig) -> None:
    ann = dataverse.contact("Erin", "erin@fabrikam.example")
    dataverse.outgoing(trackingtoken=TOKEN, **{"regardingobjectid_contact_email@odata.bind": f"/contacts({ann})"})
    house.source.put(mail(1, subject=f"Re: Offer {TOKEN}", extra="Cc: carl@x.example\r\nIn-Reply-To: <nobody@x>\r\n"))

    house.route()

    (row,) = house.came()
    assert (row["messageid"], row["statuscode"], row["subject"]) == ("<m1@fabrikam.example>", 4, f"Re: Offer {TOKEN}")
    assert row["torecipients"] == f"{SALES};carl@x.example"
    trace = house.trace("<m1@fabrikam.example>")
    assert (trace.outcome, trace.reason, trace.activity) == (Outcome.DELIVERED, "accept_all", row["activityid"])
    assert (trace.method, trace.correlated) == ("tracking_token", EMAIL)
    assert trace.regarding is not None
    assert (trace.regarding.kind, trace.regarding.id) == ("contact", ann)
    assert answers(trace)[DECIDES][0] == "delivered"
    assert TOKEN in answers(trace)[MATCHES][1]
    assert answers(trace)["in_reply_to"][0] == "not asked"
    kept = house.server.email(row["activityid"])
    assert kept is not None
    assert (kept.correlation_method, kept.correlated) == (CorrelationMethod.TRACKING_TOKEN, EMAIL)
    assert [one.id for one in house.server.emails()] == [row["activityid"]]
    found = house.ledger.find(Wanted(message_ids=("<m1@fabrikam.example>",), tokens=(TOKEN,)))
    assert {one.activity for one in (*found.message_ids.values(), *found.tokens.values())} == {row["activityid"]}


def test_what_it_does_not_want_stays_and_its_reason_is_kept(house: Server, dataverse: Rig) -> None:
    dataverse.process.put("queue", queueid=house.queue, incomingemailfilteringmethod=1)
    house.source.put(mail(1))
    house.source.put(mail(2, sender="Nobody"))

    house.route()

    assert house.came() == []
    trace = house.trace("<m1@fabrikam.example>")
    assert (trace.outcome, trace.reason, trace.rule) == (Outcome.IGNORED, "no_correlation_match", DECIDES)
    assert house.trace("<m2@fabrikam.example>").reason == "invalid_sender"


@pytest.mark.parametrize(
    ("method", "settings", "more", "wanted"),
    [
        (0, {}, {}, Ruling(True, "accept_all")),
        (1, {}, {"subject": f"Re: {TOKEN}"}, Ruling(True, "correlation_match")),
        (
            1,
            {"enablesmartmatching": True, "hashminaddresscount": 1},
            {"subject": "RE: Offer"},
            Ruling(True, "correlation_match"),
        ),
        (1, {"enablesmartmatching": True}, {"subject": "RE: Offer"}, Ruling(False, "no_correlation_match")),
        (1, {}, {"subject": "RE: Offer"}, Ruling(False, "no_correlation_match")),
        (2, {}, {"sender": "ann@example.com"}, Ruling(True, "sender_match")),
        (0, {}, {"mailbox": "gone@contoso.example"}, Ruling(False, "no_recipient_match")),
        (
            0,
            {"ignoreinternalemail": True},
            {"sender": "office@contoso.example"},
            Ruling(False, "internal_email_reject"),
        ),
        (0, {}, {"sender": ""}, Ruling(False, "invalid_sender")),
        (0, {}, {"message_id": "<had@x>"}, Ruling(False, "duplicate")),
    ],
)
def test_each_reason_code_has_its_name(
    house: Server, dataverse: Rig, method: int, settings: Json, more: Json, wanted: Ruling
) -> None:
    dataverse.contact()
    dataverse.outgoing(trackingtoken=TOKEN)
    dataverse.process.put("queue", queueid=house.queue, incomingemailfilteringmethod=method)
    dataverse.process.put("organization", organizationid=ORGANIZATION, **settings)
    dataverse.process.put("email", messageid="<had@x>", directioncode=False)
    plain = {"message_id": "<new@x>", "subject": "It's 100% & more?", "sender": "bob@example.com", "mailbox": SALES}

    (said,) = house.server.rule_on([Offer(**{**plain, **more})])

    assert replace(said, evidence="") == wanted
    assert "CheckIncomingEmail, reason " in said.evidence


def test_a_message_about_which_it_will_not_say_is_handed_over_and_keeps_no_other_back(
    house: Server, dataverse: Rig
) -> None:
    dataverse.process.fault(
        "CheckIncomingEmail", "status", status=400, code="0x80040265", message="a plug-in says no", times=1
    )
    for number in (1, 2):
        house.source.put(mail(number))

    house.route()

    assert len(house.came()) == 2
    assert {house.trace(f"<m{number}@fabrikam.example>").reason for number in (1, 2)} == {"unknown", "accept_all"}


def test_our_own_questions_still_protect_the_mailbox(house: Server) -> None:
    house.configure(bulk=AutomaticMail.DROP, auto_reply=AutomaticMail.DROP)
    house.source.put(mail(1, extra="List-Id: <news.x.example>\r\nPrecedence: bulk\r\n"))
    house.source.put(mail(2, extra="Auto-Submitted: auto-replied\r\n"))

    house.route()

    assert house.came() == []
    assert house.calls("CheckIncomingEmail") == 0


def test_the_same_mail_in_two_mailboxes_is_one_email_with_two_receipts(house: Server, dataverse: Rig) -> None:
    dataverse.queue(ANN)
    for source in house.sources.values():
        source.put(mail(1, to=f"{SALES}, {ANN}"))

    house.route(SALES)
    house.route(ANN)

    (row,) = house.came()
    receipts = house.ledger.receipts(house.trace("<m1@fabrikam.example>").key)
    assert {(one.mailbox, one.activity, one.outcome) for one in receipts} == {
        (SALES, row["activityid"], Outcome.DELIVERED),
        (ANN, row["activityid"], Outcome.DELIVERED),
    }
    assert house.trace("<m1@fabrikam.example>", ANN).reason == "duplicate"


def test_two_copies_of_one_page_are_one_email_and_the_second_is_a_copy(house: Server) -> None:
    for _ in range(2):
        house.source.put(mail(1))

    house.route()

    (row,) = house.came()
    traces = house.ledger.traces(house.trace("<m1@fabrikam.example>").key)
    assert {one.activity for one in traces} == {row["activityid"]}


def test_what_somebody_else_has_made_an_email_is_adopted(house: Server, dataverse: Rig) -> None:
    there = dataverse.process.put(
        "email",
        messageid="<m1@fabrikam.example>",
        directioncode=False,
        sender="erin@fabrikam.example",
        trackingtoken=TOKEN,
    )
    house.source.put(mail(1))

    house.route()

    assert len(house.came()) == 1
    trace = house.trace("<m1@fabrikam.example>")
    assert (trace.activity, trace.outcome, trace.reason) == (there["activityid"], Outcome.DELIVERED, "duplicate")
    assert house.calls(DELIVER) == 0


def test_nobody_suppresses_a_mail_by_its_id(house: Server, dataverse: Rig) -> None:
    dataverse.process.put(
        "email", messageid="<m1@fabrikam.example>", directioncode=False, sender="mallory@evil.example"
    )
    house.source.put(mail(1))
    house.source.put(mail(2, message_id="<m1@fabrikam.example>", sender="Zoe <zoe@x.example>"))

    house.route()
    house.source.put(mail(3))
    house.route()

    senders = sorted(row["sender"] for row in house.came())
    assert senders == ["erin@fabrikam.example", "erin@fabrikam.example", "mallory@evil.example", "zoe@x.example"]
    assert sum(row["messageid"].endswith("@email-router.invalid>") for row in house.came()) == 2


def test_a_mail_without_id_is_known_by_one_that_is_made_of_it(house: Server) -> None:
    house.source.put(mail(1, message_id=""))

    house.route()

    (row,) = house.came()
    claim = house.ledger.claim(row["messageid"][1:].partition("@")[0])
    assert claim is not None
    assert (claim.activity, row["messageid"]) == (row["activityid"], made_id(claim.key))


def test_attachments_go_along_and_those_that_are_blocked_are_named(house: Server, dataverse: Rig) -> None:
    for name in ("a.pdf", "b.exe"):
        house.stores.blobs.put(f"a/{name}", name.encode())
    lease = house.stores.states.lease(SALES, NOW, NOW.replace(hour=13))
    assert lease is not None

    house.server.deliver([delivery(1, attachments=files("a.pdf", "b.exe"))], lease)

    (file,) = dataverse.process.rows("activitymimeattachment")
    assert (file["filename"], base64.b64decode(file["body"])) == ("a.pdf", b"a.pdf")
    assert "b.exe: the organisation blocks files that end in .exe" in house.came()[0]["description"]


def test_a_mailbox_that_no_field_names_is_a_blind_recipient(house: Server, dataverse: Rig) -> None:
    house.source.put(mail(1, to="list@x.example"))

    house.route()

    (row,) = house.came()
    parties = [(one["participationtypemask"], one["addressused"]) for one in dataverse.process.rows("activityparty")]
    assert (4, SALES) in parties
    assert row["torecipients"] == f"list@x.example;{SALES}"


def test_a_message_that_dataverse_refuses_is_tried_again_and_keeps_no_other_back(house: Server, dataverse: Rig) -> None:
    dataverse.process.fault(DELIVER, "status", status=400, code="0x80040265", message="a plug-in says no", times=3)
    for number in (1, 2):
        house.source.put(mail(number))

    house.route()

    assert [row["messageid"] for row in house.came()] == ["<m2@fabrikam.example>"]
    trace = house.trace("<m1@fabrikam.example>")
    assert trace.outcome is Outcome.FAILED
    house.clock.advance(3600)
    house.route()
    assert {row["messageid"] for row in house.came()} == {"<m1@fabrikam.example>", "<m2@fabrikam.example>"}


@pytest.mark.parametrize("fault", ["throttled", "unavailable"])
def test_while_it_cannot_take_mail_nobody_is_at_fault_and_nothing_is_lost(
    house: Server, dataverse: Rig, fault: str
) -> None:
    dataverse.process.fault(DELIVER, fault, times=1)
    house.source.put(mail(1))

    house.route()
    assert house.came() == []
    assert house.quarantine.entries() == []
    house.clock.advance(3600)
    house.route(reason="requested")

    assert len(house.came()) == 1


def test_another_mailboxs_worker_that_is_at_the_same_mail_is_waited_for(house: Server, dataverse: Rig) -> None:
    dataverse.queue(ANN)
    states, server = house.stores.states, house.server
    leases = {box: states.lease(box, NOW, NOW.replace(hour=13)) for box in (SALES, ANN)}
    both = [replace(one, trace=replace(one.trace, at=NOW)) for one in (delivery(1, SALES), delivery(1, ANN))]
    dataverse.process.fault(DELIVER, "unavailable", times=1)
    with pytest.raises(TryLater):
        server.deliver(both[:1], leases[SALES])

    other = replace(delivery(2, ANN), trace=replace(delivery(2, ANN).trace, at=NOW))
    with pytest.raises(TryLater, match="another mailbox") as waits:
        server.deliver([both[1], other], leases[ANN])
    assert (waits.value.shared, [row["messageid"] for row in house.came()]) == (True, ["<m2@fabrikam.example>"])

    late = replace(both[1], trace=replace(both[1].trace, at=NOW.replace(hour=14)))
    (said,) = server.deliver([late], leases[ANN])
    assert (said.created, len(house.came())) == (True, 2)


def test_a_page_takes_few_requests(house: Server, dataverse: Rig) -> None:
    for number in range(25):
        house.source.put(mail(number))
    dataverse.process.clear_requests()

    house.route()

    assert len(house.came()) == 25
    assert len(house.asked()) == 6  # asked, looked for, handed over in three, read back


def test_an_id_that_no_column_holds_is_replaced() -> None:
    longest = f"<{'x' * 310}@x.example>"
    key = message_key(Message(size=0, message_id=longest), "incoming").key

    assert id_there(key, longest) == made_id(key) == id_there(key, None)
    assert len(made_id(key)) <= 320


def test_a_refusal_says_what_to_do(house: Server, dataverse: Rig) -> None:
    dataverse.process.fault(DELIVER, "status", status=400, code="0x80040265", message="a plug-in says no", times=1)
    lease: Any = house.stores.states.lease(SALES, NOW, NOW.replace(hour=13))

    with pytest.raises(MessageRefused) as refused:
        house.server.deliver([delivery(1)], lease)

    assert refused.value.kind == "crm_refused"
    assert refused.value.mend
