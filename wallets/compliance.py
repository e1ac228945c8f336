"""The KYC status of a user: level, limits, used amounts and missing documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from iocash import errors
from iocash.db import clock
from iocash.db.prepared import Question
from iocash.db.transactions import as_array, fetch_each
from users import kyc
from users.kyc import Kind
from users.models import IdentityVerification, KycDocument, User
from wallets.books.limits import NO_LIMITS, TOP, Allowance, Used, limits_of
from wallets.posting import read
from wallets.posting.read import Rows

Fetch = Callable[..., list[Rows]]
"""Executes several queries, in one trip."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A KYC document that the user can submit, and its status."""

    path: str
    level: int
    """The level that requires it."""
    status: str
    """The status of the last one: PENDING, APPROVED, REJECTED or EXPIRED; or MISSING."""
    reason: str
    reviewed_at: datetime | None
    is_met: bool
    """Whether one is approved and not expired; it may be an earlier one."""


@dataclass(frozen=True, slots=True)
class NameChange:
    """New names of a user, which staff have not approved."""

    first_name: str
    last_name: str
    company_name: str
    status: str
    """PENDING or REJECTED; only the latter has a reason."""
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Verification:
    """An identity verification that was not approved."""

    id: UUID
    status: str
    """PENDING, REJECTED or EXPIRED."""
    reason: str
    created_at: datetime
    expires_at: datetime


class TermsToSign(NamedTuple):
    """The current terms, which the user has not signed."""

    version: int
    digest: str
    """The SHA-256 of the PDF, in hexadecimal."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Compliance:
    """A user's KYC level, limits and open requirements."""

    user: User
    kyc_level: int
    level_until: date | None
    next_level: int | None
    requirements: list[Requirement]
    allowances: list[Allowance]
    name_change: NameChange | None = None
    identity_verification: Verification | None = None
    """The last one, unless it was approved."""
    terms_to_sign: TermsToSign | None = None

    @property
    def missing(self) -> list[str]:
        """The documents that are not yet approved for the next level."""
        return [
            each.path
            for each in self.requirements
            if self.next_level and each.level <= self.next_level and not each.is_met
        ]


def user_by(client_id: UUID, user_id: UUID) -> QuerySet[User]:
    return User.objects.owned_by(client_id).filter(id=user_id)


def documents_by(client_id: UUID, user_id: UUID) -> QuerySet[KycDocument]:
    return KycDocument.objects.owned_by(client_id).filter(user=user_id).current()


def verification_by(client_id: UUID, user_id: UUID) -> QuerySet[IdentityVerification]:
    found = IdentityVerification.objects.filter(client=client_id, user=user_id)
    return found.order_by("-id")[:1]


USER, DOCUMENTS = Question(user_by, 2), Question(documents_by, 2)
VERIFICATION = Question(verification_by, 2)
READ_TERMS = """
    SELECT version, encode(sha256, 'hex'), created_at FROM users_terms AS terms
    WHERE version = (SELECT max(version) FROM users_terms) AND NOT EXISTS (
        SELECT FROM users_termssignature
        WHERE client_id = %s AND user_id = %s AND terms_id = terms.id)
"""
READ_FLOWS, READ_BALANCES = read.flows_of("%s"), read.balances_of("%s")


def of(client_id: UUID, user_id: UUID, fetch: Fetch = fetch_each) -> Compliance:
    """Read the current KYC status of a user, in one trip. Nothing is locked.

    Movements are read before balances, so each movement's wallet is included.

    Raises:
        NotFound: the client has no such user.
    """
    ids = client_id, user_id
    owner = as_array([user_id]), as_array([client_id]), TOP + 1
    users, documents, verifications, terms, [[now]], flows, balances = fetch(
        USER.about(*ids),
        DOCUMENTS.about(*ids),
        VERIFICATION.about(*ids),
        (READ_TERMS, ids),
        (clock.READ_NOW, []),
        (READ_FLOWS, owner),
        (READ_BALANCES, owner),
    )
    user, today = USER.first(users), now.date()
    if user is None:
        raise errors.NotFound()
    level, sent = user.level_on(today), list(DOCUMENTS.all(documents))
    last = kyc.last_of_each_kind(sent)
    return Compliance(
        user=user,
        kyc_level=level,
        level_until=user.kyc_until if level else None,
        next_level=kyc.next_level(user, today),
        requirements=list(requirements(user, sent, today)),
        allowances=list(allowances_of(user, level, flows, balances)),
        name_change=name_change(last.get(Kind.NAME)),
        identity_verification=verification(VERIFICATION.first(verifications), now),
        terms_to_sign=TermsToSign(*terms[0])
        if terms and user.status != User.Status.UNSUBSCRIBED
        else None,
    )


def unsigned_terms(user: User, found: Rows) -> TermsToSign | None:
    """The terms that were found unsigned; who has ended has none to sign."""
    if not found or user.status == User.Status.UNSUBSCRIBED:
        return None
    return TermsToSign(*found[0])


def verification(last: IdentityVerification | None, now: datetime) -> Verification | None:
    if last is None or last.status == IdentityVerification.Status.APPROVED:
        return None
    status = last.status_at(now)
    return Verification(last.id, status, last.reason, last.created_at, last.expires_at)


def name_change(last: KycDocument | None) -> NameChange | None:
    if last is None or last.status == KycDocument.Status.APPROVED:
        return None
    facts = last.values
    first, family, company = (
        facts.get(name, "") for name in ("first_name", "last_name", "company_name")
    )
    return NameChange(first, family, company, last.status, last.reason, last.created_at)


def requirements(user: User, sent: Iterable[KycDocument], today: date) -> Iterator[Requirement]:
    """Everything that a user of this kind can show, by the level for which it is needed."""
    last = kyc.last_of_each_kind(sent)
    approved = {Kind(each.kind): each for each in sent if kyc.holds(each)}
    identity = approved.get(Kind.IDENTITY) or last.get(Kind.IDENTITY)
    before: kyc.Kinds = frozenset()
    for level in sorted(kyc.NEEDED[user.kind]):
        kinds = kyc.needed_kinds(user.kind, level, identity)
        for kind in filter((kinds - before).__contains__, Kind):
            yield requirement(kind, level, last.get(kind), approved.get(kind), today)
        before = kinds


def requirement(
    kind: Kind, level: int, last: KycDocument | None, approved: KycDocument | None, today: date
) -> Requirement:
    is_met = approved is not None and not approved.is_over(today)
    if last is None:
        return Requirement(kind.path, level, "MISSING", "", None, is_met)
    status = "EXPIRED" if last.is_over(today) else last.status
    return Requirement(kind.path, level, status, last.reason, last.reviewed_at, is_met)


def allowances_of(user: User, level: int, flows: Rows, balances: Rows) -> Iterator[Allowance]:
    """Limits and used amounts, in every currency with limits or with a wallet of the user."""
    used = {currency: balance for _, currency, balance in balances}
    limited = {each: 0 for each in settings.KYC_LIMITS if limits_of(level, each) != NO_LIMITS}
    found = {
        currency: Allowance(user.id, currency, limits_of(level, currency), balance)
        for currency, balance in sorted((limited | used).items())
    }
    for _, currency, type_, at, amount in flows:
        found[currency].count(type_, Used(at, amount))
    yield from found.values()
