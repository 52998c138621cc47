"""The complete example of the documentation, and the files that it names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VARIABLES = {"POP3_PASSWORD": "pop3-secret", "GRAPH_SECRET": "graph-secret", "SMTP_PASSWORD": "smtp-secret"}

EXAMPLE = """
[organisation]
name = "contoso"

[organisation.tracking]
tokens = true
correlation = true
smart_matching = false
prefix = "CRM:"
base = 0
user_digits = 3
counter_digits = 3
unknown_sender = "follow"

[organisation.crm]
kind = "builtin"

[[profiles]]
name = "pop3-in"
direction = "incoming"
server = "pop3"
host = "mail.contoso.example"
port = 995
security = "tls"
ca_bundle = "ca.pem"
network = "public"
authentication = "clear-text"
username = ""
credentials = { env = "POP3_PASSWORD" }
access = "own"
minimum_polling_interval = "1m"
maximum_polling_interval = "15m"
process_received_after = 2026-11-01T00:00:00Z
move_undelivered = false
keep_raw = false
maximum_message_size = "35MB"
maximum_attempts = 10

[[profiles]]
name = "online"
direction = "incoming"
server = "exchange-online"
protocol = "graph"
tenant_id = "…"
client_id = "…"
credentials = { env = "GRAPH_SECRET" }
cloud = "global"
endpoint = ""
authority = ""

[[profiles]]
name = "smtp-out"
direction = "outgoing"
server = "smtp"
host = "smtp.contoso.example"
port = 587
security = "starttls"
authentication = "clear-text"
username = "router"
credentials = { env = "SMTP_PASSWORD" }

[[mailboxes]]
address = "sales@contoso.example"
kind = "queue"
incoming = "pop3-in"
outgoing = "smtp-out"
accept = "all"
auto_reply = "drop"
approved = true
after_delivery = "leave"
aliases = ["info@contoso.example"]
owner = "ann@contoso.example"
"""


def write_example(folder: Path, text: str = EXAMPLE) -> Path:
    """Write the example and the CA bundle that it names; return the path of the configuration file."""
    if not (folder / "ca.pem").exists():
        (folder / "ca.pem").write_text(certificate()[0])
    path = folder / "router.toml"
    path.write_text(text, "utf-8")
    return path


def certificate(days: int = 30) -> tuple[str, str]:
    """Return a made-up CA certificate that lives for so many days, and its private key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Contoso CA")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
