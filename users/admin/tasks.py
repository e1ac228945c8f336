"""Tasks of staff: adding them, acting on them, and the words for what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib.auth import get_user_model
from django.db.models.functions import TruncDate
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db import clock
from iocash.db.clock import Now
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users.actions import ActionForm
from users.admin.cases import day_field, require_kept
from users.history import names_of
from users.models import Note, Task, TaskChange, User
from users.models.events import By

VIEW_TASK: Final = "users.view_task"
ADD_TASK: Final = "users.add_task"
CHANGE_TASK: Final = "users.change_task"
FIND_CHANGE: Final = "SELECT FROM users_taskchange WHERE key = %s"
PASSWORDS: Final = "django.contrib.auth.backends.ModelBackend"
Kind = TaskChange.Kind


@dataclass(frozen=True, slots=True)
class TaskSubject:
    """What a task is about, and the user who is or owns it."""

    kind: Note.Subject
    id: UUID
    user: User


def today_of_member() -> TruncDate:
    """The day in the time zone of the member of staff, for use in a statement."""
    return TruncDate(Now())


def tasks_due(member: Any) -> Any:
    """The open tasks of a member that are due today or are overdue."""
    return Task.objects.of_owner(member).due_by(today_of_member())


# --- Forms ----------------------------------------------------------------------------------------


def owners_to_choose() -> list[tuple[str, str]]:
    """The active members of staff who may work on tasks."""
    found = get_user_model()._default_manager.with_perm(CHANGE_TASK, backend=PASSWORDS)
    members = found.filter(is_staff=True).order_by("username")
    return [(f"staff:{each.pk}", each.get_full_name() or each.username) for each in members]


class AddTaskForm(ActionForm):
    """A new task; what it is about is the page that the form was opened from."""

    title = forms.CharField(label=pgettext_lazy("task", "What is to do"), max_length=140)
    text = forms.CharField(
        label=_("Details"),
        max_length=Task.MOST_CHARACTERS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Staff can read it. It can't be changed later."),
    )
    owner = forms.ChoiceField(label=pgettext_lazy("task", "Owner"))
    due_on = day_field(_("Due"))

    def offer(self, obj: Any) -> None:
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = owners_to_choose()

    def restrict(self, user: Any) -> None:
        self.fields["owner"].initial = f"staff:{user.pk}"


class TaskForm(ActionForm):
    """The input of an action on a task. `seen` is the last change that the form has seen."""

    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def offer(self, obj: Any) -> None:
        self.task = obj
        self.fields["seen"].initial = last_change_id(obj) if obj else None

    def show(self, refused: errors.Refused) -> None:
        """Show the refusal; sent again, the form has seen what was done meanwhile."""
        super().show(refused)
        sent: Any = self.data
        data = sent.copy()
        data["seen"] = last_change_id(self.task)
        self.data = data


class TaskOwnerForm(TaskForm):
    owner = forms.ChoiceField(label=pgettext_lazy("task", "Owner"))

    def offer(self, obj: Any) -> None:
        super().offer(obj)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = owners_to_choose()
        owner.initial = obj.owner if obj else ""


class TaskDueForm(TaskForm):
    due_on = day_field(_("Due"))

    def offer(self, obj: Any) -> None:
        super().offer(obj)
        self.fields["due_on"].initial = obj.due_on if obj else None


# --- Actions --------------------------------------------------------------------------------------


def add_task(
    *, title: str, text: str, owner: str, due_on: date, about: TaskSubject | None, by: By, key: UUID
) -> Task:
    """Add a task. `key` becomes its id, so a form that is sent twice adds one task.

    Raises:
        IdempotencyKeyReused: another task was added with the key.
        UserNotActive: the personal data of the user were erased.
    """
    subject: dict[str, Any] = {}
    if about:
        subject = {"client_id": about.user.client_id, "user_id": about.user.id}
        subject |= {"subject": about.kind, "subject_id": about.id}
    with single_transaction():
        if about:
            require_kept(about.user)
        values = {"owner": owner, "due_on": due_on}
        written = {"title": title, "text": text, "subject_id": about.id if about else None}
        task, is_new = Task.objects.get_or_create(
            id=key, defaults={**subject, **written, **values, "actor": by.actor}
        )
        if not is_new and any(getattr(task, name) != value for name, value in written.items()):
            raise errors.IdempotencyKeyReused(
                idempotency_key=str(key), resource="task", id=str(task.id)
            )
        if is_new:
            record_change(task, Kind.ADDED, by, key)
    return task


def record_change(task: Task, kind: TaskChange.Kind, by: By, key: UUID) -> None:
    """Record a change of a locked or a new task."""
    after = {"owner": task.owner, "due_on": task.due_on}
    TaskChange.objects.create(key=key, task=task, kind=kind, actor=by.actor, **after)
    note_witness(Witness(FIND_CHANGE, [key]))


def change_task(
    task: Task,
    kind: TaskChange.Kind,
    *,
    by: By,
    key: UUID,
    seen: int | None,
    change: Callable[[Task], None],
) -> None:
    """Change a task under its lock and record it; the same key changes it once.

    `seen` is the last change that the form has seen.

    Raises:
        InvalidFields: the task was changed meanwhile, was erased, or does not allow the change.
    """
    with single_transaction():
        found = Task.objects.select_for_update(no_key=True).filter(pk=task.pk).first()
        if found is None:
            raise task_refusal(gettext("The task was erased with the personal data of its user."))
        if TaskChange.objects.filter(key=key, task=found).exists():
            return
        if seen != last_change_id(found):
            text = gettext("The task has changed. %(action)s Check it, and send the form again.")
            raise task_refusal(text % {"action": last_change(found)})
        change(found)
        found.save(update_fields=["owner", "due_on", "done_by", "done_at"])
        record_change(found, kind, by, key)


def task_refusal(text: str) -> errors.InvalidFields:
    return errors.InvalidFields(errors.FieldError("task", "refused", text))


def marks_done(by: By) -> Callable[[Task], None]:
    def change(task: Task) -> None:
        if task.is_done:
            raise task_refusal(gettext("The task is done."))
        task.done_at, task.done_by = clock.now(), by.actor

    return change


def reopen_task(task: Task) -> None:
    if not task.is_done:
        raise task_refusal(gettext("The task is open."))
    task.done_at, task.done_by = None, ""


def assigns_to(owner: str) -> Callable[[Task], None]:
    def change(task: Task) -> None:
        require_open(task)
        task.owner = owner

    return change


def sets_due_date(day: date) -> Callable[[Task], None]:
    def change(task: Task) -> None:
        require_open(task)
        task.due_on = day

    return change


def require_open(task: Task) -> None:
    """
    Raises:
        InvalidFields: the task is done.
    """
    if task.is_done:
        raise task_refusal(gettext("The task is done. Reopen it first."))


# --- Words ----------------------------------------------------------------------------------------


def last_change_id(task: Task) -> int | None:
    """The last change of a task; None if it was erased."""
    found: int | None = task.changes.order_by("-id").values_list("id", flat=True).first()
    return found


def change_in_words(change: TaskChange, names: dict[str, str]) -> str:
    """What was done, with the new owner or the new date."""
    if change.kind == Kind.OWNER:
        name = {"name": names.get(change.owner, change.owner)}
        return gettext("Assigned the task to %(name)s.") % name
    if change.kind == Kind.DUE:
        return gettext("Changed the due date to %(day)s.") % {"day": date_format(change.due_on)}
    return str(Kind(change.kind).label)


def changes_in_words(changes: Iterable[TaskChange]) -> list[tuple[TaskChange, str, str]]:
    """Each change, what was done, and the name of who did it."""
    found = list(changes)
    names = names_of({each.actor for each in found} | {each.owner for each in found})
    return [
        (each, change_in_words(each, names), names.get(each.actor, each.actor)) for each in found
    ]


def last_change(task: Task) -> str:
    """The last change in words, with its author."""
    for _change, what, who in changes_in_words(task.changes.order_by("-id")[:1]):
        return gettext("%(who)s: %(what)s") % {"who": who, "what": what}
    return ""
