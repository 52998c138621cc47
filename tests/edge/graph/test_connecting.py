"""Which servers are spoken to at all."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.fetched import Position
from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.edge.connect.https import hang_up
from email_router.edge.sources.graph import GraphSource
from tests.edge.graph.mailboxes import HERE, deltas, source
from tests.simulators.certificates import make_authority, self_signed
from tests.simulators.graph.process import SECRET, GraphProcess


def test_loopback_is_out_of_reach_unless_allowed(graph: GraphProcess, box: str) -> None:
    opened = GraphSource(graph.profile(), Mailbox(address=box), SECRET, Reach())

    with pytest.raises(MailboxBlocked) as caught:
        opened.has_news(Position())
    assert caught.value.kind == "network_denied"
    assert graph.requests() == []


def test_private_networks_count_only_where_the_profile_says_so(graph: GraphProcess, box: str) -> None:
    profile = graph.profile(endpoint="https://10.1.2.3", authority="https://10.1.2.3")
    opened = GraphSource(profile, Mailbox(address=box), SECRET, Reach(private=("10.0.0.0/8",)))

    with pytest.raises(MailboxBlocked) as caught:
        opened.has_news(Position())
    assert caught.value.kind == "network_denied"


def test_a_server_that_is_not_there_is_tried_later(graph: GraphProcess, box: str) -> None:
    opened = source(graph, box, endpoint="https://127.0.0.1:1", authority="https://127.0.0.1:1")

    with pytest.raises(TryLater) as caught:
        opened.has_news(Position())
    assert caught.value.shared


@pytest.mark.parametrize("certificate", ["self-signed", "wrong-host", "expired", "other-ca"])
def test_a_certificate_that_is_not_right_is_refused(tmp_path: Path, box: str, certificate: str) -> None:
    authority = make_authority(tmp_path / "ca")
    pairs = {
        "self-signed": self_signed(tmp_path),
        "wrong-host": authority.issue_only("wrong.example"),
        "expired": authority.issue_expired(),
        "other-ca": make_authority(tmp_path / "other").issue(),
    }
    with GraphProcess(tmp_path / "p", authority=authority, certificate=pairs[certificate]) as other:
        opened = GraphSource(other.profile(), Mailbox(address=box), SECRET, HERE)
        with pytest.raises(MailboxBlocked) as caught:
            opened.has_news(Position())
    assert caught.value.kind == "certificate"
    assert caught.value.mend


def test_a_line_that_the_server_hung_up_is_replaced(tmp_path: Path, box: str) -> None:
    with GraphProcess(tmp_path) as other:
        profile = other.profile()
        opened = GraphSource(profile, Mailbox(address=box), SECRET, HERE)
        other.mailbox_state(box, "ok")
        assert not opened.has_news(Position())
        other.stop()
        other.start()
        other.mailbox_state(box, "ok")
        assert not opened.has_news(Position())


def test_a_silent_server_is_given_up(graph: GraphProcess, box: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("email_router.edge.connect.https.READ_SECONDS", 0.3)
    hang_up()
    graph.fault("messages/delta", "slow", seconds=1.5)
    began = time.monotonic()

    with pytest.raises(TryLater) as caught:
        source(graph, box).has_news(Position())

    assert caught.value.kind == "timeout"
    assert time.monotonic() - began < 1.4
    hang_up()
    while not deltas(graph):  # the simulator notes the request down when it wakes
        time.sleep(0.05)
