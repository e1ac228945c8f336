"""Tasks of staff: what a member has to do until a day, and who changed what of it."""

from __future__ import annotations

from datetime import date
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models.clients import Client, OwnedQuerySet, has_moved
from users.models.notes import Note
from users.models.users import User


class TaskQuerySet(OwnedQuerySet["Task"]):
    def of(self, user: User) -> Self:
        """The tasks about a user, its wallets and its movements."""
        return self.filter(client=user.client_id, user=user.id)

    def about(self, subject_id: UUID) -> Self:
        """The tasks about one user, wallet or movement."""
        return self.filter(subject_id=subject_id)

    def of_owner(self, member: Any) -> Self:
        return self.filter(owner=f"staff:{member.pk}")

    def unfinished(self) -> Self:
        return self.filter(done_at=None)

    def due_by(self, day: date | Func) -> Self:
        """The open tasks that are due on a day or were due before it."""
        return self.unfinished().filter(due_on__lte=day).exclude(has_moved())

    def urgent_first(self) -> Self:
        """The open ones by their due date, then those that are done, the last one first."""
        return self.order_by(F("done_at").desc(nulls_first=True), "due_on", "id")

    def erase_of(self, user: User) -> None:
        """Delete the tasks about a user, and their changes. The user is locked."""
        found = self.of(user).order_by("pk").select_for_update()
        ids = [task.pk for task in found]
        TaskChange.objects.filter(task__in=ids).delete()
        self.filter(pk__in=ids).delete()


class Task(models.Model):
    """A task of a member of staff; its texts are never edited.

    It can be about a user, one of its wallets, or a movement of one of them: then it is erased with
    the personal data of the user. `owner`, `actor` and `done_by` are `staff:<id>`.
    """

    MOST_CHARACTERS = 2_000
    Subject = Note.Subject

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, null=True, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    subject = models.CharField(max_length=10, choices=Subject, blank=True)
    subject_id = models.UUIDField(null=True)
    title = models.CharField(_("title"), max_length=140)
    text = models.CharField(_("text"), max_length=MOST_CHARACTERS, blank=True)
    owner = models.CharField(max_length=60)
    due_on = models.DateField(_("due"))
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(_("added"), db_default=Now(), editable=False)
    done_by = models.CharField(max_length=60, blank=True)
    done_at = models.DateTimeField(pgettext_lazy("task", "done"), null=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        constraints = [
            models.CheckConstraint(name="task_has_a_title", condition=~Q(title="")),
            models.CheckConstraint(name="task_has_an_owner", condition=~Q(owner="")),
            models.CheckConstraint(
                name="task_is_about_one_subject_or_none",
                condition=Q(subject="", subject_id=None, user=None, client=None)
                | Q(subject__in=["user", "wallet", "movement"])
                & Q(subject_id__isnull=False, user__isnull=False, client__isnull=False),
            ),
            models.CheckConstraint(
                name="task_is_about_the_user_itself",
                condition=~Q(subject="user") | Q(subject_id=F("user")),
            ),
            models.CheckConstraint(
                name="task_is_done_by_a_member",
                condition=Q(done_at=None, done_by="") | Q(done_at__isnull=False) & ~Q(done_by=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["owner", "due_on", "id"], condition=Q(done_at=None), name="task_of_owner"
            ),
            models.Index(fields=["due_on", "id"], condition=Q(done_at=None), name="task_open"),
            models.Index(
                fields=["done_at", "id"], condition=Q(done_at__isnull=False), name="task_done"
            ),
            models.Index(
                fields=["owner", "done_at", "id"],
                condition=Q(done_at__isnull=False),
                name="task_done_of_owner",
            ),
            models.Index(fields=["user", "id"], name="task_of_user"),
            models.Index(fields=["subject_id", "id"], name="task_about_subject"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_done(self) -> bool:
        return self.done_at is not None

    def is_overdue(self, today: date) -> bool:
        return not self.is_done and self.due_on < today


class TaskChange(models.Model):
    """What a member of staff did to a task; never edited, and erased with its task.

    Its ids grow in the order of the changes of a task. `owner` and `due_on` are those of the task
    after the change.
    """

    class Kind(models.TextChoices):
        ADDED = "ADDED", _("Added the task.")
        OWNER = "OWNER", _("Assigned the task.")
        DUE = "DUE", _("Changed the due date of the task.")
        DONE = "DONE", _("Marked the task as done.")
        REOPENED = "REOPENED", _("Reopened the task.")

    key = models.UUIDField(unique=True, editable=False, help_text=_("The form that was sent."))
    task = models.ForeignKey(Task, models.PROTECT, related_name="changes", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind)
    owner = models.CharField(max_length=60)
    due_on = models.DateField()
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="task_change_is_known",
                condition=Q(kind__in=["ADDED", "OWNER", "DUE", "DONE", "REOPENED"]),
            )
        ]
        indexes = [
            models.Index(fields=["task", "id"], name="task_change_of_task"),
            models.Index(fields=["actor", "created_at"], name="task_change_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.task_id}"
