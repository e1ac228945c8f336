"""Audit runs."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from iocash.db.clock import Now


class Audit(models.Model):
    """One run of the audit, with the first wrong row of each violated equation."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(db_default=Now())
    movements = models.BigIntegerField(help_text="Number of movements checked.")
    finding = models.TextField(blank=True)
    proof = models.JSONField(null=True)
    """What was proved (`wallets.audit.proofs`). The next audit goes on from it."""

    class Meta:
        verbose_name = "audit"

    def __str__(self) -> str:
        return self.finding or "The ledger is correct."

    @property
    def everything_since(self) -> datetime | None:
        """Since when every row was verified; None if not every row was."""
        nights = (self.proof or {}).get("nights")
        return datetime.fromisoformat(min(nights)) if nights else None


class AuditProgress(models.Model):
    """An audit that has not ended: how far it has come, and what it has found so far."""

    name = models.CharField(max_length=20, primary_key=True)
    state = models.JSONField()

    class Meta:
        verbose_name = "unfinished audit"

    def __str__(self) -> str:
        return self.name
