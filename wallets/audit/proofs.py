"""What an audit has proved, from which the next one goes on, and how far a run has come.

Both are stored in the database, so whoever can write there can claim a proof. What they claim is
verified again within NIGHTS nights, and by `--all` at once; see docs/operations/audit.md.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from django.db import connection

from iocash.db import clock
from users.models import barrier
from users.models.barrier import Barrier
from wallets.audit.equations import Finding
from wallets.models import Audit, AuditProgress

FORM: Final = 1
"""Of what is stored. Another one is not gone on from."""
NIGHTS: Final = 30
"""Everything is verified again within so many audits."""
DAY: Final = 86_400
MARGIN: Final = timedelta(hours=1)
"""Ids are made by the clocks of servers. This is more than these differ, and longer than a
transaction lasts that has made its ids."""
LEFT_ALONE: Final = timedelta(hours=6)
"""A run that was interrupted for longer begins again: what its first steps have read has changed
since."""
BEGINNING: Final = "-infinity"
ANCHOR: Final = "anchor"
"""The equation of anchors. What differs from an anchor is compared again until it matches."""
INSTALLED: Final = "SELECT min(applied) FROM django_migrations"


def id_at(seconds: float) -> UUID:
    """The lowest id of version 7 that is made at a time, in seconds since 1970."""
    return UUID(int=max(0, int(seconds * 1000)) << 80)


@dataclass
class AuditProof:
    """All that settled before `horizon` was proved, and each thirtieth of it again at `nights`."""

    horizon: str
    """A time of the database's clock; all that settled before it was visible."""
    position: int
    """All events up to it were visible."""
    floor: str
    """All ids that are made later are higher."""
    totals: dict[str, int]
    """The sum of the balances at the horizon, by client and currency."""
    nights: list[str]
    """When each thirtieth was proved last."""
    night: int = 0
    """The thirtieth that is due."""
    wrong: list[int] = field(default_factory=list)
    """The thirtieths with findings: each audit verifies them again."""
    anchor: str = ""
    """The name of the newest anchor that matched the ledger; later ones must be compared."""
    form: int = FORM

    @classmethod
    def last(cls) -> Self | None:
        """The proof of the last audit; None: it has none, so everything must be proved."""
        newest = Audit.objects.order_by("-id").first()
        return cls.of(newest) if newest else None

    @classmethod
    def of(cls, done: Audit) -> Self | None:
        """What an audit has proved; None if nothing."""
        stored = done.proof or {}
        return cls(**stored) if stored.get("form") == FORM and "horizon" in stored else None

    @property
    def oldest(self) -> datetime:
        """Everything older was proved after this time."""
        return datetime.fromisoformat(min(self.nights))


@dataclass
class Progress:
    """A run of the audit: what it set out to prove, and how far it has come."""

    is_whole: bool
    started_at: str
    horizon: str
    position: int
    last_position: int
    floor: str
    ceiling: str
    """No id is higher that was made before the run has ended, unless a caller has chosen it."""
    installed: int
    """The day on which the database was made, since 1970."""
    since: dict[str, Any] | None
    """The proof that it goes on from."""
    nights: list[int]
    """The thirtieths that it proves again."""
    stage: int = 0
    cursor: Any = None
    balances: dict[str, int] = field(default_factory=dict)
    crossed: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    anchor: str = ""
    last_audit: int = 0
    """The number of the last audit that had ended when this one began."""
    kept_at: str = ""
    release: str = ""
    """Names the equations."""
    form: int = FORM

    @classmethod
    def begin(cls, proof: AuditProof | None) -> Self:
        """Set out to prove what is new since a proof, and a thirtieth; without one, everything."""
        barrier.advance()
        released = Barrier.objects.get()
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(position), 0) FROM users_event")
            last: int = cursor.fetchone()[0]
            cursor.execute(INSTALLED)
            installed: datetime = cursor.fetchone()[0]
        now = time.time()
        nights = sorted({proof.night, *proof.wrong}) if proof else []
        return cls(
            is_whole=proof is None,
            started_at=datetime.now(UTC).isoformat(),
            horizon=min(released.released_at, clock.now()).isoformat(),
            position=min(released.released_position, last),
            last_position=last,
            floor=str(id_at(now - MARGIN.total_seconds())),
            ceiling=str(id_at(now + DAY)),
            installed=int(installed.timestamp() // DAY),
            since=asdict(proof) if proof else None,
            nights=nights,
            anchor=last_anchor(),
            last_audit=number_of_last_audit(),
        )

    @property
    def settled_since(self) -> str:
        return str(self.since["horizon"]) if self.since else BEGINNING

    @property
    def since_position(self) -> int:
        return int(self.since["position"]) if self.since else 0

    @property
    def floor_of_new(self) -> str:
        return str(self.since["floor"]) if self.since else str(UUID(int=0))

    def has(self, name: str, night: int | None) -> bool:
        """Whether it has a finding of an equation already, in this thirtieth."""
        return any((each["name"], each["night"]) == (name, night) for each in self.findings)

    def note(self, finding: Finding | None, night: int | None) -> None:
        """Add what an equation has found; `night` is the thirtieth, None if it is new."""
        if finding:
            self.findings.append(
                {
                    "name": finding.equation.name,
                    "night": night,
                    "text": str(finding),
                    "row": plain_row(finding.row),
                }
            )

    def texts(self, order: list[str]) -> list[str]:
        """The findings in words, each once, in the order of the equations."""
        found = sorted(self.findings, key=lambda each: order.index(each["name"]))
        return list(dict.fromkeys(each["text"] for each in found))

    def proof(self) -> AuditProof | None:
        """What this run has proved, after its last step. None: everything must be proved again."""
        former = AuditProof(**self.since) if self.since else None
        found = {each["night"] for each in self.findings if each["name"] != ANCHOR}
        if former is None and found:
            return None
        nights = list(former.nights) if former else [self.started_at] * NIGHTS
        for night in self.nights:
            if night not in found:
                nights[night] = self.started_at
        base = former if former and None in found else self
        return AuditProof(
            horizon=base.horizon,
            position=base.position,
            floor=base.floor,
            totals=former.totals if former and base is former else self.balances,
            nights=nights,
            night=(former.night + 1) % NIGHTS if former else 0,
            wrong=sorted(night for night in found if night is not None),
            anchor=self.anchor,
        )


def joined_proof(own: AuditProof | None, other: AuditProof | None) -> AuditProof | None:
    """What two audits have proved that ran at once: what either has found is verified again.

    None: one of them has proved nothing, so everything must be proved again.
    """
    if own is None or other is None:
        return None
    base = min(own, other, key=lambda proof: datetime.fromisoformat(proof.horizon))
    return replace(
        own,
        horizon=base.horizon,
        position=base.position,
        floor=base.floor,
        totals=base.totals,
        wrong=sorted({*own.wrong, *other.wrong}),
    )


def plain_row(row: dict[str, object]) -> dict[str, object]:
    """A row that JSON can have."""
    return {
        name: value if value is None or isinstance(value, int | str) else str(value)
        for name, value in row.items()
    }


def last_anchor() -> str:
    """The name of the newest anchor that matched the ledger, in the last audit; or blank."""
    stored = Audit.objects.order_by("-id").values_list("proof", flat=True).first() or {}
    return str(stored.get("anchor", ""))


def number_of_last_audit() -> int:
    """The number of the last audit that has ended; 0 if there is none."""
    return Audit.objects.order_by("-id").values_list("id", flat=True).first() or 0


def record_without_proof(started_at: datetime, movements: int) -> None:
    """Store an audit of everything that proves nothing for the next one, which then verifies
    everything: rows have come that are older than the last proof."""
    proof = {"form": FORM, "anchor": last_anchor()}
    Audit.objects.create(started_at=started_at, movements=movements, proof=proof)
    AuditProgress.objects.all().delete()


class ProgressStore:
    """Where the progress of runs is kept, by their name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def load(self) -> Progress | None:
        found = AuditProgress.objects.filter(name=self.name).values_list("state", flat=True).first()
        if not found or found.get("form") != FORM:
            return None
        progress = Progress(**found)
        oldest = (datetime.now(UTC) - LEFT_ALONE).isoformat()
        return progress if progress.kept_at >= oldest else None

    def keep(self, progress: Progress) -> None:
        progress.kept_at = datetime.now(UTC).isoformat()
        AuditProgress.objects.update_or_create(name=self.name, defaults={"state": asdict(progress)})

    def end(self) -> None:
        AuditProgress.objects.filter(name=self.name).delete()


class Nowhere(ProgressStore):
    """For databases that can't be written: an interrupted run begins again."""

    def load(self) -> Progress | None:
        return None

    def keep(self, progress: Progress) -> None:
        """Keep nothing."""

    def end(self) -> None:
        """There is nothing."""
