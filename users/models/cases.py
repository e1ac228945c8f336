"""Cases: complaints, disputes and requests of authorities, and what was done about them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import Exists, Func, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models.clients import Client, has_moved
from users.models.users import User


class CaseQuerySet(models.QuerySet["Case"]):
    def open(self) -> Self:
        return self.filter(state=Case.State.OPEN)

    def overdue(self, today: date | Func) -> Self:
        """The open cases of this group of clients whose due date has passed."""
        moved = CaseSubject.objects.filter(has_moved(), case=OuterRef("pk"))
        return self.open().filter(~Exists(moved), due_on__lt=today)

    def owned_by(self, member: Any) -> Self:
        return self.filter(owner=f"staff:{member.pk}")

    def about(self, subject_id: UUID) -> Self:
        """The cases that concern a user, a wallet or a movement, newest first."""
        found = CaseSubject.objects.filter(subject_id=subject_id).values("case")
        return self.filter(pk__in=found).order_by("-pk")

    def of(self, user: User) -> Self:
        """The cases that concern a user, one of its wallets or its movements, newest first."""
        found = CaseSubject.objects.filter(client=user.client_id, user=user.id).values("case")
        return self.filter(pk__in=found).order_by("-pk")

    def erase_of(self, user: User, now: datetime) -> None:
        """Erase the texts of the cases that concern a user. The user is locked."""
        found = self.of(user).order_by("pk").select_for_update(no_key=True)
        ids = [case.pk for case in found]
        self.filter(pk__in=ids).update(title="", text="", outcome="", erased_at=now)
        CaseEntry.objects.filter(case__in=ids).exclude(text="").update(text="")


class Case(models.Model):
    """A case. Its texts are erased with the personal data of the first user that it concerns."""

    class Kind(models.TextChoices):
        COMPLAINT = "COMPLAINT", _("Complaint")
        DISPUTE = "DISPUTE", _("Dispute")
        AUTHORITY = "AUTHORITY", _("Request of an authority")

    class State(models.TextChoices):
        OPEN = "OPEN", pgettext_lazy("case", "Open")
        CLOSED = "CLOSED", _("Closed")

    key = models.UUIDField(unique=True, editable=False, help_text=_("The form that opened it."))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    title = models.CharField(pgettext_lazy("case", "subject"), max_length=140)
    text = models.CharField(_("text"), max_length=4_000, blank=True)
    owner = models.CharField(max_length=60, blank=True, help_text=_("staff:<id>; empty: nobody"))
    due_on = models.DateField(_("due"))
    state = models.CharField(_("state"), max_length=6, choices=State, default=State.OPEN)
    outcome = models.CharField(_("outcome"), max_length=2_000, blank=True)
    actor = models.CharField(max_length=60)
    changes = models.PositiveIntegerField(default=0)
    """The number of actions on it. A form that has seen fewer is refused."""
    created_at = models.DateTimeField(_("opened"), db_default=Now(), editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True)
    erased_at = models.DateTimeField(null=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        constraints = [
            models.CheckConstraint(
                name="case_kind_is_known",
                condition=Q(kind__in=["COMPLAINT", "DISPUTE", "AUTHORITY"]),
            ),
            models.CheckConstraint(
                name="case_has_a_title", condition=~Q(title="") | Q(erased_at__isnull=False)
            ),
            models.CheckConstraint(
                name="case_is_open_or_closed_at_a_time",
                condition=Q(state="OPEN", closed_at__isnull=True, outcome="")
                | Q(state="CLOSED", closed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="case_is_closed_with_an_outcome",
                condition=Q(state="OPEN") | ~Q(outcome="") | Q(erased_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["due_on", "id"], condition=Q(state="OPEN"), name="case_open"),
            models.Index(fields=["owner", "id"], name="case_of_owner"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """What people say: `C-2026-0001`."""
        return f"C-{self.created_at.year}-{self.pk:04}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN


class CaseSubject(models.Model):
    """A user, wallet or movement that a case concerns; `user` is the user or the owner."""

    class Kind(models.TextChoices):
        USER = "user", _("User")
        WALLET = "wallet", _("Wallet")
        MOVEMENT = "movement", _("Movement")

    case = models.ForeignKey(Case, models.PROTECT, related_name="subjects", db_index=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    subject = models.CharField(max_length=10, choices=Kind)
    subject_id = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "subject_id"], name="case_concerns_each_subject_once"
            ),
            models.CheckConstraint(
                name="case_subject_is_known",
                condition=Q(subject__in=["user", "wallet", "movement"]),
            ),
        ]
        indexes = [
            models.Index(fields=["user", "case"], name="case_of_user"),
            models.Index(fields=["subject_id", "case"], name="case_of_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.subject_id}"


class CaseEntry(models.Model):
    """An action on a case. It is never edited; only its text is erased.

    `detail` has no personal text: a member of staff, a date or an id.
    """

    class Kind(models.TextChoices):
        OPENED = "OPENED", _("Opened the case.")
        NOTE = "NOTE", _("Wrote a note on the case.")
        OWNER = "OWNER", _("Changed the owner of the case.")
        DUE = "DUE", _("Changed the due date of the case.")
        SUBJECT = "SUBJECT", _("Added to the case whom or what it concerns.")
        CLOSED = "CLOSED", _("Closed the case.")
        REOPENED = "REOPENED", _("Reopened the case.")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, models.PROTECT, related_name="entries", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind)
    text = models.CharField(max_length=2_000, blank=True)
    detail = models.CharField(max_length=60, blank=True)
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["case", "created_at", "id"], name="case_entry_of_case"),
            models.Index(fields=["actor", "created_at"], name="case_entry_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.kind}"
