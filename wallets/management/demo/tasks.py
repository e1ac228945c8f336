"""The tasks of the demo's staff: one is overdue, one is due today, and one later."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from iocash.db import clock
from users.admin.tasks import TaskSubject, add_task
from users.models import Task
from users.models.events import By
from users.models.ids import new_id
from wallets.models import Movement

TASKS: Final = (
    (0, "Ask the bank for the answer to this payment", -1),
    (0, "Call about the documents", 0),
    (1, "Send the form", 3),
)
"""The position of the owner, the title, and in how many days it is due."""


def add_tasks(client_id: UUID, staff: list[By]) -> None:
    """Add the tasks, about the users of the oldest pending payments."""
    pending = Movement.objects.filter(client=client_id, status=Movement.Status.PENDING)
    oldest = pending.select_related("wallet__user").order_by("created_at", "id")[: len(TASKS)]
    for movement, (owner, title, days) in zip(oldest, TASKS, strict=True):
        user = movement.wallet.user
        add_task(
            title=title,
            text="",
            owner=staff[owner].actor,
            due_on=clock.now().date() + timedelta(days=days),
            about=TaskSubject(Task.Subject.USER, user.id, user),
            by=staff[1],
            key=new_id(),
        )
