"""Authentication and permissions of clients (API keys, tokens) and of staff (sessions)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from iocash import errors
from iocash.db import groups
from iocash.http import forced, problems
from users import chosen_groups, credentials, searched_groups, tokens, unauthenticated
from users.credentials import Credentials, Proof

if TYPE_CHECKING:  # a circular import at run time
    from rest_framework.views import APIView


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated caller, who is the actor of events.

    `client_id` is None for staff, who have access to the resources of all clients.
    """

    actor: str
    client_id: uuid.UUID | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    proof: Proof = field(default_factory=Proof)
    """Whether the key was validated for this request; due while it is only remembered."""

    def require(self, scope: str) -> None:
        """Refuse a key without the scope (InsufficientScope); staff have permissions instead."""
        if self.client_id is not None and scope not in self.scopes:
            raise errors.InsufficientScope(scope=scope)


class ClientUser(AnonymousUser):
    """The user object that DRF and the browsable API need for a client."""

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
    """`Authorization: Bearer` with an API key, or with a token that the client has signed."""

    def authenticate(self, request: Request) -> tuple[ClientUser, Caller] | None:
        secret = secret_of(request)
        if secret is None:
            return None
        known = credentials.remembered(secret) if may_remember(request) else None
        if known and groups.are_several():
            searched_groups.enter_known(known.group)
        return authenticated(request, known or looked_up(secret, request), Proof(known))

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def secret_of(request: Request) -> str | None:
    """The API key or token of the Authorization header; None without the header.

    Raises:
        HttpsRequired: the request used plain HTTP.
        InvalidCredentials: the header is malformed.
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


def authenticated(request: Request, shown: Credentials, proof: Proof) -> tuple[ClientUser, Caller]:
    request._request.client_id = shown.client_id  # type: ignore[attr-defined]
    caller = Caller(f"key:{shown.id}", shown.client_id, shown.scopes, proof)
    return ClientUser(shown.client_name), caller


def may_remember(request: Request) -> bool:
    """Return whether the handler spends the proof of a remembered key before it answers."""
    declared = request.parser_context["view"].operations.get(request.method)
    return declared is not None and declared.spends_proof


def look_up(request: Request) -> None:
    """Authenticate the caller again with the current data of its key.

    Raises:
        RateLimited, Unauthorized, ClientSuspended: as `looked_up`; then the request has no caller.
    """
    secret, authenticator = secret_of(request), request.successful_authenticator
    request._not_authenticated()  # type: ignore[attr-defined]
    if secret is None:
        raise errors.NotAuthenticated()
    request.user, request.auth = authenticated(request, looked_up(secret, request), Proof())
    request._authenticator = authenticator  # type: ignore[attr-defined]


def looked_up(secret: str, request: Request) -> Credentials:
    """The valid credentials of a key or token. Refused requests are counted.

    Raises:
        RateLimited: too many requests of this address were refused, and the key is unknown.
        Unauthorized, ClientSuspended: the credentials are not valid.
        Refused: a caller of a sandbox asks for it, instead of sending a key.
    """
    forced.refuse_key(request.parser_context["view"], secret)
    if credentials.remembered(secret) is None:
        unauthenticated.require_few_refusals(request)
    try:
        found = read_credentials(secret, request)
        found.require_valid()
    except (errors.Unauthorized, errors.Forbidden):
        unauthenticated.count_refusal(request)
        raise
    return found


def read_credentials(secret: str, request: Request) -> Credentials:
    """The credentials of an API key, or of a verified token."""
    if tokens.looks_signed(secret):
        return Credentials.of(*tokens.verify(secret, audiences=audiences(request)))
    return Credentials.of_secret(secret)


def audiences(request: Request) -> frozenset[str]:
    """The accepted values of `aud`: by default also the origin of the request."""
    own = settings.TOKEN_AUDIENCE or [tokens.AUDIENCE, problems.origin(request)]
    return frozenset(own)


class StaffAuthentication(authentication.SessionAuthentication):
    """A session of a member of staff; changes require the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        found = super().authenticate(request)
        if found is None or not found[0].is_staff or lacks_second_factor(found[0]):
            return None
        if groups.are_several():
            chosen_groups.enter_chosen(request._request)
        return found[0], Caller(f"staff:{found[0].pk}")

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise errors.CsrfFailed() from error


def lacks_second_factor(user: Any) -> bool:
    """Whether the settings require a second factor that this user has not verified."""
    return settings.REQUIRE_SECOND_FACTOR and not user.is_verified()


class HasScope(permissions.BasePermission):
    """A key needs the view's scope; staff need the Django permission on the view's model.

    Closed by default: keys can't use a view without a `scope` (None allows all keys), and staff can
    only read views without a `model`.
    """

    READS = frozenset({"GET", "HEAD", "OPTIONS"})
    ACTIONS = {"POST": "add", "PATCH": "change", "PUT": "change"}

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            unauthenticated.count_refusal(request)
            raise errors.NotAuthenticated(**self.needed(request, view))
        if caller.client_id is None:
            return self.staff_may(request, view)
        for scope in self.needed(request, view).values():
            caller.require(scope)
        return getattr(view, "scope", "") != ""

    def needed(self, request: Request, view: APIView) -> dict[str, str]:
        """The scope that the operation needs, as a fact of refusals; none for any valid key."""
        scope = getattr(view, "scope", None)
        declared = view.operations.get(request.method)  # type: ignore[attr-defined]
        reads = request.method in self.READS or (declared is not None and declared.reads)
        kind = getattr(view, "reading_scope", "read") if reads else "write"
        return {"scope": f"{scope}:{kind}"} if scope else {}

    def staff_may(self, request: Request, view: Any) -> bool:
        """Nothing at the top can be made by staff: it would belong to no client."""
        model = getattr(view, "model", None)
        is_read = request.method in self.READS
        if model is None:
            return is_read
        if not (is_read or view.kwargs):
            raise errors.PermissionDenied("This operation requires a client's API key.")
        action = "view" if is_read else self.ACTIONS.get(request.method or "", "delete")
        declared = view.operations.get(request.method)  # a page for people may have none for GET
        own = declared.staff_permissions if declared else ()
        usual = f"{model._meta.app_label}.{action}_{model._meta.model_name}"
        if not any(map(request.user.has_perm, own or (usual,))):
            raise errors.PermissionDenied()
        return True
