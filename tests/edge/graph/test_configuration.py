"""What is refused before anything is opened."""

from __future__ import annotations

import pytest

from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.edge.connect.microsoft_login import CLOUDS
from tests.edge.graph.mailboxes import source
from tests.simulators.graph.process import GraphProcess


def test_a_cloud_that_nobody_knows_is_a_configuration_error(graph: GraphProcess, box: str) -> None:
    with pytest.raises(ConfigurationError, match="mars"):
        source(graph, box, cloud="mars")


@pytest.mark.parametrize("field", ["tenant_id", "client_id"])
def test_an_application_must_be_named(graph: GraphProcess, box: str, field: str) -> None:
    with pytest.raises(ConfigurationError, match=field):
        source(graph, box, **{field: ""})


@pytest.mark.parametrize("endpoint", ["http://graph.example", "graph.example", "https://u:p@graph.example", "ftp://x"])
def test_an_endpoint_without_tls_is_a_configuration_error(graph: GraphProcess, box: str, endpoint: str) -> None:
    with pytest.raises(ConfigurationError):
        source(graph, box, endpoint=endpoint)


def test_21vianet_is_told_that_it_has_no_delta_query(graph: GraphProcess, box: str) -> None:
    with pytest.raises(MailboxBlocked) as caught:
        source(graph, box, cloud="china", endpoint="", authority="")
    assert caught.value.kind == "not_available"


def test_every_cloud_leads_to_its_own_hosts() -> None:
    assert len({cloud.graph for cloud in CLOUDS.values()}) == len(CLOUDS) == 4
