"""Write frozen dataclasses as small bytes and read them back."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
Plain = Any
Kind = Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = b"\x01"  # of the bytes: one more for each change of the dictionary below, which stays readable for ever
_COMMON = (
    b'"references":["<","flags":["","defects":["","importance":"high","raw":"raw/","conversation_index":"","tracking_token":"CRM:0",'
    b'"attachments":[{"name":"image001.png","media_type":"application/pdf","size":,"sha256":"","inline":true,"content_id":"@","blob":'
    b'"attachment/"}],mailto:https://www.<br><br/>&nbsp;</p><p></div><div><table><tbody><tr><td></td></tr></tbody></table><span style="'
    b'</span><a href="https://</a><html><body></body></html><div style="font-family:Calibri,sans-serif;font-size:11pt;color:rgb(0,0,0)">'
    b'["return-path","<"],["delivered-to",""],["received","from mail (\\tby with ESMTPS id \\tfor <>; Mon, 1 Jan 2026 00:00:00 +0000"],'
    b'["authentication-results","; spf=pass smtp.mailfrom=; dkim=pass header.d=; dmarc=pass action=none header.from="],'
    b'["from","<"],["to","<"],["cc","<"],["subject","Re: "],["date","Mon, Tue, Wed, Thu, Fri, Sat, Sun, 2026 00:00:00 +0000"],'
    b'["message-id","<"],["in-reply-to","<"],["references","<"],["thread-index",""],["auto-submitted","no"],["x-mailer","Microsoft Outlook"],'
    b'["list-unsubscribe","<"],["mime-version","1.0"],["content-type","multipart/alternative; boundary=\\"----=_Part_"]],"at":"2026-'
    b'"source":"pop3","source":"imap","source":"graph","source":"ews","source_id":"","message_id":"<@mail.gmail.com>","outcome":"ignored",'
    b'"reason":"no_recipient_match","rule":"no_recipient_match","outcome":"delivered","reason":"accept_all","rule":"accept_all","method":'
    b'"in_reply_to","correlated":"","correlation_method":"tracking_token","regarding":{"kind":"contact","id":"","name":"","owner":""},'
    b'"activity":"","answers":[{"question":"untrusted_wrapper","answer":"passes"},{"question":"already_delivered","answer":"passes"},'
    b'{"question":"unreadable","answer":"passes"},{"question":"too_old","answer":"passes"},{"question":"not_approved","answer":"passes"},'
    b'{"question":"loop","answer":"passes"},{"question":"delivery_report","answer":"passes"},{"question":"auto_reply","answer":"passes"},'
    b'{"question":"bulk","answer":"passes"},{"question":"in_reply_to","answer":"match","evidence":"In-Reply-To <"},{"question":"in_reply_to",'
    b'"answer":"no match"},{"question":"tracking_token","answer":"no match"},{"question":"conversation_index","answer":"no match"},'
    b'{"question":"smart_matching","answer":"off"},{"question":"no_recipient_match","answer":"passes"},{"question":"accept_all","answer":'
    b'"delivered","evidence":"accept_all: accepts all mail"}],"headers":[["","id":"","direction":"incoming","status":"received","mailbox":"",'
    b'"subject":"Re: ","message_id":"<","in_reply_to":"<","parties":[{"role":"from","address":"","name":"","record":{"kind":"contact","id":'
    b'"","name":"","owner":""}},{"role":"to","address":"","name":""},{"role":"cc","address":"","name":""}],"date":"2026-01-01T00:00:00'
    b'+00:00","received":"2026-","created":"2026-","text":"","html":"<div>'
)


def micros(at: datetime) -> int:
    """Return the instant as microseconds since 1970: exact, and in order as a number."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def instant(at: int | None) -> datetime | None:
    """Return the instant of so many microseconds since 1970."""
    return None if at is None else _EPOCH + timedelta(microseconds=at)


def sortable(at: datetime) -> str:
    """Return the instant as text whose order is that of time: `2026-11-02T09:00:00.000000Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def squeeze(value: object) -> bytes:
    """Return a plain or dataclass value as compressed JSON; fields that hold their default are left out."""
    text = json.dumps(to_plain(value), ensure_ascii=False, separators=(",", ":"))
    squeezer = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _COMMON)
    return _FORM + squeezer.compress(text.encode("utf-8", "surrogatepass")) + squeezer.flush()


def expand(kind: type[T], data: bytes) -> T:
    """Return the value that `squeeze` wrote.  Fields that it does not know are passed over, those that lack take their default."""
    if data[:1] != _FORM:
        raise ValueError(f"stored {kind.__name__}: expected form 1, found {data[:1].hex()}")
    opener = zlib.decompressobj(-15, _COMMON)
    text = (opener.decompress(data[1:]) + opener.flush()).decode("utf-8", "surrogatepass")
    return from_plain(kind, json.loads(text))


def to_plain(value: object) -> object:
    """Return the value in the words of JSON."""
    if value is None or isinstance(value, str | int):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [to_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): to_plain(one) for name, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    plain = {}
    kind: Kind = type(value)
    for name, default in _defaults(kind):
        inner = getattr(value, name)
        if inner is not default and inner != default:
            plain[name] = inner if type(inner) is str else to_plain(inner)
    return plain


def from_plain(kind: type[T], plain: object) -> T:
    """Return the value of this type that `to_plain` wrote."""
    wanted: Kind = kind
    value: T = _reader(wanted)(plain)
    return value


@cache
def _defaults(kind: type) -> tuple[tuple[str, object], ...]:
    """Return each field of a dataclass with its default, or with a value that nothing equals."""
    found = []
    for one in dataclasses.fields(kind):
        default = object() if one.default is dataclasses.MISSING else one.default
        found.append((one.name, default if one.default_factory is dataclasses.MISSING else one.default_factory()))
    return tuple(found)


@cache
def _reader(kind: Kind) -> Callable[[Plain], Plain]:
    """Return the function that reads a type from its plain form."""
    origin: Kind = typing.get_origin(kind)
    inner = typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _optional(_reader(next(one for one in inner if one is not type(None))))
    if kind is datetime:
        return datetime.fromisoformat
    if origin is tuple:
        return _tuple_reader(inner)
    if origin is frozenset:
        return frozenset
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return lambda plain: plain


def _optional(read: Callable[[Plain], Plain]) -> Callable[[Plain], Plain]:
    return lambda plain: None if plain is None else read(plain)


def _tuple_reader(inner: tuple[Kind, ...]) -> Callable[[Plain], Plain]:
    if inner[1:] == (Ellipsis,):
        read = _reader(inner[0])
        return lambda plain: tuple([read(one) for one in plain])
    readers = [_reader(one) for one in inner]
    return lambda plain: tuple([read(one) for read, one in zip(readers, plain, strict=True)])


def _dataclass_reader(kind: Kind) -> Callable[[Plain], Plain]:
    hints = typing.get_type_hints(kind)
    readers = {one.name: _reader(hints[one.name]) for one in dataclasses.fields(kind)}

    def read(plain: Plain) -> Plain:
        return kind(**{name: readers[name](value) for name, value in plain.items() if name in readers})

    return read
