"""The second factor of members of staff (TOTP, RFC 6238), and their recovery codes.

No function returns the secret of a second factor that is set up, or a recovery code that was
shown before. Both kinds of token are limited together: after a wrong one, the next is refused for
1, 2, 4, 8 … seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_noop
from django_otp import user_has_device
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from iocash import errors
from iocash.db.transactions import single_transaction
from users.models import RecoveryCode
from users.models.recovery_codes import looks_like_a_code, new_code
from users.staff.records import locked_staff, note
from users.staff.sessions import end_sessions

TOLERANCE = 1
"""Tolerated difference of an app's clock, in steps of 30 seconds."""
RECOVERY_CODES: Final = 10


@dataclass(frozen=True, slots=True)
class Verified:
    """A token was right. `codes_left` is None unless it was a recovery code."""

    device: TOTPDevice
    codes_left: int | None = None


def new_device(user: Any, secret: str | None = None) -> TOTPDevice:
    """Create a second factor with a new secret, without storing it."""
    return TOTPDevice(user=user, name="Authenticator app", key=secret or random_hex(20))


def step_of(device: TOTPDevice, token: str) -> int | None:
    """The time step of this token; None if the token is wrong now."""
    counted = TOTP(device.bin_key, device.step, device.t0, device.digits)
    is_right = token.isascii() and token.isdigit() and counted.verify(int(token), TOLERANCE)
    return int(counted.t()) if is_right else None


def enrol(device: TOTPDevice, step: int, *, session_key: str | None) -> list[str]:
    """Store a second factor after its app has shown the token of `step`.

    All other sessions of the member of staff are closed. Returns the recovery codes, which can't
    be read again.

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
        codes = store_new_codes(person)
        end_sessions(person, besides=session_key)
        note(person, person, gettext_noop("Second factor set up."))
    return codes


def reset_second_factor(person: Any, *, by: Any, besides: str | None = None) -> None:
    """Delete the second factor and its recovery codes, and close all sessions except `besides`.

    The next log-in sets up another second factor.
    """
    with single_transaction():
        person = locked_staff(person.pk)
        TOTPDevice.objects.filter(user=person).delete()
        RecoveryCode.objects.of(person).delete()
        end_sessions(person, besides=besides)
        note(person, by, gettext_noop("Second factor reset."))


def verify_second_factor(person: Any, token: str) -> Verified | None:
    """Verify a token of the app, or use up a recovery code. None if it is wrong or too early."""
    with single_transaction():
        devices = list(
            TOTPDevice.objects.select_for_update()
            .filter(user=person.pk, confirmed=True)
            .order_by("pk")
        )
        if not devices or not token:
            return None
        if looks_like_a_code(token):
            return use_code(person, devices[0], token)
        right = next((device for device in devices if device.verify_token(token)), None)
        return Verified(right) if right else None


def use_code(person: Any, device: TOTPDevice, code: str) -> Verified | None:
    """Use up a recovery code, and record it. `device`, which counts wrong tokens, is locked."""
    is_allowed, _ = device.verify_is_allowed()
    if not is_allowed:
        return None
    if not RecoveryCode.objects.use(person, code):
        device.throttle_increment(commit=False)
        device.save(update_fields=["throttling_failure_timestamp", "throttling_failure_count"])
        return None
    device.throttle_reset(commit=False)
    device.save(update_fields=["throttling_failure_timestamp", "throttling_failure_count"])
    note(person, person, gettext_noop("Recovery code used."))
    return Verified(device, codes_left(person))


def codes_left(person: Any) -> int:
    return RecoveryCode.objects.of(person).unused().count()


def renew_codes(person: Any) -> list[str]:
    """Replace all recovery codes; return the new ones, which can't be read again.

    Raises:
        PermissionDenied: there is no second factor.
    """
    with single_transaction():
        person = locked_staff(person.pk)
        if not user_has_device(person):
            raise errors.PermissionDenied("Set up a second factor first.")
        codes = store_new_codes(person)
        note(person, person, gettext_noop("Recovery codes made anew."))
    return codes


def store_new_codes(person: Any) -> list[str]:
    """Delete the recovery codes of a member of staff, and store new ones. The member is locked."""
    codes = [new_code() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.of(person).delete()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(member=person, digest=RecoveryCode.digest_of(person, code)) for code in codes
    )
    return codes
