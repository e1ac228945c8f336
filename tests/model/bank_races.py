"""What can meet on a cash-out: its client, staff, files, answers and statements of the bank.

Each stage is a client of its own, whose bank account holds its money; Alice pays out all that she
has. Whatever meets, the cash-out has one end, and the money is in the wallet or gone, not both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from iocash import errors
from tests.model import file_races
from tests.model.race_stages import Family, Stage
from tests.model.races import cash_out, comes
from tests.support import people
from tests.support.approvals import ask, seen_now
from tests.support.camt import Line, Part, Statement
from tests.support.staff import SUPERVISOR, a_member
from users.approvals.deciding import FactsChanged, approve_request
from users.models import Approval
from users.models.approvals import ApprovalKind
from wallets import erasure, posting
from wallets.admin.approvals.money import asked_about
from wallets.bank.answers import Imported
from wallets.bank.messages.xml import Unreadable
from wallets.bank.statements import import_statement
from wallets.models import BankAccount, BankFile, Movement
from wallets.orders.cash_outs import (
    CancelCashOut,
    MarkCashOutSent,
    RejectCashOut,
    SettleCashOut,
)
from wallets.orders.users import BlockUser, UnsubscribeUser

AMOUNT = 100_00
TEXT = "100.00"
BOTH_HANDS = {
    "settle by hand": ApprovalKind.SETTLE_CASH_OUT,
    "reject by hand": ApprovalKind.REJECT_CASH_OUT,
}
Action = Callable[[], Any]


@dataclass
class Ground:
    """The cash-out of a stage, with all that the verbs are about."""

    stage: Stage
    movement: Movement
    account: BankAccount
    file: BankFile | None = None
    asked: dict[str, Approval] = field(default_factory=dict)
    second: Any = None

    @property
    def about(self) -> dict[str, Any]:
        return people.about(self.stage.alices) | {"movement_id": self.movement.id}

    @property
    def user(self) -> dict[str, Any]:
        wallet = self.stage.alices
        return {"client_id": wallet.client_id, "by": people.BY, "user_id": wallet.user_id}


def cancel(ground: Ground) -> str:
    posting.submit(CancelCashOut(**ground.about))
    return "CANCELLED"


def build(ground: Ground) -> str:
    file_races.build(ground.stage)
    return ""


def approve(ground: Ground) -> str:
    assert ground.file
    file_races.approve(ground.file)
    return ""


def discard(ground: Ground) -> str:
    assert ground.file
    file_races.discard(ground.file)
    return ""


def says(status: str) -> Callable[[Ground], str]:
    """The bank answers to the file; return the end that it reports."""
    answer = file_races.imported(status)

    def verb(ground: Ground) -> str:
        assert ground.file
        imported: Imported = answer(ground.file)
        if imported.report.settled:
            return "SUCCESS"
        return "ERROR" if imported.report.rejected else ""

    return verb


def stated(ground: Ground, line: Line) -> str:
    """A statement of the bank has this line; it is booked, or in suspense."""
    content = Statement(iban=ground.account.iban, lines=(line,), name=uuid4().hex[:20])
    import_statement(content.xml(), name="races.xml", actor="system:tests")
    return ""


def debit(ground: Ground) -> str:
    part = Part(amount=TEXT, end_to_end=ground.movement.id.hex)
    return stated(ground, Line(amount=TEXT, sign="DBIT", reference="DEBIT", parts=(part,)))


def give_back(ground: Ground) -> str:
    part = Part(amount=TEXT, end_to_end=ground.movement.id.hex, returned="AC04")
    return stated(ground, Line(amount=TEXT, reference="RETURN", parts=(part,)))


def by_hand(kind: ApprovalKind) -> Callable[[Ground], str]:
    """A second member of staff approves what the first has asked for.

    What could not be asked for is ordered by the system, which needs no second person.
    """
    is_paid = kind == ApprovalKind.SETTLE_CASH_OUT
    end = "SUCCESS" if is_paid else "ERROR"

    def verb(ground: Ground) -> str:
        asked = ground.asked.get(kind)
        if asked is None:
            about = ground.about
            posting.submit(
                SettleCashOut(**about) if is_paid else RejectCashOut(**about, reason="Closed")
            )
            return end
        done = approve_request(asked.id, by=ground.second, seen=seen_now(asked))
        return end if done.state == Approval.State.APPROVED else ""

    return verb


def block(ground: Ground) -> str:
    posting.submit(BlockUser(**ground.user, reason="OTHER"))
    return ""


def close(ground: Ground) -> str:
    posting.submit(UnsubscribeUser(**ground.user))
    return ""


def erase(ground: Ground) -> str:
    """It is refused unless the user is closed."""
    user_id = ground.stage.alices.user_id
    erasure.erase(user_id=user_id, by=people.BY, reason="AUTHORITY_ORDER")
    return ""


def close_and_erase(ground: Ground) -> str:
    close(ground)
    return erase(ground)


SETTLE, REJECT = (by_hand(kind) for kind in BOTH_HANDS.values())
WITH_DEBIT: dict[str, Callable[[Ground], str]] = {"debit": debit, "return": give_back}
ENDED: dict[str, Callable[[Ground], str]] = {"close": close, "close and erase": close_and_erase}
STATES: dict[str, tuple[Callable[[Sequence[Stage]], None], dict[str, Callable[[Ground], str]]]] = {
    "queued": (
        file_races.add_accounts,
        {"cancel": cancel, "build": build, "debit": debit, "block": block, **ENDED},
    ),
    "built": (
        file_races.add_files,
        {
            "approve": approve,
            "discard": discard,
            "cancel": cancel,
            "answer rejected": says("RJCT AC04"),
            "debit": debit,
            "block": block,
            "close": close,
        },
    ),
    "sent": (
        file_races.send_files,
        {
            "answer rejected": says("RJCT AC04"),
            "answer settled": says("ACSC"),
            **WITH_DEBIT,
            "settle by hand": SETTLE,
            "reject by hand": REJECT,
            "cancel": cancel,
            **ENDED,
        },
    ),
    "sent by hand": (
        file_races.add_accounts,
        {
            **WITH_DEBIT,
            "settle by hand": SETTLE,
            "reject by hand": REJECT,
            "cancel": cancel,
            "build": build,
            "block": block,
            "close and erase": close_and_erase,
        },
    ),
    "paid": (
        file_races.send_files,
        {
            "answer rejected": says("RJCT AC04"),
            "answer settled": says("ACSC"),
            **WITH_DEBIT,
            "reject by hand": REJECT,
            **ENDED,
            "erase": erase,
        },
    ),
}
"""How the cash-out of a stage comes into a state, and what can be done with it there."""


def all_of_it(stage: Stage) -> Any:
    return cash_out(stage, AMOUNT)


def grounds(state: str, names: Sequence[str], number: int) -> list[Ground]:
    """So many equal grounds, with the cash-out in this state, for these verbs."""
    prepare = STATES[state][0]
    stages = Family((comes(AMOUNT), all_of_it), {}, {}, prepare=prepare).stages(number)
    movements = Movement.objects.select_related("wallet").in_bulk(each.made[1] for each in stages)
    clients = [stage.alices.client_id for stage in stages]
    rows = BankAccount.objects.filter(clients__in=clients).prefetch_related("clients")
    accounts = {client.id: account for account in rows for client in account.clients.all()}
    files = {
        each.payments.get().movement_id: each
        for each in BankFile.objects.filter(payments__movement__in=movements)
    }
    found = [
        Ground(
            stage,
            movements[stage.made[1]],
            accounts[stage.alices.client_id],
            files.get(stage.made[1]),
        )
        for stage in stages
    ]
    for ground in found:
        if state == "sent by hand":
            posting.submit(MarkCashOutSent(**ground.about))
        if state == "paid":
            debit(ground)
    if kinds := [kind for name, kind in BOTH_HANDS.items() if name in names]:
        ask_both(found, kinds)
    return found


def ask_both(found: Sequence[Ground], kinds: Sequence[ApprovalKind]) -> None:
    """A member of staff asks for the ends by hand; another one may approve them."""
    first, second = (a_member(SUPERVISOR, name=uuid4().hex[:12]) for _ in range(2))
    for ground in found:
        ground.second = second
        ground.movement.refresh_from_db()
        for kind in kinds:
            texts: dict[str, Any] = (
                {"reason": "Closed"} if kind == ApprovalKind.REJECT_CASH_OUT else {}
            )
            try:
                asked = ask(asked_about(ground.movement, kind, **texts), first)
            except errors.Refused:  # it is in a file, or paid: there is nothing to approve
                continue
            ground.asked[kind] = asked


def calls(state: str, names: Sequence[str], ground: Ground) -> list[Action]:
    verbs = STATES[state][1]
    return [partial(told, partial(verbs[name], ground)) for name in names]


def told(verb: Callable[[], str]) -> str:
    """The end that the caller was told of; or how the call was refused."""
    try:
        return verb()
    except errors.Unavailable:
        raise
    except errors.Refused as refused:
        return f"({refused.code})"
    except FactsChanged:
        return "(facts changed)"
    except Unreadable:
        return "(unreadable)"


def faults(ground: Ground, answers: Sequence[Any]) -> list[str]:
    """What is wrong with the end of a race."""
    found = [repr(each) for each in answers if not isinstance(each, str)]
    movement, wallet = ground.movement, ground.stage.alices
    movement.refresh_from_db()
    wallet.refresh_from_db()
    ends = {each for each in answers if isinstance(each, str) and each and each[0] != "("}
    if ends - {movement.status}:
        found.append(f"callers were told {sorted(ends)}, and it is {movement.status}")
    returned = Movement.objects.filter(reversal_of=movement).count()
    gone = AMOUNT if movement.status == "SUCCESS" and not returned else 0
    held = AMOUNT if movement.status == "PENDING" else 0
    if (wallet.balance, wallet.held) != (AMOUNT - gone, held):
        found.append(f"{movement.status}, returned {returned}: {wallet.balance}, {wallet.held}")
    if returned > 1 or (returned and movement.status != "SUCCESS"):
        found.append(f"{movement.status}, and returned {returned} times")
    return found
