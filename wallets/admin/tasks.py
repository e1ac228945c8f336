"""The pages of tasks: the list, the page of one, and how one is added."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from users import menu
from users.actions import Action, Facts, Searched, WithActions, address_of, by
from users.admin import tasks
from users.admin.tasks import CHANGE_TASK, VIEW_TASK, Kind, TaskSubject
from users.change_lists.columns import NAMES, linked_user
from users.history import actor_name, name_actors
from users.manual import MANUAL
from users.models import Task, TaskChange
from users.models.ids import as_id
from wallets.admin.case_timeline import shown_subjects
from wallets.admin.notes import subject_of

LAST_TASKS: Final = 20
DONE: Final = "done"

NAMES["users.task"] = lambda task: task.title


def task_subject(obj: Any) -> TaskSubject:
    """What a task that is added on the page of `obj` is about."""
    kind, user = subject_of(obj)
    return TaskSubject(kind, obj.pk, user)


def add_from_page(request: HttpRequest, obj: Any, values: dict[str, Any]) -> HttpResponse:
    about = task_subject(obj) if obj else None
    task = tasks.add_task(**values, about=about, by=by(request))
    messages.success(request, gettext("Task added."))
    return HttpResponseRedirect(address_of(obj or task))


ADD = Action(
    name="add-task",
    label=_("Add a task"),
    permission=tasks.ADD_TASK,
    form=tasks.AddTaskForm,
    do=add_from_page,
    is_available=lambda obj: subject_of(obj)[1].erased_at is None,
)


def tasks_on(request: HttpRequest, obj: Any) -> dict[str, Any]:
    """The context of a page that shows the tasks about a wallet or a movement."""
    if not request.user.has_perm(VIEW_TASK):
        return {}
    return {"tasks": last_tasks(Task.objects.about(obj.pk))}


def last_tasks(found: Any) -> list[Task]:
    """The open tasks, the most urgent first, and then the last ones that are done."""
    rows = list(found.urgent_first().annotate(today=tasks.today_of_member())[:LAST_TASKS])
    name_actors(rows, "owner")
    for row in rows:
        row.owner_name = actor_name(row, row.owner)
        row.state = state_in_words(row)
        row.is_late = row.is_overdue(row.today)
    return rows


# --- Actions --------------------------------------------------------------------------------------


def mark_done(request: HttpRequest, task: Task, values: dict[str, Any]) -> str:
    act_on_task(request, task, Kind.DONE, values, tasks.marks_done(by(request)))
    return gettext("The task is marked as done.")


def reopen_from_page(request: HttpRequest, task: Task, values: dict[str, Any]) -> str:
    act_on_task(request, task, Kind.REOPENED, values, tasks.reopen_task)
    return gettext("Task reopened.")


def take(request: HttpRequest, task: Task, values: dict[str, Any]) -> str:
    act_on_task(request, task, Kind.OWNER, values, tasks.assigns_to(by(request).actor))
    return gettext("The task is assigned to you.")


def assign_task(request: HttpRequest, task: Task, values: dict[str, Any]) -> str:
    act_on_task(request, task, Kind.OWNER, values, tasks.assigns_to(values["owner"]))
    return gettext("Task assigned.")


def change_due_date(request: HttpRequest, task: Task, values: dict[str, Any]) -> str:
    act_on_task(request, task, Kind.DUE, values, tasks.sets_due_date(values["due_on"]))
    return gettext("Due date changed.")


def act_on_task(
    request: HttpRequest, task: Task, kind: TaskChange.Kind, values: dict[str, Any], change: Any
) -> None:
    tasks.change_task(
        task, kind, by=by(request), key=values["key"], seen=values["seen"], change=change
    )


def is_unfinished(task: Task) -> bool:
    return not task.is_done


action_on_open = partial(Action, permission=CHANGE_TASK, is_available=is_unfinished)


# --- The list and the page ------------------------------------------------------------------------


class OwnTasksFilter(admin.SimpleListFilter):
    """The tasks of the member of staff by default; all on request."""

    title = pgettext_lazy("task", "owner")
    parameter_name = "owned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("all", _("All"))]

    def choices(self, changelist: Any) -> Any:
        mine, *others = super().choices(changelist)
        return [{**mine, "display": gettext("Mine")}, *others]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset if self.value() == "all" else queryset.of_owner(request.user)


class TaskStateFilter(admin.SimpleListFilter):
    """Open tasks by default; those that are due or done on request."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("due", _("Due or overdue")), (DONE, pgettext_lazy("task", "Done"))]

    def choices(self, changelist: Any) -> Any:
        unfinished, *others = super().choices(changelist)
        return [{**unfinished, "display": pgettext("task", "Open")}, *others]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == DONE:
            return queryset.filter(done_at__isnull=False)
        if self.value() == "due":
            return queryset.due_by(tasks.today_of_member())
        return queryset.unfinished()


def state_in_words(task: Any) -> str:
    """Done, overdue or open; `today` is the day of the member of staff."""
    if task.is_done:
        return pgettext("task", "Done")
    return pgettext("task", "Overdue") if task.is_overdue(task.today) else pgettext("task", "Open")


@admin.register(Task)
class TaskAdmin(Searched, WithActions):
    list_display = ("title", "due", "state_of", "owner_name", "about_user", "created_at")
    list_filter = (OwnTasksFilter, TaskStateFilter)
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = _("The id of a task, a user, a wallet or a movement.")
    change_form_template = "admin/task.html"
    fields = (
        "title",
        "text",
        "state_of",
        "owner_name",
        "due",
        "added_by",
        "created_at",
        "ended_by",
        "done_at",
    )
    csv_columns = (
        ("title", "title"),
        ("due_on", "due_on"),
        ("owner", lambda task: actor_name(task, task.owner)),
        ("user_id", "user_id"),
        ("subject", "subject"),
        ("subject_id", "subject_id"),
        ("added_at", "created_at"),
        ("done_at", "done_at"),
    )
    page_actions = (
        action_on_open(
            name="done",
            label=_("Mark as done"),
            form=tasks.TaskForm,
            do=mark_done,
        ),
        action_on_open(
            name="take",
            label=_("Assign to me"),
            form=tasks.TaskForm,
            do=take,
        ),
        action_on_open(
            name="assign",
            label=pgettext_lazy("task", "Assign"),
            form=tasks.TaskOwnerForm,
            do=assign_task,
        ),
        action_on_open(
            name="due",
            label=_("Change the due date"),
            form=tasks.TaskDueForm,
            do=change_due_date,
        ),
        Action(
            name="reopen",
            label=_("Reopen"),
            permission=CHANGE_TASK,
            form=tasks.TaskForm,
            do=reopen_from_page,
            is_available=lambda task: task.is_done,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(today=tasks.today_of_member())

    def get_ordering(self, request: HttpRequest) -> Any:
        """Open tasks by their due date; those that are done from the last one on."""
        is_of_done = request.GET.get(TaskStateFilter.parameter_name) == DONE
        return ["-done_at", "-id"] if is_of_done else ["due_on", "id"]

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows, "owner", "actor")

    def named(self, queryset: Any, words: str) -> Any:
        found = as_id(words)
        if found is None:
            return queryset.none()
        return queryset.filter(id=found) | queryset.about(found) | queryset.filter(user=found)

    def name_of(self, obj: Any) -> str:
        return obj.title if isinstance(obj, Task) else ""

    def facts(self, obj: Any) -> Facts:
        return [
            (_("Task"), obj.title),
            (pgettext_lazy("task", "Owner"), actor_name(obj, obj.owner)),
            (_("Due"), date_format(obj.due_on)),
            (_("State"), state_in_words(obj)),
            (_("Last action"), tasks.last_change(obj)),
        ]

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {
            "page_actions": self.available_actions(request, obj),
            "subjects": shown_subjects([obj]) if obj.subject_id else [],
            "changes": tasks.changes_in_words(obj.changes.order_by("-id")),
        }

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ADD.permission)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Add a task that is about no user."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = tasks.AddTaskForm(request.POST or None, user=request.user)
        return self.answer(request, ADD, None, form) or self.action_page(request, ADD, None, form)

    @admin.display(description=_("state"))
    def state_of(self, task: Any) -> Any:
        words = state_in_words(task)
        is_overdue = task.is_overdue(task.today)
        return format_html('<span class="bad">{}</span>', words) if is_overdue else words

    @admin.display(description=pgettext_lazy("task", "owner"))
    def owner_name(self, task: Task) -> str:
        return actor_name(task, task.owner)

    @admin.display(description=_("added by"))
    def added_by(self, task: Task) -> str:
        return actor_name(task, task.actor)

    @admin.display(description=_("done by"))
    def ended_by(self, task: Task) -> str:
        return actor_name(task, task.done_by) if task.done_by else ""

    @admin.display(description=_("about"))
    def about_user(self, task: Task) -> Any:
        return linked_user(task.user)

    @admin.display(description=_("due"))
    def due(self, task: Task) -> str:
        return date_format(task.due_on)


menu.add(
    "Today",
    _("Tasks"),
    "users_task_changelist",
    permission=VIEW_TASK,
    waiting=tasks.tasks_due,
    order=20,
)
menu.describe(
    {
        "users_task_changelist": _(
            "What members of staff have to do until a day; yours are shown first. "
            "Add a task with the button above, or on the page of a user, a wallet or a movement."
        ),
    }
)
MANUAL.add(
    "tasks",
    _("Tasks"),
    _("What has to be done until a day, by whom, and what is due today."),
    covers=("users_task",),
)
