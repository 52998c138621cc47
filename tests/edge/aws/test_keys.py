"""Keep every organisation to its own rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.activity import EmailStatus, Record
from email_router.core.errors import ConfigurationError
from email_router.core.fetched import Position
from email_router.core.ledger import LinkKind, Wanted
from email_router.core.mailbox_state import PassRecord
from email_router.core.sending import OutgoingState
from email_router.core.settings import Configuration
from email_router.edge.connect.keys import Keys
from tests.cloud import Place, Stores, aws_stores
from tests.contracts.stores.contents import entry, retry
from tests.deliveries import ANN, NOW, SALES, later, linked, outgoing

_NAMES = st.from_regex(r"[^#\s]{1,60}", fullmatch=True)
_MADE: list[Callable[[Keys, str], str]] = [
    Keys.mailbox,
    Keys.message,
    Keys.message_id,
    Keys.token,
    Keys.thread,
    Keys.subject,
    Keys.outgoing,
    Keys.email,
    lambda keys, value: keys.record("contact", value),
    Keys.address,
    Keys.circuit,
]


@given(_NAMES, _NAMES, st.text(), st.text(), st.sampled_from(_MADE), st.sampled_from(_MADE))
def test_no_key_of_one_organisation_is_one_of_another(
    one: str,
    other: str,
    value: str,
    another: str,
    make: Callable[[Keys, str], str],
    make_other: Callable[[Keys, str], str],
) -> None:
    key = make(Keys(one), value)

    assert key.startswith(f"ORG#{one}#")
    assert len(key.encode()) <= 2048
    assert one == other or key != make_other(Keys(other), another)


@given(st.sampled_from(_MADE), st.sampled_from(_MADE), st.text(), st.text())
def test_keys_of_different_things_never_meet(
    make: Callable[[Keys, str], str], make_other: Callable[[Keys, str], str], value: str, another: str
) -> None:
    keys = Keys("contoso")

    assert make is make_other or make(keys, value) != make_other(keys, another)


@pytest.mark.parametrize("name", ["", "a#b", "a b", "a\n", "x" * 201, "#"])
def test_a_name_that_could_reach_into_another_organisation_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="organisation"):
        Keys(name)


def everything(stores: Stores) -> None:
    """Do everything that stores do, once."""
    states, ledger, crm = stores.states, stores.ledger, stores.crm
    stores.configurations.publish(Configuration(organisation=stores.organisation))
    states.schedule(SALES, 60, 900)
    lease = states.lease(SALES, NOW, later(330))
    states.begin(lease, "1")
    states.advance(lease, Position(b"x" * 5000, "m"), NOW)
    states.add_retry(lease, retry())
    mail = linked(1, LinkKind.SUBJECT, "h")
    stores.know("erin@fabrikam.example", Record("contact", "1", stores.organisation))
    crm.deliver([mail, linked(2, LinkKind.TOKEN, "CRM:1"), linked(3, LinkKind.THREAD, "t")], lease)
    ledger.record([(linked(4, LinkKind.TOKEN, "x").receipt, linked(4, LinkKind.TOKEN, "x").trace)], lease)
    ledger.reserve_token("CRM:2", mail.links[0].email, NOW)
    ledger.user_number(ANN)
    ledger.next_counts(ANN, 1)
    stores.quarantine.add(entry("q1"), lease)
    crm.create_outgoing(outgoing())
    crm.postpone(["e1"], later(-9))
    stores.outgoing.prepare(OutgoingState(activity="e1", status=EmailStatus.PENDING, sender=SALES, changed=NOW))
    stores.outgoing.claim("e1", NOW, "r1")
    states.release(lease, PassRecord(at=NOW, last_mail=NOW, next_retry=None))


def seen(stores: Stores) -> dict[str, Any]:
    """Read everything."""
    key = linked(1, LinkKind.SUBJECT, "h").claim.key
    wanted = Wanted((key,), (SALES,), (linked(1, LinkKind.TOKEN, "x").links[0].value,), ("CRM:1", "CRM:2"), ("t",))
    return {
        "state": stores.states.read(SALES).token,
        "retries": len(stores.states.retries(SALES, None, 9)),
        "claims": len(stores.ledger.find(wanted).claims),
        "tokens": len(stores.ledger.find(wanted).tokens),
        "subjects": len(stores.ledger.by_subject("h", later(-9))),
        "traces": len(stores.ledger.traces_since(later(-9))),
        "emails": len(list(stores.crm.emails())),
        "records": [one.record.name for one in stores.crm.records()],
        "resolved": [
            one.name for one in stores.crm.resolve(["erin@fabrikam.example"]).get("erin@fabrikam.example", ())
        ],
        "pending": list(stores.crm.pending(NOW, 9)),
        "outgoing": len(stores.outgoing.all()),
        "quarantine": len(stores.quarantine.entries()),
    }


def test_what_one_organisation_does_another_never_sees(moto_place: Place) -> None:
    contoso, fabrikam = aws_stores(moto_place, "contoso"), aws_stores(moto_place, "contoso2")
    nothing = seen(fabrikam)
    everything(contoso)
    after = seen(contoso)
    assert all(after.values())

    assert seen(fabrikam) == nothing
    assert not any(nothing.values())
    everything(fabrikam)
    assert seen(contoso) == after


def test_every_key_that_leaves_begins_with_the_organisation(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    keys: set[str] = set()

    def look(request: Any, **_: Any) -> None:
        keys.update(_partition_keys(json.loads(request.body)))

    events: Any = moto_place.clients.dynamodb.meta.events
    events.register("before-send.dynamodb", look)
    everything(stores)
    seen(stores)
    list(stores.schedule.mailboxes())
    events.unregister("before-send.dynamodb", look)

    strangers = {key for key in keys if not key.startswith("ORG#contoso#") and key != "ORG#contoso"}
    assert {key.partition("#")[0] for key in strangers} == {"ORGS", "SCHEDULE"}
    assert len(keys) > 30


def _partition_keys(part: Any) -> list[str]:
    """Return every partition key in a request: of tables, indexes and conditions."""
    if isinstance(part, list):
        return [key for one in part for key in _partition_keys(one)]
    if not isinstance(part, dict):
        return []
    named = ("pk", "spk", "lpk", "ppk", ":pk", ":spk", ":lpk", ":ppk")
    own = [value["S"] for name, value in part.items() if name in named and isinstance(value, dict) and "S" in value]
    return own + [key for value in part.values() for key in _partition_keys(value)]
