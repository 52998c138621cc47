"""Answer at the Microsoft Entra login host: discovery and the client credentials grant."""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography import x509

from tests.simulators.graph.http import GraphFailure, Reply, Request, Route
from tests.simulators.graph.world import Application, World

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ["PS256", "RS256"]


def discovery(world: World, request: Request, tenant: str) -> Reply:
    """Answer the OpenID configuration that msal reads first."""
    if tenant != world.tenant:
        return _refused(
            400,
            "invalid_tenant",
            90002,
            f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.",
        )
    base = f"{request.base}/{tenant}"
    return Reply(
        200,
        {
            "issuer": f"{base}/v2.0",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
        },
    )


def token(world: World, request: Request, tenant: str) -> Reply:
    """Grant an application its token, or refuse as Entra words it."""
    form = dict(parse_qsl(request.body.decode()))
    if tenant != world.tenant:
        return _refused(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
    if form.get("grant_type") != "client_credentials":
        return _refused(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
    if not form.get("scope", "").endswith("/.default"):
        return _refused(
            400,
            "invalid_scope",
            1002012,
            "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed.",
        )
    application = world.applications.get(form.get("client_id", ""))
    if application is None:
        return _refused(
            400,
            "unauthorized_client",
            700016,
            f"Application with identifier '{form.get('client_id')}' was not found in the directory.",
        )
    if not application.enabled:
        return _refused(400, "unauthorized_client", 7000112, f"Application '{application.client_id}' is disabled.")
    return _refusal(application, form, request, tenant) or _granted(world, application)


def _refusal(application: Application, form: dict[str, str], request: Request, tenant: str) -> Reply | None:
    if form.get("client_assertion_type") == _ASSERTION:
        audience = f"{request.base}/{tenant}/oauth2/v2.0/token"
        if _proven(form.get("client_assertion", ""), application, audience):
            return None
        return _refused(
            401,
            "invalid_client",
            700027,
            "The certificate with identifier used to sign the client assertion is not registered on application.",
        )
    given = form.get("client_secret", "")
    if given in application.expired:
        return _refused(
            401,
            "invalid_client",
            7000222,
            f"The provided client secret keys for app '{application.client_id}' are expired.",
        )
    if given not in application.secrets:
        return _refused(
            401,
            "invalid_client",
            7000215,
            f"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{application.client_id}'.",
        )
    return None


def _proven(assertion: str, application: Application, audience: str) -> bool:
    for pem in application.certificates:
        key: Any = x509.load_pem_x509_certificate(pem.encode()).public_key()
        try:
            claims = jwt.decode(assertion, key, algorithms=_ALGORITHMS, audience=audience)
        except jwt.PyJWTError:
            continue
        return bool(claims.get("iss") == claims.get("sub") == application.client_id)
    return False


def _granted(world: World, application: Application) -> Reply:
    granted = f"simulated.{application.client_id[:8]}.{secrets.token_urlsafe(24)}"
    world.tokens[granted] = time.time() + world.token_seconds
    seconds = world.token_seconds
    return Reply(
        200, {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": granted}
    )


def _refused(status: int, error: str, code: int, words: str) -> Reply:
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    description = f"AADSTS{code}: {words} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
    content = {
        "error": error,
        "error_description": description,
        "error_codes": [code],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return Reply(status, content)


def authorise(world: World, request: Request) -> None:
    """Let a request of the API pass when its bearer token is good; Graph's 401 else."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    challenge = {
        "WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
    }
    if scheme.lower() != "bearer" or not bearer:
        raise GraphFailure(401, "InvalidAuthenticationToken", "Access token is empty.", challenge)
    ends = world.tokens.get(bearer)
    if ends is None:
        raise GraphFailure(
            401, "InvalidAuthenticationToken", "CompactToken validation failed with reason code: 80049228.", challenge
        )
    if ends < time.time():
        raise GraphFailure(
            401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.", challenge
        )


ROUTES = [
    Route("GET", "/{}/v2.0/.well-known/openid-configuration", discovery),
    Route("POST", "/{}/oauth2/v2.0/token", token),
]
