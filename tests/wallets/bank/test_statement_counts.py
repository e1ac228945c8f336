"""Importing lines runs few statements for each line, and a file of payments a fixed number.

Those that Django runs are counted, and those that the ledger pipelines. The figures are measured: a
new statement for each line or payment makes a test red.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from iocash.db.pipeline import Pipeline
from tests.support import bank, bank_files
from tests.support.camt import incoming
from wallets.models import BankFile

pytestmark = pytest.mark.django_db
FEW: Final = 2
MANY: Final = 20


@pytest.fixture
def count(monkeypatch) -> Callable[[Callable[[], Any]], int]:
    """Count the statements that a call runs."""
    asked: list[Any] = []
    ask = Pipeline.ask

    def note(pipeline: Pipeline, statement: Any, *values: Any, **how: Any) -> Any:
        asked.append(statement)
        return ask(pipeline, statement, *values, **how)

    monkeypatch.setattr(Pipeline, "ask", note)

    def run(call: Callable[[], Any]) -> int:
        asked.clear()
        with CaptureQueriesContext(connection) as ran:
            call()
        assert asked
        return len(ran) + len(asked)

    return run


def test_each_line_costs_few_statements(client_demo, bobs, count):
    bank.an_account(client_demo)
    iban, cost = bank.an_iban(bobs), dict[int, int]()
    for name in ("FIRST", "SECOND", "THIRD"):  # the first one fills what is kept between imports
        number = MANY if name == "THIRD" else FEW
        lines = [incoming("1.00", f"{name} {at}", target=iban) for at in range(number)]
        cost[number] = count(lambda: bank.receive(*lines, name=name))  # noqa: B023
    assert bank.states() == {"MATCHED": FEW + FEW + MANY}
    assert (cost[MANY] - cost[FEW]) / (MANY - FEW) <= 13
    assert cost[FEW] <= 30 + 13 * FEW


def test_payments_of_a_file_cost_no_statements_of_their_own(client_demo, alices, count):
    account = bank_files.an_account(client_demo)
    builder, approver = bank_files.two_members()
    building, approving = dict[int, int](), dict[int, int]()
    for number in (FEW, FEW, MANY):
        paid = bank_files.some_cash_outs(alices, *[1] * number)
        building[number] = count(lambda: bank_files.build(account, paid, builder))  # noqa: B023
        file = BankFile.objects.get(state="BUILT")
        approving[number] = count(lambda: bank_files.approve(file, approver))  # noqa: B023
        assert bank_files.states(paid) == ["SENT"] * number
    assert building[MANY] <= building[FEW] <= 21
    assert approving[MANY] <= approving[FEW] <= 25
