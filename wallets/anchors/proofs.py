"""Proofs that an anchor contains a movement. Whoever has the root verifies them without us.

A proof has what the digest of the movement was made of: the head before it, its facts in canonical
form, and the digest of its texts, which is apart, so that a proof can be given without them and
after they were erased. Then two paths to the root: of the movement, and of the first line of the
anchor, which has its time. `docs/verify.py` verifies all of it.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from iocash import errors
from iocash.db import clock, groups
from users.models import DutyState
from wallets.anchors.blocks import Index, Leaf, index_of, leaf_at, place_of_movement
from wallets.anchors.file import BadAnchor
from wallets.anchors.folder import anchors_since
from wallets.anchors.merkle import PathStep, root_of_steps
from wallets.books import chain
from wallets.models import Movement

WRITER: Final = "write-anchor"
"""The name of the duty that writes anchors."""
ANCHOR_HOUR: Final = 4
"""The hour in UTC at which it writes a full one."""
MILLISECOND: Final = timedelta(milliseconds=1)


def proof_of(movement: Movement) -> dict[str, Any]:
    """The proof, by the names of its fields.

    Raises:
        NotAnchoredYet: the movement has not settled, or there is no anchor with it yet.
        Inconsistent: the movement, or an anchor, was changed.
    """
    found = find_leaf(movement)
    if found is None or movement.settled_at is None:
        raise errors.NotAnchoredYet(movement_id=movement.id, next_anchor_at=next_anchor_at())
    anchor, index, place = found
    own, first = leaf_at(anchor, index, place), leaf_at(anchor, index, 0)
    require_paths(index, own, first)
    _, _, time, _, previous_root = first.line.split()
    previous = previous_head(movement)
    details = bytes(movement.details_digest) if movement.details_digest else b""
    canonical = chain.canonical_facts(movement)
    digest = bytes(movement.digest)
    is_right = hashlib.sha256(previous + canonical.encode() + details).digest() == digest
    if not is_right or own.line.split()[-1] != digest.hex():
        raise errors.Inconsistent("the movement is not the anchored one")
    return {
        "wallet_id": movement.wallet_id,
        "movement_id": movement.id,
        "canonical": canonical,
        "previous_digest": previous.hex(),
        "details_digest": details.hex(),
        "digest": digest.hex(),
        "path": shown_path(own.path),
        "anchor": {
            "name": anchor.name,
            "created_at": datetime.fromisoformat(time).astimezone(UTC),
            "previous_root": previous_root.replace("-", ""),
            "root": index.root,
            "path": shown_path(first.path),
        },
    }


def find_leaf(movement: Movement) -> tuple[Path, Index, int] | None:
    """The anchor with the movement, its index, and the place of the line; None: there is none.

    Raises:
        Inconsistent: an anchor was damaged.
    """
    if not settings.ANCHORS_DIR or movement.settled_at is None or movement.seq is None:
        return None
    since = movement.settled_at - MILLISECOND
    try:
        for anchor in anchors_since(groups.folder(settings.ANCHORS_DIR), since):
            index = index_of(anchor)
            place = place_of_movement(anchor, index, str(movement.wallet_id), movement.seq)
            if place is not None:
                return anchor, index, place
    except BadAnchor as error:
        raise errors.Inconsistent(str(error)) from error
    return None


def require_paths(index: Index, *leaves: Leaf) -> None:
    """
    Raises:
        Inconsistent: a path does not lead to the root, because the anchor was changed.
    """
    for each in leaves:
        if root_of_steps(each.line, each.path) != index.root:
            raise errors.Inconsistent("a path of an anchor does not lead to its root")


def previous_head(movement: Movement) -> bytes:
    """The digest of the movement before; empty for the first one of a wallet."""
    before = Movement.objects.filter(
        client=movement.client_id, wallet=movement.wallet_id, seq=(movement.seq or 0) - 1
    )
    found = before.values_list("digest", flat=True).first()
    return bytes(found or b"")


def shown_path(steps: list[PathStep]) -> list[dict[str, str]]:
    return [{"side": step.side, "digest": step.digest.hex()} for step in steps]


def next_anchor_at() -> datetime | None:
    """When the next anchor is written; None if none is."""
    if not settings.ANCHORS_DIR:
        return None
    planned = DutyState.objects.filter(name=WRITER).values_list("next_due_at", flat=True).first()
    return planned or full_anchor_after(clock.now())


def full_anchor_after(now: datetime) -> datetime:
    """When the next full anchor is due."""
    tonight = now.replace(hour=ANCHOR_HOUR, minute=0, second=0, microsecond=0)
    return tonight if tonight > now else tonight + timedelta(days=1)
