"""What the machine knows of the people whose lives it plays: status, level, codes and money."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

LEVEL_1 = {"identity", "documents/identity-front", "documents/identity-back"}
LEVEL_2 = {
    "home-address",
    "external-iban",
    "financial-information",
    "occupation",
    "documents/external-iban",
    "documents/income-tax",
} | LEVEL_1
COMPANY = {"home-address", "external-iban", "documents/company-deed"}
LEVELS: dict[str, dict[int, set[str]]] = {
    "NATURAL": {1: LEVEL_1, 2: LEVEL_2},
    "JURIDICAL": {2: COMPANY},
}
KINDS = sorted(LEVEL_2 | COMPANY)

BALANCE, CASH_IN, CASH_OUT = range(3)
LIMITS = {0: (60_00, 120_00, 40_00), 1: (120_00, 300_00, 90_00), 2: (None, None, None)}
SETTINGS = {
    "EUR": {
        str(level): {
            name: f"{limit / 100:.2f}"
            for name, limit in zip(("balance", "cashIn", "cashOut"), limits, strict=True)
            if limit is not None
        }
        for level, limits in LIMITS.items()
        if level < 2
    }
}
MOST_WALLETS = 3
MOST_CODES, MOST_TRIES = 10, 15
"""To one number, on one day."""


def today() -> date:
    return datetime.now(UTC).date()


@dataclass
class Code:
    """The last code sent to a number; its text is None when it is void."""

    sent_at: int
    text: str | None
    tries: int = 0
    is_withheld: bool = False


@dataclass
class Phone:
    """A client's use of a number today, and the time of the last code."""

    day: date | None = None
    asked: int = 0
    asked_at: int | None = None
    sent: int = 0
    sent_at: int | None = None
    tries: int = 0


@dataclass
class Shown:
    """The newest KYC document of a kind."""

    variant: int
    status: str


@dataclass
class Wallet:
    owner: Person
    id: UUID
    status: str = "READY"
    balance: int = 0
    held: int = 0

    @property
    def available(self) -> int:
        return self.balance - self.held

    @property
    def refusal(self) -> str:
        """Return the refusal to pay or receive; blank if both are allowed."""
        if self.status != "READY":
            return "wallet_not_ready"
        return "" if self.owner.status == "ACTIVATED" else "user_not_active"


@dataclass
class Hold:
    id: str
    source: Wallet
    target: Wallet
    amount: int
    is_open: bool = True
    is_released: bool = False


@dataclass
class CashOut:
    id: UUID
    wallet: Wallet
    amount: int
    is_pending: bool = True


@dataclass
class Person:
    """A user as it should be; `status` is blank before it is created."""

    name: str
    client: str
    kind: str
    id: UUID | None = None
    status: str = ""
    values: dict[str, str] = field(default_factory=dict)
    unverified: str = ""
    codes: dict[str, Code] = field(default_factory=dict)
    old_codes: list[str] = field(default_factory=list)
    shown: dict[str, Shown] = field(default_factory=dict)
    approved: dict[str, int] = field(default_factory=dict)
    expires_on: date | None = None
    level: int = 0
    until: date | None = None
    is_erased: bool = False
    wallets: list[Wallet] = field(default_factory=list)
    flows: list[int] = field(default_factory=lambda: [0, 0, 0])

    @property
    def phone(self) -> str:
        return self.values["mobilePhone"]

    @property
    def to_verify(self) -> str:
        return self.unverified or (self.phone if self.status == "CREATED" else "")

    @property
    def path(self) -> str:
        return f"users/{self.id}"

    # Levels

    @property
    def level_now(self) -> int:
        return 0 if self.until and self.until < today() else self.level

    def worth(self) -> tuple[int, date | None]:
        """Return the level and its last day, from the approved KYC documents."""
        for level, kinds in sorted(LEVELS[self.kind].items(), reverse=True):
            if kinds <= self.approved.keys():
                until = self.expires_on if self.kind == "NATURAL" else None
                return (0, None) if until and until < today() else (level, until)
        return 0, None

    @property
    def missing(self) -> set[str]:
        higher = [level for level in LEVELS[self.kind] if level > self.level_now]
        if not higher:
            return set()
        over = {"identity"} if self.expires_on and self.expires_on < today() else set()
        return LEVELS[self.kind][min(higher)] - (self.approved.keys() - over)

    # Limits

    @property
    def balance(self) -> int:
        return sum(wallet.balance for wallet in self.wallets)

    def passes(self, limit: int, amount: int) -> bool:
        """Return whether the additional amount exceeds one of the limits."""
        most = LIMITS[self.level_now][limit]
        used = self.balance if limit == BALANCE else self.flows[limit]
        return most is not None and used + amount > most

    # What is stored

    @property
    def row(self) -> tuple[Any, ...]:
        names = ("", "") if self.is_erased else (self.values["userName"], self.phone)
        return (self.id, self.status, *names, self.unverified, self.level, self.until)
