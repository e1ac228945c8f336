"""The lines of a part: what has settled since the anchor before it, and the wallets of that.

Which wallets have changed is seen by the times of their last movements, and how much of each is in
an anchor already by the anchors since the last full one. So a part costs little however many
wallets there are. What a part has missed is in the next full anchor.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.db import connection

from iocash.times import moment
from wallets.anchors.file import CHUNK, TITLE, root_of_file, stream_rows, time_of
from wallets.anchors.merkle import Merkle

LATE: Final = timedelta(hours=1)
"""A movement can be committed after an anchor that is later than it, but not by so much."""

CHANGED: Final = """
    SELECT id::text, user_id::text, seq, encode(head, 'hex') FROM wallets_wallet
    WHERE settled_at >= %s ORDER BY id
"""
SETTLED: Final = """
    SELECT wallet.id, movement.seq, movement.digest
    FROM unnest(%s::uuid[], %s::bigint[]) AS anchored (id, seq)
    JOIN wallets_wallet AS wallet ON wallet.id = anchored.id
    JOIN wallets_movement AS movement
        ON movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
        AND movement.seq > anchored.seq
    ORDER BY wallet.id, movement.seq
"""
LOST: Final = """
    SELECT anchored.id::text
    FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS anchored (id, seq, head)
    LEFT JOIN wallets_wallet AS wallet ON wallet.id = anchored.id
    LEFT JOIN wallets_movement AS movement
        ON movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
        AND movement.seq = anchored.seq
    WHERE encode(movement.digest, 'hex') IS DISTINCT FROM anchored.head LIMIT 1
"""
"""A wallet whose anchored movements are gone, or are others now."""
CASH_OUTS: Final = """
    SELECT id, wallet_id, digest FROM wallets_movement
    WHERE status = 'PENDING' AND created_at >= %s ORDER BY id
"""
HOLDS: Final = """
    SELECT id, wallet_id, digest FROM wallets_hold
    WHERE status = 'OPEN' AND created_at >= %s ORDER BY id
"""


class NewPart(NamedTuple):
    """The lines of a part, and a wallet that has lost what is anchored, or a blank."""

    lines: Iterator[str]
    lost: str


def new_part(now: datetime, former: list[Path]) -> NewPart | None:
    """The part, in the snapshot of this transaction; None if nothing has settled.

    `former` are the last full anchor and the parts after it, in their order.

    Raises:
        OSError, BadAnchor: an anchor can't be read, or the newest was damaged.
    """
    root = root_of_file(former[-1])
    since = time_of(former[-1]) - LATE
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, [since])
        changed = {row[0]: row for row in cursor.fetchall()}
    anchored = heads_in(former, changed)
    new = {
        own: anchored.get(own, (0, ""))
        for own, (_, _, seq, head) in changed.items()
        if (seq, head) != anchored.get(own)
    }
    if not new:
        return None
    seqs = {own: seq for own, (seq, _) in new.items()}
    found = leaves_of_part(now, root, since, seqs, [changed[own] for own in new])
    return NewPart(with_root(found), first_lost(new))


def first_lost(anchored: dict[str, tuple[int, str]]) -> str:
    """A wallet whose anchored movements are gone; blank if there is none."""
    given = [(own, seq, head) for own, (seq, head) in anchored.items() if head]
    with connection.cursor() as cursor:
        for start in range(0, len(given), CHUNK):
            some = given[start : start + CHUNK]
            cursor.execute(LOST, list(map(list, zip(*some, strict=True))))
            if row := cursor.fetchone():
                return str(row[0])
    return ""


def with_root(found: Iterator[str]) -> Iterator[str]:
    tree = Merkle()
    for line in found:
        tree.add(line)
        yield line
    yield f"root {tree.leaves} {tree.root}"


def leaves_of_part(
    now: datetime, root: str, since: datetime, new: dict[str, int], wallets: list[Any]
) -> Iterator[str]:
    yield f"{TITLE} {moment(now)} after {root}"
    own, seqs = list(new), [str(seq) for seq in new.values()]
    for start in range(0, len(own), CHUNK):
        some = own[start : start + CHUNK], seqs[start : start + CHUNK]
        for wallet, seq, digest in stream_rows(SETTLED, *some):
            yield f"movement {wallet} {seq} {bytes(digest).hex()}"
    for kind, question in (("cash-out", CASH_OUTS), ("hold", HOLDS)):
        for promise, wallet, digest in stream_rows(question, since.isoformat()):
            yield f"{kind} {promise} {wallet} {bytes(digest).hex()}"
    for wallet, owner, seq, head in wallets:
        yield f"wallet {wallet} {owner} {seq} {head or '-'}"


def heads_in(former: list[Path], wanted: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """The numbers and the digests of the last anchored movements of wallets."""
    found: dict[str, tuple[int, str]] = {}
    for anchor in former:
        with anchor.open() as given:
            for line in given:
                if line.startswith("wallet "):
                    _, own, _, seq, head = line.split()
                    if own in wanted:
                        found[own] = int(seq), head.replace("-", "")
    return found
