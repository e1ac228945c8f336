"""Erases the personal data of a closed user. The ledger stays complete and passes its audit.

What goes: names, phones, e-mail, KYC documents and their files, the addresses and references of
identity verifications, the notes and tasks of staff, the texts of cases, of approvals and of
notices, the bank account of a closing, aliases, external accounts, the texts of movements and
holds, in both wallets of a payment, statement files, the texts of bank lines that are explained by
the user's wallets with the files that quote them, and the salts of the idempotency keys of orders
that name the user. What stays: ids, amounts, times, digests, the bank's references and hashes; so
does the signature of the terms, which has nothing else.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from iocash import errors
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.models import (
    Approval,
    Case,
    CaseSubject,
    IdentityVerification,
    KycDocument,
    Note,
    Otp,
    Task,
    User,
    events,
)
from users.models.approvals import ApprovalKind
from users.models.clients import IS_AWAY
from users.models.events import By, EventKind
from users.models.kyc_documents import file_storage
from users.users import UNSUBSCRIBED, locked_user
from wallets.models import BankFile, Closing, DormancyNotice, Wallet

RETENTION_OVER: Final = "RETENTION_OVER"
REASONS: Final = (RETENTION_OVER, "AUTHORITY_ORDER", "USER_REQUEST", "OTHER")
"""A fixed list, because events contain no personal texts."""

MOST: Final = 5_000
"""The most movements that one transaction erases."""

ERASE_TEXTS: Final = "SELECT reached_at, reached FROM wallets_erase_texts(%s, %s, %s, %s)"
ERASE_BANK_TEXTS: Final = "SELECT wallets_erase_bank_texts(%s, %s, %s)"
ERASE_OLD_BANK_TEXTS: Final = "SELECT wallets_erase_old_bank_texts(%s, %s)"
MOST_LINES: Final = 1_000
"""The most bank lines that one transaction erases."""

ERASE_STATEMENTS: Final = "SELECT wallets_erase_statement_files(%s)"
FORGET_KEYS: Final = "SELECT users_forget_keys(%s)"
BEGINNING: Final = None, None
PERSONAL: Final = (
    "user_name",
    "first_name",
    "last_name",
    "company_name",
    "email",
    "mobile_phone",
    "unverified_phone",
    "dlt_address",
    "dlt_network",
)


def due(now: datetime) -> QuerySet[User]:
    """The closed users whose retention period has ended, by the index `user_to_erase`."""
    ended = User.objects.filter(status=UNSUBSCRIBED, erased_at=None)
    over = ended.filter(unsubscribed_at__lte=now - retention()).exclude(IS_AWAY)
    return over.order_by("unsubscribed_at", "id")


def in_no_open_case(users: QuerySet[User]) -> QuerySet[User]:
    """Those whom no open complaint, dispute or request of an authority concerns."""
    concerned = CaseSubject.objects.filter(
        client=OuterRef("client"), user=OuterRef("pk"), case__state=Case.State.OPEN
    )
    return users.filter(~Exists(concerned))


def kept_until(user: User) -> datetime:
    """The end of the retention period of a closed user."""
    if user.unsubscribed_at is None:
        raise errors.Inconsistent("the user is not closed")
    return user.unsubscribed_at + retention()


def retention() -> timedelta:
    """How long the personal data of a closed user are kept."""
    return timedelta(days=365.25 * settings.RETENTION_YEARS)


def erase(*, user_id: uuid.UUID, by: By, reason: str = RETENTION_OVER) -> User:
    """Erase the personal data of a closed user. A second call erases what is left.

    It uses several transactions. The last one, after the files are deleted, marks the user as
    erased, so an interrupted erasure is due again.

    Raises:
        NotFound: the user does not exist.
        InvalidTransition: the user is not closed.
        RetentionNotOver: the retention period has not ended, and the reason is RETENTION_OVER.
    """
    user = User.objects.filter(id=user_id).first()
    if user is None:
        raise errors.NotFound()
    require_over(user, reason)
    for wallet_id in Wallet.objects.filter(user=user).values_list("id", flat=True):
        erase_texts(wallet_id)
        erase_bank_texts(wallet_id)
    erase_files(user)
    with single_transaction():
        Approval.objects.lock_of(user)
        user = locked_user(user_id, None)
        if user.erased_at is None:
            blank(user)
            events.record_about(user, EventKind.USER_ERASED, by, reason=reason)
    erase_statements(user)  # a file that was begun while the names were still there
    return user


def erase_approved(asked: Approval) -> None:
    """Erase the user of an approved request, before the end of the retention period."""
    by = By(f"staff:{asked.asked_by_id}", approval=asked.id)
    erase(user_id=uuid.UUID(asked.subject_id), by=by, reason=asked.payload["reason"])


def approved_and_due() -> QuerySet[Approval]:
    """The approved erasures that were interrupted."""
    approved = Approval.objects.filter(
        kind=ApprovalKind.ERASE_USER, state=Approval.State.APPROVED, user__erased_at=None
    )
    return approved.exclude(IS_AWAY).order_by("id")


def is_over(user: User) -> bool:
    """Whether the retention period of a closed user has ended."""
    return kept_until(user) <= clock.now()


def require_over(user: User, reason: str) -> None:
    if user.status != UNSUBSCRIBED:
        raise errors.InvalidTransition(user_id=user.id, status=user.status, requested="ERASED")
    if reason == RETENTION_OVER and not is_over(user):
        raise errors.RetentionNotOver(user_id=user.id, kept_until=kept_until(user))


def erase_texts(wallet_id: uuid.UUID) -> None:
    """Erase the texts of a wallet, of its movements and holds, and of their other legs.

    Also erase the salts of the keys that created them. The bank files with cash-outs of the wallet
    are locked before its rows, as whoever answers or ends a file does.
    """
    place: tuple[datetime | None, uuid.UUID | None] | None = BEGINNING
    while place:
        with single_transaction(), connection.cursor() as cursor:
            BankFile.objects.lock_of_wallet(wallet_id)
            cursor.execute(ERASE_TEXTS, [wallet_id, *place, MOST])
            reached_at, reached = cursor.fetchone()
        place = (reached_at, reached) if reached else None


def erase_bank_texts(wallet_id: uuid.UUID) -> None:
    """Erase what the bank said of a wallet: the texts of its lines, and the files that quote them.

    The reasons of decisions about these lines are erased too.
    """
    after, is_begun = None, False
    while after or not is_begun:
        with connection.cursor() as cursor:
            cursor.execute(ERASE_BANK_TEXTS, [wallet_id, after, MOST_LINES])
            (after,) = cursor.fetchone()
        is_begun = True


def erase_old_bank_texts() -> int:
    """Erase a batch of what banks said more than `BANK_FILE_YEARS` ago: it quotes strangers.

    The content of files goes by their age, and the texts of lines when they are explained for so
    long. Return how many files and lines were erased; 0 if none is left.
    """
    kept = timedelta(days=365.25 * settings.BANK_FILE_YEARS)
    with connection.cursor() as cursor:
        cursor.execute(ERASE_OLD_BANK_TEXTS, [clock.now() - kept, MOST_LINES])
        (erased,) = cursor.fetchone()
    return int(erased)


def erase_statements(user: User) -> None:
    """Erase the user's statement files; those of other users are made again without the names."""
    with connection.cursor() as cursor:
        cursor.execute(ERASE_STATEMENTS, [user.id])


def forget_keys(user: User) -> None:
    """Erase the salts of the keys that created the user or what is the user's."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_KEYS, [user.id])


def blank(user: User) -> None:
    """Erase all personal data in the user's row and tables. `user` is locked."""
    forget_keys(user)
    erase_statements(user)
    Otp.objects.filter(client=user.client_id, user=user).delete()
    KycDocument.objects.of(user).delete()
    Note.objects.of(user).delete()
    Approval.objects.erase_of(user)
    Task.objects.all().erase_of(user)
    DormancyNotice.objects.of(user).update(note="")
    Case.objects.all().erase_of(user, clock.now())
    Closing.objects.filter(client=user.client_id, user=user).update(iban="", holder_name="")
    blank_texts = dict.fromkeys(("reference", "url", "success_url", "failure_url"), "")
    IdentityVerification.objects.of(user).update(**blank_texts, names=None)
    for name in PERSONAL:
        setattr(user, name, "")
    user.metadata = None
    user.erased_at = user.updated_at = clock.now()
    user.save(update_fields=[*PERSONAL, "metadata", "erased_at", "updated_at"])


def erase_files(user: User) -> None:
    """Remove the user's folder, with all that was ever stored in it."""
    storage, folder = file_storage(), str(user.id)
    with suppress(FileNotFoundError):
        for name in storage.listdir(folder)[1]:
            storage.delete(f"{folder}/{name}")
        storage.delete(folder)
