"""The duty that sends the daily e-mail to staff: how much waits for each, as numbers and links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from smtplib import SMTPException
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext

from iocash.db import clock
from iocash.worker import Duty
from users.menu import MENU
from users.models import Preferences
from users.preferences import activate_values, preferences_of

MORNING: Final = 6
"""The hour from which the worker sends digests."""


@dataclass(frozen=True, slots=True)
class SentDigest:
    """What became of the digest of a member; `error` is empty if it was sent."""

    member: Any
    error: str = ""


class DigestNotSent(Exception):
    """The mail server did not take the digests of some members. They are sent the next time."""


class SendDigests(Duty):
    """Send the digest of the day to each member who wants it, from the morning of the member on.

    One UPDATE claims the day of a member, so one process sends it. Without a mail server and a
    public URL nothing is sent.
    """

    name = "send-digests"
    every = 60.0

    def perform(self) -> int:
        """Send all that are due; return how many were sent.

        Raises:
            DigestNotSent: some were not.
        """
        if not (settings.HAS_MAIL_SERVER and settings.PUBLIC_URL):
            return 0
        done = [digest.error for digest in send_digests(MORNING)]
        if failures := [error for error in done if error]:
            raise DigestNotSent(f"{len(failures)} of {len(done)} digests: {failures[0]}")
        return len(done)


def send_digests(hour: int = 0) -> Iterator[SentDigest]:
    """Send the digest of today to each member who wants it and has not got it yet.

    It is sent from an hour of the member's own time zone on. A failure does not stop the others;
    that digest is sent the next time.
    """
    members = get_user_model()._default_manager.filter(is_active=True, is_staff=True)
    wanting = members.filter(preferences__digest=True).exclude(email="")
    for member in wanting.select_related("preferences").order_by("pk"):
        with translation.override(settings.LANGUAGE_CODE), timezone.override(None):
            chosen = preferences_of(member)
            activate_values(language=chosen.language, time_zone=chosen.time_zone)
            now = timezone.localtime(clock.now())
            today = now.date()
            if now.hour < hour or not claim_day(member, today):
                continue
            try:
                send_digest(member, today)
            except (OSError, SMTPException, ValueError) as error:
                release_day(member, today, chosen.digest_date)
                yield SentDigest(member, type(error).__name__)
            except BaseException:
                release_day(member, today, chosen.digest_date)
                raise
            else:
                yield SentDigest(member)


def claim_day(member: Any, today: date) -> bool:
    """Record the digest of a day as sent, in one statement: only one process sends it."""
    unsent = Q(digest_date=None) | Q(digest_date__lt=today)
    own = Preferences.objects.filter(unsent, person=member, digest=True)
    return own.update(digest_date=today) == 1


def release_day(member: Any, today: date, former: date | None) -> None:
    """Record that the digest of a day was not sent."""
    Preferences.objects.filter(person=member, digest_date=today).update(digest_date=former)


def send_digest(member: Any, today: date) -> None:
    """Send what waits for a member, in the active language.

    Raises:
        OSError: the mail server can't be reached.
        SMTPException: it refuses the e-mail.
    """
    subject = gettext("What waits for you on %(day)s") % {"day": date_format(today)}
    send_mail(subject, digest_text(member), None, [member.email])


def digest_text(member: Any) -> str:
    """Numbers and links only: an e-mail is not a safe place for personal data."""
    waiting = MENU.waiting_for(member)
    parts = [gettext("What waits for you:") if waiting else gettext("Nothing waits for you.")]
    parts += [
        gettext("%(label)s: %(count)s") % {"label": label, "count": count}
        + f"\n{settings.PUBLIC_URL}{address}"
        for label, count, address in waiting
    ]
    account = f"{settings.PUBLIC_URL}{reverse('admin:account')}"
    parts.append(gettext("To get this e-mail no more, change your account:") + f"\n{account}")
    return "\n\n".join(parts) + "\n"
