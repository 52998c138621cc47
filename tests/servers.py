"""Run real mail servers as plain processes in a temporary folder: Dovecot (POP3, IMAP) and Postfix (SMTP into Dovecot's mailboxes)."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

PASSWORD = "dovecot-password"
_START_SECONDS = 20.0

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/run
protocols = imap pop3
listen = 127.0.0.1
log_path = {folder}/dovecot.log
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:{folder}/home/%u:INDEX={folder}/index/%u
mail_max_userip_connections = 100
pop3_no_flag_updates = yes
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
  service_count = 0
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
  service_count = 0
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {auth}
  }}
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%u
}}
"""

_POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = mail.contoso.example
mydestination =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.1/32
message_size_limit = 20000000
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {home}
virtual_mailbox_maps = inline:{{ {maps} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
default_transport = error:no mail leaves this machine
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth}
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
"""

_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{login_port} inet n - n - - smtpd -o smtpd_client_restrictions=permit_sasl_authenticated,reject
127.0.0.1:{lax_port} inet n - n - - smtpd -o smtpd_reject_unlisted_recipient=no
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def need(*programs: str) -> None:
    """Skip the test, or fail it where EMAIL_ROUTER_CI=1, when the programs or the right to start them are missing."""
    missing = [program for program in programs if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")]
    reason = f"not installed: {', '.join(missing)}" if missing else ""
    if not reason and os.geteuid() != 0:
        reason = f"{', '.join(programs)} must be started by root"
    if not reason:
        return
    if os.environ.get("EMAIL_ROUTER_CI") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


class DovecotServer:
    """Dovecot on free ports of this machine; every address is a user, all with one password."""

    def __init__(self, certificate: tuple[Path, Path]) -> None:
        """Start Dovecot and wait until it listens."""
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.home.mkdir()
        self._owner = pwd.getpwnam("mail")
        shutil.chown(self.home, self._owner.pw_uid, self._owner.pw_gid)
        (self.folder / "index").mkdir()
        shutil.chown(self.folder / "index", self._owner.pw_uid, self._owner.pw_gid)
        self.password = PASSWORD
        self.pop3, self.pop3s, self.imap, self.imaps, self.auth = _free_ports(5)
        self._numbers = itertools.count(1)
        settings = _DOVECOT.format(
            folder=self.folder,
            certificate=_copy(certificate[0], self.folder),
            key=_copy(certificate[1], self.folder),
            pop3=self.pop3,
            pop3s=self.pop3s,
            imap=self.imap,
            imaps=self.imaps,
            auth=self.auth,
            password=PASSWORD,
            user="mail",
            group="mail",
        )
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(settings)
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait_for((self.pop3, self.pop3s, self.imap, self.imaps, self.auth), self.folder / "dovecot.log")

    def put(self, address: str, raw: bytes) -> None:
        """Put a message into the mailbox, as an MTA would."""
        box = self.mailbox(address)
        name = f"{time.time_ns() // 1000}.{next(self._numbers):08d}.localhost,S={len(raw)}"
        path = box / "tmp" / name
        path.write_bytes(raw)
        shutil.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        path.rename(box / "new" / name)

    def count(self, address: str) -> int:
        """Return how many messages lie in the mailbox."""
        return len(self.files(address))

    def files(self, address: str) -> list[Path]:
        """Return the files of the mailbox's messages, oldest first."""
        box = self.mailbox(address)
        return sorted(
            (path for folder in ("new", "cur") for path in (box / folder).iterdir()), key=lambda path: path.name
        )

    def stop(self) -> None:
        """Stop Dovecot and remove its folder."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def mailbox(self, address: str) -> Path:
        """Return the folder of the mailbox, made where it is missing."""
        box = self.home / address
        for part in (box, box / "tmp", box / "new", box / "cur"):
            if not part.exists():
                part.mkdir()
                shutil.chown(part, self._owner.pw_uid, self._owner.pw_gid)
        return box


class PostfixServer:
    """Postfix on free ports: `port` takes mail from this machine, `login_port` only after a login (STARTTLS first) by Dovecot's users.

    `lax_port` takes mail for users that nobody knows as well, and reports to its sender that it could not be delivered.
    """

    def __init__(self, certificate: tuple[Path, Path], dovecot: DovecotServer, addresses: Sequence[str]) -> None:
        """Start Postfix, which delivers mail for the addresses into Dovecot's mailboxes, and wait until it listens."""
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.folder.chmod(0o755)
        self.dovecot = dovecot
        self.port, self.login_port, self.lax_port = _free_ports(3)
        self._etc = self.folder / "etc"
        for part in ("etc", "spool", "data"):
            (self.folder / part).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        owner = pwd.getpwnam("mail")
        settings = _POSTFIX.format(
            folder=self.folder,
            daemons=next(
                (path for path in ("/usr/lib/postfix/sbin", "/usr/libexec/postfix") if Path(path).exists()), ""
            ),
            home=dovecot.home,
            domains=", ".join(sorted({address.rpartition("@")[2] for address in addresses})),
            maps=", ".join(f"{{ {address} = {address}/ }}" for address in addresses),
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            certificate=_copy(certificate[0], self.folder),
            key=_copy(certificate[1], self.folder),
            auth=dovecot.auth,
        )
        for address in addresses:
            dovecot.mailbox(address)  # now, so that no delivery meets it half made
        (self._etc / "main.cf").write_text(settings)
        ports = {"port": self.port, "login_port": self.login_port, "lax_port": self.lax_port}
        (self._etc / "master.cf").write_text(_MASTER.format(**ports))
        self._run("start")
        _wait_for(tuple(ports.values()), self.folder / "postfix.log")

    def stop(self) -> None:
        """Stop Postfix and remove its folder."""
        self._run("stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, verb: str) -> None:
        command = ["/usr/sbin/postfix", "-c", str(self._etc), verb]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise RuntimeError(f"postfix {verb}: {done.stderr}")


def _copy(path: Path, folder: Path) -> Path:
    """Copy a file to where root's servers can read it."""
    copy = folder / path.name
    shutil.copyfile(path, copy)
    copy.chmod(0o600)
    return copy


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_for(ports: Sequence[int], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    words = log.read_text()[-2000:] if log.exists() else "no log"
                    raise RuntimeError(f"no server on port {port}: {words}") from None
                time.sleep(0.05)
