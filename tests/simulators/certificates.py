"""Make a throw-away certificate authority and server certificates for simulators, good for a day."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = dt.timedelta(days=1)
_HOUR = dt.timedelta(hours=1)
HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder: `ca` is the path of its certificate, `pem` that file's text."""

    folder: Path
    ca: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.ca.read_text()

    def issue(self, *hosts: str) -> tuple[Path, Path]:
        """Return (certificate, key) of a server called localhost, 127.0.0.1, ::1 and `hosts`."""
        return self._issue(_name(hosts or HERE), (*HERE, *hosts))

    def issue_only(self, *hosts: str) -> tuple[Path, Path]:
        """Return (certificate, key) of a server called `hosts` and nothing else: at localhost it is the wrong one."""
        return self._issue(_name(hosts), hosts)

    def issue_expired(self) -> tuple[Path, Path]:
        """Return (certificate, key) of this machine that ran out an hour ago."""
        return self._issue("expired", HERE, ends=_now() - _HOUR)

    def _issue(self, name: str, hosts: tuple[str, ...], *, ends: dt.datetime | None = None) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, key, ends or _now() + _DAY).issuer_name(self.certificate.subject)
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(_alternatives(hosts), critical=False).add_extension(server, critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        signed = builder.add_extension(issuer, critical=False).sign(self.key, hashes.SHA256())
        return _write(self.folder, name, signed, key)


def make_authority(folder: Path) -> Authority:
    """Make an authority whose certificate is `folder`/ca.pem."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("Throw-away CA", key, _now() + _DAY).issuer_name(_subject("Throw-away CA"))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
    ca = folder / "ca.pem"
    ca.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(folder, ca, certificate, key)


def self_signed(folder: Path, *hosts: str) -> tuple[Path, Path]:
    """Return (certificate, key) of a server that vouches for itself."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("self-signed", key, _now() + _DAY).issuer_name(_subject("self-signed"))
    signed = builder.add_extension(_alternatives((*HERE, *hosts)), critical=False).sign(key, hashes.SHA256())
    return _write(folder, "self-signed", signed, key)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _name(hosts: tuple[str, ...]) -> str:
    return hosts[0]


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(name: str, key: ec.EllipticCurvePrivateKey, ends: dt.datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(_subject(name)).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(_now() - _DAY).not_valid_after(ends)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _alternatives(hosts: tuple[str, ...]) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        address = None
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(host)
        names.append(x509.IPAddress(address) if address else x509.DNSName(host))
    return x509.SubjectAlternativeName(names)


def _write(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    stem = name.replace(":", "_").replace("*", "any")
    paths = folder / f"{stem}.pem", folder / f"{stem}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return paths
