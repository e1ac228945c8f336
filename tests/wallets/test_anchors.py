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

from tests.support import limits, people
from wallets import anchors, audit, posting
from wallets.anchors import merkle
from wallets.audit.canonical import CASH_OUT, HOLD, digest_sql
from wallets.models import Audit, Movement, Wallet
from wallets.orders.cash_outs import MarkCashOutSent, SettleCashOut
from wallets.orders.wallets import PutWallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def anchor(alices, bobs, tmp_path) -> Path:
    """An anchor of Alice's and Bob's chains; afterwards they went on."""
    people.transfer(alices, bobs, 10_00, concept="Lunch")
    file: Path = tmp_path / "anchor"
    call_command("anchor", str(file))
    people.transfer(alices, bobs, 5_00)
    return file


def written(file: Path, *words: str) -> list[str]:
    call_command("anchor", str(file), *words)
    return file.read_text().splitlines()


def compared(file: Path) -> dict[str, Any]:
    """The row that the audit names when it compares the file; nothing when all is right."""
    out = StringIO()
    with suppress(CommandError):
        call_command("audit", "--json", "--anchor", str(file), stdout=out)
    report = json.loads(out.getvalue())
    (equation,) = [each for each in report["equations"] if each["name"] == "anchor"]
    assert equation["right"] == (equation["wrongRow"] is None)
    return equation["wrongRow"] or {}


def test_anchor_lists_the_head_of_every_chain(anchor, alices, bobs):
    title, *lines, root = anchor.read_text().splitlines()
    assert title.startswith("iocash-anchor 2 20")
    assert title.endswith(" after -")
    wallets = [line.split() for line in lines if line.startswith("wallet ")]
    head = bytes(Movement.objects.get(wallet=alices.id, seq=2).digest).hex()
    assert wallets == sorted(wallets)
    assert ["wallet", str(alices.id), str(alices.user_id), "2", head] in wallets
    assert root.split()[:2] == ["root", str(len(lines) + 1)]


def test_anchor_lists_movements_pending_cash_outs_and_holds(alices, bobs, tmp_path):
    cash_out = posting.submit(limits.a_cash_out(alices, 1_00)).id
    hold = people.place(alices, bobs, 2_00).id
    lines = written(tmp_path / "anchor")
    settled = Movement.objects.filter(status="SUCCESS").order_by("wallet", "seq")
    movements = [f"movement {m.wallet_id} {m.seq} {bytes(m.digest).hex()}" for m in settled]
    assert lines[1:-1][: len(movements)] == movements
    kinds = [line.split()[:3] for line in lines[len(movements) + 1 :]]
    assert kinds[:2] == [
        ["cash-out", str(cash_out), str(alices.id)],
        ["hold", str(hold), str(alices.id)],
    ]
    assert {kind for kind, *_ in kinds[2:]} == {"wallet", "root"}


def test_the_next_anchor_has_only_the_movements_since_the_last(anchor, alices, bobs, client_demo):
    other_alice = people.a_user(
        client_demo, people.ALICE | {"user_name": "c", "mobile_phone": "+34600000003"}
    )
    new = people.first_wallet(other_alice)
    people.cash_in(new, 1_00)
    lines = written(anchor.with_name("next"), "--after", str(anchor))
    assert lines[0].endswith(f" after {anchor.read_text().split()[-1]}")
    since = [tuple(line.split()[1:3]) for line in lines if line.startswith("movement")]
    assert since == sorted([(str(alices.id), "3"), (str(bobs.id), "2"), (str(new.id), "1")])
    assert compared(anchor.with_name("next")) == {}


def test_anchor_after_an_invalid_one_is_not_written(anchor, tmp_path):
    changed(anchor, " 2 ", " 1 ")
    with pytest.raises(CommandError, match="root does not match") as refused:
        call_command("anchor", str(tmp_path / "next"), "--after", str(anchor))
    assert refused.value.returncode == 2
    with pytest.raises(CommandError, match="nowhere: No such file"):
        call_command("anchor", str(tmp_path / "next"), "--after", str(tmp_path / "nowhere"))
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_anchor_content_does_not_depend_on_the_chunk_size(anchor, monkeypatch, chunk):
    whole = written(anchor.with_name("one"), "--after", str(anchor))
    monkeypatch.setattr(anchors.file, "CHUNK", chunk)
    parts = written(anchor.with_name("other"), "--after", str(anchor))
    assert parts[1:-1] == whole[1:-1]


def test_anchor_has_the_movements_of_the_wallet_with_the_lowest_id(alices, tmp_path):
    order = PutWallet(
        client_id=alices.client_id, by=people.BY, user_id=alices.user_id, wallet_id=audit.LOWEST
    )
    posting.submit(order)
    people.transfer(alices, Wallet.objects.get(id=audit.LOWEST), 1_00)
    lines = written(tmp_path / "anchor")
    assert [line for line in lines if line.startswith(f"movement {audit.LOWEST} 1 ")]


def test_anchor_is_written_to_stdout_without_a_path(alices, db):
    out = StringIO()
    call_command("anchor", stdout=out)
    assert out.getvalue().startswith("iocash-anchor 2 ")
    assert out.getvalue().count("\n") == 4


@pytest.mark.slow
def test_wallet_without_movements_has_an_owner_and_no_head(bobs, tmp_path):
    assert written(tmp_path / "anchor")[1:-1] == [f"wallet {bobs.id} {bobs.user_id} 0 -"]
    assert compared(tmp_path / "anchor") == {}


@pytest.mark.slow
def test_extended_chains_match_their_anchors(anchor):
    assert compared(anchor) == {}


@pytest.mark.slow
def test_audit_text_reports_the_anchor_as_right(anchor):
    out = StringIO()
    call_command("audit", "--anchor", str(anchor), stdout=out)
    assert "passed  anchor" in out.getvalue()


@pytest.mark.slow
@pytest.mark.spoils_the_books
def test_deleted_history_with_intact_chains_is_detected(anchor, alices, bobs):
    """The owner takes a wallet's last movements away and its row back: each chain is whole."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_movement DISABLE TRIGGER movement_is_written_once")
        cursor.execute("DELETE FROM wallets_movement WHERE counterparty_id IS NOT NULL")
        cursor.execute(
            "DELETE FROM users_event WHERE subject = 'movement'"
            " AND subject_id NOT IN (SELECT id FROM wallets_movement)"
        )
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
    assert Audit.objects.latest("id").finding.startswith("anchor violated: every line of the")


@pytest.mark.slow
@pytest.mark.spoils_the_books
def test_deleted_wallet_is_detected(anchor, alices):
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
        ("iocash-anchor 2 ", "iocash-anchor 1 "),
        (" after -", ""),
        ("\nroot 6 ", "\nroot 7 "),
        ("\nroot ", "\nroute "),
        (" 2 ", " 1 "),
        (" 1 ", " 1  "),
        ("wallet ", "wallet x"),
        ("wallet ", ""),
        ("movement ", "movement\n"),
        ("movement ", "\n"),
        ("movement ", "cash-out "),
        (" 2 ", " 99999999999999999999 "),
        (" 2 ", " -2 "),
    ],
)
def test_modified_anchor_file_is_refused(anchor, old, new):
    changed(anchor, old, new)
    with pytest.raises(CommandError) as refused:
        call_command("audit", "--anchor", str(anchor), stdout=StringIO())
    assert refused.value.returncode == 2


def test_malformed_line_is_reported_with_its_number_before_the_audit(anchor):
    changed(anchor, "\nwallet ", "\nwallets ")
    out = StringIO()
    with pytest.raises(CommandError, match=r"Line 6 is not a line of an anchor: 'wallets "):
        call_command("audit", "--anchor", str(anchor), stdout=out)
    assert out.getvalue() == ""


@pytest.mark.parametrize("keep", [0, 1, 2, 3])
def test_truncated_anchor_file_is_refused(anchor, keep):
    lines = anchor.read_text().splitlines(keepends=True)
    anchor.write_text("".join(lines[:keep]))
    with pytest.raises(CommandError) as refused:
        call_command("audit", "--anchor", str(anchor), stdout=StringIO())
    assert refused.value.returncode == 2


def test_anchor_file_with_lines_after_its_root_is_refused(anchor):
    anchor.write_text(anchor.read_text() + "more\n")
    with pytest.raises(CommandError) as refused:
        call_command("audit", "--anchor", str(anchor), stdout=StringIO())
    assert refused.value.returncode == 2


def test_missing_file_is_reported_before_the_audit(tmp_path):
    out = StringIO()
    with pytest.raises(CommandError, match="nowhere") as refused:
        call_command("audit", "--anchor", str(tmp_path / "nowhere"), stdout=out)
    assert (refused.value.returncode, out.getvalue()) == (2, "")


def test_anchor_is_not_written_to_a_missing_folder(tmp_path):
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
def test_root_equals_the_standard_tree_hash(size):
    tree = merkle.Merkle()
    leaves = [f"leaf {number}" for number in range(size)]
    for leaf in leaves:
        tree.add(leaf)
    assert tree.root == tree_hash(leaves).hex()
    assert len(tree.edge) == size.bit_count()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 33])
def test_path_proves_only_its_own_leaf(size):
    leaves = [f"leaf {number}" for number in range(size)]
    root = tree_hash(leaves).hex()
    for index, leaf in enumerate(leaves):
        path = merkle.path(leaves, index)
        assert merkle.root_of(leaf, index, size, path) == root
        assert merkle.root_of("another", index, size, path) != root
        assert merkle.root_of(leaf, index, size, [*path, bytes(32)]) == ""
        assert merkle.root_of(leaf, size, size, path) != root
        if path:
            assert merkle.root_of(leaf, index, size, path[:-1]) == ""
            assert merkle.root_of(leaf, index ^ 1, size, path) != root


def test_node_hash_differs_from_leaf_hash():
    """Else two digests side by side would pass for a line that leads to the same root."""
    left, right = merkle.leaf("one"), merkle.leaf("two")
    as_line = (left + right).decode("latin-1")
    assert merkle.leaf(as_line) != merkle.node(left, right)
    assert hashlib.sha256(left + right).digest() != merkle.node(left, right)
    assert merkle.root_of("one", 0, 1, []) != merkle.leaf("two").hex()


@pytest.mark.slow
def test_lines_are_compared_chunk_by_chunk(anchor, monkeypatch):
    monkeypatch.setattr(anchors, "CHUNK", 1)
    assert compared(anchor) == {}


# --- What only an anchor tells --------------------------------------------------------------------


@pytest.fixture
def promised(alices, bobs, tmp_path) -> dict[str, Any]:
    """A pending cash-out and an open hold, anchored."""
    cash_out = posting.submit(limits.a_cash_out(alices, 10_00)).id
    hold = people.place(alices, bobs, 20_00).id
    call_command("anchor", str(tmp_path / "anchor"))
    return {"file": tmp_path / "anchor", "cash_out": cash_out, "hold": hold, "bobs": bobs.id}


def rewrite(*statements: str, rows: dict[str, Any]) -> None:
    """Do what only the owner can, digests and events included."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_movement DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE wallets_hold DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement, {k: v for k, v in rows.items() if k != "file"})


SPENT = "UPDATE wallets_wallet SET held = held - {} WHERE held > 0"
TOLD = "DELETE FROM users_event WHERE subject_id = %({})s"
REWRITTEN = {
    "a pending cash-out of another amount": (
        "UPDATE wallets_movement SET amount = -900 WHERE id = %(cash_out)s",
        f"UPDATE wallets_movement SET digest = {digest_sql(CASH_OUT)} WHERE id = %(cash_out)s",
        SPENT.format(100),
    ),
    "a pending cash-out that is gone": (
        "DELETE FROM wallets_movement WHERE id = %(cash_out)s",
        TOLD.format("cash_out"),
        SPENT.format(1000),
    ),
    "an open hold of another amount": (
        "UPDATE wallets_hold SET amount = 1900, remaining = 1900 WHERE id = %(hold)s",
        f"UPDATE wallets_hold SET digest = {digest_sql(HOLD)} WHERE id = %(hold)s",
        SPENT.format(100),
    ),
    "an open hold that is gone": (
        "DELETE FROM wallets_hold WHERE id = %(hold)s",
        TOLD.format("hold"),
        SPENT.format(2000),
    ),
    "a wallet of another owner": (
        (
            "UPDATE wallets_wallet SET user_id = ("
            " SELECT user_id FROM wallets_wallet WHERE id <> %(bobs)s) WHERE id = %(bobs)s"
        ),
        (
            "UPDATE users_event SET data = jsonb_build_object('user', ("
            " SELECT user_id FROM wallets_wallet WHERE id = %(bobs)s))"
            " WHERE subject_id = %(bobs)s AND kind = 'wallet.opened'"
        ),
    ),
}


@pytest.mark.slow
@pytest.mark.spoils_the_books
@pytest.mark.parametrize("what", REWRITTEN)
def test_rows_rewritten_with_digests_and_events_fail_the_anchor(promised, what):
    assert compared(promised["file"]) == {}
    rewrite(*REWRITTEN[what], rows=promised)
    assert [finding for _, finding in audit.findings() if finding] == []
    assert compared(promised["file"])


def test_cash_out_settled_after_its_anchor_still_matches_it(promised, alices):
    for verb in (MarkCashOutSent, SettleCashOut):
        posting.submit(verb(**people.about(alices), movement_id=promised["cash_out"]))
    people.execute(people.seen(promised["hold"]))
    assert compared(promised["file"]) == {}
