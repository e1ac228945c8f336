"""The digests that fix what was promised, and tie each settled movement to the one before it.

    digest of a settled movement = SHA-256(previous digest of the wallet, facts, details digest)
    digest of a cash-out that is not settled, or of a hold = SHA-256(facts, details digest)
    details digest = SHA-256(random salt, concept, IBAN, metadata)

A cash-out and a hold get theirs when they are made. A cash-out keeps it when it is rejected or
cancelled, and gets a digest of the chain when it settles. The texts and their salt may be erased;
what remains still verifies. The audit computes all of these once more, in SQL.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

from iocash import errors
from wallets.books.rows import Leg, LockedHold

TICK: Final = timedelta(microseconds=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
VERSION: Final = 1
SEPARATOR: Final = "\x1f"
"""Between the texts; no text can contain it, for control characters are refused."""


def micros(moment: datetime) -> int:
    """Count the microseconds since 1970."""
    return (moment - EPOCH) // TICK


def seal(
    concept: str | None, iban: str | None, metadata: Mapping[str, str] | None
) -> tuple[bytes | None, bytes | None]:
    """Make a salt and the digest of a movement's texts; nothing when it has no texts."""
    if not (concept or iban or metadata):
        return None, None
    salt = os.urandom(16)
    return salt, digest_details(salt, concept, iban, metadata)


def digest_details(
    salt: bytes, concept: str | None, iban: str | None, metadata: Mapping[str, str] | None
) -> bytes:
    """Stand in for the texts: nobody can guess them back without the salt."""
    pairs = [part for pair in sorted((metadata or {}).items()) for part in pair]
    details = SEPARATOR.join([concept or "", iban or "", *pairs])
    return hashlib.sha256(salt + details.encode()).digest()


def texts(*ids: UUID | None) -> list[str]:
    """Write ids as text, and None as nothing: `str` takes five times as long."""
    return orjson.dumps(ids).decode()[1:-1].replace('"', "").replace("null", "").split(",")


def digest(previous: bytes, leg: Leg) -> bytes:
    """Tie a settled leg to `previous`, the head of its wallet's chain so far."""
    if leg.settled_at is None:
        raise errors.Inconsistent("only what has settled is in the chain")
    own, client, wallet, operation, counterparty, hold, reversed_ = texts(
        leg.id,
        leg.client_id,
        leg.wallet_id,
        leg.operation_id,
        leg.counterparty_id,
        leg.hold_id,
        leg.reversal_of_id,
    )
    line = (
        f"{VERSION}|{own}|{client}|{wallet}|{operation}|{leg.type}"
        f"|{leg.amount}|{leg.currency}|{counterparty}|{hold}"
        f"|{reversed_}|{leg.seq}|{leg.balance_after}|{leg.received_after}"
        f"|{micros(leg.created_at)}|{micros(leg.settled_at)}"
    )
    return hashlib.sha256(previous + line.encode() + (leg.details_digest or b"")).digest()


def digest_cash_out(leg: Leg) -> bytes:
    """Fix what a cash-out pays, from where and to whom, before it settles."""
    own, client, wallet, operation = texts(leg.id, leg.client_id, leg.wallet_id, leg.operation_id)
    line = (
        f"cash-out|{VERSION}|{own}|{client}|{wallet}|{operation}|{leg.type}"
        f"|{leg.amount}|{leg.currency}|{micros(leg.created_at)}"
    )
    return hashlib.sha256(line.encode() + (leg.details_digest or b"")).digest()


def digest_hold(hold: LockedHold) -> bytes:
    """Fix what a hold sets aside, in which wallet and for which; its expiry can change."""
    own, client, wallet, target = texts(hold.id, hold.client_id, hold.wallet_id, hold.target_id)
    line = (
        f"hold|{VERSION}|{own}|{client}|{wallet}|{target}"
        f"|{hold.amount}|{hold.currency}|{micros(hold.created_at)}"
    )
    return hashlib.sha256(line.encode() + (hold.details_digest or b"")).digest()
