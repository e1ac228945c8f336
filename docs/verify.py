#!/usr/bin/env python3
"""Verify proofs and anchors of ioCash offline. Python 3.8 or newer, and nothing else.

    python3 verify.py proof PROOF.json ROOT    is the movement under this root?
    python3 verify.py anchor ANCHOR.txt [ROOT] is the file complete, and has it this root?

PROOF.json is the answer of GET /wallets/{id}/movements/{id}/proof. Take ROOT from where the
institution publishes its roots, not from the proof: a proof with its own root proves nothing.

A proof is right if all of this is true (SHA-256; || joins bytes):
1. digest = SHA-256(previousDigest || canonical || detailsDigest);
2. canonical has the movement, the wallet and its number in the wallet;
3. path leads from the line "movement <wallet> <number> <digest>" to ROOT;
4. anchor.path leads from "iocash-anchor 2 <createdAt> after <previousRoot, or ->" to ROOT.
A leaf is SHA-256(0x00 || line) and a node SHA-256(0x01 || left || right), as in RFC 9162.

The exit code is 0 if it is right, 1 if it is wrong, and 2 if a file can't be read.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DIGEST = re.compile("[0-9a-f]{64}")
FIELDS = {
    "walletId": str,
    "movementId": str,
    "canonical": str,
    "previousDigest": (str, type(None)),
    "detailsDigest": (str, type(None)),
    "digest": str,
    "path": list,
    "anchor": dict,
}
ANCHOR_FIELDS = {
    "name": str,
    "createdAt": str,
    "previousRoot": (str, type(None)),
    "root": str,
    "path": list,
}


STEP_FIELDS = {"side": str, "digest": str}


class Wrong(Exception):
    """The proof or the anchor is not right."""


def require(is_right: object, sentence: str) -> None:
    if not is_right:
        raise Wrong(sentence)


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def leaf(line: str) -> bytes:
    return sha256(b"\x00" + line.encode())


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def as_digest(text: Any, name: str) -> bytes:
    require(isinstance(text, str) and DIGEST.fullmatch(text), name + " is no SHA-256.")
    return bytes.fromhex(text)


def root_of_path(line: str, path: list[Any]) -> str:
    """The root to which the path leads from the line."""
    found = leaf(line)
    for step in path:
        require_shape(step, STEP_FIELDS, "A step of a path")
        sibling = as_digest(step["digest"], "A digest of a path")
        require(step["side"] in ("LEFT", "RIGHT"), "A side of a path is neither LEFT nor RIGHT.")
        found = node(sibling, found) if step["side"] == "LEFT" else node(found, sibling)
    return found.hex()


def require_shape(value: Any, fields: dict[str, Any], name: str) -> None:
    require(isinstance(value, dict), name + " is no object.")
    require(set(value) == set(fields), name + " lacks fields, or has others.")
    for each, kind in fields.items():
        is_right = isinstance(value[each], kind) and not isinstance(value[each], bool)
        require(is_right, each + " is of the wrong type.")


def verify_proof(proof: Any, root: str) -> list[str]:
    """Verify a proof against a root from elsewhere; return its facts.

    Raises Wrong.
    """
    require(isinstance(proof, dict), "The proof is no object.")
    proof = {name: value for name, value in proof.items() if name != "_links"}
    require_shape(proof, FIELDS, "The proof")
    anchor = proof["anchor"]
    require_shape(anchor, ANCHOR_FIELDS, "The anchor")
    as_digest(root, "The root")
    require(anchor["root"] == root, "The proof is of another root.")
    facts: list[str] = proof["canonical"].split("|")
    require(len(facts) == 16 and facts[0] == "1", "The canonical form is of another version.")
    require(facts[1] == proof["movementId"], "The canonical form is of another movement.")
    require(facts[3] == proof["walletId"], "The canonical form is of another wallet.")
    parts = [proof["previousDigest"], proof["detailsDigest"]]
    previous, details = [b"" if each is None else as_digest(each, "A digest") for each in parts]
    require(bool(previous) == (facts[11] != "1"), "The digest before does not fit the number.")
    digest = sha256(previous + proof["canonical"].encode() + details).hex()
    require(digest == proof["digest"], "The digest does not fit the facts.")
    line = " ".join(("movement", facts[3], facts[11], digest))
    require(
        root_of_path(line, proof["path"]) == root,
        "The path does not lead to the root.",
    )
    if anchor["previousRoot"] is not None:
        as_digest(anchor["previousRoot"], "The previous root")
    head = "iocash-anchor 2 {} after {}".format(anchor["createdAt"], anchor["previousRoot"] or "-")
    require(
        root_of_path(head, anchor["path"]) == root,
        "The time or the previous root is not that of the anchor.",
    )
    name = "iocash-anchor-{}.txt".format(anchor["createdAt"].replace(":", ""))
    require(anchor["name"] == name, "The name is not that of the anchor.")
    return facts


def root_of_lines(lines: Iterable[str]) -> tuple[str, int]:
    """The Merkle root of lines, and how many there are. Memory does not grow with them."""
    edge: list[tuple[int, bytes]] = []
    count = 0
    for line in lines:
        size, digest = 1, leaf(line)
        while edge and edge[-1][0] == size:
            digest, size = node(edge.pop()[1], digest), size * 2
        edge.append((size, digest))
        count += 1
    if not edge:
        return sha256(b"").hex(), 0
    digest = edge[-1][1]
    for _, left in reversed(edge[:-1]):
        digest = node(left, digest)
    return digest.hex(), count


def verify_anchor(given: Iterable[str], root: str | None = None) -> tuple[str, int]:
    """Verify an anchor of format 1 or 2; return its root and how many lines it covers.

    Raises Wrong.
    """
    lines = (line[:-1] if line.endswith("\n") else line for line in given)
    first = next(lines, "")
    last: list[str] = []
    after: list[str] = []
    form = re.fullmatch("iocash-anchor ([12]) [0-9T:.Z-]+( after ([0-9a-f]{64}|-))?", first)
    if form is None or bool(form.group(2)) != (form.group(1) == "2"):
        raise Wrong("It is no anchor.")
    is_leaf = form.group(1) == "2"

    def covered() -> Iterator[str]:
        if is_leaf:
            yield first
        for line in lines:
            if line.startswith("root "):
                last.append(line)
                after.extend(lines)
                return
            yield line

    found, count = root_of_lines(covered())
    require(last, "The file is incomplete: it has no root.")
    require(not after, "There are lines after the root.")
    require(last == [f"root {count} {found}"], "The file was changed.")
    require(root in (None, found), "The file has another root.")
    return found, count


def main(words: list[str]) -> int:
    if len(words) == 3 and words[0] == "proof":
        with open(words[1], encoding="utf-8") as given:
            facts = verify_proof(json.load(given), words[2])
        print("right: movement {1} of wallet {3}, {5} of {6} {7} (minor units)".format(*facts))
        return 0
    if len(words) in (2, 3) and words[0] == "anchor":
        with open(words[1], encoding="utf-8", newline="\n") as given:
            found, count = verify_anchor(given, *words[2:])
        print(f"right: {count} lines, root {found}")
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Wrong as wrong:
        print(f"wrong: {wrong}", file=sys.stderr)
        sys.exit(1)
    except (OSError, ValueError) as error:
        print(f"unreadable: {error}", file=sys.stderr)
        sys.exit(2)
