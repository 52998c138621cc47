"""Read what clients, gateways and machines put around a subject: marks of replies and forwards, tags, notices."""

from __future__ import annotations

import re


def _words(text: str, *more: str) -> frozenset[str]:
    return frozenset((*text.split(), *more))


# As Outlook, Notes, Thunderbird, Apple Mail, Gmail and the webmailers write them in their languages, case ignored.
FORWARDS = _words(
    "fw fwd wg tr rv enc vs vb vl i doorst pd ilt fs trs yml prosl posr preposl pers pārs edasi tov réexp reenv inoltra inoltro "
    "weitergeleitet weiterleitung wtr wtrlt vidarebefordrat videresendt doorgestuurd transféré reenviado encaminhado inoltrato "
    "továbbítva továbbítás redir přep "
    "пересл пер перес прп πρθ προωθ הועבר העבר "
    "转发 轉寄 轉發 転送 전달",
    *("إعادة توجيه", "إعادة التوجيه", "chuyển tiếp", "ส่งต่อ", "ارسال"),
)
REPLIES = _words(
    "re aw sv antw antwort antwoord betr betreff vedr ang svar rép réf réponse resp resposta respuesta rta rif risp risposta r res "
    "odp odpověď odpoveď odpowiedź odg vá válasz ynt yan\u0131t vast vastaus bls balas atb ats răsp "
    "отв ответ на ha відп отг одг απ σχετ απάντηση השב תשובה رد پاسخ "
    "返信 回复 回覆 答复 答覆 回信 답장 회신",
    *("trả lời", "ตอบกลับ"),
)

_MOST = 60  # marks that are taken off one subject: more are no conversation
_MOST_BEHIND = 10  # tags that are taken off its end
_LONGEST = 42  # characters of a tag with its brackets


def _any(words: frozenset[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


_COLON = r"\s{0,2}[:\uff1a]"
_COUNT = r"(?:\[\d{1,3}\]|\(\d{1,3}\)|[\^*]\d{1,3})?"  # Re[2]:, Re^2: of Notes and The Bat
_MARK = re.compile(
    rf"\s{{0,9}}[\[(]?(?:(?P<forward>{_any(FORWARDS)})|{_any(REPLIES)})\.?{_COUNT}{_COLON}[\])]?", re.IGNORECASE
)
# What a gateway says of the sender ([EXTERN], EXTERNAL:), a filter of the mail (***SPAM***, {Spam?}), a list of itself ([crm-users]).
_SAID = (
    r"external(?: (?:e-?mail|mail|sender|message))?|extern(?:e (?:e-?mail|mail|nachricht))?|ext|"
    r"caution(?: external)?|(?:suspected |possible |probable |likely )?(?:spam|phishing)|junk"
)
_WARNING = "[\u26a0\u26d4\u2757\ufe0f\U0001f6a8!]{0,3}"
_TAG = re.compile(
    rf"\s{{0,9}}(?:\[[^\[\]]{{0,40}}\]|\{{[^{{}}]{{0,40}}\}}|\*{{2,5}}[^*]{{1,40}}\*{{2,5}}|"
    rf"{_WARNING}\s?(?:[(<](?:{_SAID})[)>]|(?:{_SAID})(?:{_COLON}|\s-\s)))",
    re.IGNORECASE,
)
# Behind a subject only what is surely none of it: [Ticket#1], [Case 4711], [SEC=OFFICIAL], [EXTERN].
_BEHIND = re.compile(
    rf"\[(?:[^\[\]#=:]{{0,40}}[#=:][^\[\]]{{1,40}}|(?:ticket|case|incident|request|vorgang|id|ref) [\w-]*\d[\w-]*|{_SAID})\]",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"\s{0,9}(?:out of (?:the )?office|automatic reply|auto(?:matic)?[ -]?(?:reply|response)|autoreply|abwesenheitsnotiz|abwesend|"
    r"automatische antwort|réponse automatique|absence du bureau|respuesta automática|resposta automática|risposta automatica|"
    r"automatisch antwoord|autosvar|automatiskt svar|automatisk svar|automatyczna odpowiedź|автоответ|automaattinen vastaus|"
    r"accepted|declined|tentative|canceled|cancelled|zugesagt|abgesagt|angenommen|abgelehnt|akzeptiert|mit vorbehalt|"
    r"accepté|refusé|provisoire|annulé|aceptada|rechazada|provisional|aceite|recusado|accettato|rifiutato|geaccepteerd|geweigerd|"
    r"read|not read|gelesen|nicht gelesen|ungelesen gelöscht|lu|non lu|leído|no leído|lido|letto|recall|rückruf|"
    rf"undeliverable|undelivered|unzustellbar|non remis|no se puede entregar|não entregue|onbestelbaar){_COLON}",
    re.IGNORECASE,
)


def mark_of(subject: str) -> str:
    """Return "forward", "reply" or "" by the first mark of the subject; the tags before it do not count."""
    at = 0
    for _ in range(_MOST):
        mark = _MARK.match(subject, at)
        if mark:
            return "forward" if mark["forward"] else "reply"
        tag = _TAG.match(subject, at)
        if tag is None:
            return ""
        at = tag.end()
    return ""


def without_marks(subject: str) -> str:
    """Return the subject without the marks, tags and notices before it and the tags of gateways and ticket systems behind it.

    One that is nothing else stays whole.
    """
    at = 0
    for _ in range(_MOST):
        found = _MARK.match(subject, at) or _TAG.match(subject, at) or _NOTICE.match(subject, at)
        if found is None:
            break
        at = found.end()
    return _without_tags_behind(subject[at:].strip()) or subject.strip()


def _without_tags_behind(subject: str) -> str:
    """Return the subject without tags at its end; each is looked for in its last characters only."""
    for _ in range(_MOST_BEHIND):
        if not subject.endswith("]"):
            break
        opening = subject.rfind("[", max(0, len(subject) - _LONGEST))
        if opening < 0 or not _BEHIND.fullmatch(subject, opening):
            break
        subject = subject[:opening].rstrip()
    return subject
