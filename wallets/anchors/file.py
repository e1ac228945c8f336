"""Writes and reads the lines of an anchor.

    iocash-anchor 2 <time> after <root of the previous anchor, or ->
    movement <wallet> <seq> <digest>           each movement settled since the previous anchor
    cash-out <id> <wallet> <digest>            each pending cash-out
    hold <id> <wallet> <digest>                each open hold
    wallet <id> <owner> <seq> <head, or ->     each wallet
    root <number of lines before> <Merkle root over them>

Every line but the last is a leaf of the tree, so the root also covers the time and the previous
anchor. Lines of a kind are sorted by id.

Files of the first format can still be read. Their first line is no leaf:

    iocash-anchor 1 <time>
    <wallet> <seq> <head>                      each wallet with movements
    root <number of lines between> <Merkle root over them>
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from iocash.times import moment
from wallets.anchors.merkle import Merkle
from wallets.models import Wallet

TITLE: Final = "iocash-anchor 2"
CHUNK: Final = 10_000
"""Number of lines processed at once."""

ID, NUMBER, DIGEST = "([0-9a-f-]{36})", "([0-9]{1,18})", "([0-9a-f]{64})"
FORMS: Final = {
    "movement": re.compile(f"movement {ID} {NUMBER} {DIGEST}"),
    "cash-out": re.compile(f"cash-out {ID} {ID} {DIGEST}"),
    "hold": re.compile(f"hold {ID} {ID} {DIGEST}"),
    "wallet": re.compile(f"wallet {ID} {ID} {NUMBER} ({DIGEST[1:-1]}|-)"),
}
FORM_1: Final = re.compile(f"{ID} {NUMBER} {DIGEST}")
HEAD_1: Final = re.compile("iocash-anchor 1 [0-9T:.Z-]+")
HEAD: Final = re.compile(rf"{TITLE} [0-9T:.Z-]+ after ({DIGEST[1:-1]}|-)")

SETTLED_SINCE: Final = """
    SELECT wallet.id, movement.seq, movement.digest
    FROM wallets_wallet AS wallet
    LEFT JOIN unnest(%s::uuid[], %s::bigint[]) AS anchored (id, seq) ON anchored.id = wallet.id
    JOIN wallets_movement AS movement
        ON movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
        AND movement.seq > coalesce(anchored.seq, 0)
    WHERE wallet.id BETWEEN %s AND %s
    ORDER BY wallet.id, movement.seq
"""
CASH_OUTS: Final = """
    SELECT id, wallet_id, digest FROM wallets_movement WHERE status = 'PENDING' ORDER BY id
"""
HOLDS: Final = "SELECT id, wallet_id, digest FROM wallets_hold WHERE status = 'OPEN' ORDER BY id"
LOWEST, HIGHEST = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"


class BadAnchor(Exception):
    """The file is not an anchor, or was damaged."""


class AnchorLine(NamedTuple):
    """A line: its kind, and the values after it."""

    kind: str
    words: tuple[str, ...]

    @property
    def wallet(self) -> str:
        return self.words[1 if self.kind in {"cash-out", "hold"} else 0]


# --- Writing -------------------------------------------------------------------------------------


def lines(now: datetime, last: Path | None = None) -> Iterator[str]:
    """The lines of an anchor of the ledger, in the snapshot of this transaction.

    `last` is the file of the previous anchor, if any; its movements are left out.

    Raises:
        OSError: the previous anchor can't be read; no line was yielded.
        BadAnchor: `last` is not an anchor; no line was yielded.
    """
    root = root_of_file(last) if last else "-"
    tree = Merkle()
    for line in leaves(now, last, root):
        tree.add(line)
        yield line
    yield f"root {tree.leaves} {tree.root}"


def root_of_file(anchor: Path) -> str:
    """Read the whole file and return its root."""
    with anchor.open() as given:
        reading = Reading(given)
        for _ in reading.lines():
            pass
    return reading.root


def time_of(anchor: Path) -> datetime:
    """The time in the first line of an anchor.

    Raises:
        OSError: the file can't be read.
        BadAnchor: it is not an anchor.
    """
    with anchor.open() as given:
        words = given.readline().split()
    try:
        return datetime.fromisoformat(words[2])
    except (IndexError, ValueError):
        raise BadAnchor(f"The first line of {anchor.name} has no time.") from None


def wallets_of_file(anchor: Path | None) -> Iterator[tuple[str, ...]]:
    if anchor is None:
        return
    with anchor.open() as given:
        found = Reading(given).lines()
        yield from (line.words for line in found if line.kind in {"wallet", "head"})


def leaves(now: datetime, last: Path | None, root: str) -> Iterator[str]:
    yield f"{TITLE} {moment(now)} after {root}"
    yield from movements(wallets_of_file(last))
    for kind, question in (("cash-out", CASH_OUTS), ("hold", HOLDS)):
        for own, wallet, digest in stream_rows(question):
            yield f"{kind} {own} {wallet} {bytes(digest).hex()}"
    wallets = Wallet.objects.order_by("id").values_list("id", "user", "seq", "head")
    for own, owner, seq, head in wallets.iterator():
        yield f"wallet {own} {owner} {seq} {bytes(head).hex() or '-'}"


def movements(anchored: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """The movements after those in the previous anchor, sorted by wallet."""
    first, until = LOWEST, ""
    while until != HIGHEST:
        chunk = list(islice(anchored, CHUNK))
        until = chunk[-1][0] if len(chunk) == CHUNK else HIGHEST
        ids, seqs = [words[0] for words in chunk], [words[2] for words in chunk]
        for wallet, seq, digest in stream_rows(SETTLED_SINCE, ids, seqs, first, until):
            yield f"movement {wallet} {seq} {bytes(digest).hex()}"
        first = str(UUID(int=min(UUID(until).int + 1, UUID(HIGHEST).int)))


def stream_rows(question: str, *values: list[str] | str) -> Iterator[tuple[Any, ...]]:
    """Read with a server-side cursor: the rows may not fit in memory."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(question, values)
        while some := cursor.fetchmany(CHUNK):
            yield from some


# --- Reading -------------------------------------------------------------------------------------


class Reading:
    """Reads an anchor once, from its first line to its last; then `root` is set."""

    def __init__(self, anchor: Iterable[str]) -> None:
        self.given = (line.removesuffix("\n") for line in anchor)
        self.root = ""

    def lines(self) -> Iterator[AnchorLine]:
        """Yield the parsed lines, then verify the root.

        Raises:
            BadAnchor: the first line, another line or the root is wrong, or the root is missing.
        """
        tree = Merkle()
        head = next(self.given, "")
        is_old = bool(HEAD_1.fullmatch(head))
        if not (is_old or HEAD.fullmatch(head)):
            raise BadAnchor(f"The first line must be {TITLE!r}, a time and the previous root.")
        if not is_old:
            tree.add(head)
        for number, line in enumerate(self.given, 2):
            if line.startswith("root "):
                self.end(line, tree)
                return
            yield parse_head(line, number) if is_old else parse(line, number)
            tree.add(line)
        raise BadAnchor("The file is incomplete: it has no root.")

    def end(self, line: str, tree: Merkle) -> None:
        if line != f"root {tree.leaves} {tree.root}":
            raise BadAnchor("The file was changed: its root does not match its lines.")
        if next(self.given, None) is not None:
            raise BadAnchor("There are lines after the root.")
        self.root = tree.root


def parse_head(line: str, number: int) -> AnchorLine:
    """A line of the first format, with the words of a wallet's line; it has no owner."""
    found = FORM_1.fullmatch(line)
    if found is None:
        raise BadAnchor(f"Line {number} is not a line of an anchor: {line[:100]!r}.")
    wallet, seq, head = found.groups()
    return AnchorLine("head", (wallet, "", seq, head))


def parse(line: str, number: int) -> AnchorLine:
    kind = line.partition(" ")[0]
    found = FORMS[kind].fullmatch(line) if kind in FORMS else None
    if found is None:
        raise BadAnchor(f"Line {number} is not a line of an anchor: {line[:100]!r}.")
    return AnchorLine(kind, found.groups())
