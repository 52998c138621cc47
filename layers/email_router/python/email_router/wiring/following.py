"""Put together what follows the settings of an organisation's CRM."""

from __future__ import annotations

from collections.abc import Mapping

from email_router.core.flows.follow_settings import FollowSettings
from email_router.core.followed import CrmSettingsReader
from email_router.core.ports import Clock
from email_router.core.settings import Configuration
from email_router.wiring import registry
from email_router.wiring.services import Services


def following(
    services: Services, configuration: Configuration, clock: Clock, secrets: Mapping[str, str] | None = None
) -> FollowSettings:
    """Return what reads and keeps the settings; `secrets` are those of a configuration that is not published yet."""
    organisation = configuration.organisation

    def reader() -> CrmSettingsReader:
        name = configuration.crm.options.get("secret", "")
        if not secrets or name not in secrets:
            return services.crm_settings(configuration)
        connected = registry.load(registry.DATAVERSE)
        line = connected(configuration.crm.options, secrets[name], services.environment.reach, organisation)
        made: CrmSettingsReader = registry.adapter(registry.SETTINGS, configuration.crm.kind)(line)
        return made

    return FollowSettings(
        configuration=configuration,
        clock=clock,
        period=services.environment.config_update_period,
        followed=services.followed(organisation),
        alerts=services.alerts(organisation),
        open_reader=reader,
    )
