"""Microsoft's own client of Graph on the simulator, with Microsoft's own login."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
from azure.identity import ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph_core import GraphClientFactory

from tests.simulators.graph.process import CLIENT, SECRET, TENANT, GraphProcess

_SCOPE = "https://graph.microsoft.com/.default"
Found = TypeVar("Found")


class MicrosoftClient:
    """`adapter` and `graph` are the SDK's, for the time of one conversation."""

    def __init__(self, adapter: Any) -> None:
        self.adapter = adapter
        self.graph = GraphServiceClient(request_adapter=adapter)

    def mailbox(self, address: str) -> Any:
        """The SDK's builder of a user's requests."""
        return self.graph.users.by_user_id(address)


def converse(
    process: GraphProcess, say: Callable[[MicrosoftClient], Awaitable[Found]], *, secret: str = SECRET
) -> Found:
    """Let the SDK say something to the simulator, from login to farewell."""

    async def said() -> Found:
        ca = str(process.authority.ca)
        login = ClientSecretCredential(
            TENANT,
            CLIENT,
            secret,
            authority=process.endpoint,
            connection_verify=ca,
            disable_instance_discovery=True,
            retry_total=0,
        )
        # The SDK puts its own transport around this one and never closes what is inside.
        inner = httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=ca))
        line = httpx.AsyncClient(transport=inner, base_url=f"{process.endpoint}/v1.0")
        with login:
            async with inner, line:
                provider = AzureIdentityAuthenticationProvider(login, scopes=[_SCOPE], allowed_hosts=["127.0.0.1"])
                client = GraphClientFactory.create_with_default_middleware(client=line)
                adapter = GraphRequestAdapter(provider, client=client)
                adapter.base_url = f"{process.endpoint}/v1.0"
                return await say(MicrosoftClient(adapter))

    return asyncio.run(said())
