"""Cases: opening them, acting on them, and the words for what was done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib.auth import get_user_model
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db import clock
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users.actions import UNSELECTED, ActionForm
from users.history import names_of
from users.models import Case, CaseEntry, CaseSubject, User
from users.models.events import By

ADD_CASE: Final = "users.add_case"
CHANGE_CASE: Final = "users.change_case"
FIND_CASE_ENTRY: Final = "SELECT FROM users_caseentry WHERE id = %s"
WRITTEN_ONCE: Final = ("kind", "title", "text")
Kind = CaseEntry.Kind
Concerned = tuple[CaseSubject.Kind, UUID, User]
"""The kind of subject, its id, and the user who is or owns it."""


# --- Forms ----------------------------------------------------------------------------------------


def members_to_choose() -> list[tuple[str, str]]:
    """The active members of staff, and nobody."""
    found = get_user_model().objects.filter(is_active=True, is_staff=True).order_by("username")
    members = [(f"staff:{each.pk}", each.get_full_name() or each.username) for each in found]
    return [("", gettext("Nobody")), *members]


def day_field(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}))


class OpenCaseForm(ActionForm):
    """A new case; whom it concerns is the page that the form was opened from."""

    kind = forms.ChoiceField(label=_("Kind"), choices=[UNSELECTED, *Case.Kind.choices])
    title = forms.CharField(label=_("Subject"), max_length=140)
    text = forms.CharField(
        label=_("Text"),
        max_length=4_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("What was said or asked for. It can't be changed later; notes can be added."),
    )
    owner = forms.ChoiceField(label=pgettext_lazy("case", "Owner"), required=False)
    due_on = day_field(_("Due"))

    def offer(self, obj: Any) -> None:
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = members_to_choose()

    def restrict(self, user: Any) -> None:
        self.fields["owner"].initial = f"staff:{user.pk}"


class CaseForm(ActionForm):
    """The input of an action on a case. `seen` is how many actions the form has seen."""

    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def offer(self, obj: Any) -> None:
        self.case = obj
        self.fields["seen"].initial = obj.changes if obj else None

    def show(self, refused: errors.Refused) -> None:
        """Show the refusal; sent again, the form has seen what was done meanwhile."""
        super().show(refused)
        sent: Any = self.data
        data = sent.copy()
        data["seen"] = Case.objects.get(pk=self.case.pk).changes
        self.data = data


class CaseNoteForm(ActionForm):
    text = forms.CharField(
        label=_("Note"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Staff can read it. It can't be changed later."),
    )


class CaseOwnerForm(CaseForm):
    owner = forms.ChoiceField(label=pgettext_lazy("case", "Owner"), required=False)

    def offer(self, obj: Any) -> None:
        super().offer(obj)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = members_to_choose()
        owner.initial = obj.owner if obj else ""


class CaseDueForm(CaseForm):
    due_on = day_field(_("Due"))

    def offer(self, obj: Any) -> None:
        super().offer(obj)
        self.fields["due_on"].initial = obj.due_on if obj else None


class CloseCaseForm(CaseForm):
    outcome = forms.CharField(
        label=_("Outcome"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What was decided, and what the user or the authority was told."),
    )


class ReopenCaseForm(CaseForm):
    text = forms.CharField(label=_("Reason"), max_length=2_000)


# --- Actions --------------------------------------------------------------------------------------


def open_case(values: dict[str, Any], concerned: Sequence[Concerned], *, by: By, key: UUID) -> Case:
    """Open a case. A form that is sent twice, with the same key, opens one case.

    Raises:
        IdempotencyKeyReused: the key opened another case.
        UserNotActive: the personal data of a user were erased.
    """
    with single_transaction():
        for _kind, _id, user in concerned:
            require_kept(user)
        case, is_new = Case.objects.get_or_create(key=key, defaults={**values, "actor": by.actor})
        if not is_new and any(getattr(case, name) != values[name] for name in WRITTEN_ONCE):
            raise errors.IdempotencyKeyReused(
                idempotency_key=str(key), resource="case", id=case.number
            )
        if is_new:
            case.refresh_from_db()
            for each in concerned:
                concern(case, each)
            record_action(case, Kind.OPENED, by, key)
    return case


def require_kept(user: User) -> None:
    """Lock a user, and require that its personal data are kept.

    Raises:
        UserNotActive: they were erased.
    """
    owner = User.objects.filter(client=user.client_id).locked().get(id=user.id)
    if owner.erased_at is not None:
        raise errors.UserNotActive(user_id=owner.id, status=owner.status)


def concern(case: Case, concerned: Concerned) -> None:
    kind, subject_id, user = concerned
    values = {"client_id": user.client_id, "user": user, "subject": kind}
    CaseSubject.objects.get_or_create(case=case, subject_id=subject_id, defaults=values)


def record_action(
    case: Case, kind: CaseEntry.Kind, by: By, key: UUID, *, text: str = "", detail: str = ""
) -> None:
    """Record an action on a locked or a new case."""
    CaseEntry.objects.create(id=key, case=case, kind=kind, text=text, detail=detail, actor=by.actor)
    note_witness(Witness(FIND_CASE_ENTRY, [key]))


def act_on_case(
    case: Case,
    kind: CaseEntry.Kind,
    *,
    by: By,
    key: UUID,
    seen: int | None = None,
    text: str = "",
    detail: str = "",
    change: Callable[[Case], None] = lambda case: None,
) -> None:
    """Change a case under its lock and record it; the same key acts once.

    `seen` is the number of actions that the form has seen; None: it does not matter.

    Raises:
        InvalidFields: somebody acted meanwhile, or the personal data were erased.
    """
    with single_transaction():
        case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
        if CaseEntry.objects.filter(id=key, case=case).exists():
            return
        if case.erased_at is not None:
            raise refused(gettext("The personal data were erased, so nothing can be added."))
        if seen is not None and seen != case.changes:
            text = gettext("The case has changed. %(action)s Check it, and send the form again.")
            raise refused(text % {"action": last_action(case)})
        change(case)
        case.changes += 1
        case.save(update_fields=["owner", "due_on", "state", "outcome", "closed_at", "changes"])
        record_action(case, kind, by, key, text=text, detail=detail)


def refused(text: str) -> errors.InvalidFields:
    return errors.InvalidFields(errors.FieldError("case", "refused", text))


def closes(outcome: str) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        if not case.is_open:
            raise refused(gettext("The case is closed."))
        case.state, case.outcome, case.closed_at = Case.State.CLOSED, outcome, clock.now()

    return change


def reopen(case: Case) -> None:
    if case.is_open:
        raise refused(gettext("The case is open."))
    case.state, case.outcome, case.closed_at = Case.State.OPEN, "", None


def set_owner(owner: str) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        case.owner = owner

    return change


def set_due(day: date) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        case.due_on = day

    return change


# --- Words ----------------------------------------------------------------------------------------


def entry_in_words(entry: CaseEntry, names: dict[str, str]) -> str:
    """What was done, with the new owner or the new date."""
    if entry.kind == Kind.OWNER:
        if not entry.detail:
            return gettext("Took the owner off the case.")
        return gettext("Made %(name)s the owner.") % {"name": names.get(entry.detail, entry.detail)}
    if entry.kind == Kind.DUE and (day := parse_date(entry.detail)):
        return gettext("Changed the due date to %(day)s.") % {"day": date_format(day)}
    return str(Kind(entry.kind).label)


def last_action(case: Case) -> str:
    """The last action in words, with its author."""
    entry = case.entries.order_by("-created_at", "-id").first()
    if entry is None:
        return ""
    names = names_of({entry.actor, entry.detail})
    values = {"who": names.get(entry.actor, entry.actor), "what": entry_in_words(entry, names)}
    return gettext("%(who)s: %(what)s") % values
