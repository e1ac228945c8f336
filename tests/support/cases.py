"""Cases of staff."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from users.models import Case, CaseEntry, CaseSubject, User


def a_case(on: User) -> Case:
    """An open complaint of a user."""
    case = Case.objects.create(
        key=uuid4(), kind="COMPLAINT", title="Fees", due_on="2999-01-01", actor="staff:1"
    )
    concerned: dict[str, Any] = {"client": on.client, "user": on}
    CaseSubject.objects.create(case=case, subject="user", subject_id=on.id, **concerned)
    CaseEntry.objects.create(case=case, kind="OPENED", actor="staff:1")
    return case
