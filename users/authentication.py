"""Who calls, a client with an API key or staff in the browser, and what they may do."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from iocash import errors
from iocash.http import problems
from users import credentials, tokens, unauthenticated
from users.credentials import Credentials, Proof

if TYPE_CHECKING:  # at run time it would import this module while it is being imported
    from rest_framework.views import APIView


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose things are shown, and on whose record a change goes.

    `client_id` is None for staff, who see the things of all clients.
    """

    actor: str
    client_id: uuid.UUID | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    proof: Proof = field(default_factory=Proof)
    """That the key was read for this request; it is due while the key is only remembered."""

    def require(self, scope: str) -> None:
        """Refuse a key without the scope (InsufficientScope); staff have permissions instead."""
        if self.client_id is not None and scope not in self.scopes:
            raise errors.InsufficientScope(scope=scope)


class ClientUser(AnonymousUser):
    """What DRF and the browsable API take for a user when a key calls."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def get_username(self) -> str:
        return self.name

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]
        return True

    def __str__(self) -> str:
        return self.name


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <API key>`, or a token that the client has signed."""

    def authenticate(self, request: Request) -> tuple[ClientUser, Caller] | None:
        secret = secret_of(request)
        if secret is None:
            return None
        known = credentials.remembered(secret) if may_remember(request) else None
        return let_in(request, known or looked_up(secret, request), Proof(known))

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def secret_of(request: Request) -> str | None:
    """The API key or token of the Authorization header; None without the header.

    Raises:
        HttpsRequired: it was sent over plain HTTP.
        InvalidCredentials: the header has another form.
    """
    header: str | None = request.META.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    if settings.HTTPS and not request.is_secure():
        raise errors.HttpsRequired()
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret:
        unauthenticated.count_refusal(request)
        raise errors.InvalidCredentials()
    return secret


def let_in(request: Request, shown: Credentials, proof: Proof) -> tuple[ClientUser, Caller]:
    request._request.client_id = shown.client_id  # type: ignore[attr-defined]
    caller = Caller(f"key:{shown.id}", shown.client_id, shown.scopes, proof)
    return ClientUser(shown.client_name), caller


def may_remember(request: Request) -> bool:
    """Return whether the handler spends the proof of a remembered key before it answers."""
    declared = request.parser_context["view"].operations.get(request.method)
    return declared is not None and declared.spends_proof


def look_up(request: Request) -> None:
    """Let the caller in again, or refuse it, by what its key is now.

    Raises:
        RateLimited, Unauthorized, ClientSuspended: as `looked_up`; the request has no caller then.
    """
    secret, authenticator = secret_of(request), request.successful_authenticator
    request._not_authenticated()  # type: ignore[attr-defined]
    if secret is None:
        raise errors.NotAuthenticated()
    request.user, request.auth = let_in(request, looked_up(secret, request), Proof())
    request._authenticator = authenticator  # type: ignore[attr-defined]


def looked_up(secret: str, request: Request) -> Credentials:
    """What stands behind a key or a token that lets its client in; who is refused is counted.

    Raises:
        RateLimited: too many were refused at this address, and the key is not a known one.
        Unauthorized, ClientSuspended: it lets nobody in.
    """
    if credentials.remembered(secret) is None:
        unauthenticated.require_few_refusals(request)
    try:
        shown = shown_by(secret, request)
        shown.require_valid()
    except (errors.Unauthorized, errors.Forbidden):
        unauthenticated.count_refusal(request)
        raise
    return shown


def shown_by(secret: str, request: Request) -> Credentials:
    """What stands behind an API key, or behind a token that its client has signed."""
    if tokens.looks_signed(secret):
        return Credentials.of(*tokens.verify(secret, audiences=audiences(request)))
    return Credentials.of_secret(secret)


def audiences(request: Request) -> frozenset[str]:
    """What a token's `aud` may call this server: by default also the origin it was sent to."""
    own = settings.TOKEN_AUDIENCE or [tokens.AUDIENCE, problems.origin(request)]
    return frozenset(own)


class StaffAuthentication(authentication.SessionAuthentication):
    """A member of staff who is logged in to the back office; changes need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        found = super().authenticate(request)
        if found is None or not found[0].is_staff or lacks_second_factor(found[0]):
            return None
        return found[0], Caller(f"staff:{found[0].pk}")

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise errors.CsrfFailed() from error


def lacks_second_factor(user: Any) -> bool:
    """Tell whether the settings ask staff for a second factor that this one has not shown."""
    return settings.REQUIRE_SECOND_FACTOR and not user.is_verified()


class HasScope(permissions.BasePermission):
    """A key needs the view's scope; staff need the Django permission on the view's model.

    Closed by default: a view without a `scope` is refused to keys (None says that any key will
    do), and staff may only read where there is no `model`.
    """

    READS = frozenset({"GET", "HEAD", "OPTIONS"})
    ACTIONS = {"POST": "add", "PATCH": "change", "PUT": "change"}

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            unauthenticated.count_refusal(request)
            raise errors.NotAuthenticated()
        if caller.client_id is None:
            return self.staff_may(request, view)
        scope = getattr(view, "scope", "")
        if scope:
            caller.require(f"{scope}:{'read' if request.method in self.READS else 'write'}")
        return scope != ""

    def staff_may(self, request: Request, view: Any) -> bool:
        """Nothing at the top can be made by staff: it would belong to no client."""
        model = getattr(view, "model", None)
        is_read = request.method in self.READS
        if model is None:
            return is_read
        if not (is_read or view.kwargs):
            raise errors.PermissionDenied("This operation requires a client's API key.")
        action = "view" if is_read else self.ACTIONS.get(request.method or "", "delete")
        own = view.operations[request.method].staff_permissions
        usual = f"{model._meta.app_label}.{action}_{model._meta.model_name}"
        if not any(map(request.user.has_perm, own or (usual,))):
            raise errors.PermissionDenied()
        return True
