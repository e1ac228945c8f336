"""Merkle trees of RFC 9162 (2.1): one root for many lines, and paths from a line to the root.

Leaves are hashed with a prefix of 0x00 and nodes with 0x01, so a node can't be used as a leaf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

LEFT, RIGHT = "LEFT", "RIGHT"


def leaf(line: str) -> bytes:
    return hashlib.sha256(b"\x00" + line.encode()).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Merkle:
    """A tree that keeps only the digests of its right edge: log2 of the number of leaves."""

    def __init__(self) -> None:
        self.edge: list[tuple[int, bytes]] = []
        self.leaves = 0

    def add(self, line: str) -> None:
        size, digest = 1, leaf(line)
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


def path(lines: Sequence[str], index: int) -> list[bytes]:
    """The path of the line at `index` to the root: sibling digests, from the bottom up."""
    return [step.digest for step in steps_in(levels([leaf(line) for line in lines]), index)]


def levels(level: list[bytes]) -> list[list[bytes]]:
    """The levels of a tree over these nodes, from the bottom up, without the root."""
    found = []
    while len(level) > 1:
        found.append(level)
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level = [node(*pair) for pair in pairs] + odd
    return found


def root_over(nodes: list[bytes]) -> bytes:
    """The root of the tree over at least one node."""
    *_, top = nodes, *levels(nodes)
    return node(*top) if len(top) > 1 else top[0]


class PathStep(NamedTuple):
    """A step on the way up: the sibling, and the side on which it is."""

    side: str
    digest: bytes


def steps_in(found: list[list[bytes]], index: int) -> list[PathStep]:
    """The way up from the node at `index` of the lowest level, without levels of its own."""
    steps = []
    for level in found:
        if index ^ 1 < len(level):
            steps.append(PathStep(LEFT if index % 2 else RIGHT, level[index ^ 1]))
        index //= 2
    return steps


def root_of_steps(line: str, steps: Sequence[PathStep]) -> str:
    """The root to which the way from a line leads."""
    found = leaf(line)
    for side, digest in steps:
        found = node(digest, found) if side == LEFT else node(found, digest)
    return found.hex()


def root_of(line: str, index: int, size: int, found: Sequence[bytes]) -> str:
    """The root that a path yields for the line at `index` of `size`; "" for an invalid path."""
    digest, rest = leaf(line), list(found)
    while size > 1:
        if index ^ 1 < size:
            if not rest:
                return ""
            sibling = rest.pop(0)
            digest = node(sibling, digest) if index % 2 else node(digest, sibling)
        index, size = index // 2, (size + 1) // 2
    return digest.hex() if not rest and index == 0 else ""
