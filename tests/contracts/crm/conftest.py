"""Ask each CRM the same: the fake, the built-in CRM on two emulators of AWS, and Dynamics 365."""

from __future__ import annotations

import pytest

from email_router.core.mailbox_state import Lease
from tests.cloud import Stores, aws_stores, memory_stores
from tests.contracts.crm_houses import CRMS, dataverse_stores
from tests.deliveries import NOW, SALES, later


@pytest.fixture(params=CRMS)
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        return memory_stores()
    if request.param == "dataverse":
        return dataverse_stores(request.getfixturevalue("moto_place"), request.getfixturevalue("dataverse"))
    return aws_stores(request.getfixturevalue(f"{request.param}_place"))


@pytest.fixture
def lease(stores: Stores) -> Lease:
    lease: Lease = stores.states.lease(SALES, NOW, later(330))
    return lease
