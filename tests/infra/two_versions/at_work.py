"""Be the functions of one version, in a process of their own: `python at_work.py FUNCTIONS PACKAGE`.

Reads one JSON object a line and answers with one.  It belongs to neither version, so it uses what both have, and nothing newer.
"""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FUNCTIONS, PACKAGE = Path(sys.argv[1]), Path(sys.argv[2])
CONTEXT = {"function_name": "f", "memory_limit_in_mb": 512, "invoked_function_arn": "arn", "aws_request_id": "request"}


def invoke(function: str, event: dict[str, Any]) -> Any:
    """Let a function answer."""
    context = SimpleNamespace(**CONTEXT, get_remaining_time_in_millis=lambda: 300_000)
    return handler(function)(event, context)


@cache
def handler(function: str) -> Any:
    """Start a function."""
    return runpy.run_path(str(FUNCTIONS / function / "handler.py"))["handler"]


@cache
def services() -> Any:
    """What this version remembers by."""
    from email_router.wiring.environment import Environment
    from email_router.wiring.services import Services

    return Services(Environment.from_process())


def publish(file: str) -> int:
    """Put a configuration into force, as this version's command does."""
    from email_router.wiring.configuration import load
    from email_router.wiring.publishing import publish as put_into_force

    loaded, ours = load(Path(file)), services()
    organisation = loaded.configuration.organisation
    crm = ours.crm(loaded.configuration)
    return put_into_force(loaded, ours.configurations, ours.secrets, ours.states(organisation), crm).version


def write(organisation: str, activity: str, sender: str, to: str) -> None:
    """Let the CRM hold an e-mail that waits to be sent."""
    from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
    from email_router.core.mailbox import Direction

    parties = (Party(Role.FROM, sender), Party(Role.TO, to))
    email = EmailActivity(
        id=activity,
        direction=Direction.OUTGOING,
        status=EmailStatus.PENDING,
        subject=f"About {activity}",
        text="Hello",
        parties=parties,
        created=datetime.now(UTC),
    )
    crm_of(organisation).create_outgoing(email)


def read(organisation: str) -> list[dict[str, Any]]:
    """Tell of each e-mail what this version sees."""
    seen = []
    for one in crm_of(organisation).emails():
        state = services().outgoing(organisation).get(one.id)
        parties = sorted([party.role.value, party.address] for party in one.parties)
        plain = {name: getattr(one, name) for name in ("id", "subject", "text", "message_id", "correlated")}
        status = [one.status.value, state.status.value if state else None]
        seen.append({**plain, "parties": parties, "status": status})
    return seen


def state(organisation: str, mailbox: str) -> list[Any]:
    """Tell how a mailbox stands."""
    one = services().states(organisation).read(mailbox)
    return [one.token, one.position.mark, str(one.last_mail), one.lease_until, dict(one.attempts)]


def crm_of(organisation: str) -> Any:
    """The CRM of an organisation."""
    return services().crm(services().configurations.current(organisation))


def main() -> None:
    """Say which package is at work, then do what is asked."""
    import email_router

    told = sys.stdout
    sys.stdout = sys.stderr  # functions write their log there
    acts: dict[str, Callable[..., Any]] = {
        "invoke": invoke,
        "publish": publish,
        "write": write,
        "read": read,
        "state": state,
    }
    assert Path(str(email_router.__file__)).is_relative_to(PACKAGE), email_router.__file__
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"answer": acts[asked.pop("act")](**asked)}
        except Exception as problem:  # noqa: BLE001 - the test tells it
            answer = {"problem": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(answer), file=told, flush=True)


main()
