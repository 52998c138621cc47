"""What the store of alerts promises, whether it keeps things in memory or in AWS."""

from __future__ import annotations

from dataclasses import replace

from email_router.core.alerts import MOST_MESSAGES, Alert
from tests.cloud import Stores
from tests.contracts.stores.contents import ANN, NOW, SALES, later


class TestAlerts:
    def test_one_alert_a_trouble_stays_open_until_it_is_settled(self, stores: Stores) -> None:
        first = Alert(kind="token_digits", about=ANN, text="grown", mend="none", at=NOW)
        other = replace(first, about=SALES, at=later(1))
        new = [stores.alerts.raise_alert(one) for one in (first, replace(first, text="again", at=later(9)), other)]
        assert new == [True, False, True]

        assert stores.alerts.all() == [other, first]
        assert (stores.alerts.settle(first.id), stores.alerts.settle(first.id)) == (True, False)
        assert stores.alerts.all() == [other]

    def test_an_open_alert_gathers_the_messages_that_it_is_about_each_once_and_so_many_at_most(
        self, stores: Stores
    ) -> None:
        first = Alert(kind="for_review", about="x@y.example", text="one", mend="none", at=NOW, messages=("<b@x>",))
        messages = ("<b@x>", "<a@x>", "<b@x>")
        changed = [replace(first, text="again", at=later(9), messages=(one,)) for one in messages]
        assert [stores.alerts.raise_alert(one) for one in changed] == [True, False, False]
        (open_alert,) = stores.alerts.all()

        assert open_alert == replace(first, text="again", at=later(9), messages=("<a@x>", "<b@x>"))
        for number in range(2 * MOST_MESSAGES):
            stores.alerts.raise_alert(replace(first, messages=(f"<{number}@y>",)))
        (open_alert,) = stores.alerts.all()
        assert len(open_alert.messages) == MOST_MESSAGES
        assert {"<a@x>", "<b@x>"} < set(open_alert.messages)
        assert stores.alerts.settle(first.id)
        stores.alerts.raise_alert(first)
        assert stores.alerts.all() == [first]
