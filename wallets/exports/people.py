"""Everything that is kept about one person, for the person: articles 15 and 20 of the GDPR.

Names, values and times are those of the API. `OF_PERSON` says what of each model is copied, and
`NOT_OF_PERSON` what is not, and why; a test fails if a model that refers to users or wallets is in
neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from iocash import money
from iocash.db import clock
from iocash.http.naming import camel
from iocash.times import moment
from users.models import (
    Access,
    Case,
    Event,
    IdentityVerification,
    KycDocument,
    Note,
    Otp,
    Task,
    TermsSignature,
    User,
)
from wallets.models import (
    BankLine,
    Closing,
    DormancyNotice,
    ExternalAccount,
    Hold,
    Movement,
    ScheduledOperation,
    ScheduledRun,
    StatementFile,
    Wallet,
)

FORMAT: Final = "iocash-person 1"
AMOUNTS: Final = frozenset(
    {
        "alert_below",
        "amount",
        "available",
        "balance",
        "balance_after",
        "held",
        "received",
        "remaining",
        "threshold",
    }
)
"""Columns in minor units, which the API has as decimals."""
RENAMED: Final[dict[str, str]] = {
    "Hold.expires_at": "expiration",
    "account_id": "externalAccountId",
    "available": "availableBalance",
    "counterparty_id": "counterpartyWalletId",
    "end_to_end": "endToEndReference",
    "held": "heldBalance",
    "remaining": "remainingAmount",
    "reversal_of_id": "reversalOf",
    "target_id": "targetWalletId",
    "watched_id": "watchedWalletId",
}
"""Columns whose name in the API is another one."""
OF_FREEZES: Final = ("wallet.amount_frozen", "wallet.amount_unfrozen")
"""The kinds of events that say what was frozen for an authority."""

OF_PERSON: Final[dict[type[Model], str]] = {
    User: "id client_id kind status user_name first_name last_name company_name email mobile_phone"
    " unverified_phone dlt_address dlt_network kyc_level kyc_until metadata created_at updated_at"
    " unsubscribed_at erased_at",
    KycDocument: "id kind status reason facts media_type size sha256 expires_on created_at"
    " reviewed_at",
    IdentityVerification: "id provider reference status reason success_url failure_url created_at"
    " expires_at decided_at",
    TermsSignature: "id sha256 otp_sent_at signed_at",
    Otp: "id mobile_phone sent_at expires_at tries",
    Access: "what kind actor created_at",
    Note: "id subject subject_id text actor created_at",
    Task: "id title text due_on actor created_at done_at",
    Case: "kind title text state outcome created_at closed_at",
    Closing: "id iban holder_name state created_at ended_at",
    Event: "id kind subject subject_id wallet_id actor created_at data",
    Wallet: "id currency status balance held available alias iban dlt_address dlt_network metadata"
    " alert_below created_at updated_at",
    ExternalAccount: "id alias iban holder_name status metadata created_at updated_at",
    Hold: "id target_id status amount remaining currency reference concept metadata expires_at"
    " created_at updated_at ended_at",
    Movement: "id operation_id type status amount currency reference concept counterparty_id"
    " hold_id reversal_of_id balance_after iban holder_name external_account_id reason metadata"
    " created_at sent_at settled_at ended_at",
    ScheduledOperation: "id status alias concept currency amount receiver target_id account_id iban"
    " start_date frequency count end_date time_zone trigger threshold watched_id created_at"
    " updated_at",
    ScheduledRun: "id number due_date status code currency amount movement_id created_at",
    StatementFile: "id format language starts_at ends_at movements status sha256 created_at",
    DormancyNotice: "id sent_on channel note created_at",
    BankLine: "id booking_date value_date sign amount currency reference end_to_end name iban"
    " remittance text",
}
"""The columns of each model that a person gets, in their order."""

NOT_OF_PERSON: Final[dict[str, str]] = {
    "users.Approval": "requests of staff to one another; what was done is in the events",
    "users.CaseEntry": "the work of staff on a case",
    "users.CaseSubject": "a link",
    "users.ReviewAssignment": "the work of staff",
    "users.TaskChange": "the work of staff",
    "wallets.BankDecision": "the work of staff",
    "wallets.BankOutcome": "a link",
    "wallets.BankPayment": "the cash-out as the bank names it",
    "wallets.ClosingPayment": "a link; the payment is a movement",
    "wallets.UnexplainedMovement": "a list of movements",
}
"""What refers to users or wallets, and is not copied."""


def person_data(user: User) -> dict[str, Any]:
    """All that is kept about a user, in the snapshot of this transaction.

    Requests of authorities, and the amounts frozen for them, are left out: the law can forbid to
    tell the person of them.
    """
    own = {"client": user.client_id, "user": user.id}
    wallets = [*Wallet.objects.seen().filter(**own).order_by("created_at", "id")]
    ids = [wallet.id for wallet in wallets]
    subjects = Q(subject_id=user.id) | Q(wallet_id__in=ids)
    events = Event.objects.filter(subjects, client=user.client_id).order_by("position")
    sent = KycDocument.objects.of(user).order_by("id")
    return {
        "format": FORMAT,
        "createdAt": moment(clock.now()),
        "user": api_record(user),
        "kycBlocks": api_records(sent.filter(file="")),
        "documents": [document_record(each) for each in sent.exclude(file="")],
        "identityVerifications": api_records(IdentityVerification.objects.of(user)),
        "terms": [
            api_record(each) | {"version": each.terms.version}
            for each in TermsSignature.objects.filter(**own).select_related("terms")
        ],
        "oneTimePasswords": api_records(Otp.objects.filter(**own)),
        "accesses": api_records(Access.objects.filter(**own)),
        "notes": api_records(Note.objects.of(user)),
        "tasks": api_records(Task.objects.filter(**own)),
        "cases": api_records(shown_cases_of(user)),
        "closings": api_records(Closing.objects.filter(**own)),
        "wallets": [wallet_record(wallet) for wallet in wallets],
        "bankLines": api_records(bank_lines_of(wallets)),
        "events": api_records(events.exclude(kind__in=OF_FREEZES)),
    }


def wallet_record(wallet: Wallet) -> dict[str, Any]:
    """A wallet with all that it has."""
    own = {"client": wallet.client_id, "wallet": wallet.id}
    settled_first = Movement.objects.filter(**own).order_by("created_at", "id")
    return api_record(wallet) | {
        "externalAccounts": api_records(ExternalAccount.objects.filter(**own)),
        "holds": api_records(Hold.objects.filter(**own, target__isnull=False)),
        "scheduledOperations": api_records(ScheduledOperation.objects.filter(**own)),
        "executions": api_records(ScheduledRun.objects.filter(**own)),
        "statementFiles": api_records(StatementFile.objects.filter(**own).defer("content")),
        "dormancyNotices": api_records(DormancyNotice.objects.filter(wallet=wallet)),
        "movements": api_records(settled_first),
    }


def shown_cases_of(user: User) -> QuerySet[Case]:
    """The complaints and disputes that concern a user."""
    return Case.objects.of(user).exclude(kind=Case.Kind.AUTHORITY)


def bank_lines_of(wallets: Iterable[Wallet]) -> QuerySet[BankLine]:
    """The lines of banks that movements of these wallets explain, or that name their IBANs."""
    wallets = [*wallets]
    ibans = [wallet.iban for wallet in wallets if wallet.iban]
    named = Q(outcomes__wallet__in=wallets) | Q(target__in=ibans) | Q(iban__in=ibans)
    return BankLine.objects.filter(named).distinct().order_by("booking_date", "id")


def document_record(document: KycDocument) -> dict[str, Any]:
    return api_record(document) | {"file": f"documents/{document.id}"}


def documents_of(user: User) -> QuerySet[KycDocument]:
    """The rows of the files that a user has sent."""
    return KycDocument.objects.of(user).exclude(file="").order_by("id")


def api_records(rows: QuerySet[Any]) -> list[dict[str, Any]]:
    found = rows if rows.ordered else rows.order_by("pk")
    return [api_record(row) for row in found.iterator()]


def api_record(row: Any) -> dict[str, Any]:
    """A row with the names and values of the API."""
    names = OF_PERSON[type(row)].split()
    return dict(shown_pairs(row, names))


def shown_pairs(row: Any, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    model = type(row).__name__
    for name in names:
        value = getattr(row, name)
        if name == "facts":  # the fields of a KYC block are beside its status, as in the API
            yield from ((camel(each), text) for each, text in (value or {}).items())
            continue
        if name in AMOUNTS and value is not None:
            value = money.to_text(value, row.currency)
        shown = RENAMED.get(f"{model}.{name}") or RENAMED.get(name) or camel(name)
        yield shown, shown_value(value)


def shown_value(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, UUID | date):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value
