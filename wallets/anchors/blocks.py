"""The index of an anchor: where its blocks of lines begin, and the node of the tree over each.

A block has 1,024 lines, so its node is one of the Merkle tree (RFC 9162): a proof needs one block
of the file and the nodes of the others. The index stands beside the anchor, and is made of it: it
can be deleted at any time. Nobody has to believe it, because each proof is verified against the
root of the anchor before it is answered.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from wallets.anchors.file import BadAnchor
from wallets.anchors.merkle import Merkle, PathStep, leaf, levels, root_over, steps_in

BLOCK: Final = 1024
"""Lines; a power of two."""
SUFFIX: Final = ".index"


class Index(NamedTuple):
    """The blocks of an anchor."""

    root: str
    offsets: list[int]
    """Where each block begins, in bytes, and where the last one ends."""
    nodes: list[str]
    """The node over each block, in hexadecimal."""


class Leaf(NamedTuple):
    """A line of an anchor, and its path to the root."""

    line: str
    path: list[PathStep]


def index_of(anchor: Path) -> Index:
    """The index of an anchor: as it was stored, or made now and stored if the folder allows it.

    Raises:
        OSError: the anchor can't be read.
        BadAnchor: it is not one of the second format.
    """
    status = anchor.stat()
    return kept_index(anchor, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def kept_index(anchor: Path, size: int, changed: int) -> Index:
    place = anchor.with_name(anchor.name + SUFFIX)
    with suppress(OSError, ValueError, TypeError):
        found = Index(*json.loads(place.read_text()))
        if found.offsets[-1] < size:
            return found
    made = make_index(anchor)
    with suppress(OSError), replacing(place) as out:
        json.dump(made, out)
    return made


def make_index(anchor: Path) -> Index:
    """Read the whole anchor once; memory does not grow with its lines."""
    count, offsets, nodes = 0, [0], []
    with anchor.open("rb") as given:
        while block := list(islice(given, BLOCK)):
            is_last = block[-1].startswith(b"root ")
            last = block.pop().decode().split() if is_last else []
            part = Merkle()
            for line in block:
                part.add(line.decode().removesuffix("\n"))
            if block:
                count += len(block)
                offsets.append(offsets[-1] + sum(map(len, block)))
                nodes.append(part.root)
            if is_last:
                root = root_over([bytes.fromhex(each) for each in nodes]).hex()
                if last != ["root", str(count), root]:
                    break
                return Index(root, offsets, nodes)
    raise BadAnchor(f"{anchor.name} is incomplete, or was changed.")


def lines_of_block(anchor: Path, index: Index, number: int) -> list[str]:
    start, end = index.offsets[number : number + 2]
    with anchor.open("rb") as given:
        given.seek(start)
        return given.read(end - start).decode().splitlines()


def first_line(anchor: Path, index: Index, number: int) -> str:
    with anchor.open("rb") as given:
        given.seek(index.offsets[number])
        return given.readline().decode().removesuffix("\n")


def leaf_at(anchor: Path, index: Index, place: int) -> Leaf:
    """The line at a place, counted from 0, with its path."""
    number, inside = divmod(place, BLOCK)
    lines = lines_of_block(anchor, index, number)
    below = steps_in(levels([leaf(line) for line in lines]), inside)
    above = steps_in(levels([bytes.fromhex(node) for node in index.nodes]), number)
    return Leaf(lines[inside], below + above)


def place_of_movement(anchor: Path, index: Index, wallet: str, seq: int) -> int | None:
    """The place of the line of a movement; None if the anchor has none. It reads log2 lines."""
    wanted = sort_key(f"movement {wallet} {seq}")
    low, high = 0, len(index.nodes)
    while high - low > 1:
        middle = (low + high) // 2
        if sort_key(first_line(anchor, index, middle)) <= wanted:
            low = middle
        else:
            high = middle
    prefix = f"movement {wallet} {seq} "
    for inside, line in enumerate(lines_of_block(anchor, index, low)):
        if line.startswith(prefix):
            return low * BLOCK + inside
    return None


def sort_key(line: str) -> tuple[int, str, int]:
    """The order of lines: the first line, movements by wallet and number, all others."""
    kind, *words = line.split()
    if kind != "movement":
        return (0 if kind.startswith("iocash") else 2), "", 0
    return 1, words[0], int(words[1])


@contextmanager
def replacing(path: Path) -> Iterator[Any]:
    """Write a file atomically: after an error there is no partial file. Only its owner reads it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.touch(mode=0o600)
        with draft.open("w") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
