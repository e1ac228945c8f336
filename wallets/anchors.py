"""Anchors: the heads of all chains, written down where nobody of the database can reach them.

A file begins with a line that says what it is, has a line for each wallet that ever moved money
(`<wallet> <seq> <head>`, in order of the ids), and ends with one Merkle root over these lines, made
as RFC 9162 (2.1.1) makes it. Who keeps only the root can tell later whether a file is the one that
was written; `compare` tells whether the chains still go through its heads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from django.db import connection

from iocash.times import moment
from wallets.audit import AT_ONCE, Equation, Finding
from wallets.models import Wallet

TITLE: Final = "iocash-anchor 1"
CHUNK: Final = 10_000
"""How many heads are compared at once."""

EQUATION: Final = Equation(
    "anchor",
    "the chains go through every head that was anchored",
    AT_ONCE,
    """
    SELECT anchored.wallet, anchored.seq, movement.id AS movement
    FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS anchored (wallet, seq, head)
    LEFT JOIN wallets_wallet AS wallet ON wallet.id = anchored.wallet
    LEFT JOIN wallets_movement AS movement
        ON movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
        AND movement.seq = anchored.seq
    WHERE movement.digest IS DISTINCT FROM decode(anchored.head, 'hex')
    ORDER BY anchored.wallet LIMIT 1
    """,
)


class BadAnchor(Exception):
    """The file is no anchor, or not as it was written: it proves nothing."""


class Merkle:
    """A Merkle tree of which only the edge is kept: as many digests as its leaves have bits."""

    def __init__(self) -> None:
        self.edge: list[tuple[int, bytes]] = []
        self.leaves = 0

    def add(self, leaf: str) -> None:
        size, digest = 1, hashlib.sha256(b"\x00" + leaf.encode()).digest()
        while self.edge and self.edge[-1][0] == size:
            digest = node(self.edge.pop()[1], digest)
            size *= 2
        self.edge.append((size, digest))
        self.leaves += 1

    @property
    def root(self) -> str:
        if not self.edge:
            return hashlib.sha256().hexdigest()
        digest = self.edge[-1][1]
        for _, left in reversed(self.edge[:-1]):
            digest = node(left, digest)
        return digest.hex()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def lines(now: datetime) -> Iterator[str]:
    """The lines of an anchor of the books as this transaction sees them."""
    tree = Merkle()
    yield f"{TITLE} {moment(now)}"
    heads = Wallet.objects.filter(seq__gt=0).order_by("id").values_list("id", "seq", "head")
    for wallet_id, seq, head in heads.iterator():
        line = f"{wallet_id} {seq} {bytes(head).hex()}"
        tree.add(line)
        yield line
    yield f"root {tree.leaves} {tree.root}"


def heads(anchor: Iterable[str]) -> Iterator[str]:
    """The lines of an anchor that tell of heads; at the end the root must be right.

    Raises:
        BadAnchor: it does not begin or end as an anchor, or its root is another one.
    """
    tree = Merkle()
    given = (line.rstrip("\n") for line in anchor)
    if not next(given, "").startswith(f"{TITLE} "):
        raise BadAnchor(f"It does not begin with {TITLE!r}.")
    last = ""
    for line in given:
        if last:
            raise BadAnchor("Something follows its root.")
        if line.startswith("root "):
            last = line
            continue
        tree.add(line)
        yield line
    if last != f"root {tree.leaves} {tree.root}":
        raise BadAnchor("It was changed, or cut off, after it was written: its root is another.")


def compare(anchor: Iterable[str]) -> Finding | None:
    """Find the first head of the anchor through which its wallet's chain does not go.

    All of the anchor is read first to last, also behind what is found.

    Raises:
        BadAnchor: the file proves nothing.
    """
    found = None
    anchored = heads(anchor)
    while chunk := list(islice(anchored, CHUNK)):
        found = found or ask(chunk)
    return found


def ask(chunk: list[str]) -> Finding | None:
    parts = [line.split(" ") for line in chunk]
    if any(len(part) != 3 for part in parts):
        raise BadAnchor("A line is not: <wallet> <seq> <head>.")
    with connection.cursor() as cursor:
        cursor.execute(EQUATION.query, [list(column) for column in zip(*parts, strict=True)])
        row = cursor.fetchone()
        names = [column.name for column in cursor.description or ()]
    return Finding(EQUATION, dict(zip(names, row, strict=True))) if row else None
