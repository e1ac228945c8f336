"""Members of staff: their second factor, their sessions, and what they leave behind."""

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

FIND_ENTRY: Final = "SELECT FROM django_admin_log WHERE id = %s"
TOLERANCE = 1
"""Steps of half a minute by which the clock of an app may differ."""


def new_device(user: Any, secret: str | None = None) -> TOTPDevice:
    """Make a second factor with a secret of its own; nothing is stored."""
    return TOTPDevice(user=user, name="Authenticator app", key=secret or random_hex(20))


def step_of(device: TOTPDevice, token: str) -> int | None:
    """The step of time at which the app shows this token; None: it shows another now."""
    counted = TOTP(device.bin_key, device.step, device.t0, device.digits)
    is_right = token.isascii() and token.isdigit() and counted.verify(int(token), TOLERANCE)
    return int(counted.t()) if is_right else None


def enrol(device: TOTPDevice, step: int, *, session_key: str | None) -> None:
    """Give a member of staff a second factor, whose app showed the token of `step`.

    All other sessions of theirs end, and what those had begun with them.

    Raises:
        PermissionDenied: there is a second factor already.
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
    """Take the second factor away, and end all sessions: the next log-in sets up another."""
    with single_transaction():
        person = locked_staff(person.pk)
        TOTPDevice.objects.filter(user=person).delete()
        end_sessions(person)
        note(person, by, "Second factor reset.")


def set_active(person: Any, *, is_active: bool, by: Any) -> None:
    """Let a member of staff in, or out; who is out has no sessions."""
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
    """End the sessions of a member of staff. Sessions are few: all are looked at."""
    rows = Session.objects.filter(expire_date__gt=timezone.now()).exclude(session_key=besides)
    theirs = [row.pk for row in rows if row.get_decoded().get(SESSION_KEY) == str(person.pk)]
    Session.objects.filter(pk__in=theirs).delete()


def note(person: Any, by: Any, words: str) -> None:
    """Record in the back office's log what was done to a member of staff."""
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
    """Tell whether records may name this member of staff: who never came in did nothing."""
    return bool(person.last_login) or LogEntry.objects.filter(user_id=person.pk).exists()


def delete(person: Any) -> None:
    """Remove a member of staff who has no history.

    Raises:
        ValueError: they have one.

    Django would also delete from the log of the back office, which the role that serves may not.
    """
    with single_transaction():
        person = locked_staff(person.pk)
        if has_history(person):
            raise ValueError(f"{person} has a history, which must stay")
        TOTPDevice.objects.filter(user=person).delete()
        person.groups.clear()
        person.user_permissions.clear()
        end_sessions(person)
        everybody = get_user_model().objects.filter(pk=person.pk)
        everybody._raw_delete(using=everybody.db)
