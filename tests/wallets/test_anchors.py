"""Anchors: what was written down elsewhere finds even a past that was rewritten as a whole."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests import cast
from wallets import anchors, audit
from wallets.models import Audit, Movement, Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def anchor(alices, bobs, tmp_path) -> Path:
    """An anchor of Alice's and Bob's chains; afterwards they went on."""
    cast.transfer(alices, bobs, 10_00, concept="Lunch")
    file: Path = tmp_path / "anchor"
    call_command("anchor", str(file))
    cast.transfer(alices, bobs, 5_00)
    return file


def compared(file: Path) -> dict[str, Any]:
    """The row that the audit names when it compares the file; nothing when all is right."""
    out = StringIO()
    with suppress(CommandError):
        call_command("audit", "--json", "--anchor", str(file), stdout=out)
    report = json.loads(out.getvalue())
    (equation,) = [each for each in report["equations"] if each["name"] == "anchor"]
    assert equation["right"] == (equation["wrongRow"] is None)
    return equation["wrongRow"] or {}


def test_an_anchor_names_the_head_of_every_chain(anchor, alices, bobs):
    title, *lines, root = anchor.read_text().splitlines()
    assert title.startswith("iocash-anchor 1 20")
    assert [line.split()[:2] for line in lines] == [
        [str(wallet), str(seq)] for wallet, seq in sorted([(alices.id, 2), (bobs.id, 1)])
    ]
    digest = Movement.objects.get(wallet=alices.id, seq=2).digest
    assert bytes(digest or b"").hex() in {line.split()[2] for line in lines}
    assert root.split()[:2] == ["root", "2"]


def test_an_anchor_goes_to_stdout_too(alices, db):
    out = StringIO()
    call_command("anchor", stdout=out)
    assert out.getvalue().startswith("iocash-anchor 1 ")
    assert out.getvalue().count("\n") == 3


def test_wallets_that_never_moved_money_are_not_in_it(bobs):
    out = StringIO()
    call_command("anchor", stdout=out)
    assert out.getvalue().splitlines()[1:] == [f"root 0 {hashlib.sha256().hexdigest()}"]


def test_chains_that_went_on_still_go_through_their_anchors(anchor):
    assert compared(anchor) == {}


def test_a_report_can_be_compared_without_json(anchor):
    out = StringIO()
    call_command("audit", "--anchor", str(anchor), stdout=out)
    assert "right  anchor" in out.getvalue()


@pytest.mark.spoils_the_books
def test_a_past_that_was_rewritten_with_all_its_digests_is_found(anchor, alices, bobs):
    """The owner takes a wallet's last movements away and its row back: each chain is whole."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_movement DISABLE TRIGGER movement_is_written_once")
        cursor.execute("DELETE FROM wallets_movement WHERE counterparty_id IS NOT NULL")
        first = Movement.objects.get(wallet=alices.id)
        cursor.execute(
            "UPDATE wallets_wallet SET balance = 10000, seq = 1, head = %s, settled_at = %s"
            " WHERE id = %s",
            [bytes(first.digest or b""), first.settled_at, alices.id],
        )
        cursor.execute(
            "UPDATE wallets_wallet SET balance = 0, received = 0, seq = 0, head = '',"
            " settled_at = NULL WHERE id = %s",
            [bobs.id],
        )
    assert [finding for _, finding in audit.findings() if finding] == []
    row = compared(anchor)
    assert row["wallet"] == str(min(alices.id, bobs.id))
    assert row["movement"] is None
    assert Audit.objects.latest("id").finding.startswith("anchor: not true that the chains go")


@pytest.mark.spoils_the_books
def test_a_wallet_that_is_gone_is_found(anchor, alices):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_movement DISABLE TRIGGER movement_is_written_once")
        cursor.execute("DELETE FROM wallets_movement")
        cursor.execute("DELETE FROM wallets_wallet")
    assert compared(anchor)["seq"] in {1, 2}


# --- The file itself -----------------------------------------------------------------------------


def changed(file: Path, old: str, new: str) -> None:
    """Replace it where it stands last."""
    before, found, after = file.read_text().rpartition(old)
    assert found
    file.write_text(before + new + after)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("iocash-anchor 1 ", "iocash-anchor 2 "),
        ("\nroot 2 ", "\nroot 3 "),
        ("\nroot ", "\nroute "),
        (" 2 ", " 1 "),
        (" 1 ", " 1  "),
    ],
)
def test_a_file_that_was_changed_proves_nothing(anchor, old, new):
    changed(anchor, old, new)
    with pytest.raises(CommandError) as refused:
        call_command("audit", "--anchor", str(anchor), stdout=StringIO())
    assert refused.value.returncode == 2


@pytest.mark.parametrize("keep", [0, 1, 2, 3])
def test_a_file_that_was_cut_off_proves_nothing(anchor, keep):
    lines = anchor.read_text().splitlines(keepends=True)
    anchor.write_text("".join(lines[:keep]))
    with pytest.raises(CommandError) as refused:
        call_command("audit", "--anchor", str(anchor), stdout=StringIO())
    assert refused.value.returncode == 2


def test_a_file_that_goes_on_after_its_root_proves_nothing(anchor):
    anchor.write_text(anchor.read_text() + "more\n")
    with pytest.raises(CommandError) as refused:
        call_command("audit", "--anchor", str(anchor), stdout=StringIO())
    assert refused.value.returncode == 2


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError, match="nowhere") as refused:
        call_command("audit", "--anchor", str(tmp_path / "nowhere"), stdout=StringIO())
    assert refused.value.returncode == 2
    with pytest.raises(CommandError, match="No such file"):
        call_command("anchor", str(tmp_path / "nowhere" / "anchor"))


# --- The tree ------------------------------------------------------------------------------------


def tree_hash(leaves: list[str]) -> bytes:
    """The hash of RFC 9162, 2.1.1, as it defines it: by halves."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0].encode()).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = tree_hash(leaves[:half]), tree_hash(leaves[half:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("size", range(34))
def test_the_root_is_that_of_the_standard(size):
    tree = anchors.Merkle()
    leaves = [f"leaf {number}" for number in range(size)]
    for leaf in leaves:
        tree.add(leaf)
    assert tree.root == tree_hash(leaves).hex()
    assert len(tree.edge) == size.bit_count()


def test_heads_are_compared_chunk_by_chunk(anchor, monkeypatch):
    monkeypatch.setattr(anchors, "CHUNK", 1)
    assert compared(anchor) == {}
    assert Wallet.objects.filter(seq__gt=0).count() == 2
