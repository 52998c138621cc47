"""What became of an e-mail is written back to Dataverse: sending, sent or failed, unless its user has cancelled it."""

from __future__ import annotations

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.errors import TryLater
from email_router.core.write_back import WriteBack
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_pressed import Cancelling, Changing, pressed, status
from tests.contracts.dataverse_rig import EMAIL, OTHER
from tests.deliveries import later


class TestWriteBack:
    def test_an_e_mail_under_way_is_sending_there_so_that_its_form_offers_no_cancelling(self, office: Office) -> None:
        pressed(office)

        assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING, attempts=2, due=later(60)))

        row = office.rig.email()
        assert (row["statecode"], row["statuscode"], row["deliveryattempts"]) == (1, 7, 2)

    def test_a_sent_e_mail_is_noted_by_send_email_which_sends_nothing(self, office: Office) -> None:
        pressed(office)
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING, attempts=1))
        office.process.clear_requests()

        assert office.crm.write_back(
            WriteBack(
                activity=EMAIL,
                status=EmailStatus.SENT,
                subject="Offer CRM:1",
                message_id="<own@contoso.example>",
                tracking_token="CRM:1",
                attempts=1,
                sent=later(3),
            )
        )

        (action,) = office.process.requests("SendEmail")
        assert action["body"] == {"IssueSend": False, "TrackingToken": ""}
        row = office.rig.email()
        assert (status(office), row["subject"], row["messageid"]) == ((1, 3), "Offer CRM:1", "<own@contoso.example>")
        assert (row["trackingtoken"], row["senton"] is not None) == ("CRM:1", True)

    def test_writing_it_back_again_changes_nothing(self, office: Office) -> None:
        pressed(office)
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENT, subject="Offer CRM:1"))
        office.process.clear_requests()

        assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENT, subject="Offer CRM:1"))

        assert office.outer() == [f"GET emails({EMAIL})"]

    def test_a_failed_e_mail_is_open_again_and_says_why(self, office: Office) -> None:
        pressed(office)

        assert office.crm.write_back(
            WriteBack(activity=EMAIL, status=EmailStatus.FAILED, reason="550 no such user: " + "x" * 300, attempts=3)
        )

        row = office.rig.email()
        assert (row["statecode"], row["statuscode"], row["deliveryattempts"]) == (0, 8, 3)
        assert (row["category"][:33], len(row["category"])) == ("E-mail Router: 550 no such user: ", 250)
        email = office.crm.email(EMAIL)
        assert email is not None
        assert email.reason == "550 no such user: " + "x" * 300

    def test_an_e_mail_that_bounces_after_it_was_sent_is_failed(self, office: Office) -> None:
        pressed(office)
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENT))

        assert office.crm.write_back(
            WriteBack(activity=EMAIL, status=EmailStatus.FAILED, reason="delivery report: failed for good")
        )

        assert status(office) == (0, 8)

    def test_one_of_which_nobody_knows_whether_it_left_is_failed_there_and_unknown_here(self, office: Office) -> None:
        pressed(office)

        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.UNKNOWN, reason="the line broke"))

        email = office.crm.email(EMAIL)
        assert email is not None
        assert (status(office), email.status) == ((0, 8), EmailStatus.UNKNOWN)

    def test_the_reason_for_which_it_waited_is_gone_once_it_has_left_and_a_user_s_category_stays(
        self, office: Office
    ) -> None:
        pressed(office)
        pressed(office, OTHER, category="Offers")
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.DEFERRED, reason="451 later", due=later(60)))

        for key in (EMAIL, OTHER):
            office.crm.write_back(WriteBack(activity=key, status=EmailStatus.SENT))

        assert [office.rig.email(key)["category"] for key in (EMAIL, OTHER)] == [None, "Offers"]


class TestCancelling:
    def test_a_user_who_cancels_between_our_reading_and_writing_wins(self, office: Office) -> None:
        pressed(office)
        cancels = Cancelling(office, before="batch")
        crm = office.opened(cancels)  # type: ignore[arg-type]  # a client that lets a user act in between

        assert crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING)) is False

        assert (status(office), cancels.done) == ((2, 5), True)

    def test_a_user_who_cancels_while_it_is_sent_comes_too_late_and_his_word_stays(self, office: Office) -> None:
        pressed(office)
        assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING))
        office.rig.client.call("PATCH", f"emails({EMAIL})", {"statecode": 2, "statuscode": 5})

        assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENT)) is False

        assert status(office) == (2, 5)

    def test_an_e_mail_that_others_change_all_the_time_is_tried_later(self, office: Office) -> None:
        pressed(office)
        crm = office.opened(Changing(office))  # type: ignore[arg-type]  # as above

        with pytest.raises(TryLater):
            crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING))

        assert status(office) == (1, 6)
