"""What can meet on a file for the bank: build, approve, discard, answers, and actions by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth import get_user_model

from iocash import errors
from iocash.db import clock
from tests.model.race_stages import Family, Stage, Verb
from tests.support import bank_files
from users.models.events import By
from wallets.bank import answers, files
from wallets.bank.answers import Imported
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankAccount, BankFile, BankPayment
from wallets.orders.base import Needs, Outcome


@dataclass(frozen=True)
class FileAction:
    """An action on a file: what it locks beside wallets, and what it does.

    It is told as an order.
    """

    action: Callable[[], BankFile | tuple[BankFile, bool]]
    wallet_ids: tuple[UUID, ...] = ()
    rows: frozenset[UUID] = frozenset()
    key: str | None = None
    needs: Needs = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needs", Needs(wallets=self.wallet_ids))

    def __call__(self) -> Outcome | errors.Refused:
        try:
            result = self.action()
        except errors.Refused as refused:
            return refused
        except Unreadable as refused:
            return files.file_refusal(refused.words)
        file, is_replayed = result if isinstance(result, tuple) else (result, False)
        file.refresh_from_db()
        return Outcome(f"file {file.state}", file.id, 200, replayed=is_replayed)


def member(name: str) -> By:
    found, _is_new = get_user_model().objects.get_or_create(username=name, is_staff=True)
    return By(f"staff:{found.pk}")


def file_of(stage: Stage) -> BankFile:
    return BankFile.objects.get(payments__movement=stage.made[1])


def build(stage: Stage) -> BankFile:
    return files.build_file(
        file_id=uuid4(),
        account=BankAccount.objects.get(clients=stage.alices.client_id),
        ids=[stage.made[1]],
        execution_date=clock.today(),
        by=member("builder"),
    ).file


def building(stage: Stage) -> Any:
    account = BankAccount.objects.get(clients=stage.alices.client_id)
    return FileAction(lambda: build(stage), (stage.alices.id,), frozenset({account.id}))


def on_file(action: Callable[[BankFile], Any], *, ends: bool = True) -> Any:
    """A verb about the file of a stage; `ends`: it locks the wallets too."""

    def verb(stage: Stage) -> FileAction:
        file = file_of(stage)
        return FileAction(
            lambda: action(file), (stage.alices.id,) if ends else (), frozenset({file.id})
        )

    return verb


def approve(file: BankFile) -> BankFile:
    return bank_files.approve(file, member("approver"))


def discard(file: BankFile) -> BankFile:
    return files.discard_file(file_id=file.id, reason="Wrong", by=member("builder"))


def take(file: BankFile) -> BankFile:
    return files.take_file(file_id=file.id, by=member("builder"))[0]


def imported(status: str) -> Callable[[BankFile], Imported]:
    """The bank says this of the only payment of a file."""

    def answer(file: BankFile) -> Imported:
        movement = BankPayment.objects.get(file=file).movement
        content = bank_files.an_answer(file, payments={movement: status})
        return answers.import_status(content=content, by=By("system:tests"))

    return answer


def says(status: str) -> Callable[[BankFile], tuple[BankFile, bool]]:
    """The bank says this of the only payment of a file; and whether it has said it before."""

    def answer(file: BankFile) -> tuple[BankFile, bool]:
        return file, not imported(status)(file).is_new

    return answer


def add_accounts(stages: Sequence[Stage]) -> None:
    for stage in stages:
        iban = f"NL{uuid4().int % 10**16:016}"
        bank_files.an_account(stage.alices.client, iban=iban)


def add_files(stages: Sequence[Stage]) -> None:
    add_accounts(stages)
    for stage in stages:
        build(stage)


def send_files(stages: Sequence[Stage]) -> None:
    add_files(stages)
    for stage in stages:
        take(approve(file_of(stage)))


def families(before: tuple[Verb, ...], by_hand: dict[str, Verb]) -> dict[str, Family]:
    """The families; `before` leaves a pending cash-out, `by_hand` has what else can be done."""
    chosen = {name: by_hand[name] for name in ("cancel", "mark sent", "reject", "block user")}
    answered = {
        "answer rejected": on_file(says("RJCT AC04")),
        "answer settled": on_file(says("ACSC")),
        "answer accepted": on_file(says("ACCP"), ends=False),
    }
    return {
        "cash-out for a file": Family(
            before,
            {"build": building, **chosen},
            {
                ("build", "build"): "invalid_fields",
                ("build", "cancel"): "cash_out_in_file",
                ("build", "mark sent"): "cash_out_in_file",
                ("build", "reject"): "cash_out_in_file",
                ("build", "block user"): "200 user",
                ("cancel", "build"): "invalid_fields",
                ("mark sent", "build"): "invalid_fields",
                ("reject", "build"): "invalid_fields",
                ("block user", "build"): "invalid_fields",
            },
            prepare=add_accounts,
        ),
        "built file": Family(
            before,
            {
                "approve": on_file(approve),
                "discard": on_file(discard),
                "answer rejected": on_file(says("RJCT AC04"), ends=False),
                **chosen,
            },
            {
                ("approve", "approve"): "invalid_fields",
                ("approve", "discard"): "invalid_fields",
                ("approve", "cancel"): "cash_out_sent",
                ("approve", "reject"): "cash_out_in_file",
                ("approve", "answer rejected"): "invalid_fields",
                ("approve", "block user"): "200 user",
                ("discard", "approve"): "invalid_fields",
                ("discard", "discard"): "invalid_fields",
                ("discard", "cancel"): "200 movement",
                ("discard", "mark sent"): "200 movement",
                ("block user", "approve"): "200 file DISCARDED",
                ("cancel", "approve"): "200 file APPROVED",
            },
            prepare=add_files,
        ),
        "sent file": Family(
            before,
            {
                **answered,
                "take": on_file(take, ends=False),
                "reject": by_hand["reject"],
                "settle": by_hand["settle"],
                "statement settles": by_hand["statement settles"],
                "return": by_hand["return"],
            },
            {
                ("answer rejected", "answer rejected"): "200 file REJECTED, replayed",
                ("answer rejected", "answer settled"): "200 file REJECTED",
                ("answer settled", "answer settled"): "200 file ACCEPTED, replayed",
                ("answer settled", "return"): "201 movement",
                ("answer rejected", "return"): "movement_not_settled",
                ("answer rejected", "statement settles"): "movement_not_pending",
                ("statement settles", "answer settled"): "200 file ACCEPTED",
                ("answer accepted", "reject"): "cash_out_in_file",
                ("answer accepted", "settle"): "cash_out_in_file",
                ("return", "return"): "movement_not_settled",
            },
            prepare=send_files,
        ),
    }
