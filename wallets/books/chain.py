"""The digests of holds and cash-outs, and of the chain of settled movements.

    digest of a settled movement = SHA-256(previous digest of the wallet, facts, details digest)
    digest of a cash-out that is not settled, or of a hold = SHA-256(facts, details digest)
    details digest = SHA-256(random salt, concept, IBAN, metadata, name of the account's holder,
        reference)

Cash-outs and holds get a digest when they are created. A cash-out keeps it if it is rejected or
cancelled, and gets a digest of the chain if it settles. Texts and their salt can be erased; the
digests still verify. The audit calculates all digests again, in SQL.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from iocash import errors
from wallets.books.hold_rows import LockedHold
from wallets.books.rows import Leg

TICK: Final = timedelta(microseconds=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
VERSION: Final = 1
SEPARATOR: Final = "\x1f"
"""The separator of texts; texts can't contain it, because control characters are refused."""
BEFORE_REFERENCE: Final = "\x1e"
"""Precedes the reference, if there is one. Without one, the digest is the same as before movements
had references."""


def micros(moment: datetime) -> int:
    """The microseconds since 1970."""
    return (moment - EPOCH) // TICK


def seal(
    concept: str | None,
    iban: str | None,
    metadata: Mapping[str, str] | None,
    holder_name: str | None = None,
    *,
    reference: str | None = None,
) -> tuple[bytes | None, bytes | None]:
    """Create a salt and the digest of a movement's texts; None and None without texts."""
    if not (concept or iban or metadata or holder_name or reference):
        return None, None
    salt = os.urandom(16)
    return salt, digest_details(salt, concept, iban, metadata, holder_name, reference=reference)


def digest_details(
    salt: bytes,
    concept: str | None,
    iban: str | None,
    metadata: Mapping[str, str] | None,
    holder_name: str | None = None,
    *,
    reference: str | None = None,
) -> bytes:
    """The salted digest of the texts, which does not reveal them without the salt.

    Without a holder it is the digest of before holders had names. A holder makes the number of
    parts odd, so it can't be taken for metadata.
    """
    pairs = [part for pair in sorted((metadata or {}).items()) for part in pair]
    holder = [holder_name] if holder_name else []
    details = SEPARATOR.join([concept or "", iban or "", *pairs, *holder])
    if reference:
        details += BEFORE_REFERENCE + reference
    return hashlib.sha256(salt + details.encode()).digest()


def texts(*ids: UUID | None) -> list[str]:
    """Convert ids to text, and None to an empty text; `str` takes five times as long."""
    return orjson.dumps(ids).decode()[1:-1].replace('"', "").replace("null", "").split(",")


def digest(previous: bytes, leg: Leg) -> bytes:
    """The digest of a settled leg after `previous`, the head of its wallet's chain."""
    line = canonical_facts(leg)
    return hashlib.sha256(previous + line.encode() + (leg.details_digest or b"")).digest()


def canonical_facts(leg: Any) -> str:
    """The facts of a settled leg, or of its row, as its digest has them."""
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
    return (
        f"{VERSION}|{own}|{client}|{wallet}|{operation}|{leg.type}"
        f"|{leg.amount}|{leg.currency}|{counterparty}|{hold}"
        f"|{reversed_}|{leg.seq}|{leg.balance_after}|{leg.received_after}"
        f"|{micros(leg.created_at)}|{micros(leg.settled_at)}"
    )


def digest_cash_out(leg: Leg) -> bytes:
    """The digest of a cash-out before it settles: amount, wallet and recipient."""
    own, client, wallet, operation = texts(leg.id, leg.client_id, leg.wallet_id, leg.operation_id)
    line = (
        f"cash-out|{VERSION}|{own}|{client}|{wallet}|{operation}|{leg.type}"
        f"|{leg.amount}|{leg.currency}|{micros(leg.created_at)}"
    )
    return hashlib.sha256(line.encode() + (leg.details_digest or b"")).digest()


def digest_hold(hold: LockedHold) -> bytes:
    """The digest of a hold: amount, wallet and target, but not its expiry, which can change.

    A freeze has its case in the place of a target.
    """
    own, client, wallet, target = texts(hold.id, hold.client_id, hold.wallet_id, hold.target_id)
    kind, whom = ("freeze", hold.case_id) if hold.is_freeze else ("hold", target)
    line = (
        f"{kind}|{VERSION}|{own}|{client}|{wallet}|{whom}"
        f"|{hold.amount}|{hold.currency}|{micros(hold.created_at)}"
    )
    return hashlib.sha256(line.encode() + (hold.details_digest or b"")).digest()
