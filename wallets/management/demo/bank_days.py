"""The safeguarding account of the demo: its statements, decisions about lines, and reports.

Each morning the bank's statement of the day before is uploaded by one member of staff and released
by another one. The statement of the last day still waits.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, Sum

from iocash.db import clock
from users.models import Client
from users.models.events import By
from wallets.bank import booking, decisions, safeguarding_reports, uploads
from wallets.management.demo.actions import Orders
from wallets.management.demo.camt_days import CURRENCY, DemoEntry, write_statement
from wallets.management.demo.history import Action, History
from wallets.models import (
    BankAccount,
    BankDecision,
    BankLine,
    BankOutcome,
    BankStatement,
    BankUpload,
    Movement,
    SafeguardingReport,
)

IBAN: Final = "ES7921000813610123456789"
HOLDER: Final = "Demo Institution"
OWN_FUNDS: Final = 10_000_00
"""What the institution itself has in the account."""

FIRST_DAY: Final = 6
"""The first statement is of so many days before the end; nothing is older than a report allows."""

STORY: Final = {
    4: (
        DemoEntry(amount=-12_00, text="Account fee"),
        DemoEntry(amount=75_00, name="Bob Example", text="Invoice 88"),
    ),
    2: (
        DemoEntry(amount=2_500_00, name="Alice Example", text="Transfer 4711"),
        DemoEntry(amount=180_00, name="Bob Example", text="Transfer 4715"),
        DemoEntry(amount=640_00, name="Example Ltd", text="Orders 1007 and 1008"),
        DemoEntry(amount=-75_00, name="Bob Example", text="Back to the payer"),
        DemoEntry(amount=-3_20, text="Fee for a returned payment"),
    ),
}
"""What else the bank books, by the days before the end."""
RETURNED_ON: Final = 3
"""The bank returns the first payment of the day before."""

Kind = BankDecision.Kind


def add_account(clients: list[Client]) -> BankAccount:
    """Add the account that holds the money of these clients."""
    account = BankAccount.objects.create(
        iban=IBAN,
        holder_name=HOLDER,
        currency=CURRENCY,
        purpose=BankAccount.Purpose.SAFEGUARDING,
        actor="system:seed_demo",
    )
    account.clients.set(clients)
    return account


def import_day(days: int) -> Action:
    """Import the statement of so many days before the end; two members decide what it leaves."""

    def action(history: History) -> Orders:
        uploader, releaser = history.staff[:2]
        upload = upload_day(history.end.date() - timedelta(days=days), days, uploader)
        uploads.release_upload(upload, sha256=upload.hash, by=releaser)
        booking.book()
        if days in STORY:
            decide_about_lines(uploader, releaser)
        return iter(())

    return action


def make_report_of_day(*, is_signed: bool) -> Action:
    """Make the report of the day, as the worker does; two members may sign it."""

    def action(history: History) -> Orders:
        report = safeguarding_reports.make_report()
        if report and is_signed:
            sign_for_demo(report, history.staff[:2])
        return iter(())

    return action


def sign_for_demo(report: SafeguardingReport, signers: Any) -> None:
    for by in signers:
        safeguarding_reports.sign_report(report, by)


def upload_day(day: date, days: int, by: By) -> BankUpload:
    """Upload the statement of a day, so many days before the end; it waits for a second person."""
    account = BankAccount.objects.get(iban=IBAN)
    content = write_statement(
        iban=IBAN,
        day=day,
        number=day.timetuple().tm_yday,
        opening=closing_before(account, day),
        entries=[
            *entries_of_movements(account, day),
            *returns_of(account, days),
            *STORY.get(days, ()),
        ],
    )
    return uploads.store_upload(
        content, kind=BankUpload.Kind.STATEMENT, name=f"statement-{day}.xml", by=by
    )


def closing_before(account: BankAccount, day: date) -> int:
    """The closing balance of the statement before; at first, the money of the wallets and more."""
    last = BankStatement.objects.filter(account=account).order_by("-day", "-id").first()
    if last is not None:
        return last.closing or 0
    settled = outside(account).filter(settled_at__lt=start_of_day(day))
    return OWN_FUNDS + (settled.aggregate(sum=Sum("amount"))["sum"] or 0)


def entries_of_movements(account: BankAccount, day: date) -> list[DemoEntry]:
    """The credits and debits of what the wallets got and paid on a day."""
    explained = BankOutcome.objects.filter(movement=OuterRef("pk"))
    settled = outside(account).filter(
        ~Exists(explained), settled_at__gte=start_of_day(day), settled_at__lt=start_of_day(day, 1)
    )
    found = settled.select_related("wallet__user").order_by("settled_at", "id")
    return [entry_of_movement(each) for each in found]


def entry_of_movement(movement: Movement) -> DemoEntry:
    if movement.type == Movement.Type.CASH_OUT:
        return DemoEntry(
            amount=movement.amount,
            end_to_end=movement.id.hex,
            name=movement.holder_name or "",
            iban=movement.iban or "",
            text=movement.concept or "",
        )
    return DemoEntry(
        amount=movement.amount,
        end_to_end=movement.reference or "",
        name=movement.wallet.user.display_name,
        text=movement.concept or "",
    )


def returns_of(account: BankAccount, days: int) -> list[DemoEntry]:
    """What the bank gives back on a day: a payment to an account that was closed."""
    if days != RETURNED_ON:
        return []
    explained = BankOutcome.objects.filter(movement=OuterRef("pk"))
    paid = outside(account).filter(Exists(explained), type=Movement.Type.CASH_OUT)
    return [
        DemoEntry(
            amount=-each.amount,
            end_to_end=each.id.hex,
            name=each.holder_name or "",
            iban=each.iban or "",
            text="Account closed",
            returned="AC04",
        )
        for each in paid.order_by("-settled_at", "-id")[:1]
    ]


def outside(account: BankAccount) -> Any:
    """The settled movements of the clients of an account from and to the outside."""
    return Movement.objects.filter(
        client__in=account.clients.all(),
        currency=account.currency,
        counterparty_id=None,
        status=Movement.Status.SUCCESS,
    )


def start_of_day(day: date, days: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=days), time(), UTC)


# --- Decisions about lines ----------------------------------------------------------------------


def decide_about_lines(asker: By, second: By) -> None:
    """Decide about the lines of STORY that are in suspense; some requests wait for the second."""
    for line in BankLine.objects.unexplained().select_related("account").order_by("id"):
        if line.remittance == "Account fee":
            decide_about_line(line, Kind.IGNORE, asker, second, "A fee of the bank")
        elif line.remittance == "Invoice 88":
            decide_about_line(
                line, Kind.RETURN, asker, second, "The payer asks for it: a wrong account"
            )
        elif line.remittance == "Orders 1007 and 1008":
            reason = "Two orders were paid at once"
            ask_about_line(line, Kind.SPLIT, asker, reason, amounts=(400_00, 240_00))
        elif line.remittance == "Fee for a returned payment":
            ask_about_line(line, Kind.IGNORE, second, "A fee of the bank")


def ask_about_line(line: BankLine, kind: str, by: By, reason: str, **values: Any) -> BankDecision:
    return decisions.ask_for_decision(line, kind, by=by, reason=reason, **values)


def decide_about_line(line: BankLine, kind: str, asker: By, second: By, reason: str) -> None:
    asked = ask_about_line(line, kind, asker, reason)
    decisions.answer_decision(asked, by=second, is_approved=True)


def upload_last_day(by: By) -> None:
    """Upload the statement of yesterday, which waits for a second person."""
    upload_day(clock.today() - timedelta(days=1), 1, by)
