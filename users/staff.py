"""Members of staff: second factor, sessions, activation and deletion."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_otp import user_has_device
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from iocash import errors
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users.models import Preferences

FIND_ENTRY: Final = "SELECT FROM django_admin_log WHERE id = %s"
TOLERANCE = 1
"""Tolerated difference of an app's clock, in steps of 30 seconds."""


def new_device(user: Any, secret: str | None = None) -> TOTPDevice:
    """Create a second factor with a new secret, without storing it."""
    return TOTPDevice(user=user, name="Authenticator app", key=secret or random_hex(20))


def step_of(device: TOTPDevice, token: str) -> int | None:
    """The time step of this token; None if the token is wrong now."""
    counted = TOTP(device.bin_key, device.step, device.t0, device.digits)
    is_right = token.isascii() and token.isdigit() and counted.verify(int(token), TOLERANCE)
    return int(counted.t()) if is_right else None


def enrol(device: TOTPDevice, step: int, *, session_key: str | None) -> None:
    """Store a second factor after its app has shown the token of `step`.

    All other sessions of the member of staff are closed.

    Raises:
        PermissionDenied: there is already a second factor.
    """
    with single_transaction():
        person = locked_staff(device.user_id)
        if user_has_device(person):
            raise errors.PermissionDenied("You already have a second factor.")
        TOTPDevice.objects.filter(user=person).delete()
        device.confirmed, device.last_t = True, step
        device.save(force_insert=True)
        end_sessions(person, besides=session_key)
        note(person, person, "Second factor set up.")


def reset_second_factor(person: Any, *, by: Any) -> None:
    """Delete the second factor and close all sessions; the next log-in sets up another."""
    with single_transaction():
        person = locked_staff(person.pk)
        TOTPDevice.objects.filter(user=person).delete()
        end_sessions(person)
        note(person, by, "Second factor reset.")


def set_active(person: Any, *, is_active: bool, by: Any) -> None:
    """Activate or deactivate a member of staff; deactivation closes all sessions."""
    with single_transaction():
        person = locked_staff(person.pk)
        person.is_active = is_active
        person.save(update_fields=["is_active"])
        if not is_active:
            end_sessions(person)
        note(person, by, "Activated." if is_active else "Deactivated.")


def locked_staff(pk: int) -> Any:
    return get_user_model().objects.select_for_update(no_key=True).get(pk=pk)


def end_sessions(person: Any, *, besides: str | None = None) -> None:
    """Close the sessions of a member of staff. It reads all sessions, which are few."""
    rows = Session.objects.filter(expire_date__gt=timezone.now()).exclude(session_key=besides)
    theirs = [row.pk for row in rows if row.get_decoded().get(SESSION_KEY) == str(person.pk)]
    Session.objects.filter(pk__in=theirs).delete()


def note(person: Any, by: Any, words: str) -> None:
    """Record a change of a member of staff in the log of the back office."""
    entry = LogEntry.objects.create(
        user=by,
        content_type=ContentType.objects.get_for_model(type(person)),
        object_id=str(person.pk),
        object_repr=str(person)[:200],
        action_flag=CHANGE,
        change_message=words,
    )
    note_witness(Witness(FIND_ENTRY, [entry.pk]))


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
        Preferences.objects.filter(person=person).delete()
        person.groups.clear()
        person.user_permissions.clear()
        end_sessions(person)
        rows = get_user_model().objects.filter(pk=person.pk)
        rows._raw_delete(using=rows.db)
