"""The demo's two conversations of Exchange: a question comes in, is answered the same way, and the answer is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from email_router.cli.demo.world import IDA, KAI, LENA, SUPPORT
from email_router.cli.demo.writing import Sample, Written, mail
from email_router.cli.place import Place
from email_router.cli.send import Letter, write
from email_router.core.activity import Role
from email_router.core.parse import parse


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is said: the person asks the mailbox, the mailbox answers, the person thanks.  `case` names all three mails."""

    case: str
    mailbox: str
    person: str
    subject: str
    question: str
    answer: str
    thanks: str

    def asked(self, at: datetime) -> Sample:
        """Return the question."""
        raw = mail(Written(at, self.person, (self.mailbox,), self.subject, self.question)).as_bytes()
        return Sample(f"{self.case}-question", self.mailbox, raw, self.case)

    def thanked(self, answer: bytes, at: datetime) -> Sample:
        """Return the mail that continues what left as `answer`, whose subject says Re: already."""
        left = parse(answer)
        written = Written(at, self.person, (self.mailbox,), left.subject, self.thanks)
        raw = mail(written, In_Reply_To=left.message_id or "", References=left.message_id or "").as_bytes()
        return Sample(f"{self.case}-thanks", self.mailbox, raw, self.case)


CONVERSATIONS = (
    Conversation("exchange-online", IDA, KAI, "Trail bikes for rent", "Hello Ida,\n\ndo you rent trail bikes?\n\nKai\n",
                 "Hello Kai,\n\nyes, by the day and by the week.\n\nIda\n", "Great, two for Saturday, please.\n\nKai\n"),
    Conversation("exchange-server", SUPPORT, LENA, "Brakes of the city model", "Dear support,\n\nthe brakes squeal.\n\nLena\n",
                 "Dear Lena,\n\nplease bring the bike, it takes an hour.\n", "Thank you, I come tomorrow.\n\nLena\n"),
)  # fmt: skip


def questions(at: datetime) -> list[Sample]:
    """Return the mails that begin the conversations."""
    return [one.asked(at) for one in CONVERSATIONS]


def answer_them(place: Place, asked: Iterable[Sample]) -> dict[str, str]:
    """Create the answers in the CRM, from the activities that the questions became; return the case of each activity.

    A question that did not arrive is left unanswered: what became of its mailbox is told with the others.
    """
    activities = {email.message_id: email.id for email in place.crm.emails()}
    cases = {}
    for one, question in zip(CONVERSATIONS, asked, strict=True):
        activity = activities.get(parse(question.raw).message_id)
        if activity is None:
            continue
        people = {Role.FROM: [one.mailbox], Role.TO: [one.person]}
        letter = Letter(one.mailbox, people, f"Re: {one.subject}", one.answer)
        cases[write(place, letter, reply_to=activity).id] = one.case
    return cases


def follow_ups(left: Callable[[str, str], list[bytes]], at: datetime) -> list[Sample]:
    """Return the mails that continue the answers; `left` gives what a mailbox's server sent to an address."""
    return [one.thanked(answer, at) for one in CONVERSATIONS for answer in left(one.mailbox, one.person)]
