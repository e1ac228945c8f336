"""The base class of views with a client, and the endpoints of users."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Model
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.db import replica
from iocash.db.transactions import Statement
from iocash.http import fields, problems, write_tokens
from iocash.http.headers import Existence, existence, idempotency_key, if_match
from iocash.http.links import location
from iocash.http.operations import operation
from iocash.http.pages import Listing, Parts
from iocash.http.views import Accepted, View
from iocash.times import moment
from users import users
from users.authentication import Caller, HasScope, look_up
from users.credentials import Proof, StaleKey
from users.models import User
from users.models.events import By
from users.models.replica import begin_reading, end_reading, leave_replica
from users.models.users import UserQuerySet
from users.serializers.users import Nothing, UserAnswer, UserBody, UserQuery
from users.views.lists import ReleasedPages

Made = TypeVar("Made")

REPLAYED = {"Idempotent-Replayed": "true"}


class ClientView(View):
    """A view of resources of clients, for a client or for staff."""

    scope: ClassVar[str]
    model: ClassVar[type[Model]]
    """Whose Django permissions staff need."""
    is_done = False
    """Whether something was committed; later errors don't change that."""

    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        if not settings.DATABASE_REPLICA_URL:
            return super().dispatch(*args, **kwargs)
        replica.forget_writes()
        try:
            return super().dispatch(*args, **kwargs)
        finally:
            end_reading()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in; then choose where the handler reads. Staff read from the primary."""
        super().initial(request, *args, **kwargs)
        if self.operation.reads_replica:
            after = write_tokens.read_after(request._request)
            if self.caller.client_id and after is not True:
                begin_reading(after or None)

    def check_permissions(self, request: Request) -> None:
        """Count refused requests too: the rate limit applies to every request of the client."""
        try:
            self.check_what_is_known(request)
        except errors.Forbidden:
            self.check_throttles(request)
            raise

    def check_what_is_known(self, request: Request) -> None:
        try:
            super().check_permissions(request)
        except errors.InsufficientScope:
            if not self.proof.is_due:
                raise
            self.look_up()

    def handle_exception(self, exc: Exception) -> Response:
        """Refuse nothing by what is only remembered of the caller's key: look it up before.

        The handler runs again only if what was remembered was the reason of the refusal: then
        nothing was done. After any other error something may have been done.
        """
        if replica.is_read():
            leave_replica(exc)
            return self.handle_again()
        if self.is_done and problems.database_trouble(exc):
            exc = errors.OutcomeUnknown()
        if isinstance(exc, errors.OutcomeUnknown) or not self.proof.is_due:
            return super().handle_exception(exc)
        try:
            self.look_up()
        except Exception as found:  # noqa: BLE001  # as DRF's own dispatch does
            return self.handle_exception(found)
        if isinstance(exc, StaleKey | errors.InsufficientScope):
            return self.handle_again()
        return super().handle_exception(exc)

    def handle_again(self) -> Response:
        """Run the handler again: nothing was done."""
        vars(self).pop("_paginator", None)
        handler = getattr(self, str(self.request.method).lower())
        try:
            self.refuse_if_asked()
            return handler(self.request, *self.args, **self.kwargs)  # type: ignore[no-any-return]
        except Exception as found:  # noqa: BLE001  # as DRF's own dispatch does
            return self.handle_exception(found)

    def do(self, verb: Callable[..., Made], *orders: Any, **about: Any) -> Made:
        """Run a function that commits. Later errors must not claim that nothing was changed."""
        made = verb(*orders, **about)
        self.is_done = True
        return made

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Allow only refusals while the proof of the caller's key is due."""
        if self.proof.is_due and not response.exception:
            raise errors.Inconsistent("the caller's key was never checked")
        response = super().finalize_response(request, response, *args, **kwargs)
        if settings.DATABASE_REPLICA_URL:
            for name, value in self.replica_headers().items():
                response.headers[name] = value
        return response

    def replica_headers(self) -> dict[str, str]:
        """Where an answer was read, or which write it answers."""
        if horizon := end_reading():
            return {"X-As-Of": moment(horizon)}
        if self.request.method in HasScope.READS or not (written := replica.last_write()):
            return {}
        return {write_tokens.WRITE_TOKEN: write_tokens.write_token(written)}

    @property
    def proof(self) -> Proof:
        """The proof of the caller's key; not due without a caller."""
        caller = getattr(self.request, "_auth", None)  # `auth` would look for one now
        return caller.proof if isinstance(caller, Caller) else Proof()

    def look_up(self) -> None:
        """Let the caller in, or refuse it, by what its key is now; who is refused has no rate."""
        wrapped: Any = self.request._request
        rate, wrapped.rate_headers = getattr(wrapped, "rate_headers", {}), {}
        look_up(self.request)
        super().check_permissions(self.request)
        wrapped.rate_headers = rate

    @property
    def caller(self) -> Caller:
        caller = self.request.auth
        if not isinstance(caller, Caller):
            raise errors.Inconsistent("the caller was let in without credentials")
        return caller

    def require_of_staff(self, permission: str) -> None:
        """Raise PermissionDenied for staff without the permission."""
        if self.caller.client_id is None and not self.request.user.has_perm(permission):
            raise errors.PermissionDenied()

    def fetch(self, *questions: Statement) -> list[list[Any]]:
        """Execute queries of the answer in one trip, with what the caller must prove before it."""
        return self.proof.fetch(*questions)

    @property
    def by(self) -> By:
        request: Any = self.request
        return By(self.caller.actor, request.request_id, trace=request.trace)

    @property
    def key(self) -> str | None:
        return idempotency_key(self.request._request)

    @property
    def if_match(self) -> frozenset[str] | None:
        return if_match(self.request._request)

    @property
    def existence(self) -> Existence:
        return existence(self.request._request)

    @property
    def client_id(self) -> UUID:
        """The caller's client. Permissions keep staff from views that need one."""
        if self.caller.client_id is None:
            raise errors.Inconsistent("staff have no client of their own")
        return self.caller.client_id

    def filters(self) -> dict[str, Any]:
        """The filters of the query that are columns of the same name."""
        return {name: value for name, value in self.query.items() if name not in PAGING}


PAGING = frozenset({"size", "sort", "cursor"})


class UsersView(ClientView):
    """A view of users, or of what is theirs."""

    scope = "users"
    path_fields = {"user_id": fields.Id(help_text="The id of the user.")}
    of_kind: ClassVar[str | None] = None
    """The only kind of users of this view; others are not found."""

    def users(self) -> UserQuerySet:
        return users_of(self.caller.client_id, self.of_kind)

    def user(self, user_id: UUID) -> User:
        return get_object_or_404(self.users(), id=user_id)


def users_of(client_id: UUID | None, kind: str | None) -> UserQuerySet:
    """The users of a client, or for None, which staff have, of all; perhaps of one kind."""
    found = User.objects.owned_by(client_id)
    return found.filter(kind=kind) if kind else found


class UserView(UsersView):
    model = User
    serializer_class = UserAnswer
    versioned = True

    def shown(self, user: User) -> Response:
        return Response(self.show(user), headers=self.tag(user))

    def accepted(self, user: User, *, replayed: bool = False) -> Response:
        where = location(self.request, "user", user_id=user.id)
        headers = self.tag(user) | (REPLAYED if replayed else {})
        return Accepted(self.show(user), where, headers=headers)


class UserListView(UserView):
    """The users of the client."""

    title = "Users"
    collection = "users"
    pagination_class = ReleasedPages

    @operation(name="list_users", query=UserQuery, spends_proof=True, reads_replica=True)
    def get(self, request: Request) -> Response:
        """List the users of the client.

        The newest first by default. Filters can be combined; all but `q` match exactly.
        """
        about = {"client_id": self.caller.client_id, "kind": self.of_kind}
        return self.page(Listing(rows_of_users, {**about, "filters": self.filters()}))

    @operation(
        name="create_user",
        body=UserBody,
        keyed=True,
        statuses=(HTTPStatus.ACCEPTED,),
        refuses=(errors.AlreadyExists, errors.OtpTooSoon),
    )
    def post(self, request: Request) -> Response:
        """Create a user.

        A person or a company. The phone number gets a one-time password: send it to `validate-otp`,
        which activates the user and opens the first wallet. User name and phone number
        must be unique among the users of the client.
        """
        made = self.do(
            users.create, client_id=self.client_id, values=self.body(), by=self.by, key=self.key
        )
        return self.accepted(made.user, replayed=made.replayed)


def rows_of_users(client_id: UUID | None, kind: str | None, filters: dict[str, Any]) -> Parts:
    """The users of a client, or of one kind, that the filters leave."""
    filters = {**filters}
    words, pairs = filters.pop("q", None), filters.pop("metadata", None)
    found = users_of(client_id, kind).filter(**filters)
    found = found.with_name(words) if words else found
    return Parts([found.with_pairs(pairs) if pairs else found])


class OtpView(UserView):
    """Send another one-time password to the phone number that is not yet verified."""

    title = "One-time password for a phone number"

    @operation(
        name="request_otp",
        body=Nothing,
        body_optional=True,
        statuses=(HTTPStatus.ACCEPTED,),
        refuses=(errors.AlreadyVerified, errors.OtpTooSoon, errors.Overloaded),
    )
    def post(self, request: Request, user_id: UUID) -> Response:
        """Send another one-time password.

        To the phone number that is not yet verified: of a new user, or a new number of an active
        one. One per minute and ten per day; the response to more is 409 `otp_too_soon` with
        `retryAt`.
        """
        self.body()
        client_id = self.user(user_id).client_id
        user = self.do(users.request_otp, client_id=client_id, user_id=user_id, by=self.by)
        return self.accepted(user)
