"""How much memory the reading of a large attachment of Dynamics 365 takes, in a process of its own, above what it had after a small one.

Bytes go as the road takes them: from the simulated Dataverse through the blob store for S3, whose client here keeps nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from moto import mock_aws

from email_router.core.ports import Reach
from email_router.edge.connect.dataverse_connection import connected
from email_router.edge.crm.dataverse import DataverseCrm
from email_router.edge.stores.s3 import S3BlobStore
from tests.cloud import clients, make_place
from tests.contracts.dataverse_rig import Rig
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT
from tests.simulators.dataverse.world import ORGANIZATION

MEGABYTE = 1024 * 1024


class _Nowhere:
    """An S3 client that takes parts and keeps none."""

    def __getattr__(self, name: str) -> Callable[..., dict[str, str]]:
        return lambda **_: {"UploadId": name, "ETag": name}


def peak(asked: dict[str, Any]) -> dict[str, int]:
    """Read a small e-mail, then a large one; return by how many bytes the peak of this process grew, and the attachment's size."""
    options = {"url": asked["url"], "authority": asked["url"], "ca_pem": asked["ca_pem"]}
    options |= {"tenant_id": TENANT, "client_id": CLIENT}
    blobs = S3BlobStore(_Nowhere(), "nowhere", "contoso")  # type: ignore[arg-type]  # as much of it as is used
    with mock_aws(), clients(None, "KEYS_ONLY") as cloud:
        place = make_place(cloud)
        client = connected(options, SECRET, Reach(loopback=True), "contoso")
        crm = DataverseCrm(client, cloud.dynamodb, place.crm, place.router, "contoso", blobs)
        crm.email(asked["small"])
        before = _peak_so_far()
        email = crm.email(asked["large"])
        grown = _peak_so_far() - before
    if email is None:
        raise ValueError("the e-mail is not there")
    return {"grown": grown, "size": email.attachments[0].size}


def _peak_so_far() -> int:
    """Return the most memory that this process ever held, in bytes; ru_maxrss would begin with that of the process which started it."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def measured_peak(rig: Rig, megabytes: int) -> dict[str, int]:
    """Let two e-mails wait, one with an attachment of so many megabytes; return what `peak` tells of them in a process of its own."""
    process = rig.process
    process.put("organization", organizationid=ORGANIZATION, maxuploadfilesize=128 * MEGABYTE)
    asked = {"url": process.url, "ca_pem": process.authority.pem}
    for number, (name, size) in enumerate({"small": 1, "large": megabytes * MEGABYTE}.items(), 1):
        asked[name] = str(UUID(int=number))
        rig.outgoing(asked[name])
        body = b64encode(bytes(range(256)) * (size // 256) or b"x").decode()
        file = {"filename": "a.bin", "mimetype": "application/x-large", "body": body, "objecttypecode": "email"}
        place = {"objectid_email@odata.bind": f"/emails({asked[name]})"}
        rig.client.call("POST", "activitymimeattachments", {**file, **place})
        process.put("email", activityid=asked[name], statecode=1, statuscode=6)
    command = [sys.executable, "-m", "benchmarks.dataverse_memory"]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
    found: dict[str, int] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(peak(json.load(sys.stdin))))
