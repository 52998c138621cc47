"""Answer which of some privileges the application user has, and how deep (systemuser's RetrieveUserSetOfPrivilegesByNames).

learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/retrieveusersetofprivilegesbynames: a name that he lacks, or that
the organisation does not know, is absent from the answer.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from tests.simulators.dataverse import errors
from tests.simulators.dataverse.tables import tables
from tests.simulators.dataverse.world import UNIT, World
from tests.simulators.graph.http import Request

Json = dict[str, Any]

VERBS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign")
FUNCTION = "RetrieveUserSetOfPrivilegesByNames"

_CALL = re.compile(rf"Microsoft\.Dynamics\.CRM\.{FUNCTION}\(PrivilegeNames=(@\w+)\)")


def known() -> frozenset[str]:
    """Return the privileges of the tables."""
    return frozenset(f"prv{verb}{table.privilege}" for table in tables().values() for verb in VERBS)


def is_asked(request: Request, rest: str) -> bool:
    """Tell whether a path below a user asks for privileges."""
    return request.method == "GET" and _CALL.fullmatch(rest) is not None


def answer(world: World, request: Request, user: str | None, rest: str) -> Json:
    """Return the privileges that were asked for and that the user has."""
    call = _CALL.fullmatch(rest)
    if user is None or call is None:
        raise errors.not_there("systemuser", str(user))
    try:
        names = json.loads(request.query.get(call[1], ""))
    except ValueError as problem:
        raise errors.invalid("The parameter PrivilegeNames is no collection of Edm.String.") from problem
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise errors.invalid("The parameter PrivilegeNames is no collection of Edm.String.")
    held = [name for name in names if name in known() and name not in world.denied]
    return {"RolePrivileges": [_held(world, name) for name in held]}


def _held(world: World, name: str) -> Json:
    return {
        "Depth": world.depths.get(name, "Global"),
        "PrivilegeId": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        "BusinessUnitId": UNIT,
        "PrivilegeName": name,
        "RecordFilterId": "00000000-0000-0000-0000-000000000000",
        "RecordFilterUniqueName": "",
    }
