"""Where the router may connect, and where never."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import ConfigurationError, MailboxBlocked, TryLater
from email_router.core.mailbox import Direction, Profile
from email_router.core.ports import Reach
from email_router.edge.connect.network import check_address, connect, narrow

if TYPE_CHECKING:
    from collections.abc import Callable

WIDE = Reach(loopback=True, private=("0.0.0.0/0", "::/0"))

METADATA = [
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "[::ffff:169.254.169.254]",
    "fd00:ec2::254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "169.254.170.2",
    "fe80::1",
    "0.0.0.0",
    "0",
    "224.0.0.1",
    "255.255.255.255",
    "ff02::1",
]
LOOPBACK = [
    "127.0.0.1",
    "127.255.255.254",
    "localhost",
    "0x7f.1",
    "2130706433",
    "::1",
    "::ffff:127.0.0.1",
    "2002:7f00:1::",
]
PRIVATE = [
    "10.1.2.3",
    "192.168.0.1",
    "172.16.0.1",
    "100.64.0.1",
    "fc00::1",
    "::ffff:10.1.2.3",
    "64:ff9b::a01:203",
    "192.0.2.1",
]


def resolving(answer: Callable[[], object]) -> Callable[..., object]:
    """A resolver: no test may depend on the DNS of the machine it runs on."""

    def resolve(host: str, port: int, **_: object) -> object:
        return answer()

    return resolve


def addresses(*found: str) -> Callable[..., object]:
    """A resolver that knows these addresses of every name."""
    families = [(socket.AF_INET6 if ":" in each else socket.AF_INET, each) for each in found]
    return resolving(lambda: [(family, socket.SOCK_STREAM, 6, "", (each, 25)) for family, each in families])


def failing(code: int) -> Callable[..., object]:
    """A resolver that fails."""

    def fail() -> object:
        raise socket.gaierror(code, "it says")

    return resolving(fail)


@pytest.mark.parametrize("host", METADATA)
def test_link_local_metadata_and_reserved_addresses_are_denied_whatever_is_allowed(host: str) -> None:
    with pytest.raises(MailboxBlocked) as caught:
        check_address(host, 80, WIDE)

    assert caught.value.kind == "network_denied"


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_is_reached_in_local_runs_only(host: str) -> None:
    with pytest.raises(MailboxBlocked) as caught:
        check_address(host, 80, Reach(private=("0.0.0.0/0", "::/0")))

    assert caught.value.kind == "network_denied"
    assert check_address(host, 80, Reach(loopback=True))


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_is_reached_only_in_a_network_of_the_stage(host: str) -> None:
    for reach in (Reach(), Reach(loopback=True), Reach(private=("10.200.0.0/16",))):
        with pytest.raises(MailboxBlocked) as caught:
            check_address(host, 80, reach)
        assert caught.value.kind == "network_denied"
        assert "allowed networks" in caught.value.mend

    assert check_address(host, 80, WIDE)


def test_a_public_address_is_reached() -> None:
    assert check_address("8.8.8.8", 995, Reach()) == ["8.8.8.8"]
    assert check_address("2606:4700::1111", 995, Reach()) == ["2606:4700::1111"]


def test_private_networks_count_only_where_the_profile_says_private() -> None:
    reach = Reach(loopback=True, private=("10.0.0.0/8",))
    public = Profile(name="p", direction=Direction.INCOMING, server="pop3")
    private = Profile(name="p", direction=Direction.INCOMING, server="pop3", network="private")

    assert narrow(reach, public) == Reach(loopback=True)
    assert narrow(reach, private) == reach


def test_one_denied_address_denies_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", addresses("8.8.8.8", "169.254.169.254"))

    with pytest.raises(MailboxBlocked) as caught:
        check_address("rebinding.example", 80, Reach())

    assert caught.value.kind == "network_denied"


def test_the_name_is_asked_for_once_so_a_second_answer_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))
    real = socket.getaddrinfo

    def rebinding(host: str, *arguments: object, **named: object) -> object:
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "169.254.169.254", *arguments, **named)  # type: ignore[arg-type]  # passed on

    def only_numbers(host: str, *arguments: object, **named: object) -> object:
        return rebinding(host, *arguments, **named) if host == "rebinding.example" else real(host, *arguments, **named)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(socket, "getaddrinfo", only_numbers)
    with listener, connect("rebinding.example", listener.getsockname()[1], Reach(loopback=True), 5) as line:
        assert line.getpeername()[0] == "127.0.0.1"

    assert asked == ["rebinding.example"]


def test_a_name_that_does_not_exist_blocks_and_a_silent_dns_means_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", failing(socket.EAI_NONAME))
    with pytest.raises(MailboxBlocked) as unknown:
        check_address("mail.contoso.example", 995, Reach())
    monkeypatch.setattr(socket, "getaddrinfo", failing(socket.EAI_AGAIN))
    with pytest.raises(TryLater) as silent:
        check_address("mail.contoso.example", 995, Reach())

    assert unknown.value.kind == silent.value.kind == "host_unknown"
    assert unknown.value.mend
    assert silent.value.mend
    assert silent.value.shared


@pytest.mark.parametrize("host", ["", " ", "a b", "a\r\nb", "a\0b", "x" * 64 + ".example", "..", "\u2028"])
def test_what_is_no_host_name_is_told_so(host: str) -> None:
    with pytest.raises(MailboxBlocked) as caught:
        check_address(host, 995, WIDE)

    assert caught.value.kind == "host_unknown"


def test_a_port_that_is_none_and_a_network_that_is_none_are_configuration_errors() -> None:
    with pytest.raises(ConfigurationError, match="port 0"):
        check_address("8.8.8.8", 0, Reach())
    with pytest.raises(ConfigurationError, match="ALLOWED_NETWORKS"):
        check_address("10.0.0.1", 80, Reach(private=("ten",)))


def test_a_refused_connection_and_a_silent_server_mean_later_for_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(TryLater) as refused:
        connect("127.0.0.1", port, Reach(loopback=True), 5)

    assert (refused.value.kind, refused.value.shared) == ("connection_refused", True)
    assert refused.value.mend


def test_a_later_address_is_tried_when_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(socket, "getaddrinfo", addresses("127.0.0.2", "127.0.0.1"))
    # create_connection resolves again, so numbers must stay numbers.
    monkeypatch.setattr(socket, "create_connection", _plain)

    with listener, connect("two.example", listener.getsockname()[1], Reach(loopback=True), 5) as line:
        assert line.getpeername()[0] == "127.0.0.1"


def _plain(address: tuple[str, int], timeout: float) -> socket.socket:
    line = socket.socket()
    line.settimeout(timeout)
    try:
        line.connect(address)
    except OSError:
        line.close()
        raise
    return line
