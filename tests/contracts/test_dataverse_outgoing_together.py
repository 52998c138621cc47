"""Many e-mails that leave from Dataverse together: read and written back by few requests, none of them kept back by another."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.errors import MessageRefused, TryLater
from email_router.core.write_back import WriteBack
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.crm import dataverse_outgoing
from tests.contracts.crm_houses import guid
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_pressed import Cancelling, Changing, attached, pressed, status
from tests.contracts.dataverse_rig import EMAIL, OTHER
from tests.deliveries import later


def together(*keys: str, status: EmailStatus = EmailStatus.SENDING, **more: Any) -> list[WriteBack]:
    return [WriteBack(activity=key, status=status, **more) for key in keys]


class TestTogether:
    def test_many_are_read_sent_and_told_of_by_few_requests(self, office: Office) -> None:
        keys = [guid(str(number)) for number in range(25)]
        for key in keys:
            pressed(office, key)
        office.process.clear_requests()

        found = office.crm.several(keys)
        assert office.crm.write_back_all(together(*keys, attempts=1, due=later(60))) == {}
        assert office.crm.write_back_all(together(*keys, status=EmailStatus.SENT, sent=later(9))) == {}

        assert list(found) == keys
        assert [status(office, key) for key in keys] == [(1, 3)] * 25
        assert len([one for one in office.process.requests("/api/") if not one["batched"]]) == 6

    def test_the_attachments_of_all_are_read_each_with_its_own_e_mail(self, office: Office) -> None:
        office.rig.outgoing()
        office.rig.outgoing(OTHER)
        for name in ("a.txt", "b.txt"):
            attached(office, name, base64.b64encode(name.encode()).decode())
        for key in (EMAIL, OTHER):
            office.process.put("email", activityid=key, statecode=1, statuscode=6)

        found = office.crm.several([OTHER, EMAIL.upper()])

        assert [one.name for one in found[EMAIL.upper()].attachments] == ["a.txt", "b.txt"]
        assert found[OTHER].attachments == ()
        assert office.stores.blobs.get(found[EMAIL.upper()].attachments[1].blob) == b"b.txt"

    def test_beyond_25_mb_of_attachments_those_behind_are_left_out_but_never_the_first(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dataverse_outgoing, "_FETCHED", 4)
        keys = [guid(str(number)) for number in range(3)]
        for key in keys:
            office.rig.outgoing(key)
        for key in keys[:2]:
            attached(office, "a.txt", base64.b64encode(b"first").decode(), key=key)
        for key in keys:
            office.process.put("email", activityid=key, statecode=1, statuscode=6)

        assert list(office.crm.several(keys)) == [keys[0], keys[2]]
        assert list(office.crm.several(keys[1:])) == keys[1:]

    def test_a_user_who_cancels_between_reading_and_writing_wins_and_keeps_no_other_back(self, office: Office) -> None:
        pressed(office)
        pressed(office, OTHER)
        cancels = Cancelling(office, before="batch", reads=1)
        crm = office.opened(cancels)  # type: ignore[arg-type]  # a client that lets a user act in between

        assert crm.write_back_all(together(EMAIL, OTHER)) == {EMAIL: EmailStatus.CANCELLED}

        assert (status(office), status(office, OTHER), cancels.done) == ((2, 5), (1, 7), True)

    def test_one_that_others_change_all_the_time_is_tried_later_and_the_others_are_written(
        self, office: Office
    ) -> None:
        pressed(office)
        pressed(office, OTHER)
        crm = office.opened(Changing(office))  # type: ignore[arg-type]  # as above

        with pytest.raises(TryLater):
            crm.write_back_all(together(EMAIL, OTHER))

        assert (status(office), status(office, OTHER)) == ((1, 6), (1, 7))

    def test_one_that_failed_there_by_nobodys_word_is_told_from_one_of_which_nobody_knows(self, office: Office) -> None:
        pressed(office)
        pressed(office, OTHER)
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.UNKNOWN, reason="the line broke"))
        office.crm.write_back(WriteBack(activity=OTHER, status=EmailStatus.FAILED, reason="550"))

        others = office.crm.write_back_all(together(EMAIL, OTHER, status=EmailStatus.SENT))

        assert others == {OTHER: EmailStatus.FAILED}
        assert (status(office), status(office, OTHER)) == ((1, 3), (0, 8))

    def test_one_that_dataverse_refuses_is_told_when_the_others_are_written(self, office: Office) -> None:
        pressed(office)
        pressed(office, OTHER)
        crm = office.opened(_Refusing(office))  # type: ignore[arg-type]  # as above

        with pytest.raises(MessageRefused):
            crm.write_back_all(together(EMAIL, OTHER))

        assert (status(office), status(office, OTHER)) == ((1, 6), (1, 7))


class _Refusing(Changing):
    """A client that spoils what is written of one e-mail: Dataverse refuses it."""

    def batch(self, items: Any) -> Any:
        spoilt = [
            replace(one, content={"subject": 7})
            if isinstance(one, Request) and one.method == "PATCH" and EMAIL in one.target
            else one
            for one in items
        ]
        return self._office.rig.client.batch(spoilt)
