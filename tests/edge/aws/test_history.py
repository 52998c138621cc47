"""Smart matching reads the same of a short history and of a long one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks import store
from email_router.edge.stores.ledger import DynamoLedger
from tests.cloud import Place


def test_a_look_up_reads_the_same_of_a_thousand_e_mails_and_of_a_million() -> None:
    read = [store.measured(count) for count in store.SIZES]

    assert {(one.calls, one.items, one.size, one.units) for one in read} == {(1, 100, read[0].size, read[0].units)}
    assert read[0].units <= 10


@pytest.mark.parametrize(("limit", "days"), [(1, 90), (100, 90), (30, 0), (250, 90), (400, 90)])
def test_the_computed_history_answers_as_a_stored_one(ministack_place: Place, limit: int, days: int) -> None:
    client, table = ministack_place.clients.dynamodb, ministack_place.router
    for number in range(250):
        client.put_item(TableName=table, Item=store.row(number, table))
    ledger = DynamoLedger(client, table, store.ORGANISATION)
    since = store.NEWEST - timedelta(days=days, seconds=100)
    history = store.History(250)

    stored = ledger.by_subject(store.SUBJECT, since, limit)
    with store.answered_by(history, client):
        computed = ledger.by_subject(store.SUBJECT, since, limit)

    assert computed == stored
    answers = [client.query(**request) for request in history.asked]
    computed_again = store.History(250)
    for request, answer in zip(history.asked, answers, strict=True):
        told = computed_again.query(request)
        assert [one["sk"] for one in told["Items"]] == [one["sk"] for one in answer["Items"]]
        assert told.get("LastEvaluatedKey") == answer.get("LastEvaluatedKey")
