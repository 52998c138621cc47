"""`email-router erase`: a person removed from all that the router keeps; without --yes only what would be removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from email_router.cli.backend import opened_for_change
from email_router.cli.kept_passwords import KeptPasswords
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json, table, tell
from email_router.cli.place import Place
from email_router.cli.run.progress import live
from email_router.core.erasing import Fate, Judge
from email_router.core.errors import ConfigurationError
from email_router.core.flows.erase import Erase, Tally
from email_router.core.person import Person
from email_router.edge.crm.builtin_erasing import BuiltinErasing
from email_router.edge.stores.blob_versions import BlobVersions
from email_router.edge.stores.erasing import RouterErasing
from email_router.wiring.clock import CLOCK

Yes = Annotated[bool, typer.Option("--yes", help="Do it.  Without this nothing is changed.")]
Whole = Annotated[bool, typer.Option("--whole", help="Remove every e-mail that names the person, others' too.")]

_ELSEWHERE = (
    "Not reached from here: the mail server's own copies, events that other CRMs took, DynamoDB's point-in-time recovery (35 days) and your "
    "backups; logs hold no addresses. docs/privacy.md tells more."
)
_DYNAMICS = "Dynamics 365 keeps e-mails and contacts of its own: erase the person there, too."


def erase(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The person's address.")],
    *,
    yes: Yes = False,
    whole: Whole = False,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Remove a person: e-mails, attachments, traces, raw mail, records.  Without --yes it only tells.  Exit code 1: something is left."""
    with opened_for_change(state, stack) as backend:
        place = backend.organisation(organisation)
        person = _person(place, address)
        with live(f"looking for {person.address}") as progress:
            road = road_of(place, person, whole=whole, progress=progress)
            found = road.erase() if yes else road.look()
        if yes and not stack:
            KeptPasswords(state, place.name).remove(person.address)
        if yes:
            backend.save()
    _tell(person, place, found, done=yes, json=json)
    if yes and found.left:
        raise typer.Exit(1)


def road_of(
    place: Place, person: Person, *, whole: bool = False, progress: Callable[[str], None] = lambda _text: None
) -> Erase:
    """Return what erases a person from an organisation."""
    services, environment = place.services, place.services.environment
    versions = BlobVersions(services.clients.s3, environment.data_bucket, place.name)
    dynamodb, configuration = services.clients.dynamodb, place.configuration
    return Erase(
        judge=Judge(person, lambda one: configuration.mailbox(one) is not None, whole),
        crm=BuiltinErasing(dynamodb, environment.crm_table, place.name, services.blobs(place.name), versions),
        rows=RouterErasing(dynamodb, environment.router_table, place.name, versions),
        blobs=versions,
        now=CLOCK.now(),
        progress=progress,
    )


def _person(place: Place, address: str) -> Person:
    """Return the person.  Raises ConfigurationError for what is no address, or an address that is in force."""
    person = Person(address.strip().casefold())
    local, _, domain = person.address.rpartition("@")
    if not local or not domain or any(one.isspace() for one in person.address):
        raise ConfigurationError(f"{address}: expected an e-mail address, local@domain")
    if person.named_in(place.configuration):
        raise ConfigurationError(
            f"{person.address}: the configuration in force names this address (a mailbox, an alias or an owner); take it out, publish, and "
            "then erase it"
        )
    return person


def _tell(person: Person, place: Place, found: Tally, *, done: bool, json: bool) -> None:
    dynamics = place.configuration.crm.kind != "builtin"
    if json:
        print_json(shape(person, found, done=done))
        return
    title = f"{person.address}: {'erased' if done else 'would be erased (add --yes)'}"
    kinds = sorted({kind for counts in found.counts.values() for kind in counts})
    removed, replaced = found.counts[Fate.REMOVED], found.counts[Fate.REPLACED]
    table(title, ("what", "removed", "without the person"), ((one, removed[one], replaced[one]) for one in kinds))
    for (kind, why), count in sorted(found.left.items()):
        tell(f"{kind}: {count} left: {why}")
    for address in sorted(found.also):
        tell(f"the person's records also have the address {address}: erase that, too")
    console().print(f"{_ELSEWHERE}{' ' + _DYNAMICS if dynamics else ''}", markup=False)


def shape(person: Person, found: Tally, *, done: bool) -> dict[str, object]:
    """Return what was found, or done, for machines."""
    return {
        "address": person.address,
        "done": done,
        "removed": dict(sorted(found.counts[Fate.REMOVED].items())),
        "replaced": dict(sorted(found.counts[Fate.REPLACED].items())),
        "left": [{"kind": kind, "count": count, "why": why} for (kind, why), count in sorted(found.left.items())],
        "also": sorted(found.also),
    }
