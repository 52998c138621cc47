"""What reading a mailbox in Exchange Online costs: requests, connections, and the memory of large messages.

Counts are exact and asserted in tests too; of memory the peak of a process of its own is told, above what it had when everything was
imported and a small message had passed.  Connections are counted for all sources, POP3 and IMAP where Dovecot can be started.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.file_blobs import FileBlobs
from email_router.core.fetched import Position
from email_router.core.flows.incoming import Timing
from email_router.core.mailbox import AfterDelivery, Direction, Mailbox, Profile
from email_router.core.ports import Reach
from email_router.edge.connect.https import hang_up
from email_router.edge.sources.graph import GraphSource
from tests.contracts import ways
from tests.flows.house import House, mail
from tests.servers import DovecotServer
from tests.simulators.certificates import make_authority
from tests.simulators.counting import CountingProxy
from tests.simulators.ews.process import EwsProcess
from tests.simulators.graph.process import CLIENT, SECRET, TENANT, GraphProcess

MEGABYTE = 1024 * 1024
_HERE = Reach(loopback=True)
_LINE = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4\r\n"


def large_mail(size: int = 61 * MEGABYTE, number: int = 7) -> bytes:
    """Return a mail with one attachment that makes it this large."""
    text = b"--b\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n--b\r\nContent-Type: application/pdf\r\n"
    disposition = b"Content-Disposition: attachment; filename=plan.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    head = mail(number, extra="Content-Type: multipart/mixed; boundary=b\r\n")
    head = head.replace(b"Content-Type: text/plain; charset=utf-8\r\n", b"", 1).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    return b"".join([head, text, disposition, _LINE * (size // len(_LINE)), b"--b--\r\n"])


def peak(asked: dict[str, Any]) -> dict[str, int]:
    """Serve one mailbox through the whole road in this process; return how far its peak grew, in bytes, and what came."""
    profile = Profile(
        name="in",
        direction=Direction.INCOMING,
        server="exchange-online",
        protocol="graph",
        tenant_id=TENANT,
        client_id=CLIENT,
        endpoint=asked["endpoint"],
        authority=asked["endpoint"],
        ca_pem=asked["ca_pem"],
        maximum_message_size=200 * MEGABYTE,
    )
    house = House(mail(5_000))  # an id that none of the others has
    house.blobs = FileBlobs(Path(tempfile.mkdtemp(prefix="blobs-")))  # type: ignore[assignment]  # as the port has it
    house.route()
    house.configure(profile=profile)

    def opened(_: Profile, __: Mailbox) -> GraphSource:
        return GraphSource(profile, Mailbox(address=asked["box"]), SECRET, _HERE)

    house._open = opened  # type: ignore[method-assign, assignment]  # noqa: SLF001 - the road's one inlet
    before = _peak_so_far()
    house.route(reason="requested")
    grown = _peak_so_far() - before
    source = opened(profile, Mailbox(address=asked["box"]))
    size = sum(one.size or 0 for rows in source.inventory(1000) for one in rows)
    return {"grown": grown, "size": size, "activities": len(house.crm.activities) - 1}


def _peak_so_far() -> int:
    """Return the most memory that this process ever held, in bytes; ru_maxrss would begin with that of the process which started it."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def measured_peak(graph: GraphProcess, box: str) -> dict[str, int]:
    """Return what `peak` tells in a process of its own."""
    asked = {"endpoint": graph.endpoint, "ca_pem": graph.authority.pem, "box": box}
    command = [sys.executable, "-m", "benchmarks.graph", "peak"]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
    found: dict[str, int] = json.loads(done.stdout)
    return found


def page_of_a_hundred(graph: GraphProcess) -> tuple[int, int, int]:
    """Return delta requests, batches and connections for a hundred new messages of up to 1 MB."""
    box = "page@contoso.example"
    for number in range(100):
        graph.put_message(box, large_mail((number % 10 + 1) * 100_000, number))
    graph.clear_requests()
    hang_up()
    proxy = CountingProxy(graph.port)
    profile = graph.profile(endpoint=f"https://127.0.0.1:{proxy.port}")
    source = GraphSource(profile, Mailbox(address=box), SECRET, _HERE)
    source.has_news(Position())
    for page in source.pages(Position(), Timing().page_messages):
        for start in range(0, len(page.listed), 25):
            list(source.fetch(page.listed[start : start + 25], 35 * MEGABYTE))
    hang_up()
    proxy.close()
    return len(graph.requests("/messages/delta")), len(graph.requests("$batch")), proxy.connections


def idle_requests(graph: GraphProcess, folders: tuple[str, ...]) -> int:
    """Return the requests of a poll that finds nothing."""
    box = Mailbox(address="idle@contoso.example")
    graph.mailbox_state(box.address, "ok")
    profile = graph.profile(folders=folders)
    *_, page = GraphSource(profile, box, SECRET, _HERE).pages(Position(), Timing().page_messages)
    graph.clear_requests()
    GraphSource(profile, box, SECRET, _HERE).has_news(page.position)
    return len([one for one in graph.requests("/v1.0") if not one["batched"]])


def connections(name: str, way: ways.Way) -> None:
    """Print how many connections a thousand messages take, left and deleted."""
    counts = []
    ways.fill(way)
    for how in (AfterDelivery.LEAVE, AfterDelivery.DELETE):
        hang_up()
        way.proxy.connections = 0
        ways.serve(way, how)
        counts.append(way.proxy.connections)
    print(f"{name}: connections for 1,000 messages: {counts[0]} to read, {counts[1]} to read and delete (target 2)")


def run() -> None:
    """Print the figures."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    authority = make_authority(folder / "authority")
    with GraphProcess(folder / "graph", authority=authority) as graph:
        deltas, batches, lines = page_of_a_hundred(graph)
        print(
            f"graph, 100 new messages up to 1 MB: {deltas} delta, {batches} $batch, {lines} connection (target 1, 5, 1)"
        )
        for folders in ((), ("inbox", "archive", "junkemail")):
            print(
                f"graph, idle poll of {len(folders) or 1} folder(s): {idle_requests(graph, folders)} request (target 1)"
            )
        graph.put_message("large@contoso.example", large_mail())
        for number in range(100):
            graph.put_message("full@contoso.example", large_mail(1_000_000, number))
        boxes = {"one message of 61 MB": "large", "a page of 100 up to 1 MB": "page", "a page of 100 of 1 MB": "full"}
        for name, box in boxes.items():
            told = measured_peak(graph, f"{box}@contoso.example")
            times = told["grown"] / told["size"]
            print(f"graph, peak memory for {name}: +{told['grown'] // MEGABYTE} MB, {times:.1f} times their size")
        connections("graph", ways.graph_way(graph))
        hang_up()
    with EwsProcess(folder / "ews", authority) as server:
        connections("ews", ways.ews_way(server))
        hang_up()
    if not shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin") or os.geteuid() != 0:
        print("pop3, imap: Dovecot is not there or cannot be started (it must be started by root); not measured")
        return
    dovecot = DovecotServer(authority.issue("localhost"))
    try:
        for name in ("pop3", "imap"):
            connections(name, ways.dovecot_way(dovecot, authority.pem, name))
    finally:
        dovecot.stop()


if __name__ == "__main__":
    print(json.dumps(peak(json.load(sys.stdin))))
