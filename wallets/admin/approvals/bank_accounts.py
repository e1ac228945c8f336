"""Adding, changing and closing a bank account: two people agree to what safeguarding rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import IntegrityError
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.approvals.actions import ActionFact, Approvable, register_action
from users.approvals.asking import approval_refusal
from users.models import Approval, Client
from users.models.approvals import ApprovalKind
from users.models.events import By
from users.staff.records import note_about
from wallets.models import BankAccount, BankOutcome

ADDED: Final = gettext_noop("Bank account added")
CHANGED: Final = gettext_noop("Bank account changed")
CLOSED: Final = gettext_noop("Bank account closed")
NAMES: Final = {
    "iban": "iban",
    "bic": "bic",
    "holder_name": "holder",
    "currency": "currency",
    "purpose": "purpose_code",
    "booked_by": "booked_by_code",
}
"""The columns of an account that are asked for, and the names of their facts."""


@register_action
class BankAccountAction(Approvable):
    """What an account is and whose money it holds. The payload has all of it, as it will be.

    The database compares the account with the approval at the commit.
    """

    kind = ApprovalKind.BANK_ACCOUNT
    label = _("Bank account")
    permission = "wallets.change_bankaccount"
    view = "wallets.view_bankaccount"
    is_exclusive = True
    labels: ClassVar[Any] = {
        "iban": _("IBAN"),
        "bic": _("BIC"),
        "holder": _("Account holder"),
        "currency": _("Currency"),
        "purpose_code": _("Purpose"),
        "booked_by_code": _("Lines are booked by"),
        "clients": _("Clients"),
        "account_status": _("Status"),
        "bic_after": _("BIC afterwards"),
        "holder_after": _("Account holder afterwards"),
        "booked_by_after_code": _("Lines are booked afterwards by"),
        "clients_after": _("Clients afterwards"),
        "account_after_status": _("Status afterwards"),
    }

    def lock(self, asked: Approval) -> None:
        list(BankAccount.objects.select_for_update(no_key=True).filter(id=asked.subject_id))

    def account(self, asked: Approval) -> BankAccount | None:
        return BankAccount.objects.filter(id=asked.subject_id).first()

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        """The account as it is, and after it what will be different; a new one as it will be."""
        after = facts_of_payload(asked.payload)
        account = self.account(asked)
        if account is None:
            return after
        before = facts_of_payload(payload_of(account))
        changed = [
            ActionFact(name_afterwards(new.name), new.value)
            for old, new in zip(before, after, strict=True)
            if old != new
        ]
        return [*before, *changed]

    def effect(self, asked: Approval) -> str:
        if asked.payload["is_closed"]:
            return gettext("No file pays from this account any more.")
        if asked.payload["purpose"] == BankAccount.Purpose.OWN_FUNDS:
            return gettext("The account has own funds. It holds no client's money.")
        return gettext(
            "The daily report compares this account with the wallets of these clients, and its "
            "statements can add money to them."
        )

    def rehearse(self, asked: Approval, by: By) -> None:
        """
        Raises:
            InvalidFields: the account is there already, or closed; or nothing would change, or a
                client would be removed for whom lines are booked.
        """
        payload, account = asked.payload, self.account(asked)
        if Client.objects.filter(id__in=payload["clients"]).count() != len(payload["clients"]):
            raise errors.NotFound()
        if payload["clients"] and payload["purpose"] == BankAccount.Purpose.OWN_FUNDS:
            raise approval_refusal(gettext("An account with own funds holds no client's money."))
        if account is None:
            known = BankAccount.objects.filter(iban=payload["iban"], currency=payload["currency"])
            if known.exists() or payload["is_closed"]:
                raise approval_refusal(gettext("This account is here already."))
            return
        if not account.is_open:
            raise approval_refusal(gettext("The bank account is closed."))
        require_clients_kept(account, payload["clients"])
        if payload == payload_of(account):
            raise approval_refusal(gettext("Nothing would change."))

    def perform(self, asked: Approval, by: By) -> None:
        self.rehearse(asked, by)
        try:
            with single_transaction():
                account, words = write_account(asked, by)
        except IntegrityError as error:  # the same account, added at the same moment
            if "bank_account_is_added_once" not in str(error):
                raise
            raise approval_refusal(gettext("This account is here already.")) from None
        clients = Client.objects.filter(id__in=asked.payload["clients"])
        account.clients.set(clients)
        note_about(account, asked.asked_by_id, words, names=names_of_clients(clients))

    def address(self, asked: Approval) -> str:
        if self.account(asked) is None:
            return reverse("admin:wallets_bankaccount_changelist")
        return reverse("admin:wallets_bankaccount_change", args=[asked.subject_id])


def require_clients_kept(account: BankAccount, clients: Sequence[str]) -> None:
    """Require that the clients of whom the account has booked lines stay: else these lines would be
    in no equation of safeguarding.

    Raises:
        InvalidFields: one of them is not among `clients`.
    """
    removed = account.clients.exclude(id__in=clients)
    if BankOutcome.objects.filter(line__account=account, client__in=removed).exists():
        raise approval_refusal(
            gettext("Lines of this account are booked for a client that you remove. It must stay.")
        )


def write_account(asked: Approval, by: By) -> tuple[BankAccount, str]:
    """Add the account, or change the locked one; return it, and what was done."""
    values = {name: asked.payload[name] for name in NAMES}
    account = BankAccount.objects.filter(id=asked.subject_id).first()
    if account is None:
        new = {"id": UUID(asked.subject_id), "actor": by.actor, "approval_id": asked.id}
        return BankAccount.objects.create(**new, **values), ADDED
    account.bic, account.holder_name = values["bic"], values["holder_name"]
    account.booked_by, account.approval_id = values["booked_by"], asked.id
    account.closed_at = clock.now() if asked.payload["is_closed"] else None
    account.save(update_fields=["bic", "holder_name", "booked_by", "approval_id", "closed_at"])
    return account, CLOSED if asked.payload["is_closed"] else CHANGED


def payload_of(account: BankAccount) -> dict[str, Any]:
    """All that two people agree to about an account, as it is now."""
    return {
        **{name: getattr(account, name) for name in NAMES},
        "clients": ids_of_clients(account.clients.all()),
        "is_closed": not account.is_open,
    }


def ids_of_clients(clients: Iterable[Client]) -> list[str]:
    return sorted(str(each.id) for each in clients)


def names_of_clients(clients: Iterable[Client]) -> str:
    return ", ".join(sorted(each.name for each in clients))


def facts_of_payload(payload: dict[str, Any]) -> list[ActionFact]:
    """The facts of a payload, always the same names in the same order."""
    clients = Client.objects.filter(id__in=payload["clients"])
    return [
        *(ActionFact(fact, payload[name]) for name, fact in NAMES.items()),
        ActionFact("clients", names_of_clients(clients)),
        ActionFact("account_status", "CLOSED" if payload["is_closed"] else "OPEN"),
    ]


def name_afterwards(name: str) -> str:
    """The name of a fact as it will be: booked_by_code becomes booked_by_after_code."""
    stem, separator, kind = name.rpartition("_")
    return f"{stem}_after_{kind}" if separator else f"{name}_after"


def ask_about_account(account_id: UUID | str, payload: dict[str, Any]) -> Approval:
    return Approval(
        kind=ApprovalKind.BANK_ACCOUNT,
        subject="account",
        subject_id=str(account_id),
        payload=payload,
    )


def ask_to_add(_account: Any, values: dict[str, Any]) -> Approval:
    """The request for a new account; the form's key becomes its id."""
    payload = {name: values[name] for name in NAMES}
    payload |= {"clients": ids_of_clients(values["clients"]), "is_closed": False}
    return ask_about_account(values["key"], payload)


def ask_to_change(account: BankAccount, values: dict[str, Any]) -> Approval:
    changed = {name: values[name] for name in ("bic", "holder_name", "booked_by")}
    changed["clients"] = ids_of_clients(values["clients"])
    return ask_about_account(account.id, payload_of(account) | changed)


def ask_to_close(account: BankAccount, values: dict[str, Any]) -> Approval:
    return ask_about_account(account.id, payload_of(account) | {"is_closed": True})
