"""`email-router webhook`: where Dynamics 365 tells of e-mails to be sent, and its registration there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from email_router.cli import deployed
from email_router.cli.backend import opened
from email_router.cli.options import STATE, Json, Organisation, Stack
from email_router.cli.output import console, print_json
from email_router.cli.place import Place
from email_router.cli.servers import REACH
from email_router.core.errors import ConfigurationError
from email_router.core.webhooks import KEY_HEADER, path_of, webhook_key
from email_router.edge.crm.dataverse_webhook import Webhook
from email_router.edge.crm.dataverse_webhook import register as register_at
from email_router.edge.crm.dataverse_webhook import remove as remove_at
from email_router.wiring import registry

if TYPE_CHECKING:
    from email_router.edge.connect.dataverse import DataverseClient

_HIDDEN = "shown with --show-key"


def webhook(
    *,
    stack: Stack = "",
    organisation: Organisation = "",
    show_key: Annotated[bool, typer.Option("--show-key", help="Print the key, too: whoever has it may nudge.")] = False,
    register: Annotated[
        bool, typer.Option("--register", help="Register it in Dynamics 365, as the router's application. Repeatable.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take it out of Dynamics 365 again. Repeatable.")] = False,
    json: Json = False,
) -> None:
    """Show the address and the header by which Dynamics 365 tells of e-mails to be sent, so that they leave within seconds."""
    if not stack:
        raise ConfigurationError(
            "webhook: name a deployed stack with --stack; nobody reaches the embedded cloud from outside"
        )
    if register and remove:
        raise ConfigurationError("--register and --remove: give one of them")
    with opened(STATE, stack) as backend:
        place = backend.organisation(organisation)
        there = webhook_of(place, stack, deployed.outputs(stack))
        told = register_at(_client(place), there) if register else None
        gone = remove_at(_client(place), there) if remove else None
    key = there.key if show_key else None
    if json:
        print_json({"url": there.url, "header": there.header, "key": key, "registered": told, "removed": gone})
        return
    say: Callable[[str], None] = lambda line: console().print(line, markup=False, soft_wrap=True)  # noqa: E731 - one line
    say(f"url     {there.url}\nheader  {there.header}\nvalue   {key or _HIDDEN}")
    if told is not None:
        say(f"registered in Dynamics 365 as {there.name!r}: {', '.join(told)} of email")
    if gone is not None:
        say("taken out of Dynamics 365" if gone else "Dynamics 365 has none that this command registered")


def webhook_of(place: Place, stack: str, outputs: dict[str, str]) -> Webhook:
    """Return the webhook of an organisation of a stack.  Raises ConfigurationError when the stack was deployed before there were any."""
    base = outputs.get("WebhookBaseUrl", "")
    if not base:
        raise ConfigurationError(f"the stack {stack} takes no webhooks yet: deploy it again")
    return Webhook(
        stack=stack,
        organisation=place.name,
        url=f"{base.rstrip('/')}/{path_of(place.name)}",
        header=KEY_HEADER,
        key=webhook_key(place.services.notification_secret(), place.name),
    )


def _client(place: Place) -> DataverseClient:
    crm = place.configuration.crm
    if crm.kind != "dataverse":
        raise ConfigurationError(
            f"the CRM of {place.name} is the built-in one, which needs no webhook: `email-router send --stack` asks by itself"
        )
    secret = place.services.secrets.get(crm.options["secret"]) if crm.options.get("secret") else ""
    client: DataverseClient = registry.load(registry.DATAVERSE)(crm.options, secret, REACH, place.name)
    return client
