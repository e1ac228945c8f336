"""Audit runs."""

from __future__ import annotations

from django.db import models

from iocash.db.clock import Now


class Audit(models.Model):
    """One run of the audit, with the first wrong row of each violated equation."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(db_default=Now())
    movements = models.BigIntegerField(help_text="Number of movements checked.")
    finding = models.TextField(blank=True)

    class Meta:
        verbose_name = "audit"

    def __str__(self) -> str:
        return self.finding or "The ledger is correct."
