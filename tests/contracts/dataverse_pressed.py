"""Users of Dynamics 365 who write an e-mail, press Send, and change or cancel it while the router writes it back."""

from __future__ import annotations

from typing import Any

from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_rig import EMAIL


def pressed(office: Office, key: str = EMAIL, **more: Any) -> None:
    """Let a user write an e-mail and press Send."""
    office.rig.outgoing(key, **more)
    office.process.put("email", activityid=key, statecode=1, statuscode=6)


def attached(office: Office, name: str, body: str, key: str = EMAIL, **more: Any) -> None:
    row = {"filename": name, "mimetype": "text/plain", "body": body, "objecttypecode": "email", **more}
    office.rig.client.call("POST", "activitymimeattachments", {**row, "objectid_email@odata.bind": f"/emails({key})"})


def status(office: Office, key: str = EMAIL) -> tuple[int, int]:
    row = office.rig.email(key)
    return row["statecode"], row["statuscode"]


class Changing:
    """A client before whose every batch a user changes the e-mail."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def __getattr__(self, name: str) -> Any:
        return getattr(self._office.rig.client, name)

    def act(self) -> None:
        self._office.rig.client.call("PATCH", f"emails({EMAIL})", {"scheduledend": "2026-12-01T00:00:00Z"})

    def batch(self, items: Any) -> Any:
        self.act()
        return self._office.rig.client.batch(items)


class Cancelling(Changing):
    """A client before whose first batch a user cancels the e-mail."""

    def __init__(self, office: Office, before: str, reads: int = 0) -> None:
        super().__init__(office)
        self.done = False
        self.left = reads

    def act(self) -> None:
        if self.left:
            self.left -= 1
        elif not self.done:
            self.done = True
            self._office.rig.client.call("PATCH", f"emails({EMAIL})", {"statecode": 2, "statuscode": 5})
