"""The language and the time zone of a member of staff, and whether it gets a daily digest."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models


def require_time_zone(name: str) -> None:
    """
    Raises:
        ValidationError: no time zone has this name.
    """
    if name not in available_timezones():
        raise ValidationError("Unknown time zone.", code="unknown_time_zone")


class Preferences(models.Model):
    """Without a row, a member of staff has the language of the browser, UTC, and no digest.

    `digest_date` is the last day, in the time zone of the member, whose digest was sent.
    """

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="preferences"
    )
    language = models.CharField(
        max_length=10, blank=True, help_text="Empty: the language of the browser."
    )
    time_zone = models.CharField(max_length=64, default="UTC", validators=[require_time_zone])
    digest = models.BooleanField(default=False, db_default=False)
    digest_date = models.DateField(null=True, editable=False)

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"preferences of {self.person_id}"
