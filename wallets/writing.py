"""What the vault writes: everything that changed, set-based."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from users.models import events
from wallets import reading
from wallets.books import Books
from wallets.rows import Leg, LockedHold, LockedWallet, UsedKey, as_json

UPDATE_WALLETS = """
    UPDATE wallets_wallet AS wallet
    SET balance = new.balance, held = new.held, seq = new.seq, head = new.head,
        settled_at = new.settled_at, received = new.received, next_expiry = new.next_expiry
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[],
                %s::timestamptz[], %s::bigint[], %s::timestamptz[])
        AS new (id, balance, held, seq, head, settled_at, received, next_expiry)
    WHERE wallet.id = new.id
"""
INSERT_HOLDS = """
    INSERT INTO wallets_hold
        (id, client_id, wallet_id, target_id, currency, amount, remaining, status, expires_at,
         created_at, ended_at, concept, metadata)
    SELECT * FROM unnest(
        %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::bigint[], %s::bigint[],
        %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[],
        %s::jsonb[])
"""
UPDATE_HOLDS = """
    UPDATE wallets_hold AS hold
    SET status = new.status, remaining = new.remaining, expires_at = new.expires_at,
        ended_at = new.ended_at
    FROM unnest(%s::uuid[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
        AS new (id, status, remaining, expires_at, ended_at)
    WHERE hold.id = new.id
"""
INSERT_MOVEMENTS = """
    INSERT INTO wallets_movement
        (id, client_id, wallet_id, operation_id, type, status, amount, currency, counterparty_id,
         seq, balance_after, received_after, created_at, settled_at, concept, iban, metadata,
         hold_id, reversal_of_id, salt, details_digest, digest, reason)
    SELECT * FROM unnest(
        %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::bigint[],
        %s::text[], %s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[],
        %s::timestamptz[], %s::text[], %s::text[], %s::jsonb[], %s::uuid[], %s::uuid[],
        %s::bytea[], %s::bytea[], %s::bytea[], %s::text[])
"""
UPDATE_MOVEMENTS = """
    UPDATE wallets_movement AS movement
    SET status = new.status, sent_at = new.sent_at, reason = new.reason, seq = new.seq,
        balance_after = new.balance_after, received_after = new.received_after,
        settled_at = new.settled_at, digest = new.digest
    FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::bigint[],
                %s::bigint[], %s::bigint[], %s::timestamptz[], %s::bytea[])
        AS new (id, status, sent_at, reason, seq, balance_after, received_after, settled_at,
                digest)
    WHERE movement.id = new.id
"""
INSERT_KEYS = """
    INSERT INTO users_key (client_id, key, fingerprint, made, made_id, status)
    SELECT * FROM unnest(
        %s::uuid[], %s::text[], %s::bytea[], %s::text[], %s::uuid[], %s::smallint[])
"""


def write_back(raw: psycopg.Connection[Any], books: Books) -> None:
    changed = [wallet for wallet in books.wallets.values() if wallet.is_changed]
    with raw.pipeline():
        for statement, values in books.statements:
            reading.ask(raw, statement, values)
        if books.placed:
            reading.ask(raw, INSERT_HOLDS, columns(map(hold_row, books.placed)))
        if books.changed_holds:
            reading.ask(raw, UPDATE_HOLDS, columns(map(changed_hold_row, books.changed_holds)))
        if books.legs:
            reading.ask(raw, INSERT_MOVEMENTS, columns(map(leg_row, books.legs)))
        if books.changed:
            reading.ask(raw, UPDATE_MOVEMENTS, columns(map(changed_row, books.changed)))
        if changed:
            reading.ask(raw, UPDATE_WALLETS, columns(map(wallet_row, changed)))
        if books.used:
            reading.ask(raw, INSERT_KEYS, columns(map(key_row, books.used)))
        if books.facts:
            reading.ask(raw, events.INSERT, events.columns(books.facts))


def columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Turn rows, at least one, into the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]


def leg_row(leg: Leg) -> tuple[Any, ...]:
    return (
        leg.id,
        leg.client_id,
        leg.wallet_id,
        leg.operation_id,
        leg.type,
        leg.status,
        leg.amount,
        leg.currency,
        leg.counterparty_id,
        leg.seq,
        leg.balance_after,
        leg.received_after,
        leg.created_at,
        leg.settled_at,
        leg.concept,
        leg.iban,
        as_json(leg.metadata),
        leg.hold_id,
        leg.reversal_of_id,
        leg.salt,
        leg.details_digest,
        leg.digest,
        leg.reason,
    )


def changed_row(leg: Leg) -> tuple[Any, ...]:
    return (
        leg.id,
        leg.status,
        leg.sent_at,
        leg.reason,
        leg.seq,
        leg.balance_after,
        leg.received_after,
        leg.settled_at,
        leg.digest,
    )


def hold_row(hold: LockedHold) -> tuple[Any, ...]:
    return (
        hold.id,
        hold.client_id,
        hold.wallet_id,
        hold.target_id,
        hold.currency,
        hold.amount,
        hold.remaining,
        hold.status,
        hold.expires_at,
        hold.created_at,
        hold.ended_at,
        hold.concept,
        as_json(hold.metadata),
    )


def changed_hold_row(hold: LockedHold) -> tuple[Any, ...]:
    return (hold.id, hold.status, hold.remaining, hold.expires_at, hold.ended_at)


def wallet_row(wallet: LockedWallet) -> tuple[Any, ...]:
    return (
        wallet.id,
        wallet.balance,
        wallet.held,
        wallet.seq,
        wallet.head,
        wallet.settled_at,
        wallet.received,
        wallet.next_expiry,
    )


def key_row(used: UsedKey) -> tuple[Any, ...]:
    return (used.client_id, used.key, used.fingerprint, used.made, used.made_id, used.status)
