"""The work with the bank that a process is killed at: a program, and those who run and kill it.

The program reads a plan from its first line. For each further line it forks a child that does all
the work of the plan from the beginning, as somebody does who begins again after a kill: what was
done is not done twice. It needs Linux.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any, Self
from uuid import UUID

import django

PATIENCE = 60.0
PAUSE = 0.03
"""Seconds between two transactions of the control: kills hit it there."""


@dataclass
class Plan:
    """What the child does; texts and ids only, so that it can be sent as JSON."""

    account: str
    builder: str
    approver: str
    file: str
    cash_outs: list[str]
    wallet: str
    statements: list[str]
    """Statements of the bank, in their order; the last one has the returned payment."""
    is_apart: bool = False
    """The control: movements and outcomes are written in transactions of their own."""
    steps: list[str] = field(default_factory=list)


def work(plan: Plan, told: Callable[[str], None]) -> None:
    """Build, approve and take a file, import its answer and statements, and decide about a line."""
    from iocash.db import clock
    from tests.support import bank_files
    from users.models.events import By
    from wallets.bank import answers, files
    from wallets.bank.statements import import_statement
    from wallets.models import BankAccount, BankFile, Movement

    builder, approver = By(plan.builder), By(plan.approver)
    told("build")
    file = files.build_file(
        file_id=UUID(plan.file),
        account=BankAccount.objects.get(id=plan.account),
        ids=[UUID(each) for each in plan.cash_outs],
        execution_date=clock.today(),
        by=builder,
    ).file
    told("approve")
    if BankFile.objects.get(id=file.id).is_built:
        bank_files.approve(file, approver)
    told("take")
    files.take_file(file_id=file.id, by=builder)
    told("answer")
    said = zip(plan.cash_outs, ("ACSC", "RJCT AC04", "ACCP"), strict=False)
    payments = {Movement.objects.get(id=name): status for name, status in said}
    content = bank_files.an_answer(file, payments=payments)
    answers.import_status(content=content, by=By("system:tests"))
    for number, statement in enumerate(plan.statements):
        told(f"statement {number}")
        if plan.is_apart:
            book_apart()
        import_statement(statement.encode(), name=f"{number}.xml", actor="system:tests")
    told("decide")
    decide(plan, builder, approver)


def decide(plan: Plan, asker: Any, approver: Any) -> None:
    """Two people assign the line in suspense."""
    from wallets.bank import decisions
    from wallets.models import BankDecision, BankLine, BankOutcome, Wallet

    line = BankLine.objects.select_related("account").get(
        account=UUID(plan.account), reference__startswith="SUSPENSE"
    )
    if BankOutcome.objects.filter(line=line).exists():
        return
    asked = BankDecision.objects.filter(line=line).first() or decisions.ask_for_decision(
        line, "ASSIGN", by=asker, reason="Known", wallet=Wallet.objects.get(id=plan.wallet)
    )
    decisions.answer_decision(asked, by=approver, is_approved=True)


def book_apart() -> None:
    """Let lines be booked without a key, and explained in a later transaction: this is wrong."""
    from django.db import IntegrityError

    from iocash import errors
    from wallets import posting
    from wallets.bank import booking
    from wallets.models import BankOutcome

    def submit_apart(orders: list[Any]) -> list[Any]:
        results: list[Any] = []
        for order in orders:
            payment = order.payment()
            try:
                movement_id = posting.submit(payment).id if payment else order.movement_id
            except errors.Refused as refused:
                results.append(refused)
                continue
            time.sleep(PAUSE)
            with suppress(IntegrityError):  # the line was explained before it was booked again
                BankOutcome.objects.create(
                    client_id=order.client_id,
                    wallet_id=order.wallet_id,
                    line_id=order.line_id,
                    status="MATCHED",
                    movement_id=movement_id,
                    actor=order.by.actor,
                )
            results.append(None)
        return results

    class Apart:
        submit_each = staticmethod(submit_apart)

    booking.posting = Apart  # type: ignore[assignment, attr-defined]


# --- The program ----------------------------------------------------------------------------------


MODULES = ("tests.support.bank_files", "wallets.bank.decisions", "wallets.bank.statements")


def serve(kind: type[Any], work: Callable[[Any, Callable[[str], None]], None]) -> None:
    """Fork a child for each plan that is read, and tell its number and how it has ended."""
    django.setup()
    for name in MODULES:
        import_module(name)  # once, so that kills hit the work
    for line in sys.stdin:
        plan = kind(**json.loads(line))
        child = os.fork()
        if not child:
            run(plan, work)
        _, status = os.waitpid(child, 0)
        write(f"done {os.waitstatus_to_exitcode(status)}")


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(plan: Any, work: Callable[[Any, Callable[[str], None]], None]) -> None:
    """Do the work, as a child; it never returns."""
    code = 1
    try:
        write(str(os.getpid()))
        work(plan, write)
        code = 0
    except Exception:  # noqa: BLE001
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


# --- Who runs it ----------------------------------------------------------------------------------


@dataclass
class End:
    """How the work of a child has ended: -9 if it was killed; and the step that it was at."""

    code: int
    step: str
    seconds: float


class Nursery:
    """A program, on the database of the tests, as the role that serves."""

    def __init__(self, database: str, module: str = "tests.support.bank_work") -> None:
        environment = {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "iocash.settings"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=os.environ | environment | {"DATABASE_URL": database},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def read(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def work(self, plan: Any, kill_after: float | None = None, kill_at: str = "") -> End:
        """Let a child do the work, and kill it so many seconds after it has begun, or after it has
        begun a step; else let it end."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(asdict(plan)) + "\n")
        self.process.stdin.flush()
        child = int(self.read())
        begun = time.monotonic()
        step, is_reached = "", not kill_at
        while True:
            if is_reached and kill_after is not None:
                time.sleep(kill_after)
                kill_after = None
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            line = self.read()
            assert line, "the program has ended"
            if line.startswith("done"):
                return End(int(line.split()[1]), step, time.monotonic() - begun)
            step, is_reached = line, is_reached or line == kill_at


def kill_at_random(
    nursery: Nursery, plan: Plan, chance: random.Random, *, most: int, longest: float
) -> list[str]:
    """Begin the work again until it is done, and kill it a few times; return at which steps."""
    killed: list[str] = []
    while len(killed) < most:
        end = nursery.work(plan, chance.random() * longest)
        if end.code == 0:
            break
        assert end.code == -signal.SIGKILL, end
        killed.append(end.step)
    assert nursery.work(plan).code == 0
    assert nursery.work(plan).code == 0  # a third time changes nothing
    return killed


if __name__ == "__main__":
    serve(Plan, work)
