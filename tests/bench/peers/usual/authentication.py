"""Who calls: a client, with an API key."""

from __future__ import annotations

from rest_framework import authentication, exceptions
from rest_framework.request import Request

from users.models import ApiKey, Client


class Caller:
    """What DRF takes for a user."""

    is_authenticated = True

    def __init__(self, key: ApiKey) -> None:
        self.client = key.client
        self.actor = f"key:{key.id}"


class ApiKeyAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Caller, ApiKey] | None:
        scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = ApiKey.objects.matching(secret).first()
        if key is None or key.is_revoked or key.is_expired:
            raise exceptions.AuthenticationFailed()
        if key.client.status != Client.Status.ACTIVE or "movements:write" not in key.scopes:
            raise exceptions.PermissionDenied()
        return Caller(key), key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
