"""Tasks of staff."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from users.admin.tasks import TaskSubject, add_task
from users.models import Task
from users.models.events import By
from users.models.ids import new_id
from wallets.admin.notes import subject_of

LATER: Final = date(2999, 1, 1)


def a_task(
    on: Any = None,
    title: str = "Call the user",
    *,
    owner: str = "staff:1",
    due_on: date = LATER,
    text: str = "",
) -> Task:
    """A task about a user, a wallet or a movement, or about none."""
    about = None
    if on is not None:
        kind, user = subject_of(on)
        about = TaskSubject(kind, on.pk, user)
    values: dict[str, Any] = {"title": title, "text": text, "owner": owner, "due_on": due_on}
    return add_task(**values, about=about, by=By("staff:1"), key=new_id())
