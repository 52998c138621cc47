"""What every CRM promises of notes on e-mails."""

from __future__ import annotations

from email_router.core.activity import EmailStatus, Note
from email_router.core.write_back import WriteBack
from tests.cloud import Stores
from tests.contracts.crm_houses import guid, outgoing
from tests.deliveries import ANN, NOW, SALES, later

EMAIL, OTHER = guid("e1"), guid("e2")
FIRST, LATER = Note(NOW, ANN, "Not delivered: Größe <x@fabrikam.example> & more"), Note(later(3600), ANN, "again")


class TestNotes:
    def test_notes_are_kept_by_their_key_however_often_they_are_told_oldest_first(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())

        for _ in range(2):
            stores.crm.note(EMAIL, "failed-2", LATER)
            stores.crm.note(EMAIL, "failed-1", FIRST)

        assert list(stores.crm.notes(EMAIL)) == [FIRST, LATER]
        assert list(stores.crm.notes(OTHER)) == []

    def test_a_note_of_the_same_key_is_written_over(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.note(EMAIL, "failed-1", FIRST)

        stores.crm.note(EMAIL, "failed-1", LATER)

        assert list(stores.crm.notes(EMAIL)) == [LATER]

    def test_two_keys_with_the_same_words_are_two_notes(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())

        for key in ("failed-10", "failed-1"):
            stores.crm.note(EMAIL, key, FIRST)

        assert list(stores.crm.notes(EMAIL)) == [FIRST, FIRST]

    def test_the_email_of_a_note_is_as_it_was(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        before = stores.crm.email(EMAIL)

        stores.crm.note(EMAIL, "failed-1", FIRST)

        assert stores.crm.email(EMAIL) == before
        assert list(stores.crm.pending(later(0), 10)) == [(EMAIL, SALES)]

    def test_an_email_that_has_left_takes_a_note(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENT))

        stores.crm.note(EMAIL, "sent-1", FIRST)

        assert list(stores.crm.notes(EMAIL)) == [FIRST]
