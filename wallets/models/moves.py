"""Moves of clients from one group to another."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from iocash.db.clock import Now


class ClientMove(models.Model):
    """What a group knows of a move. Both groups have a row with the same id.

    The client is active in the new group from the commit on that makes the row there DONE. Until
    then the old group decides. `run` counts the processes that have worked on the move: each write
    names the number that it relies on, so a process that was stopped can't go on beside its
    successor.
    """

    class Way(models.TextChoices):
        OUT = "OUT"
        IN = "IN"

    class Stage(models.TextChoices):
        """FROZEN is a stage of the old group only, PURGED too."""

        COPYING = "COPYING"
        FROZEN = "FROZEN"
        DONE = "DONE"
        BACK = "BACK"
        PURGED = "PURGED"

    id = models.UUIDField(primary_key=True, editable=False)
    subject_id = models.UUIDField(help_text="The client. It has no row in a group it has left.")
    name = models.CharField(max_length=100, help_text="The name of the client.")
    way = models.CharField(max_length=3, choices=Way)
    other_group = models.CharField(max_length=16)
    stage = models.CharField(max_length=7, choices=Stage, default=Stage.COPYING)
    status = models.CharField(
        max_length=10, help_text="The status of the client, before and afterwards."
    )
    run = models.BigIntegerField(db_default=1)
    is_hidden = models.BooleanField(
        db_default=False, help_text="The rows are not complete here: audits leave them out."
    )
    progress = models.JSONField(null=True, help_text="What has been copied.")
    wallets = models.JSONField(
        null=True, help_text="Of what was purged: the ids of the wallets, for older anchors."
    )
    started_at = models.DateTimeField(db_default=Now())
    frozen_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("move of a client")
        verbose_name_plural = _("moves of clients")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject_id"],
                condition=Q(stage__in=["COPYING", "FROZEN"]),
                name="client_is_moved_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(way="OUT") | Q(way="IN", stage__in=["COPYING", "DONE", "BACK"]),
                name="client_move_has_a_stage_of_its_way",
            ),
            models.CheckConstraint(
                condition=~Q(stage="DONE") | Q(way="OUT") | Q(is_hidden=False),
                name="client_move_shows_what_has_arrived",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["subject_id"], name="client_move_of_client"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.way} {self.stage}"
