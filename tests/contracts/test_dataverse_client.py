"""The client of Dataverse: lines that break, texts, batches."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.edge.connect.dataverse import text
from email_router.edge.connect.dataverse_batch import MOST, ChangeSet, Request
from email_router.edge.connect.https import AnswerLost, hang_up
from tests.contracts.dataverse_rig import EMAIL, OTHER, PEOPLE, Rig, failing


class TestLine:
    def test_a_row_is_made_once_when_the_line_breaks_after_the_commit(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)  # signed in: the line that is new is that of the row
        dataverse.process.fault(f"PATCH .*{EMAIL}", "lose_answer")
        hang_up()

        with pytest.raises(AnswerLost):
            dataverse.client.create(f"emails({EMAIL})", {"subject": "once"})

        assert not dataverse.client.create(f"emails({EMAIL})", {"subject": "twice"})
        assert [row["subject"] for row in dataverse.process.rows("email")] == ["once"]

    def test_a_row_is_made_when_the_line_broke_before_the_commit(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)  # signed in: the line that is new is that of the row
        dataverse.process.fault(f"PATCH .*{EMAIL}", "close")
        hang_up()

        with pytest.raises(AnswerLost) as caught:
            dataverse.client.create(f"emails({EMAIL})", {"subject": "once"})

        assert caught.value.shared
        assert dataverse.client.create(f"emails({EMAIL})", {"subject": "twice"})

    def test_a_kept_line_that_was_hung_up_is_replaced_without_a_word(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)
        dataverse.process.fault("GET .*contacts", "close")

        assert dataverse.client.call("GET", PEOPLE).status == 200

    def test_a_post_is_never_repeated_by_itself(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)
        dataverse.process.fault("POST .*contacts", "lose_answer")

        with pytest.raises(AnswerLost):
            dataverse.client.call("POST", "contacts", {"lastname": "Once"})

        assert len(dataverse.process.rows("contact")) == 1

    def test_an_answer_that_is_cut_off_is_none(self, dataverse: Rig) -> None:
        dataverse.contact()
        dataverse.process.fault("contacts", "cut", after_bytes=40)

        caught = failing(dataverse.client)

        assert (type(caught), caught.kind) == (AnswerLost, "connection_lost")

    def test_a_text_with_every_kind_of_letter_comes_back_the_same(self, dataverse: Rig) -> None:
        odd = "Grüße \U0001f600 \u202e \" ' \\ \u0000 </x> \u2028"

        dataverse.client.create(f"emails({EMAIL})", {"subject": odd})

        assert dataverse.client.call("GET", f"emails({EMAIL})?$select=subject").json()["subject"] == odd


class TestText:
    @given(strategies.text(strategies.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
    @settings(max_examples=60, deadline=None)
    def test_whatever_stands_in_a_text_is_asked_for_and_no_more(self, dataverse_running: Rig, written: str) -> None:
        dataverse_running.process.reset()
        dataverse_running.process.put("contact", lastname="Lee", nickname=written)
        dataverse_running.process.put("contact", lastname="Moss", nickname="another one")

        targets = [f"contacts?$select=nickname&$filter=nickname eq {text(written)}"]
        targets.append(f"contacts?$select=nickname&$filter=nickname in ({text(written)},{text('no one')})")
        found = [dataverse_running.client.call("GET", target).rows() for target in targets]
        ((batched,),) = dataverse_running.client.batch([Request("GET", targets[0])])

        assert [[row["nickname"] for row in rows] for rows in (*found, batched.rows())] == [[written]] * 3


class TestBatches:
    def test_many_questions_are_one_request(self, dataverse: Rig) -> None:
        contact = dataverse.contact()
        dataverse.process.clear_requests()

        answers = dataverse.client.batch(
            [Request("GET", PEOPLE), Request("GET", f"contacts({contact})"), Request("GET", f"leads({OTHER})")]
        )

        assert [[one.status for one in item] for item in answers] == [[200], [200], [404]]
        assert answers[0][0].rows()[0]["fullname"] == "Ann Lee"
        assert len([one for one in dataverse.process.requests() if not one["batched"] and "/api/" in one["path"]]) == 1

    def test_an_answer_of_a_batch_is_judged_like_any_other(self, dataverse: Rig) -> None:
        dataverse.process.settings(denied=["prvReadLead"])

        ((fine,), (refused,)) = dataverse.client.batch([Request("GET", PEOPLE), Request("GET", "leads")])

        assert dataverse.client.checked(fine) is fine
        with pytest.raises(MailboxBlocked, match="prvReadLead"):
            dataverse.client.checked(refused)

    def test_a_throttled_request_of_a_batch_tells_how_long_to_wait(self, dataverse: Rig) -> None:
        dataverse.process.fault("GET .*contacts", "throttled", retry_after="9")

        ((answer,),) = dataverse.client.batch([Request("GET", PEOPLE)])

        with pytest.raises(TryLater) as caught:
            dataverse.client.checked(answer)
        assert caught.value.after == 9

    def test_a_throttled_batch_is_a_wait(self, dataverse: Rig) -> None:
        dataverse.process.fault("batch", "throttled", retry_after="9")

        with pytest.raises(TryLater) as caught:
            dataverse.client.batch([Request("GET", PEOPLE)])

        assert (caught.value.kind, caught.value.after) == ("throttled", 9)

    def test_a_batch_that_is_cut_off_is_lost_and_may_be_made_again(self, dataverse: Rig) -> None:
        made = ChangeSet((Request("PATCH", f"emails({EMAIL})", {"subject": "x"}, {"If-None-Match": "*"}),))
        dataverse.process.fault("batch", "cut", after_bytes=200)

        with pytest.raises(AnswerLost):
            dataverse.client.batch([made])

        ((answer,),) = dataverse.client.batch([made])
        assert answer.status == 412
        assert len(dataverse.process.rows("email")) == 1

    def test_a_batch_that_may_be_repeated_goes_over_a_kept_line(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)
        dataverse.process.fault("batch", "close")

        ((answer,),) = dataverse.client.batch([Request("GET", PEOPLE)])

        assert answer.status == 200

    def test_a_batch_with_a_post_is_never_repeated_by_itself(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)
        dataverse.process.fault("batch", "lose_answer")

        with pytest.raises(AnswerLost):
            dataverse.client.batch([ChangeSet((Request("POST", "contacts", {"lastname": "Once"}),))])

        assert len(dataverse.process.rows("contact")) == 1

    def test_too_large_a_batch_is_not_sent(self, dataverse: Rig) -> None:
        inner = (Request("POST", "contacts", {}),) * 501

        with pytest.raises(ValueError, match=str(MOST)):
            dataverse.client.batch([ChangeSet(inner), ChangeSet(inner)])

        assert dataverse.process.requests("batch") == []

    def test_an_empty_batch_asks_nothing(self, dataverse: Rig) -> None:
        assert dataverse.client.batch([]) == []

    def test_what_was_written_stands_in_no_text_of_a_request(self) -> None:
        assert "secret" not in repr(Request("POST", "emails", {"subject": "secret"}))
