"""Counts of one-time passwords per phone number."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from users.models.clients import Client


class PhoneUse(models.Model):
    """The codes and attempts of one client for one phone number on one day (UTC).

    The number is stored as a digest, keyed with the server's secret. Rows are deleted two days
    later.
    """

    PAUSE_SECONDS = 60
    CODES_A_DAY = 10
    TRIES_A_DAY = 15

    number = models.BinaryField(max_length=32)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    asked = models.PositiveSmallIntegerField(default=0, help_text="Requested codes.")
    asked_at = models.DateTimeField(null=True)
    sent = models.PositiveSmallIntegerField(default=0, help_text="Delivered codes.")
    sent_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0, help_text="Attempts.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["number", "client", "day"], name="phone_use_of_a_day_is_counted_once"
            ),
            models.CheckConstraint(
                name="phone_use_sends_few_codes_a_day",
                condition=Q(asked__lte=10, sent__lte=models.F("asked")),
            ),
            models.CheckConstraint(
                name="phone_use_has_few_tries_a_day", condition=Q(tries__lte=15)
            ),
        ]
        indexes = [models.Index(fields=["day"], name="phone_use_of_day")]

    def __str__(self) -> str:
        return f"{self.day}"
