"""A user's life: which status may follow which, and the verbs that need no wallet."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction

from iocash import errors
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
"""How often a user is saved when the duplicate that was in the way is gone each time."""

UNIQUE = {
    "user_name_is_taken_once": ("user_name", "userName"),
    "user_mobile_phone_is_taken_once": ("mobile_phone", "mobilePhone"),
}
FOREIGN = {
    User.Kind.NATURAL: {"company_name": "companyName"},
    User.Kind.JURIDICAL: {"first_name": "firstName", "last_name": "lastName"},
}
"""The names that only the other kind has."""


class Made(NamedTuple):
    """A user, and whether it existed before the call."""

    user: User
    created: bool
    replayed: bool = False


def require_transition(status: str, requested: str, user_id: uuid.UUID) -> None:
    """Refuse a change of status that the table does not allow (InvalidTransition)."""
    if requested not in TRANSITIONS[status]:
        raise errors.InvalidTransition(user_id=user_id, status=status, requested=requested)


def require_not_ended(user: User) -> None:
    """Refuse to change what is over (UserNotActive)."""
    if user.status == UNSUBSCRIBED:
        raise errors.UserNotActive(user_id=user.id, status=user.status)


def create(
    *, client_id: uuid.UUID, values: Mapping[str, Any], by: By, key: str | None = None
) -> Made:
    """Create a user and send a one-time password to the phone.

    Raises:
        IdempotencyKeyReused: the key made something else before.
        AlreadyExists: the user name or the phone number is taken.
        OtpTooSoon: the client has just had a one-time password sent to that number.
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
    """Create the user under the caller's id, or set all of its fields.

    Raises:
        NotFound: the id is another client's, or nobody's and the caller does not create.
        AlreadyExists: the user is there, and the caller does not replace.
        VersionConflict: the user is not what the caller saw.
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
        blank = dict.fromkeys(("email", "dlt_address", "dlt_network"), "")
        rest = {name: value for name, value in values.items() if name != "kind"}
        set_values(found, blank | rest, by)
    return Made(found, created=False)


def insert_unless_there(user: User, by: By) -> bool:
    """Insert; False when the client has it. Two at once: the second waits for the first.

    Raises:
        NotFound: the id is another client's.
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
    """Set the fields that `values` names.

    A new phone number waits until it is verified; a new name waits for staff if the name before
    is approved.

    Raises:
        NotFound: the client has no such user.
        VersionConflict: the user is not what the caller saw.
        InvalidFields: a name that only the other kind of user has.
        UserNotActive: the user is unsubscribed.
        AlreadyExists: the user name or the phone number is taken.
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
    """Lock the user, as the caller last saw it: `if_match` are versions; None: any.

    Raises:
        NotFound: the client has no such user.
        VersionConflict: the user is not what the caller saw.
    """
    user = User.objects.owned_by(client_id).locked().filter(id=user_id).first()
    if user is None:
        raise errors.NotFound()
    require_version(user.version, if_match, user_id=user.id)
    return user


def require_own_names(user: User, values: Mapping[str, Any]) -> None:
    foreign = FOREIGN[User.Kind(user.kind)]
    wrong = [
        errors.FieldError(public, "unknown_field", f"Not allowed for a user of kind {user.kind}.")
        for name, public in foreign.items()
        if name in values
    ]
    if wrong:
        raise errors.InvalidFields(*wrong)


def set_values(user: User, values: Mapping[str, Any], by: By) -> None:
    """`user` is locked. What changes nothing is refused to nobody."""
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
    """Take a new number, at once or after its verification; name the field that changed."""
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
    """Give up the number that waits to be verified, if one does."""
    if not user.unverified_phone:
        return []
    otp.void(user)
    user.unverified_phone = ""
    return ["unverified_phone"]


def request_otp(*, client_id: uuid.UUID | None, user_id: uuid.UUID, by: By) -> User:
    """Send another one-time password to the number that waits to be verified.

    Raises:
        NotFound: the client has no such user.
        AlreadyVerified: no number waits.
        OtpTooSoon: one was requested less than a minute ago, or ten today.
        Overloaded: too many wait to be delivered.
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
    """Save these fields of the user; without any, insert it.

    A duplicate that is gone when we look for it was given up meanwhile: then we save again.

    Raises:
        AlreadyExists: another user of the client has the name or the number.
        NotFound: a user of another client has the id.
    """
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                if fields is None:
                    return user.save(force_insert=True)
                return user.save(update_fields=fields)
        except IntegrityError as error:
            name, public = duplicate(error)
        taken = {"client": user.client_id, name: getattr(user, name)}
        if other := User.objects.filter(**taken).first():
            raise errors.AlreadyExists(field=public, user_id=other.id)
    raise errors.AlreadyExists(field=public)


def duplicate(error: IntegrityError) -> tuple[str, str]:
    """Name the field whose uniqueness was violated; any other violation is a bug, and raised.

    Raises:
        NotFound: it is the id, and another client's: among our own it was looked for before.
    """
    cause = error.__cause__
    constraint = getattr(getattr(cause, "diag", None), "constraint_name", None)
    if constraint == "users_user_pkey":
        raise errors.NotFound() from error
    if constraint not in UNIQUE:
        raise error
    return UNIQUE[constraint]
