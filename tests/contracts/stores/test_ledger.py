"""What the ledger promises: receipts, traces, links, tokens, counters; whether it keeps things in memory or in AWS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.ledger import Counted, KnownEmail, Link, LinkKind, Wanted
from tests.cloud import Stores
from tests.contracts.stores.contents import ANN, NOW, SALES, known, later, lease_of, receipt, trace


class TestLedger:
    def test_receipts_and_traces_come_back_as_they_were_written(self, stores: Stores) -> None:
        lease = lease_of(stores)
        pairs = [(receipt("k1"), trace("k1")), (receipt("k1", ANN), trace("k1", ANN)), (receipt("k2"), trace("k2"))]

        stores.ledger.record(pairs, lease)
        stores.ledger.record(pairs, lease)

        assert sorted(stores.ledger.receipts("k1"), key=str) == sorted([receipt("k1"), receipt("k1", ANN)], key=str)
        assert sorted(stores.ledger.traces("k1"), key=str) == sorted([trace("k1"), trace("k1", ANN)], key=str)
        found = stores.ledger.find(Wanted(keys=("k1", "k2", "k3"), mailboxes=(SALES,)))
        assert found.receipts == {("k1", SALES): receipt("k1"), ("k2", SALES): receipt("k2")}
        assert (found.claims, stores.ledger.claim("k1")) == ({}, None)

    def test_receipts_are_asked_for_in_pairs_too(self, stores: Stores) -> None:
        pairs = [(receipt("k1"), trace("k1")), (receipt("k1", ANN), trace("k1", ANN)), (receipt("k2"), trace("k2"))]
        stores.ledger.record(pairs, lease_of(stores))

        found = stores.ledger.find(Wanted(keys=("k1", "k2"), pairs=(("k1", ANN), ("k2", SALES), ("k2", ANN))))

        assert found.receipts == {("k1", ANN): receipt("k1", ANN), ("k2", SALES): receipt("k2")}

    def test_many_receipts_are_written_in_one_call(self, stores: Stores) -> None:
        pairs = [(receipt(f"k{number}"), trace(f"k{number}")) for number in range(120)]

        stores.ledger.record(pairs, lease_of(stores))

        wanted = Wanted(keys=tuple(f"k{number}" for number in range(120)), mailboxes=(SALES, ANN))
        assert len(stores.ledger.find(wanted).receipts) == 120

    def test_of_two_receipts_for_one_message_in_one_call_the_last_stands(self, stores: Stores) -> None:
        second = replace(receipt(), reason="loop")

        stores.ledger.record([(receipt(), trace()), (second, trace(reason="loop"))], lease_of(stores))

        assert stores.ledger.receipts("k1") == [second]

    def test_traces_since_an_hour_come_oldest_first(self, stores: Stores) -> None:
        traces = [trace("k1", at=later(9)), trace("k2", at=later(3)), trace("k3", at=later(-3))]
        stores.ledger.record([(receipt(one.key), one) for one in traces], lease_of(stores))

        assert stores.ledger.traces_since(NOW) == [traces[1], traces[0]]

    def test_a_message_id_leads_to_the_first_email_a_token_and_thread_to_the_newest(self, stores: Stores) -> None:
        for kind in (LinkKind.MESSAGE_ID, LinkKind.TOKEN, LinkKind.THREAD):
            stores.ledger.link([Link(kind, "v", known("middle", later(5)))])
            stores.ledger.link([Link(kind, "v", known("newer", later(9))), Link(kind, "v", known("older", later(1)))])

        found = stores.ledger.find(Wanted(message_ids=("v", "w"), tokens=("v",), threads=("v",)))

        assert {name: one.activity for name, one in found.message_ids.items()} == {"v": "middle"}
        assert (found.tokens["v"].activity, found.threads["v"].activity) == ("newer", "newer")

    @pytest.mark.parametrize("value", ["<a@b.example>", "<A.B@C.example>", "no id at all", "<" + "x" * 900 + "@b>"])
    def test_ids_of_any_form_are_found(self, stores: Stores, value: str) -> None:
        email = known(token="CRM:0001001")
        stores.ledger.link([Link(LinkKind.MESSAGE_ID, value, email)])

        assert stores.ledger.find(Wanted(message_ids=(value, "<other@b>"))).message_ids == {value: email}

    def test_a_participant_hash_of_another_form_comes_back_too(self, stores: Stores) -> None:
        email = KnownEmail(activity="a1", participants=frozenset({"12", "ff"}), at=NOW)
        bare = KnownEmail(activity="a2", at=NOW)
        stores.ledger.link([Link(LinkKind.TOKEN, "t1", email), Link(LinkKind.TOKEN, "t2", bare)])

        assert stores.ledger.find(Wanted(tokens=("t1", "t2"))).tokens == {"t1": email, "t2": bare}

    def test_a_subject_leads_to_all_its_emails_newest_first(self, stores: Stores) -> None:
        emails = [known(f"a{number}", later(number)) for number in range(6)]
        stores.ledger.link([Link(LinkKind.SUBJECT, "h", email) for email in emails])

        assert stores.ledger.by_subject("h", later(2)) == emails[:1:-1]
        assert stores.ledger.by_subject("h", later(2), limit=2) == [emails[5], emails[4]]
        assert stores.ledger.by_subject("other", later(2)) == []

    def test_a_page_of_questions_over_many_calls_is_answered_whole(self, stores: Stores) -> None:
        values = [f"<m{number}@b.example>" for number in range(130)]
        stores.ledger.link([Link(LinkKind.MESSAGE_ID, value, known(value)) for value in values])

        found = stores.ledger.find(Wanted(message_ids=tuple(values)))

        assert {value: email.activity for value, email in found.message_ids.items()} == dict(
            zip(values, values, strict=True)
        )

    def test_a_token_of_a_live_conversation_is_not_given_out_again(self, stores: Stores) -> None:
        live_since = later(-90 * 86400)
        assert stores.ledger.reserve_token("CRM:1", known("a1"), live_since) is True
        assert stores.ledger.reserve_token("CRM:1", known("a1"), live_since) is True
        assert stores.ledger.reserve_token("CRM:1", known("a2"), live_since) is False

        assert stores.ledger.reserve_token("CRM:1", known("a3", later(1)), live_since=later(1)) is True
        assert stores.ledger.find(Wanted(tokens=("CRM:1",))).tokens["CRM:1"].activity == "a3"

    def test_tokens_are_reserved_together_and_of_two_that_want_the_same_one_has_it(self, stores: Stores) -> None:
        stores.ledger.reserve_token("CRM:1", known("other"), NOW)
        wanted = [
            replace(known(name), token=token) for name, token in (("a1", "CRM:1"), ("a2", "CRM:2"), ("a3", "CRM:2"))
        ]
        wanted.append(replace(known("a4"), token="CRM:4"))

        first = stores.ledger.reserve_tokens(wanted, NOW)
        again = stores.ledger.reserve_tokens(wanted, NOW)

        assert list(first) == list(again) == [False, True, False, True]
        found = stores.ledger.find(Wanted(tokens=("CRM:1", "CRM:2", "CRM:4"))).tokens
        assert {token: email.activity for token, email in found.items()} == {
            "CRM:1": "other",
            "CRM:2": "a2",
            "CRM:4": "a4",
        }

    def test_users_get_numbers_from_one_and_counters_of_their_own(self, stores: Stores) -> None:
        assert [stores.ledger.user_number(user) for user in (ANN, SALES, ANN.casefold())] == [1, 2, 1]
        assert [stores.ledger.next_counts(user, 3) for user in (ANN, SALES)] == [Counted(0), Counted(0)]
        assert stores.ledger.next_counts(ANN.casefold(), 2) == Counted(3)

    def test_a_counter_s_digits_grow_and_never_shrink(self, stores: Stores) -> None:
        stores.ledger.next_counts(ANN, 1)
        stores.ledger.grow_digits(ANN, 5)
        stores.ledger.grow_digits(ANN.casefold(), 4)

        assert stores.ledger.next_counts(ANN, 1) == Counted(1, 5)
        assert stores.ledger.next_counts(SALES, 1) == Counted(0)
