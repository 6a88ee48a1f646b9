"""
Sign-in of a service principal: OAuth client credentials, tokens that are JWTs.

Sources: Databricks, "Authorize service principal access to Databricks with
OAuth"; RFC 6749, sections 4.4 and 5.2; the discovery documents as
databricks-sdk 0.156.0 asks for them; read 2026-11-23.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

from databricks_forwarder.settings import Secret
from databricks_forwarder.testing.workspace._http import Route, json_response
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.testing.workspace._faults import Point
    from databricks_forwarder.testing.workspace._http import Request, Response

__all__ = ["SignIn"]

_MOST_OF_A_FORM = 65_536


class SignIn:
    """
    Gives tokens and knows its own.

    Args:
        url: Of the workspace.
        client_id: The service principal.
        client_secret: What it signs in with.
        clock: What the time is.
        token_seconds: How long a token is good for.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: Secret,
        *,
        clock: Clock,
        token_seconds: int,
    ) -> None:
        self._url = url
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._token_seconds = token_seconds
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._good: set[str] = set()
        self._given: list[Secret] = []

    @property
    def routes(self) -> list[Route]:
        """
        What is answered without a token.
        """
        oidc = f"{self._url}/oidc"
        return [
            Route(
                methods=("POST",),
                prefix="/oidc/v1/token",
                handler=self._token,
                public=True,
                point=_at_token,
            ),
            _document(
                "/oidc/.well-known/oauth-authorization-server",
                {
                    "issuer": oidc,
                    "authorization_endpoint": f"{oidc}/v1/authorize",
                    "token_endpoint": f"{oidc}/v1/token",
                    "grant_types_supported": ["client_credentials"],
                    "scopes_supported": ["all-apis"],
                    "token_endpoint_auth_methods_supported": [
                        "client_secret_basic",
                        "client_secret_post",
                    ],
                },
            ),
            _document("/.well-known/databricks-config", {"oidc_endpoint": oidc}),
        ]

    @property
    def given(self) -> list[Secret]:
        """
        All tokens so far.
        """
        with self._lock:
            return list(self._given)

    def revoke(self) -> None:
        """
        Let no token that was given so far be good any more.
        """
        with self._lock:
            self._good.clear()

    def principal_of(self, authorization: str) -> str:
        """
        Who sends this header.

        Raises:
            RefusedError: Nobody: with status 401 if no token was sent, or one
                that has ended, and with 403 if it is none, or none any more.

        Which of the two it is, is not documented: both are seen, so whoever
        takes one of them alone for a matter of tokens fails here.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthenticated(
                "Credential was not sent or was of an unsupported type for this API."
            )
        claims = self._claims(token.strip())
        with self._lock:
            revoked = claims["jti"] not in self._good
        if revoked:
            raise _invalid()
        if claims["exp"] <= self._clock.now().timestamp():
            raise _unauthenticated("Token is expired.")
        return str(claims["sub"])

    def _claims(self, token: str) -> dict[str, Any]:
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed)):
            raise _invalid()
        claims: dict[str, Any] = json.loads(_decoded(signed.partition(".")[2]))
        return claims

    def _token(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.read(_MOST_OF_A_FORM).decode("latin-1")))
        client_id, client_secret = _credentials(request, form)
        if client_id != self._client_id or client_secret != self._client_secret:
            return json_response(
                {
                    "error": "invalid_client",
                    "error_description": "Client authentication failed",
                },
                401,
                {"WWW-Authenticate": 'Basic realm="Databricks"'},
            )
        if form.get("grant_type") != "client_credentials":
            return _wrong("unsupported_grant_type", "Unsupported grant type")
        if form.get("scope") != "all-apis":
            return _wrong("invalid_scope", "The scope must be all-apis")
        token = self.new_token()
        return json_response(
            {
                "access_token": token.reveal(),
                "token_type": "Bearer",
                "expires_in": self._token_seconds,
                "scope": "all-apis",
            },
            headers={"Cache-Control": "no-store"},
        )

    def new_token(self, principal: str | None = None) -> Secret:
        """
        One more token, for the service principal if no other is named.
        """
        subject = principal or self._client_id
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": f"{self._url}/oidc",
            "aud": self._url,
            "sub": subject,
            "client_id": subject,
            "scope": "all-apis",
            "iat": now,
            "exp": now + self._token_seconds,
            "jti": secrets.token_hex(16),
        }
        signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        token = Secret(f"{signed}.{self._signature(signed).decode()}")
        with self._lock:
            self._good.add(str(claims["jti"]))
            self._given.append(token)
        return token

    def _signature(self, signed: str) -> bytes:
        digest = hmac.digest(self._key, signed.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=")


def _at_token(_: Request) -> Point:
    return "token"


def _document(path: str, content: dict[str, Any]) -> Route:
    def show(_: Request) -> Response:
        return json_response(content)

    return Route(methods=("GET",), prefix=path, handler=show, public=True)


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, Secret]:
    """
    Who signs in: by the header, or else by the form.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), Secret(form.get("client_secret", ""))
    try:
        decoded = base64.b64decode(encoded, validate=True).decode("latin-1")
    except ValueError:  # also what base64 has no letter for
        return "", Secret("")
    client_id, _, client_secret = decoded.partition(":")
    return unquote_plus(client_id), Secret(unquote_plus(client_secret))


def _wrong(error: str, description: str) -> Response:
    return json_response({"error": error, "error_description": description}, 400)


def _unauthenticated(message: str) -> RefusedError:
    return RefusedError("UNAUTHENTICATED", message, status=401)


def _invalid() -> RefusedError:
    return RefusedError("403", "Invalid access token.", status=403)


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
