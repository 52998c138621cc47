"""Play the demo: send, answer what was sent and what was asked, receive, bounce; then tell what really happened."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from email_router.cli.backend import PARAMETERS, Backend, of_cloud
from email_router.cli.demo import dynamics
from email_router.cli.demo.answers import SentLetter, answers
from email_router.cli.demo.bounce import bounce_detail
from email_router.cli.demo.everyday import everyday
from email_router.cli.demo.exchange import answer_them, follow_ups, questions
from email_router.cli.demo.letters import LETTERS, activity
from email_router.cli.demo.stage import CrmKind, Stage, stage
from email_router.cli.demo.world import ANN, CLOSED, ORGANISATION, RECORDS, configuration
from email_router.cli.demo.writing import Sample
from email_router.cli.embedded.events import put_event
from email_router.cli.embedded.session import EmbeddedCloud
from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.embedded.trouble import EmbeddedCloudError
from email_router.cli.place import Place
from email_router.cli.run import once
from email_router.cli.run.report import Cases, Run, Told, report
from email_router.core.parse import parse
from email_router.core.sending import OutgoingState
from email_router.wiring.configuration import load

_REPORTED_WITHIN = 20.0
_PARALLEL = 2
"""Calls of a queue at the same time: each begins a process, and that costs more than all the demo's mails."""
Progress = Callable[[str], None]


def play(own_mail: Sequence[Sample], crm: CrmKind, progress: Progress) -> Told:
    """Play the whole demo with `own_mail` beside its samples and this CRM; return what is told of it."""
    began, since = time.monotonic(), datetime.now(UTC)
    progress("starting the embedded cloud and the mail servers")
    with (
        tempfile.TemporaryDirectory(prefix="email-router-demo-") as folder,
        stage(Path(folder), crm) as servers,
        EmbeddedCloud(parameters=PARAMETERS, parallel=_PARALLEL) as cloud,
    ):
        backend = of_cloud(cloud)
        scene = _Scene(servers, backend, cloud.stack, progress)
        scene.publish(Path(folder))
        asked = questions(since - timedelta(hours=1))
        scene.send_letters_and_receive(asked)
        scene.answer(asked)
        scene.receive([*everyday(since - timedelta(hours=5)), *answers(scene.sent(), datetime.now(UTC)), *own_mail])
        scene.receive(follow_ups(servers.left, datetime.now(UTC)))
        scene.bounce()
        run = Run(
            configuration=scene.place.configuration,
            since=since,
            seconds=time.monotonic() - began,
            counters=cloud.counters(),
            cases=Cases(scene.cases, scene.answered | {letter.activity: letter.case for letter in LETTERS}),
            unserved=scene.left,
        )
        return report(backend.services, run)


@dataclass
class _Scene:
    """The demo while it is played."""

    stage: Stage
    backend: Backend
    stack: DeployedStack
    progress: Progress
    cases: dict[tuple[str, str], str] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)
    left: frozenset[str] = frozenset()

    @property
    def place(self) -> Place:
        return self.backend.organisation(ORGANISATION)

    def publish(self, folder: Path) -> None:
        """Publish the configuration, as `email-router publish` does; import the records, which Dynamics 365 has already."""
        self.progress("publishing the configuration")
        path, servers = folder / "router.toml", self.stage.servers
        there = [dynamics.table(servers)] if servers.dataverse_url else []
        path.write_text(configuration(servers, *there), "utf-8")
        self.backend.publish(load(path, self.stage.secrets))
        if not there:
            self.place.import_records(RECORDS)
        self.stack.client("sesv2").create_email_identity(
            EmailIdentity=ANN
        )  # Amazon SES sends for verified senders only

    def send_letters_and_receive(self, samples: Sequence[Sample]) -> None:
        """Create the letters in the CRM, put the mails into their mailboxes, and let the functions of both roads do the rest."""
        self.progress("sending e-mails")
        now = datetime.now(UTC)
        people = {address for letter in LETTERS for address in (letter.sender, letter.about, *letter.to)}
        records = self.place.crm.resolve(sorted(people))
        for number, letter in enumerate(LETTERS):
            self.place.crm.create_outgoing(activity(letter, records, now + timedelta(milliseconds=number)))
        once.send(self.stack)
        self.receive(samples)

    def answer(self, asked: Sequence[Sample]) -> None:
        """Answer what was asked, by the CRM; what is received next does not wait for it."""
        self.answered = answer_them(self.place, asked)
        once.send(self.stack)

    def sent(self) -> dict[str, SentLetter]:
        """Return each letter as it left: from what the SMTP server got, and with the id that SES gave."""
        by_id = {parse(mail.raw).message_id: parse(mail.raw) for mail in self.stage.smtp.received()}
        left = {}
        for letter in LETTERS:
            state = self.place.outgoing.get(letter.activity)
            if state is None:
                raise EmbeddedCloudError(
                    f"the demo's e-mail {letter.subject!r} was not taken up: see the output of `email-router demo --json`"
                )
            received = by_id.get(state.message_id)
            message_id = f"<{state.provider_id}@email.amazonses.com>" if state.provider_id else state.message_id
            left[letter.key] = SentLetter(received.subject if received else state.subject, message_id)
        return left

    def receive(self, samples: Sequence[Sample]) -> None:
        """Put the mails into their mailboxes and let schedule_mailboxes and route_mailbox do the rest."""
        self.progress("receiving mail")
        for sample in samples:
            identity = self.stage.put(sample)
            if sample.case:
                self._remember(sample, identity)
        once.fetch(self.stack)
        ended = once.wait(self.stack, self.progress, "receiving mail")
        if not ended.quiet:
            self.left = once.unserved(self.place.configuration.mailboxes, self.place.states)

    def _remember(self, sample: Sample, identity: str) -> None:
        """Note what the mail is there to show, by all names under which it may be told."""
        message_id = parse(sample.raw).message_id
        self.cases[sample.mailbox, identity] = sample.case or ""
        self.cases["forward", identity] = sample.case or ""
        if message_id:
            self.cases[sample.mailbox, message_id] = sample.case or ""

    def bounce(self) -> None:
        """Put the event of a bounce on the bus, as Amazon SES does; record_delivery does the rest."""
        self.progress("reporting a bounce")
        letter = next(one for one in LETTERS if one.sender == ANN and one.to == (CLOSED,))
        state = self.place.outgoing.get(letter.activity)
        if state is None or not state.provider_id:
            return
        detail = bounce_detail(state, ORGANISATION, self.backend.services.environment.ses_configuration_set)
        put_event(self.stack, "Email Bounced", detail)
        deadline = time.monotonic() + _REPORTED_WITHIN
        while not self._told(letter.activity, state) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _told(self, activity: str, before: OutgoingState) -> bool:
        """Tell whether the report is in the state, and from there in the CRM, which is told second."""
        if self.place.outgoing.get(activity) == before:
            return False
        email = self.place.crm.email(activity)
        return bool(email and email.reason)
