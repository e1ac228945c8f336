"""Proofs of movements: whoever has the root of an anchor verifies them with one file of Python."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from iocash import errors
from iocash.db import clock
from tests.support import people, sandbox
from tests.support.anchors import write_anchor
from tests.support.cash_outs import a_cash_out
from tests.support.proofs import VERIFY, path_of, root_of, run
from wallets import anchors, erasure
from wallets.anchors import blocks, merkle, proofs
from wallets.duties.audits import WriteAnchor
from wallets.models import Movement

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(tmp_path: Path, settings: Any) -> Path:
    """The folder of anchors."""
    settings.ANCHORS_DIR = str(tmp_path)
    return tmp_path


@pytest.fixture
def anchor(kept, alices, bobs) -> Path:
    """An anchor with three movements in two wallets."""
    people.transfer(alices, bobs, 10_00, concept="Lunch", reference="INV-1")
    return write_anchor(kept)


@pytest.fixture
def proof(api, anchor, alices) -> dict[str, Any]:
    """The proof of Alice's transfer."""
    answer = api.get(path_of(people.movements(alices)[-1]))
    assert answer.status == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


@pytest.fixture
def verified(tmp_path: Path) -> Any:
    """Verify a proof against a root; return what the program says."""

    def verify(proof: Any, root: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "proof.json"
        file.write_text(json.dumps(proof))
        return run("proof", file, root)

    return verify


def test_proof_is_right_for_the_root_of_its_anchor(proof, anchor, verified, alices):
    done = verified(proof, root_of(anchor))
    assert (done.returncode, done.stderr) == (0, "")
    movement = people.movements(alices)[-1]
    assert done.stdout == (
        f"right: movement {movement.id} of wallet {alices.id}, TRANSFER of -1000 EUR"
        " (minor units)\n"
    )


def test_proof_has_no_personal_data(proof):
    text = json.dumps(proof)
    assert "Lunch" not in text
    assert "INV-1" not in text
    assert proof["anchor"]["name"].startswith("iocash-anchor-20")
    assert proof["detailsDigest"]


@pytest.mark.slow
def test_every_movement_has_a_right_proof(api, kept, alices, bobs, verified, monkeypatch):
    """Also with blocks of two lines, and of movements in several anchors."""
    monkeypatch.setattr(blocks, "BLOCK", 2)
    written = []
    for number in range(3):
        for _ in range(number + 1):
            people.transfer(alices, bobs, 1_00)
        people.place(alices, bobs, 50)
        written.append(write_anchor(kept))
    roots = {path.name: root_of(path) for path in written}
    found = [api.get(path_of(each)).json for each in Movement.objects.order_by("id")]
    assert {each["anchor"]["name"] for each in found} == {*roots}
    for each in found:
        assert verified(each, roots[each["anchor"]["name"]]).returncode == 0


def altered(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """The value with each of its parts altered, one at a time, and where."""
    if isinstance(value, dict):
        for name, part in value.items():
            for where, other in altered(part, f"{place}.{name}"):
                yield where, value | {name: other}
            yield f"{place} without {name}", {k: v for k, v in value.items() if k != name}
        yield f"{place} with more", value | {"more": 1}
    elif isinstance(value, list):
        for number, part in enumerate(value):
            for where, other in altered(part, f"{place}[{number}]"):
                yield where, [*value[:number], other, *value[number + 1 :]]
        yield f"{place} shorter", value[:-1]
        yield f"{place} longer", [*value, "00" * 32]
        yield f"{place} reversed", value[::-1] if value != value[::-1] else [*value, value[0]]
    elif isinstance(value, int):
        yield from ((place, other) for other in (value + 1, value - 1, value + 2, -1, str(value)))
    elif value is None:
        yield place, "00" * 32
        yield place, ""
    else:
        first = "1" if value[0] != "1" else "2"
        last = "1" if value[-1] != "1" else "2"
        for other in (first + value[1:], value[:-1] + last, value + "0", value.upper() + " ", None):
            yield place, other


def test_every_altered_field_is_refused(proof, anchor, monkeypatch):
    """Each field, and each part of the canonical form, in the same program without a process."""
    program: dict[str, Any] = {"__name__": "verify"}
    exec(compile(VERIFY.read_text(), VERIFY, "exec"), program)
    root = root_of(anchor)
    program["verify_proof"](proof, root)
    bare = {name: value for name, value in proof.items() if name != "_links"}
    facts = bare["canonical"].split("|")
    cases = [*altered(bare)]
    for number, fact in enumerate(facts):
        other = "|".join([*facts[:number], fact + "1", *facts[number + 1 :]])
        cases.append((f"canonical {number}", bare | {"canonical": other}))
    accepted = []
    for where, case in cases:
        try:
            program["verify_proof"](deepcopy(case), root)
        except program["Wrong"]:
            continue
        accepted.append(where)
    assert len(cases) > 80
    assert accepted == []


@pytest.mark.parametrize("name", ["digest", "canonical", "previousDigest", "detailsDigest"])
def test_altered_proof_ends_the_program_with_1(proof, anchor, verified, name):
    done = verified(proof | {name: proof[name][::-1]}, root_of(anchor))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("wrong: ")


def test_proof_with_a_root_of_its_own_is_refused(proof, verified):
    other = hashlib.sha256(b"another").hexdigest()
    assert verified(proof, other).returncode == 1
    forged = proof | {"anchor": proof["anchor"] | {"root": other}}
    assert verified(forged, other).returncode == 1


def test_unreadable_files_and_wrong_words_end_the_program_with_2(tmp_path):
    assert run("proof", tmp_path / "nowhere", "00" * 32).returncode == 2
    (tmp_path / "broken").write_text("{")
    assert run("proof", tmp_path / "broken", "00" * 32).returncode == 2
    assert run().returncode == 2
    assert "Verify proofs, anchors and exports" in run("help").stderr


# --- The files of anchors ------------------------------------------------------------------------


def test_program_verifies_an_anchor_file(anchor):
    root = root_of(anchor)
    done = run("anchor", anchor, root)
    assert (done.returncode, done.stdout) == (0, f"right: 6 lines, root {root}\n")
    assert run("anchor", anchor).returncode == 0
    assert run("anchor", anchor, "00" * 32).returncode == 1


@pytest.mark.parametrize("number", range(7))
def test_program_refuses_an_anchor_with_a_changed_line(anchor, number):
    lines = anchor.read_text().splitlines(keepends=True)
    line = lines[number]
    lines[number] = line[:-3] + ("0" if line[-3] != "0" else "1") + line[-2:]
    anchor.write_text("".join(lines))
    assert run("anchor", anchor).returncode == 1
    anchor.write_text("".join([*lines[:number], *lines[number + 1 :]]))
    assert run("anchor", anchor).returncode == 1


def an_old_anchor(kept: Path, *wallets: Any) -> Path:
    """An anchor of the first format: the heads of wallets."""
    tree, lines = merkle.Merkle(), []
    for each in sorted(wallets, key=lambda wallet: str(wallet.id)):
        each.refresh_from_db()
        lines.append(f"{each.id} {each.seq} {bytes(each.head).hex()}")
        tree.add(lines[-1])
    whole = ["iocash-anchor 1 2026-01-01T00:00:00.000Z", *lines, f"root {tree.leaves} {tree.root}"]
    file = kept / "iocash-anchor-2026-01-01T000000.000Z.txt"
    file.write_text("".join(f"{line}\n" for line in whole))
    return file


def test_anchor_of_the_first_format_is_still_verified(kept, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    old = an_old_anchor(kept, alices, bobs)
    assert run("anchor", old, root_of(old)).returncode == 0
    with old.open() as lines:
        assert anchors.compare(lines) is None
    people.transfer(alices, bobs, 1_00)
    following = write_anchor(kept).read_text().splitlines()
    assert following[0].endswith(f" after {root_of(old)}")
    assert len([line for line in following if line.startswith("movement ")]) == 2
    changed = old.read_text().replace(bytes(alices.head).hex()[:8], "0" * 8)
    old.write_text(changed)
    assert run("anchor", old).returncode == 1


@pytest.mark.spoils_the_books
def test_rewritten_head_differs_from_an_anchor_of_the_first_format(kept, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    old = an_old_anchor(kept, alices, bobs)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_movement DISABLE TRIGGER USER")
        cursor.execute("UPDATE wallets_movement SET digest = sha256('x') WHERE seq = 2")
    with old.open() as lines:
        finding = anchors.compare(lines)
    assert finding is not None
    assert str(alices.id) in str(finding)


# --- Not anchored --------------------------------------------------------------------------------


def test_movement_after_the_last_anchor_is_not_anchored_yet(api, anchor, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    answer = api.get(path_of(people.movements(alices)[-1]))
    assert (answer.status, answer.code) == (409, "not_anchored_yet")
    at = answer.json["conflict"]["nextAnchorAt"]
    assert at.endswith("T04:00:00.000Z")


def test_time_of_the_next_anchor_is_that_of_the_duty(api, kept, alices):
    sandbox.make()
    duty = WriteAnchor()
    duty.perform()
    people.cash_in(alices, 1_00)
    movement = people.movements(alices)[-1]
    at = api.get(path_of(movement)).json["conflict"]["nextAnchorAt"]
    sandbox.set_clock(clock.now() + timedelta(days=1))
    assert duty.perform() == 1
    found = api.get(path_of(movement))
    assert found.status == 200
    assert found.json["anchor"]["createdAt"] >= at


def test_no_next_anchor_is_planned_without_a_folder(api, alices, settings):
    settings.ANCHORS_DIR = ""
    answer = api.get(path_of(people.movements(alices)[0]))
    assert (answer.code, answer.json["conflict"]["nextAnchorAt"]) == ("not_anchored_yet", None)


def test_pending_cash_out_is_not_anchored(api, kept, alices):
    cash_out = a_cash_out(alices, 1_00)
    write_anchor(kept)
    assert api.get(path_of(cash_out)).code == "not_anchored_yet"


def test_movement_of_another_wallet_or_client_is_404(api, anchor, alices, bobs):
    movement = people.movements(alices)[-1]
    assert api.get(f"wallets/{bobs.id}/movements/{movement.id}/proof").status == 404
    other = people.Api(people.a_key(people.a_client("Another"), "movements:read"))
    assert other.get(path_of(movement)).status == 404


# --- Damage --------------------------------------------------------------------------------------


@pytest.mark.spoils_the_books
def test_rewritten_movement_has_no_proof(anchor, alices):
    movement = people.movements(alices)[-1]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_movement DISABLE TRIGGER USER")
        cursor.execute("UPDATE wallets_movement SET created_at = now() - interval '1 day'")
    with pytest.raises(errors.Inconsistent, match="is not the anchored one"):
        proofs.proof_of(Movement.objects.get(id=movement.id))


def test_index_is_made_again_if_it_is_lost_or_damaged(api, anchor, alices, verified):
    place = anchor.with_name(anchor.name + blocks.SUFFIX)
    for damage in (None, "", "[1]", "{}"):
        place.unlink(missing_ok=True)
        if damage is not None:
            place.write_text(damage)
        blocks.kept_index.cache_clear()
        proof = api.get(path_of(people.movements(alices)[-1])).json
        assert verified(proof, root_of(anchor)).returncode == 0


def test_index_that_lies_gives_no_proof(anchor, alices):
    index = blocks.index_of(anchor)
    place = anchor.with_name(anchor.name + blocks.SUFFIX)
    place.write_text(json.dumps(index._replace(root="00" * 32)))
    blocks.kept_index.cache_clear()
    with pytest.raises(errors.Inconsistent, match="does not lead to its root"):
        proofs.proof_of(people.movements(alices)[-1])


def test_truncated_anchor_gives_no_proof(anchor, alices):
    anchor.with_name(anchor.name + blocks.SUFFIX).unlink()
    anchor.write_text("".join(anchor.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(errors.Inconsistent, match="incomplete"):
        proofs.proof_of(people.movements(alices)[-1])


# --- After an erasure ----------------------------------------------------------------------------


@pytest.mark.slow
def test_proof_is_right_after_the_texts_were_erased(api, scene, kept, verified):
    anchor = write_anchor(kept)
    movements = [*people.movements(scene.alices), *people.movements(scene.bobs)]
    settled = [each for each in movements if each.status == "SUCCESS"]
    before = [api.get(path_of(each)).json for each in settled]
    erasure.erase(user_id=scene.alice.id, by=people.BY, reason="AUTHORITY_ORDER")
    after = [api.get(path_of(each)).json for each in settled]
    assert after == before
    assert "qx~z" not in json.dumps(after).lower()
    assert all(verified(each, root_of(anchor)).returncode == 0 for each in after)
