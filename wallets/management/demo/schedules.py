"""The scheduled operations of the demo, and their runs of the last weeks."""

from __future__ import annotations

from typing import Any, Final

from wallets.duties.schedules import DATED, take_due
from wallets.management.demo.actions import Orders
from wallets.management.demo.history import Action, History, cents
from wallets.management.demo.members import Member
from wallets.orders.runs import SCHEDULER, RunSchedule
from wallets.orders.schedules import CreateSchedule

WEEKS: Final = 3
"""The schedules begin so many weeks before the end."""
SAVINGS: Final = "ES9121000418450200051332"
PLANS: Final[tuple[dict[str, Any], ...]] = (
    {"alias": "Club", "concept": "Club fee", "amount": cents(5_00), "frequency": "WEEKLY"},
    {"alias": "Savings", "concept": "Savings", "amount": cents(3_00), "frequency": "WEEKLY"},
    {"alias": "Car", "concept": "Car", "amount": cents(9_000_00), "frequency": "WEEKLY"},
    {"alias": "Parking", "concept": "Parking", "amount": cents(2_00), "frequency": "MONTHLY"},
)
"""What is paid, by one person each: the second to a bank, the third without the funds."""


def schedule_payments(payer: Member, payee: Member, number: int) -> Action:
    """Schedule one of the plans."""

    def action(history: History) -> Orders:
        receiver: dict[str, Any] = {"receiver": "WALLET", "target_id": payee.wallet_id}
        if PLANS[number]["alias"] == "Savings":
            receiver = {"receiver": "EXTERNAL_BANK_ACCOUNT", "iban": SAVINGS}
        dates = {"start_date": history.now.date(), "time_zone": "UTC"}
        yield CreateSchedule(**history.about(payer, **PLANS[number], **receiver, **dates)), None

    return action


def make_runs(history: History) -> Orders:
    """What the worker does: make the runs that are due."""
    for row in take_due(DATED):
        yield RunSchedule(**row, by=SCHEDULER), None
