"""Files of the original E-mail Router, piece by piece, and what is made of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.sax.saxutils import escape

from email_router.cli.import_legacy.configuration import tables_of
from email_router.cli.import_legacy.leftovers import Leftovers
from email_router.cli.import_legacy.providers import sorted_out
from email_router.cli.import_legacy.reading import parsed
from email_router.cli.import_legacy.writing import toml_of
from email_router.wiring.configuration import Loaded, load

SYSTEM = """<SystemConfiguration>
  <MaxThreads>50</MaxThreads><MaxThreadExecution>600000</MaxThreadExecution><SchedulingPeriod>1000</SchedulingPeriod>
  <ConfigRefreshPeriod>5000</ConfigRefreshPeriod><ConfigUpdatePeriod>3600000</ConfigUpdatePeriod><LogLevel>1</LogLevel>
  <LogFile>c:\\emailRouterLog.txt</LogFile>
  <ProviderOverrides>
    <CacheCapacity>1024</CacheCapacity><PendingStatusDelay>300000</PendingStatusDelay>
    <SendingStatusDelay>900000</SendingStatusDelay><MaximumDeliveryAttempts>10</MaximumDeliveryAttempts>
    <EWSRetrieveMessageCount>10</EWSRetrieveMessageCount><BatchSize>5</BatchSize><RequestBatchSize>5</RequestBatchSize>
  </ProviderOverrides>
</SystemConfiguration>"""
NAMESPACE = "Microsoft.Crm.Tools.Email.Providers"
CRM = "<CrmServerUrl>https://contoso.crm.dynamics.com/XRMServices/2011/Organization.svc</CrmServerUrl>"
SECRET = "AQAAANCMnd8BFdERjHoAwE"


@dataclass(frozen=True)
class Imported:
    """What became of a file."""

    text: str
    left: list[tuple[str, str, str]]
    """Kind, path and words of each leftover."""

    def loaded(self) -> Loaded:
        """Return the configuration as `publish` reads it, all its variables set."""
        return load(self.text, dict.fromkeys(re.findall(r'env = "(\w+)"', self.text), "a secret"))

    def kinds(self, kind: str) -> list[str]:
        """Return the paths of the leftovers of this kind."""
        return [path.rpartition("/")[2] for one, path, _ in self.left if one == kind]

    def told(self, part: str) -> bool:
        """Tell whether a leftover says this."""
        return any(part in words for _, _, words in self.left)


def imported(body: str, crm: str = "") -> Imported:
    left = Leftovers()
    found = sorted_out(parsed(f"<Configuration>{body}</Configuration>".encode(), "agent.xml"), left)
    text = toml_of(tables_of(found, left, crm), left)
    return Imported(text, [(one.leftover.kind.value, one.leftover.path, one.words()) for one in left])


def provider(kind: str, *settings: str, **given: str) -> str:
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in given.items())
    return (
        f'<ProviderConfiguration providerAssembly="Microsoft.Crm.Tools.EmailProviders.dll" providerClass="{NAMESPACE}.{kind}">'
        f"{inner}{''.join(settings)}</ProviderConfiguration>"
    )


def pop3(address: str = "sales@contoso.example", *more: str, **given: str) -> str:
    plain = {
        "EmailServer": "mail.contoso.example",
        "EmailPort": "995",
        "EmailUseSSL": "true",
        "EmailAuthMode": "ClearText",
    }
    return provider(
        "Pop3PollingMailboxProvider", CRM, *more, **(plain | given), EmailUser=address, EmailPassword=SECRET
    )


def smtp(*more: str, **given: str) -> str:
    return provider("SmtpPollingSendEmailProvider", CRM, *more, **({"EmailServer": "smtp.contoso.example"} | given))


def exchange(*more: str, **given: str) -> str:
    plain = {"EmailServer": "https://exchange.contoso.example/EWS/Exchange.asmx", "EmailAuthMode": "Windows"}
    return provider("ExchangeWSPollingMailboxProvider", *more, **(plain | {"EmailUser": "CONTOSO\\router"} | given))


USERS = """<Users>
  <User><EmailAddress>ann@contoso.example</EmailAddress><Name>Ann Lee</Name></User>
  <Queue><EmailAddress>sales@contoso.example</EmailAddress></Queue>
</Users>"""
