"""Users: transitions of status, and the operations that need no wallet."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction

from iocash import errors
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users import deliveries, names, otp, phones
from users.models import User, events
from users.models.events import By, EventKind
from users.models.fingerprints import Asked
from users.models.idempotency import claim
from users.models.ids import new_id
from users.models.versions import require_version

CREATED, VERIFIED, ACTIVATED, BLOCKED, UNSUBSCRIBED = User.Status

TRANSITIONS: Mapping[str, frozenset[str]] = {
    CREATED: frozenset({VERIFIED, UNSUBSCRIBED}),
    VERIFIED: frozenset({ACTIVATED, UNSUBSCRIBED}),
    ACTIVATED: frozenset({BLOCKED, UNSUBSCRIBED}),
    BLOCKED: frozenset({ACTIVATED, UNSUBSCRIBED}),
    UNSUBSCRIBED: frozenset(),
}

TRIES = 3
"""The most attempts to save a user if the conflicting duplicate disappears each time."""

UNIQUE = {
    "user_name_is_taken_once": ("user_name", "userName"),
    "user_mobile_phone_is_taken_once": ("mobile_phone", "mobilePhone"),
}
FOREIGN = {
    User.Kind.NATURAL: {"company_name": "companyName"},
    User.Kind.JURIDICAL: {"first_name": "firstName", "last_name": "lastName"},
}
"""The fields that only the other kind has."""


class Made(NamedTuple):
    """A user, and whether the call created it."""

    user: User
    created: bool
    replayed: bool = False


def require_transition(status: str, requested: str, user_id: uuid.UUID) -> None:
    """Raise InvalidTransition if `TRANSITIONS` does not allow the change."""
    if requested not in TRANSITIONS[status]:
        raise errors.InvalidTransition(user_id=user_id, status=status, requested=requested)


def require_not_ended(user: User) -> None:
    """Raise UserNotActive if the user is closed."""
    if user.status == UNSUBSCRIBED:
        raise errors.UserNotActive(user_id=user.id, status=user.status)


def create(
    *, client_id: uuid.UUID, values: Mapping[str, Any], by: By, key: str | None = None
) -> Made:
    """Create a user and send a one-time password to the phone.

    Raises:
        IdempotencyKeyReused: the key was used for another request.
        AlreadyExists: the user name or the phone number is in use.
        OtpTooSoon: the client has just requested a one-time password for that number.
    """
    asked = Asked("CreateUser", values)
    user = User(id=new_id(), client_id=client_id, **values)
    with single_transaction():
        if key and (used := claim(client_id, key, asked, made="user", made_id=user.id, status=202)):
            return Made(User.objects.get(client=client_id, id=used), created=False, replayed=True)
        insert(user, by)
    return Made(user, created=True)


def insert(user: User, by: By) -> None:
    phones.lock_number(user.mobile_phone)
    save(user)
    otp.send_code(user, user.mobile_phone)
    events.record_about(user, EventKind.USER_CREATED, by)


def replace(
    *,
    client_id: uuid.UUID,
    user_id: uuid.UUID,
    values: Mapping[str, Any],
    by: By,
    if_match: frozenset[str] | None = None,
    creates: bool = True,
    replaces: bool = True,
) -> Made:
    """Create the user with the caller's id, or replace all of its fields.

    Raises:
        NotFound: another client has the id, or no client has it and `creates` is false.
        AlreadyExists: the user exists, and `replaces` is false.
        VersionConflict: the user has changed since the caller read it.
        Immutable: the user is of the other kind.
        AlreadyExists, UserNotActive, OtpTooSoon: as for `change`.
    """
    with single_transaction():
        user = User(id=user_id, client_id=client_id, **values)
        if creates and insert_unless_there(user, by):
            return Made(user, created=True)
        found = locked_user(user_id, client_id, if_match if replaces else None)
        if not replaces:
            raise errors.AlreadyExists(field="userId", user_id=user_id)
        if found.kind != values["kind"]:
            raise errors.Immutable(field="kind", user_id=user_id)
        blank = {"email": "", "dlt_address": "", "dlt_network": "", "metadata": None}
        rest = {name: value for name, value in values.items() if name != "kind"}
        set_values(found, blank | rest, by)
    return Made(found, created=False)


def insert_unless_there(user: User, by: By) -> bool:
    """Insert the user; False if it exists. Concurrent calls wait for each other.

    Raises:
        NotFound: another client has the id.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [user.id.int % 2**63])
    if User.objects.filter(client=user.client_id, id=user.id).exists():
        return False
    insert(user, by)
    return True


def update(
    *,
    client_id: uuid.UUID | None,
    user_id: uuid.UUID,
    values: Mapping[str, Any],
    by: By,
    if_match: frozenset[str] | None = None,
) -> User:
    """Set the fields in `values`.

    A new phone number is pending until it is verified. A new name is pending until staff approve
    it, if the current name is approved.

    Raises:
        NotFound: the client has no such user.
        VersionConflict: the user has changed since the caller read it.
        InvalidFields: a field that only the other kind of user has.
        UserNotActive: the user is closed.
        AlreadyExists: the user name or the phone number is in use.
        OtpTooSoon: a one-time password was just sent to that number.
    """
    with single_transaction():
        user = locked_user(user_id, client_id, if_match)
        require_own_names(user, values)
        set_values(user, values, by)
    return user


def locked_user(
    user_id: uuid.UUID, client_id: uuid.UUID | None, if_match: frozenset[str] | None = None
) -> User:
    """Lock the user. `if_match` are the versions that the caller accepts; None is any.

    Raises:
        NotFound: the client has no such user.
        VersionConflict: the user has changed since the caller read it.
    """
    user = User.objects.owned_by(client_id).locked().filter(id=user_id).first()
    if user is None:
        raise errors.NotFound()
    require_version(user.version, if_match, user_id=user.id)
    return user


def require_own_names(user: User, values: Mapping[str, Any]) -> None:
    foreign = FOREIGN[User.Kind(user.kind)]
    words = errors.Message("Not allowed for a user of kind {kind}.", kind=user.kind)
    wrong = [
        errors.FieldError(public, "unknown_field", words)
        for name, public in foreign.items()
        if name in values
    ]
    if wrong:
        raise errors.InvalidFields(*wrong)


def set_values(user: User, values: Mapping[str, Any], by: By) -> None:
    """Set the fields of a locked user. If nothing changes, it is allowed in every status."""
    changed = [name for name, value in values.items() if getattr(user, name) != value]
    if changed:
        require_not_ended(user)
    apart = names.hold_back(user, values, by) | {"mobile_phone"}
    changed = [name for name in changed if name not in apart]
    for name in changed:
        setattr(user, name, values[name])
    if "mobile_phone" in values:
        changed += set_phone(user, values["mobile_phone"])
    if changed:
        save(user, changed)
        events.record_about(user, EventKind.USER_CHANGED, by, fields=",".join(changed))


def set_phone(user: User, phone: str) -> list[str]:
    """Set a new number, or store it for verification. Returns the changed fields."""
    if phone == user.unverified_phone:
        return []
    if phone == user.mobile_phone:
        return forget_phone(user)
    phones.lock_number(phone)
    if other := User.objects.filter(client=user.client_id, mobile_phone=phone).first():
        raise errors.AlreadyExists(field="mobilePhone", user_id=other.id)
    otp.send_code(user, phone)
    field = "mobile_phone" if user.status == CREATED else "unverified_phone"
    setattr(user, field, phone)
    return [field]


def forget_phone(user: User) -> list[str]:
    """Discard the unverified number, if there is one. Returns the changed fields."""
    if not user.unverified_phone:
        return []
    otp.void(user)
    user.unverified_phone = ""
    return ["unverified_phone"]


def request_otp(*, client_id: uuid.UUID | None, user_id: uuid.UUID, by: By) -> User:
    """Send another one-time password to the unverified number.

    Raises:
        NotFound: the client has no such user.
        AlreadyVerified: there is no number to verify.
        OtpTooSoon: one was requested less than a minute ago, or ten today.
        Overloaded: too many codes are waiting for delivery.
    """
    deliveries.require_capacity()
    with single_transaction():
        user = locked_user(user_id, client_id)
        phone = user.phone_to_verify
        if not phone:
            raise errors.AlreadyVerified(user_id=user.id, status=user.status)
        phones.lock_number(phone)
        otp.send_code(user, phone)
        events.record_about(user, EventKind.USER_OTP_SENT, by)
    return user


# --- Duplicates --------------------------------------------------------------------------------


def save(user: User, fields: list[str] | None = None) -> None:
    """Save these fields of the user; without fields, insert it.

    If the conflicting duplicate has disappeared meanwhile, save again.

    Raises:
        AlreadyExists: another user of the client has the name or the number.
        NotFound: a user of another client has the id.
    """
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                if fields is None:
                    return user.save(force_insert=True)
                user.updated_at = clock.now()
                return user.save(update_fields=[*fields, "updated_at"])
        except IntegrityError as error:
            name, public = duplicate(error)
        taken = {"client": user.client_id, name: getattr(user, name)}
        if other := User.objects.filter(**taken).first():
            raise errors.AlreadyExists(field=public, user_id=other.id)
    raise errors.AlreadyExists(field=public)


def duplicate(error: IntegrityError) -> tuple[str, str]:
    """The field of the violated unique constraint. Other violations are bugs and are raised.

    Raises:
        NotFound: another client has the id.
    """
    cause = error.__cause__
    constraint = getattr(getattr(cause, "diag", None), "constraint_name", None)
    if constraint == "users_user_pkey":
        raise errors.NotFound() from error
    if constraint not in UNIQUE:
        raise error
    return UNIQUE[constraint]
