"""Members of staff: how they are added, get a password, are deactivated and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext_noop
from django_otp.plugins.otp_totp.models import TOTPDevice

from iocash import errors
from iocash.db.transactions import single_transaction
from users.models import Preferences, RecoveryCode
from users.staff import roles
from users.staff.records import locked_staff, note
from users.staff.sessions import end_sessions


class LinkTokens(PasswordResetTokenGenerator):
    """Tokens of the links with which members of staff set a password.

    A token is void after a log-in, after the password was set, and after a newer link. Nothing
    is stored.
    """

    key_salt = "users.staff.members.LinkTokens"


TOKENS: Final = LinkTokens()


def add_member(values: dict[str, str], role_names: Sequence[str], *, by: Any) -> Any:
    """Add a member of staff without a password; `new_link` makes the link to set one.

    Raises:
        PermissionDenied: a role would give more rights than `by` has.
    """
    with single_transaction():
        groups = roles.groups_to_give(by, role_names)
        person = get_user_model()(is_staff=True, **values)
        person.set_unusable_password()
        person.save(force_insert=True)
        person.groups.set(groups)
        words = gettext_noop("Added with these roles")
        note(person, by, words, names=roles.listed(role_names), flag=ADDITION)
    return person


def is_taken(name: str) -> bool:
    """Whether a member has this user name; upper and lower case do not tell names apart."""
    return get_user_model().objects.filter(username__iexact=name).exists()


def add_from_shell(
    values: dict[str, str], role_names: Sequence[str], *, is_superuser: bool, words: str
) -> Any:
    """Add a member of staff without a password, for somebody with a shell of the server.

    Nobody of the staff did it, so the record names the new member; `words` say how and why.

    Raises:
        IntegrityError: the user name is taken.
        PermissionDenied: there is no such role.
    """
    with single_transaction():
        person = get_user_model()(is_staff=True, is_superuser=is_superuser, **values)
        groups = roles.groups_to_give(get_user_model()(is_superuser=True), role_names)
        person.set_unusable_password()
        person.save(force_insert=True)
        person.groups.set(groups)
        note(person, person, gettext_noop("Added on the command line"), names=words, flag=ADDITION)
    return person


def who_can_add() -> list[Any]:
    """The members of staff who can log in and may ask for a new member, or approve one."""
    members = get_user_model().objects.filter(is_staff=True, is_active=True).order_by("username")
    return [
        each for each in members if each.has_usable_password() and each.has_perm("auth.add_user")
    ]


def new_link(person: Any, *, by: Any) -> tuple[str, str]:
    """Void the password, close all sessions, and return the two parts of a link to set another.

    The link works once, for `PASSWORD_RESET_TIMEOUT` seconds. A later link voids it.
    """
    with single_transaction():
        person = locked_staff(person.pk)
        person.set_unusable_password()
        person.save(update_fields=["password"])
        end_sessions(person)
        note(person, by, gettext_noop("New link to set a password."))
    return urlsafe_base64_encode(force_bytes(person.pk)), TOKENS.make_token(person)


def is_open_link(person: Any, token: str) -> bool:
    """Whether a member of staff can set a password with this token now."""
    return bool(person.is_active and person.is_staff and TOKENS.check_token(person, token))


def set_password(person: Any, password: str, *, token: str) -> None:
    """Set the password with the token of a link. Of two callers one succeeds.

    Raises:
        PermissionDenied: the link was used, is too old, or was replaced.
    """
    with single_transaction():
        person = locked_staff(person.pk)
        if not is_open_link(person, token):
            raise errors.PermissionDenied("This link was used already, or is too old.")
        person.set_password(password)
        person.save(update_fields=["password"])
        note(person, person, gettext_noop("Password set."))


def change_member(person: Any, values: dict[str, str], *, by: Any) -> None:
    """Change the name or the e-mail address of a member of staff, and record which."""
    with single_transaction():
        person = locked_staff(person.pk)
        changed = [name for name, value in values.items() if getattr(person, name) != value]
        if not changed:
            return
        get_user_model().objects.filter(pk=person.pk).update(**values)
        note(person, by, gettext_noop("Changed"), names=", ".join(changed))


def remove_permissions(person: Any, *, by: Any) -> None:
    """Remove the permissions that the member has beside the roles, and record it."""
    with single_transaction():
        person = locked_staff(person.pk)
        person.user_permissions.clear()
        note(person, by, gettext_noop("Single permissions removed."))


def set_active(person: Any, *, is_active: bool, by: Any) -> None:
    """Activate or deactivate a member of staff; deactivation closes all sessions."""
    with single_transaction():
        person = locked_staff(person.pk)
        person.is_active = is_active
        person.save(update_fields=["is_active"])
        if not is_active:
            end_sessions(person)
        words = gettext_noop("Activated.") if is_active else gettext_noop("Deactivated.")
        note(person, by, words)


def has_history(person: Any) -> bool:
    """Whether records may refer to this member of staff: there was a log-in or a log entry."""
    return bool(person.last_login) or LogEntry.objects.filter(user_id=person.pk).exists()


def delete(person: Any) -> None:
    """Delete a member of staff without a history.

    Django's own deletion would also delete log entries, which the serving role must not.

    Raises:
        ValueError: there is a history.
    """
    with single_transaction():
        person = locked_staff(person.pk)
        if has_history(person):
            raise ValueError(f"{person} has a history, which must be kept")
        TOTPDevice.objects.filter(user=person).delete()
        RecoveryCode.objects.of(person).delete()
        Preferences.objects.filter(person=person).delete()
        person.groups.clear()
        person.user_permissions.clear()
        end_sessions(person)
        rows = get_user_model().objects.filter(pk=person.pk)
        rows._raw_delete(using=rows.db)
