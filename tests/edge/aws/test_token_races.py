"""Many workers of one user reserve tokens at once: on MiniStack, whose DynamoDB keeps order."""

from __future__ import annotations

from email_router.core.flows.token_numbers import TokenNumbers
from email_router.core.ledger import KnownEmail
from email_router.core.mailbox import Mailbox
from email_router.core.settings import Tracking
from tests.cloud import Place, aws_stores
from tests.deliveries import ANN, NOW
from tests.edge.aws.test_races import at_once
from tests.flows.office import Office


def test_workers_at_once_give_no_two_live_conversations_one_token(ministack_place: Place) -> None:
    stores, office = aws_stores(ministack_place), Office(tracking=Tracking(counter_digits=1))
    office.ledger, office.alerts = stores.ledger, stores.alerts

    def work(worker: int) -> list[str | None]:
        numbers = TokenNumbers(office.road(), Mailbox(address=ANN), 6)
        new = [(KnownEmail(activity=f"c{worker}-{one}", at=NOW), "") for one in range(6)]
        if worker % 2:
            return [*numbers.several(new)]
        return [token for one in new for token in numbers.several([one])]

    tokens = [token for given in at_once(8, work) for token in given]

    assert None not in tokens
    assert len(set(tokens)) == 48
    assert [alert.kind for alert in stores.alerts.all()] == ["token_digits"]
