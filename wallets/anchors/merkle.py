"""Merkle trees as RFC 9162 (2.1) makes them: one root for many lines, and paths from line to root.

The hash of a leaf begins with a zero byte and that of a node with a one: no node can be passed off
as a leaf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf(line: str) -> bytes:
    return hashlib.sha256(b"\x00" + line.encode()).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Merkle:
    """A tree of which only the edge is kept: as many digests as its leaves have bits."""

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
    """The digests that lead from the line at `index` to the root, from the bottom up."""
    level = [leaf(line) for line in lines]
    found = []
    while len(level) > 1:
        if index ^ 1 < len(level):
            found.append(level[index ^ 1])
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level, index = [node(*pair) for pair in pairs] + odd, index // 2
    return found


def root_of(line: str, index: int, size: int, found: Sequence[bytes]) -> str:
    """The root to which a path leads from the line at `index` of `size`; "" when it is no path."""
    digest, rest = leaf(line), list(found)
    while size > 1:
        if index ^ 1 < size:
            if not rest:
                return ""
            sibling = rest.pop(0)
            digest = node(sibling, digest) if index % 2 else node(digest, sibling)
        index, size = index // 2, (size + 1) // 2
    return digest.hex() if not rest and index == 0 else ""
