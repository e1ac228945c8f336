#!/usr/bin/env python3
"""Verify proofs, anchors and exports of ioCash offline. Python 3.8 or newer, and nothing else.

    python3 verify.py proof PROOF.json ROOT    is the movement under this root?
    python3 verify.py anchor ANCHOR.txt [ROOT] is the file complete, and has it this root?
    python3 verify.py FOLDER [SHA256]          is the export complete, and its ledger right?
    python3 verify.py events FOLDER [SHA256]   is the archive of events complete?

PROOF.json is the answer of GET /wallets/{id}/movements/{id}/proof. Take ROOT from where the
institution publishes its roots, not from the proof: a proof with its own root proves nothing.

A proof is right if all of this is true (SHA-256; || joins bytes):
1. digest = SHA-256(previousDigest || canonical || detailsDigest);
2. canonical has the movement, the wallet and its number in the wallet;
3. path leads from the line "movement <wallet> <number> <digest>" to ROOT;
4. anchor.path leads from "iocash-anchor 2 <createdAt> after <previousRoot, or ->" to ROOT.
A leaf is SHA-256(0x00 || line) and a node SHA-256(0x01 || left || right), as in RFC 9162.

An export (`manage.py export_client`) is right if all of this is true:
1. manifest.json has the given SHA-256, if one is given;
2. the folder has the files of the manifest, with their digests, lines and sizes, and no others;
3. in each wallet, the settled movements follow one another: number, balance and digest;
4. each wallet has the number, balance and digest of its last movement;
5. the lines "wallet <id> <owner> <number> <digest, or ->" have the root of the manifest.

An archive of events (`manage.py archive_events`) is right if all of this is true:
1. the last manifest has the given SHA-256, if one is given;
2. each manifest names the SHA-256 of the one before it, and the first none;
3. each file has the SHA-256 of its manifest, and its number of events, in the order of positions.

The exit code is 0 if it is right, 1 if it is wrong, and 2 if a file can't be read.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import sys
from datetime import date
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


# --- Exports -------------------------------------------------------------------------------------

EPOCH = date(1970, 1, 1).toordinal()
TIME = re.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2}).([0-9]{6})Z")


def verify_export(folder: str, sha256_of_manifest: str | None = None) -> tuple[int, int]:
    """Verify an export; return how many movements and wallets it has.

    Memory grows with the number of wallets. Raises Wrong.
    """
    path = os.path.join(folder, "manifest.json")
    require(os.path.isfile(path), "There is no manifest.json: the export was interrupted.")
    with open(path, "rb") as given:
        content = given.read()
    found = sha256(content).hex()
    require(sha256_of_manifest in (None, found), "manifest.json has the SHA-256 " + found + ".")
    manifest = json.loads(content)
    require(manifest.get("format") == "iocash-export 1", "It is no export of this format.")
    verify_files(folder, manifest["files"])
    wallets, root = read_wallets(rows_of(folder, "wallets_wallet"))
    heads = {"wallets": len(wallets), "root": root}
    require(heads == manifest["heads"], "The wallets have not the root of the manifest.")
    return verify_chains(rows_of(folder, "wallets_movement"), wallets), len(wallets)


def verify_files(folder: str, expected: list[Any]) -> None:
    names = {each["name"] for each in expected}
    there = {name for name in os.listdir(folder) if name.endswith(".ndjson")}
    require(there == names, "Missing, or not in the manifest: " + ", ".join(sorted(there ^ names)))
    for each in expected:
        lines, size, digest = facts_of_file(os.path.join(folder, each["name"]))
        require(lines == each["rows"], each["name"] + " has another number of lines.")
        require((size, digest) == (each["bytes"], each["sha256"]), each["name"] + " was changed.")
    listed = set()
    for each in rows_of(folder, "documents"):
        path = os.path.join(folder, "documents", each["name"])
        listed.add(os.path.normpath(path))
        require(os.path.isfile(path), "The document " + each["name"] + " is missing.")
        require(
            facts_of_file(path)[1:] == (each["bytes"], each["sha256"]),
            "The document " + each["name"] + " was changed.",
        )
    for place, _, files in os.walk(os.path.join(folder, "documents")):
        strangers = {os.path.join(place, name) for name in files} - listed
        require(not strangers, "A document is not in the list.")


def facts_of_file(path: str) -> tuple[int, int, str]:
    """The number of lines, the size and the digest; memory does not grow with the file."""
    digest, lines, size = hashlib.sha256(), 0, 0
    with open(path, "rb") as given:
        for block in iter(lambda: given.read(1 << 20), b""):
            digest.update(block)
            lines += block.count(b"\n")
            size += len(block)
    return lines, size, digest.hexdigest()


def rows_of(folder: str, name: str) -> Iterator[dict[str, Any]]:
    with open(os.path.join(folder, name + ".ndjson"), encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield json.loads(line)


def read_wallets(rows: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """The number, balance and head of each wallet, and the root over their lines."""
    wallets = {}

    def lines() -> Iterator[str]:
        for row in rows:
            head = base64.b64decode(row["head"])
            wallets[row["id"]] = (row["seq"], row["balance"], head)
            yield "wallet {id} {user_id} {seq} ".format(**row) + (head.hex() or "-")

    root, _ = root_of_lines(lines())
    return wallets, root


def verify_chains(rows: Iterable[dict[str, Any]], wallets: dict[str, Any]) -> int:
    """Verify the movements, wallet by wallet; return how many there are."""
    count = 0
    reached: dict[str, Any] = {}
    for row in rows:
        count += 1
        own = row["wallet_id"]
        require(own in wallets, "Movement " + row["id"] + " has no wallet.")
        if row["status"] != "SUCCESS":
            continue
        seq, balance, head = reached.get(own, (0, 0, b""))
        details = base64.b64decode(row["details_digest"] or "")
        digest = sha256(head + canonical_of(row).encode() + details)
        reached[own] = (seq + 1, balance + row["amount"], digest)
        stored = (row["seq"], row["balance_after"], base64.b64decode(row["digest"]))
        require(stored == reached[own], "Movement " + row["id"] + " breaks the chain.")
    for own, facts in wallets.items():
        require(reached.get(own, (0, 0, b"")) == facts, "Wallet " + own + " has another head.")
    return count


def canonical_of(row: dict[str, Any]) -> str:
    """The facts of a settled movement, as they enter its digest."""
    names = "id client_id wallet_id operation_id type amount currency counterparty_id hold_id"
    names += " reversal_of_id seq balance_after received_after"
    facts = ["" if row[name] is None else str(row[name]) for name in names.split()]
    times = [str(micros(row[name])) for name in ("created_at", "settled_at")]
    return "|".join(["1", *facts, *times])


def micros(text: str) -> int:
    """The microseconds since 1970."""
    found = TIME.fullmatch(text)
    if found is None:
        raise Wrong("A time of a movement is not like 2026-01-31T12:00:00.000000Z.")
    year, month, day, hour, minute, second, micro = map(int, found.groups())
    days = date(year, month, day).toordinal() - EPOCH
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micro


def verify_events(folder: str, sha256_of_last: str | None = None) -> tuple[int, int]:
    """Verify an archive of events; return how many events and files it has. Raises Wrong."""
    previous, position, events, number = None, 0, 0, 0
    names = {name for name in os.listdir(folder) if re.fullmatch(r"events-\d+\.json", name)}
    for number in range(1, len(names) + 1):
        name = os.path.join(folder, f"events-{number:06}")
        require(os.path.basename(name) + ".json" in names, name + ".json is missing.")
        with open(name + ".json", "rb") as given:
            content = given.read()
        manifest = json.loads(content)
        require(manifest["format"] == "iocash-events 1", "It is no archive of this format.")
        require(manifest["previous"] == previous, name + ".json does not follow the one before.")
        previous = sha256(content).hex()
        require(os.path.isfile(name + ".ndjson.gz"), name + ".ndjson.gz is missing.")
        digest = facts_of_file(name + ".ndjson.gz")[2]
        require(digest == manifest["sha256"], name + ".ndjson.gz was changed.")
        count = 0
        with gzip.open(name + ".ndjson.gz", "rt", encoding="utf-8") as lines:
            for count, line in enumerate(lines, 1):  # noqa: B007 (the last one counts)
                found = json.loads(line)["position"]
                require(found > position, "The event at " + str(found) + " is not in order.")
                position = found
        require(count == manifest["events"], name + " has another number of events.")
        require(position == manifest["last"], name + " ends at another event.")
        events += count
    last = "The last manifest has the SHA-256 " + str(previous) + "."
    require(sha256_of_last in (None, previous), last)
    return events, number


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
    if len(words) in (2, 3) and words[0] == "events":
        events, files = verify_events(*words[1:])
        print(f"right: {events} events in {files} files")
        return 0
    if len(words) in (1, 2) and os.path.isdir(words[0]):
        movements, wallets = verify_export(*words)
        print(f"right: {movements} movements in {wallets} wallets")
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Wrong as wrong:
        print(f"wrong: {wrong}", file=sys.stderr)
        sys.exit(1)
    except (KeyError, OSError, TypeError, ValueError) as error:
        print(f"unreadable: {error}", file=sys.stderr)
        sys.exit(2)
