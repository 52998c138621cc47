"""Connect only where the router may: resolve a host once, judge every address, use the judged ones."""

from __future__ import annotations

import socket
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic
from typing import TYPE_CHECKING

from email_router.core.errors import ConfigurationError, MailboxBlocked, TryLater

if TYPE_CHECKING:
    from collections.abc import Sequence

    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach

IpAddress = IPv4Address | IPv6Address

CONNECT_SECONDS = 20.0
"""How long to wait for a server to take the connection, over all its addresses."""

# Metadata and credentials of AWS live at 169.254.169.254, 169.254.170.2, 169.254.170.23 and in fd00:ec2::/32
# (EC2 user guide, "Instance metadata"; ECS and EKS guides); 0.0.0.0/8 reaches this very host on Linux.
_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "fd00:ec2::/32",
    )
)
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052 2.1
_PASSAGES = (ip_network("::ffff:0:0/96"), ip_network("2002::/16"), ip_network("2001::/32"), _NAT64)
"""IPv6 networks whose addresses only lead to an IPv4 address inside them: mapped, 6to4, Teredo, NAT64."""

_NO_SUCH_NAME = frozenset(
    code for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if (code := getattr(socket, name, None)) is not None
)
_HIGHEST_PORT = 65535


def narrow(reach: Reach, profile: Profile) -> Reach:
    """Return the reach of one profile: the stage's private networks count only where the profile says network = "private"."""
    if profile.network == "private":
        return reach
    return replace(reach, private=())


def check_address(host: str, port: int, reach: Reach) -> list[str]:
    """Return the host's addresses, in the resolver's order, once each of them is one that the router may connect to.

    The name is resolved once: connect to what is returned, not to the name, and a second answer of the DNS changes nothing.  One denied
    address denies the host.  Raises MailboxBlocked "network_denied" or "host_unknown" (no such name), TryLater "host_unknown" (shared)
    when the DNS gives no answer now.
    """
    if reach.witness is not None:
        reach.witness.resolving(host)
    addresses = _resolve(host, port)
    for address in addresses:
        reason = _denial(address, reach)
        if reason:
            raise MailboxBlocked(
                f"{host}: its address {address} is {reason}, and the router may not connect there",
                kind="network_denied",
                mend='Use a public server; or set network = "private" in the profile and add the network to the stage\'s allowed networks.',
            )
    if reach.witness is not None:
        reach.witness.resolved(host, [(str(address), _permission(address, reach)) for address in addresses])
    return [str(address) for address in addresses]


def connect(host: str, port: int, reach: Reach, timeout: float = CONNECT_SECONDS) -> socket.socket:
    """Return a connected socket to one of the host's checked addresses; `timeout` seconds bound all tries and later each read.

    Raises what check_address raises, and TryLater "connection_refused", "connection_timeout" or "unreachable" (all shared).
    """
    addresses = check_address(host, port, reach)
    end = monotonic() + timeout
    failure: OSError = TimeoutError("no address was tried")
    for address in addresses:
        remaining = end - monotonic()
        if remaining <= 0:
            break
        try:
            line = socket.create_connection((address, port), remaining)
        except OSError as problem:
            failure = problem
            continue
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.settimeout(timeout)
        if reach.witness is not None:
            reach.witness.connected(host, port, address)
        return line
    raise _unconnected(host, port, failure) from failure


def _resolve(host: str, port: int) -> list[IpAddress]:
    if not 0 < port <= _HIGHEST_PORT:
        raise ConfigurationError(f"port {port} of host {host!r}: expected 1 to {_HIGHEST_PORT}")
    mend = f"Check the host name {host!r} in the profile."
    if not host or any(character.isspace() or not character.isprintable() for character in host):
        raise MailboxBlocked(f"{host!r} is not a host name", kind="host_unknown", mend=mend)
    try:
        answers = socket.getaddrinfo(host.removeprefix("[").removesuffix("]"), port, type=socket.SOCK_STREAM)
    except UnicodeError as problem:
        raise MailboxBlocked(f"{host!r} is not a host name", kind="host_unknown", mend=mend) from problem
    except socket.gaierror as problem:
        if problem.errno in _NO_SUCH_NAME:
            raise MailboxBlocked(f"{host}: there is no host of this name", kind="host_unknown", mend=mend) from problem
        raise TryLater(
            f"{host}: the name was not resolved ({problem.strerror})",
            kind="host_unknown",
            mend=f"{mend} If it is right, check the DNS.",
            shared=True,
        ) from problem
    return list(dict.fromkeys(ip_address(str(answer[4][0])) for answer in answers))


def _denial(address: IpAddress, reach: Reach) -> str:
    """Say what speaks against the address, or nothing (an empty string): every address inside it is judged too."""
    reasons = (_denial_of_one(each, reach) for each in (address, *_embedded(address)))
    return next((reason for reason in reasons if reason), "")


def _permission(address: IpAddress, reach: Reach) -> str:
    """Say why the router may connect to an address that it was not denied."""
    inside = next((each for each in (address, *_embedded(address)) if not _is_passage(each)), address)
    if inside.is_loopback:
        return "this machine"
    if inside.is_global:
        return "public"
    return next((f"private, in {network}" for network in reach.private if _allowed(inside, (network,))), "allowed")


def _is_passage(address: IpAddress) -> bool:
    return any(address in network for network in _PASSAGES if network.version == address.version)


def _denial_of_one(address: IpAddress, reach: Reach) -> str:
    if _is_passage(address):
        return ""  # the address inside is the one that is reached; it is judged on its own
    if any(address in network for network in _NEVER if network.version == address.version):
        return "link-local, reserved or a metadata service"
    if address.is_loopback:
        return "" if reach.loopback else "this machine itself"
    if address.is_global:
        return ""
    return "" if _allowed(address, reach.private) else "private"


def _allowed(address: IpAddress, networks: Sequence[str]) -> bool:
    for text in networks:
        try:
            network = ip_network(text.strip(), strict=False)
        except ValueError as problem:
            raise ConfigurationError(
                f"ALLOWED_NETWORKS: expected CIDRs such as 10.1.0.0/16, found {text!r}"
            ) from problem
        if network.version == address.version and address in network:
            return True
    return False


def _embedded(address: IpAddress) -> list[IpAddress]:
    """Return the IPv4 addresses that an IPv6 address leads to: mapped, 6to4, Teredo, NAT64."""
    if not isinstance(address, IPv6Address):
        return []
    inside: list[IpAddress | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inside.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [found for found in inside if found is not None]


def _unconnected(host: str, port: int, problem: OSError) -> TryLater:
    where = f"{host}:{port}"
    if isinstance(problem, ConnectionRefusedError):
        text, kind = f"{where} refused the connection", "connection_refused"
    elif isinstance(problem, TimeoutError):
        text, kind = f"{where} did not answer in time", "connection_timeout"
    else:
        text, kind = f"{where} cannot be reached ({problem.strerror or problem})", "unreachable"
    return TryLater(
        text, kind=kind, mend="Check host and port in the profile, the server and the firewalls between.", shared=True
    )
