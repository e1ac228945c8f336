"""The ends of approved bank files that two people agree to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.approvals.actions import ActionFact, Approvable, amount_text, register_action
from users.models import Approval
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets.bank import ending, files
from wallets.models import BankFile, BankLine, BankOutcome, Movement, Wallet

LINES_SHOWN: Final = 5

FILE_LABELS: Final = {
    "file": _("Bank file"),
    "file_status": _("State of the file"),
    "file_sent": _("Handed over"),
    "last_answer": _("The bank says"),
    "answered": _("Last answer"),
    "bank_lines": _("Bank lines that can be this payment"),
    **{f"bank_line_{number}": _("Bank line") for number in range(1, LINES_SHOWN + 1)},
}
LINE_FACTS: Final = tuple(name for name in FILE_LABELS if name.startswith("bank_line_"))
"""The names of facts that can name other people than the owner of a payment."""


def lock_file(file_id: UUID) -> BankFile:
    """Lock a file and then the wallets of its payments, as its approval does."""
    file = files.locked(file_id)
    wallets = Wallet.objects.filter(id__in=file.payments.values("wallet")).order_by("id")
    list(wallets.select_for_update(no_key=True).values_list("id"))
    return file


@register_action
class TakeBackAction(Approvable):
    """An approved file that nobody took to the bank is taken back."""

    kind = ApprovalKind.TAKE_FILE_BACK
    label = _("Bank file taken back")
    permission = "wallets.approve_bankfile"
    view = "wallets.view_bankfile"
    is_exclusive = True
    labels: ClassVar[Any] = FILE_LABELS | {
        "account": _("Pays from"),
        "count": _("Payments"),
        "sum": _("Sum"),
        "sha256": "SHA-256",
    }
    amounts = ("sum",)

    def lock(self, asked: Approval) -> None:
        lock_file(UUID(asked.subject_id))

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        file = file_of_approval(asked)
        return [
            ActionFact("file", file.message_id),
            ActionFact("file_status", file.state),
            ActionFact("account", f"{file.account.iban} {file.account.holder_name}"),
            ActionFact("count", str(file.count)),
            ActionFact("sum", amount_text(file.control_sum, file.currency)),
            ActionFact("sha256", file.hash),
        ]

    def effect(self, asked: Approval) -> str:
        return gettext(
            "The file never goes to the bank. Its payments wait in the queue again, and are not "
            "sent any more."
        )

    def rehearse(self, asked: Approval, by: By) -> None:
        ending.require_not_handed_over(file_of_approval(asked))

    def perform(self, asked: Approval, by: By) -> None:
        ending.take_back(
            file_id=UUID(asked.subject_id), reason=asked.reason, approval_id=asked.id, by=by
        )

    def address(self, asked: Approval) -> str:
        return reverse("admin:wallets_bankfile_change", args=[asked.subject_id])


def file_of_approval(asked: Approval) -> BankFile:
    """
    Raises:
        NotFound: there is none.
    """
    rows = BankFile.objects.select_related("account").defer("content")
    file = rows.filter(id=UUID(asked.subject_id)).first()
    if file is None:
        raise errors.NotFound()
    return file


def ask_to_take_back(file: BankFile, values: dict[str, Any]) -> Approval:
    return Approval(
        kind=ApprovalKind.TAKE_FILE_BACK,
        subject="bank_file",
        subject_id=str(file.id),
        currency=file.currency,
        amount=file.control_sum,
        payload={"sha256": file.hash},
    )


# --- The end of one payment of a file -------------------------------------------------------------


def facts_in_file(movement: Movement) -> Iterator[ActionFact]:
    """What is known of a cash-out in a file: the file, the last answer, and the bank's lines."""
    file = movement.bank_file
    if file is None:
        return
    yield ActionFact("file", file.message_id)
    yield ActionFact("file_status", file.state)
    yield ActionFact(
        "file_sent", file.sent_at.isoformat(timespec="seconds") if file.sent_at else ""
    )
    said = ending.last_answer(movement)
    if said is not None:
        words = (said.status, said.reason_code, said.conflict, said.information)
        yield ActionFact("last_answer", " ".join(filter(None, words)))
        at = said.answered_at
        yield ActionFact("answered", at.isoformat(timespec="seconds") if at else "")
    lines = ending.lines_about(movement, file)
    yield ActionFact("bank_lines", str(lines.count()))
    shown = list(lines[:LINES_SHOWN])
    explained = {*BankOutcome.objects.filter(line__in=shown).values_list("line", flat=True)}
    for name, each in zip(LINE_FACTS, shown, strict=False):
        yield ActionFact(name, line_as_fact(each, is_explained=each.id in explained))


def line_as_fact(line: BankLine, *, is_explained: bool) -> str:
    """A line without a language: its day, amount, account, id, and whether it is explained."""
    amount = amount_text(line.signed_amount, line.currency)
    words = [line.booking_date.isoformat(), amount, line.name, line.iban, str(line.id)]
    return " ".join([*filter(None, words), "+" if is_explained else "?"])


def lock_file_of(movement: Movement) -> None:
    """Lock the file of a cash-out, if it has one: before its wallet."""
    if movement.bank_file_id is not None:
        files.locked(movement.bank_file_id)


def require_end_by_hand(movement: Movement) -> None:
    """Require that a cash-out is in no file, or in one that was handed over.

    Raises:
        InvalidFields: the bank does not have its file.
    """
    if movement.bank_file is not None:
        ending.require_handed_over(movement.bank_file)
