"""Prove that an SNS notification comes from Amazon SNS (SNS developer guide, "Verifying the signatures of Amazon SNS messages").

The certificate is fetched over verified TLS from a host of amazonaws.com and nowhere else, once for each address and process: whoever could
name another host, or swap the certificate on its way, could sign what he likes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

from email_router.core.errors import MessageRefused
from email_router.edge.connect.https import Place, ask

if TYPE_CHECKING:
    from email_router.core.ports import Reach

_ADDRESS = re.compile(
    r"https://(sns\.[a-z]{2}(?:-[a-z]+){1,3}-\d{1,2}\.amazonaws\.com(?:\.cn)?)(/SimpleNotificationService-[A-Za-z0-9]{1,128}\.pem)"
)
_ALGORITHMS: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - what version 1 says
_SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_OF_SUBSCRIPTIONS = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_LARGEST = 64 * 1024
_MOST_CERTIFICATES = 8
_GOOD = 200

Notice = Mapping[str, object]


class SnsSignature:
    """Checks signatures of version 1 (SHA-1) and 2 (SHA-256); `fetch` returns the PEM text that lies at an address."""

    def __init__(self, reach: Reach, fetch: Callable[[str], bytes] | None = None) -> None:
        self._fetch = fetch or fetch_by(reach)
        self._certificates: dict[str, bytes] = {}

    def prove(self, notice: Notice) -> None:
        """Return when the notice is signed by SNS.  Raises MessageRefused "sns_signature" when it is not, TryLater when SNS is away."""
        algorithm = _ALGORITHMS.get(str(notice.get("SignatureVersion")))
        if algorithm is None:
            raise _refused("a signature of version 1 or 2 was expected")
        url = str(notice.get("SigningCertURL") or notice.get("SigningCertUrl") or "")
        try:
            signature = base64.b64decode(str(notice.get("Signature", "")), validate=True)
            key = load_pem_x509_certificate(self._certificate(url)).public_key()
        except (binascii.Error, ValueError) as wrong:
            raise _refused("signature or certificate cannot be read") from wrong
        if not isinstance(key, RSAPublicKey):
            raise _refused("the certificate holds no RSA key")
        try:
            key.verify(signature, signed_text(notice), PKCS1v15(), algorithm)
        except InvalidSignature as wrong:
            self._certificates.pop(url, None)
            raise _refused("the signature is not of this notice") from wrong

    def _certificate(self, url: str) -> bytes:
        if not _ADDRESS.fullmatch(url):
            raise _refused("its certificate lies at no address of Amazon SNS")
        if url not in self._certificates:
            pem = self._fetch(url)
            while len(self._certificates) >= _MOST_CERTIFICATES:
                self._certificates.pop(next(iter(self._certificates)))
            self._certificates[url] = pem
        return self._certificates[url]


def signed_text(notice: Notice) -> bytes:
    """Return the bytes that SNS signs: name and value of each field, a line each, in the order of the names."""
    subscription = notice.get("Type") in {"SubscriptionConfirmation", "UnsubscribeConfirmation"}
    names = _SIGNED_OF_SUBSCRIPTIONS if subscription else _SIGNED
    given = ((name, notice.get(name)) for name in names)
    return "".join(f"{name}\n{value}\n" for name, value in given if value is not None).encode()


def fetch_by(reach: Reach) -> Callable[[str], bytes]:
    """Return what fetches a certificate over verified TLS, following no redirect."""

    def fetch(url: str) -> bytes:
        answer = ask(Place.of(url, reach), "GET", urlsplit(url).path, {})
        try:
            pem = answer.read()
        finally:
            answer.close()
        if answer.status != _GOOD or len(pem) > _LARGEST:
            raise _refused("its certificate cannot be fetched")
        return pem

    return fetch


def _refused(why: str) -> MessageRefused:
    return MessageRefused(
        f"a notification by SNS was not believed: {why}",
        kind="sns_signature",
        mend="Subscribe record_delivery to the topic that SES publishes to, and to no other.",
    )
