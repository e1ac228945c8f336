"""The KYC status of a user: level, limits, used amounts and missing documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.conf import settings

from iocash.db import clock
from iocash.db.transactions import as_array, fetch_each
from users import kyc
from users.kyc import Kind, identity, terms
from users.models import IdentityVerification, KycDocument, Terms, User
from wallets.books.limits import NO_LIMITS, TOP, Allowance, Used, limits_of
from wallets.models import Wallet
from wallets.posting import read


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


@dataclass(frozen=True, slots=True)
class Compliance:
    """A user's KYC level, limits and open requirements."""

    user_id: UUID
    kyc_level: int
    level_until: date | None
    next_level: int | None
    requirements: list[Requirement]
    allowances: list[Allowance]
    name_change: NameChange | None = None
    identity_verification: Verification | None = None
    """The last one, unless it was approved."""
    terms_to_sign: Terms | None = None

    @property
    def missing(self) -> list[str]:
        """The documents that are not yet approved for the next level."""
        return [
            each.path
            for each in self.requirements
            if self.next_level and each.level <= self.next_level and not each.is_met
        ]


def of(user: User) -> Compliance:
    """Read the current KYC status of a user."""
    now = clock.now()
    today = now.date()
    level = user.level_on(today)
    last = kyc.current(user)
    return Compliance(
        user_id=user.id,
        kyc_level=level,
        level_until=user.kyc_until if level else None,
        next_level=kyc.next_level(user, today),
        requirements=list(requirements(user, last, today)),
        allowances=list(allowances_of(user, level)),
        name_change=name_change(last.get(Kind.NAME)),
        identity_verification=verification(identity.latest(user), now),
        terms_to_sign=terms.unsigned(user),
    )


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


def requirements(
    user: User, last: Mapping[Kind, KycDocument], today: date
) -> Iterator[Requirement]:
    """Everything that a user of this kind can show, by the level for which it is needed."""
    approved = {Kind(each.kind): each for each in KycDocument.objects.of(user).approved()}
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


def allowances_of(user: User, level: int) -> Iterator[Allowance]:
    """Limits and used amounts, in every currency with limits or with a wallet of the user.

    Nothing is locked. Movements are read before wallets, so each movement's wallet is included.
    """
    ids = list(Wallet.objects.filter(client=user.client_id, user=user).values_list("id", flat=True))
    client = as_array([user.client_id])
    found_by = [as_array(ids), client, client, TOP + 1]
    flows, balances = fetch_each((read.READ_FLOWS, found_by), (read.READ_BALANCES, found_by))
    used = {currency: balance for _, currency, balance in balances}
    limited = {each: 0 for each in settings.KYC_LIMITS if limits_of(level, each) != NO_LIMITS}
    found = {
        currency: Allowance(user.id, currency, limits_of(level, currency), balance)
        for currency, balance in sorted((limited | used).items())
    }
    for _, currency, type_, at, amount in flows:
        found[currency].count(type_, Used(at, amount))
    yield from found.values()
