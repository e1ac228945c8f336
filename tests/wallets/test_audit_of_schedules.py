"""The audit of scheduled operations: a run without its movement is found, and a missing run."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction

from tests.support import audited, people
from tests.support.corruptions import WRONG_RUNS
from tests.support.ibans import IBAN
from tests.support.schedules import make_due, scheduled
from wallets import audit
from wallets.duties.schedules import RunSchedules
from wallets.models import ScheduledOperation, ScheduledRun

pytestmark = [pytest.mark.django_db, pytest.mark.spoils_the_books]


@pytest.fixture
def stage(alices, bobs, carols):
    """A schedule with a paid and a failed run, another with one, and one to a bank account."""
    first, second = scheduled(alices, bobs), scheduled(alices, bobs)
    bank = {"receiver": "EXTERNAL_BANK_ACCOUNT", "target_id": None, "iban": IBAN}
    third = scheduled(alices, bobs, **bank)
    make_due(first, second, third)
    RunSchedules().perform()
    make_due(first, number=2)
    ScheduledOperation.objects.filter(id=first.id).update(amount=900_00)
    RunSchedules().perform()
    paid, failed = first.runs.order_by("number")
    return {
        "schedule": first.id,
        "paid": paid.id,
        "failed": failed.id,
        "twin": second.runs.get().id,
        "taken": second.runs.get().movement_id,
        "pending": ScheduledRun.objects.get(schedule=third).id,
        "other": people.transfer(alices, bobs, 1_00).id,
        "third": carols.id,
    }


@pytest.fixture
def carols(alices):
    """Another wallet of Alice's."""
    return people.a_wallet(alices.user)


def reported(equation: str, column: str) -> set[Any]:
    findings = (finding for _, finding in audit.findings() if finding)
    return {finding.row[column] for finding in findings if finding.equation.name == equation}


@pytest.mark.parametrize(("equation", "statement", "column", "row"), WRONG_RUNS)
def test_wrong_run_is_reported(stage, equation, statement, column, row):
    assert audited.violated() == set()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement, stage)
        assert cursor.rowcount == 1
        assert reported(equation, column) & {stage[row], stage["twin"]}
        transaction.set_rollback(True)
