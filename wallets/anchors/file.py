"""The lines of an anchor, written and read.

    iocash-anchor 2 <time> after <root of the last anchor, or ->
    movement <wallet> <seq> <digest>           each that settled since the last anchor
    cash-out <id> <wallet> <digest>            each that is pending
    hold <id> <wallet> <digest>                each that is open
    wallet <id> <owner> <seq> <head, or ->     each
    root <number of lines before> <Merkle root over them>

Every line but the last is a leaf, so that the root stands for the time and for the last anchor
too. Ids are in order within a kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.db import connection

from iocash.times import moment
from wallets.anchors.merkle import Merkle
from wallets.models import Wallet

TITLE: Final = "iocash-anchor 2"
CHUNK: Final = 10_000
"""How many lines are dealt with at once."""

ID, NUMBER, DIGEST = "([0-9a-f-]{36})", "([0-9]{1,18})", "([0-9a-f]{64})"
FORMS: Final = {
    "movement": re.compile(f"movement {ID} {NUMBER} {DIGEST}"),
    "cash-out": re.compile(f"cash-out {ID} {ID} {DIGEST}"),
    "hold": re.compile(f"hold {ID} {ID} {DIGEST}"),
    "wallet": re.compile(f"wallet {ID} {ID} {NUMBER} ({DIGEST[1:-1]}|-)"),
}
HEAD: Final = re.compile(rf"{TITLE} [0-9T:.Z-]+ after ({DIGEST[1:-1]}|-)")

SETTLED_SINCE: Final = """
    SELECT wallet.id, movement.seq, movement.digest
    FROM wallets_wallet AS wallet
    LEFT JOIN unnest(%s::uuid[], %s::bigint[]) AS anchored (id, seq) ON anchored.id = wallet.id
    JOIN wallets_movement AS movement
        ON movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
        AND movement.seq > coalesce(anchored.seq, 0)
    WHERE wallet.id > %s AND wallet.id <= %s
    ORDER BY wallet.id, movement.seq
"""
CASH_OUTS: Final = """
    SELECT id, wallet_id, digest FROM wallets_movement WHERE status = 'PENDING' ORDER BY id
"""
HOLDS: Final = "SELECT id, wallet_id, digest FROM wallets_hold WHERE status = 'OPEN' ORDER BY id"
LOWEST, HIGHEST = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"


class BadAnchor(Exception):
    """The file is no anchor, or not as it was written: it proves nothing."""


class AnchorLine(NamedTuple):
    """What one line says: its kind, and the words after it."""

    kind: str
    words: tuple[str, ...]


# --- Writing -------------------------------------------------------------------------------------


def lines(now: datetime, last: Path | None = None) -> Iterator[str]:
    """The lines of an anchor of the books as this transaction sees them.

    `last` is the file of the last anchor, if there is one: what that has of movements is left out.

    Raises:
        OSError, BadAnchor: the last anchor can't be read, or is none. Nothing was yielded yet.
    """
    root = root_of_file(last) if last else "-"
    tree = Merkle()
    for line in leaves(now, last, root):
        tree.add(line)
        yield line
    yield f"root {tree.leaves} {tree.root}"


def root_of_file(anchor: Path) -> str:
    """Read the file to its end, for its root is right or wrong only then."""
    with anchor.open() as given:
        reading = Reading(given)
        for _ in reading.lines():
            pass
    return reading.root


def wallets_of_file(anchor: Path | None) -> Iterator[tuple[str, ...]]:
    if anchor is None:
        return
    with anchor.open() as given:
        yield from (line.words for line in Reading(given).lines() if line.kind == "wallet")


def leaves(now: datetime, last: Path | None, root: str) -> Iterator[str]:
    yield f"{TITLE} {moment(now)} after {root}"
    yield from movements(wallets_of_file(last))
    for kind, question in (("cash-out", CASH_OUTS), ("hold", HOLDS)):
        for own, wallet, digest in rows(question):
            yield f"{kind} {own} {wallet} {bytes(digest).hex()}"
    wallets = Wallet.objects.order_by("id").values_list("id", "user", "seq", "head")
    for own, owner, seq, head in wallets.iterator():
        yield f"wallet {own} {owner} {seq} {bytes(head).hex() or '-'}"


def movements(anchored: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """The movements that came after those of the anchored wallets, in order of the wallets."""
    before = LOWEST
    while before != HIGHEST:
        chunk = list(islice(anchored, CHUNK))
        until = chunk[-1][0] if len(chunk) == CHUNK else HIGHEST
        ids, seqs = [words[0] for words in chunk], [words[2] for words in chunk]
        for wallet, seq, digest in rows(SETTLED_SINCE, ids, seqs, before, until):
            yield f"movement {wallet} {seq} {bytes(digest).hex()}"
        before = until


def rows(question: str, *values: list[str] | str) -> Iterator[tuple[Any, ...]]:
    """Ask with a cursor of the server's: what it answers can be more than there is memory."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(question, values)
        while some := cursor.fetchmany(CHUNK):
            yield from some


# --- Reading -------------------------------------------------------------------------------------


class Reading:
    """Reads an anchor once, from its first line to its last; `root` is known then."""

    def __init__(self, anchor: Iterable[str]) -> None:
        self.given = (line.removesuffix("\n") for line in anchor)
        self.root = ""

    def lines(self) -> Iterator[AnchorLine]:
        """What its lines say; at the end the root must be right.

        Raises:
            BadAnchor: it does not begin or end as an anchor, a line is none of an anchor's, or its
                root is another one.
        """
        tree = Merkle()
        head = next(self.given, "")
        if not HEAD.fullmatch(head):
            raise BadAnchor(f"The file does not begin with {TITLE!r}, a time and the last root.")
        tree.add(head)
        for number, line in enumerate(self.given, 2):
            if line.startswith("root "):
                self.end(line, tree)
                return
            yield parse(line, number)
            tree.add(line)
        raise BadAnchor("The file was cut off: it has no root.")

    def end(self, line: str, tree: Merkle) -> None:
        if line != f"root {tree.leaves} {tree.root}":
            raise BadAnchor("The file was changed after it was written: its root is another.")
        if next(self.given, None) is not None:
            raise BadAnchor("Something follows the root.")
        self.root = tree.root


def parse(line: str, number: int) -> AnchorLine:
    kind = line.partition(" ")[0]
    found = FORMS[kind].fullmatch(line) if kind in FORMS else None
    if found is None:
        raise BadAnchor(f"Line {number} is no line of an anchor: {line[:100]!r}.")
    return AnchorLine(kind, found.groups())
