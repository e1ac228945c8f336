"""Exports that are incomplete, were changed, or do not fit the server are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from tests.support import bank, people, sandbox
from tests.support import kyc as shown
from tests.support.proofs import run as verify
from tests.support.second_server import passphrase_file
from users.kyc import Kind
from users.models import Client
from users.models.kyc_documents import file_storage
from wallets.exports import reading, secrets
from wallets.exports.folder import (
    BadExport,
    Manifest,
    facts_of_file,
    listed_documents,
    verify_document,
)
from wallets.management.commands import import_client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stay_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stay in the transaction of the test, which is the owner's, and derive keys quickly."""
    monkeypatch.setattr(import_client, "use_owner", lambda: None)
    monkeypatch.setitem(secrets.COST, "n", 2)


@pytest.fixture
def folder(alices: Any, bobs: Any, tmp_path: Path) -> Path:
    """The export of the suspended Demo client, which has a document."""
    people.transfer(alices, bobs, 10_00, concept='Lunch \\ "dinner" ñ\n')
    shown.send(alices.user, Kind.DOCUMENT_IDENTITY_FRONT)
    Client.objects.update(status="SUSPENDED")
    export(tmp_path / "export")
    return tmp_path / "export"


def export(folder: Path, *words: str) -> None:
    file = passphrase_file(folder.parent)
    call_command("export_client", "Demo", str(folder), "--passphrase-file", file, *words)


def refusal(folder: Path, *words: str) -> str:
    """Why an import is refused."""
    file = passphrase_file(folder.parent)
    with pytest.raises(CommandError) as refused:
        call_command("import_client", str(folder), "--passphrase-file", file, *words)
    return str(refused.value)


def change(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def wrong(folder: Path, *words: str) -> str:
    """What `docs/verify.py` says of a wrong export."""
    done = verify(folder, *words)
    assert done.returncode == 1, done
    return done.stderr


def test_export_is_right(folder):
    done = verify(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "right: 3 movements in 2 wallets\n"


def test_server_with_the_client_refuses_it(folder):
    assert "has the client Demo" in refusal(folder)


def test_export_without_manifest_is_refused(folder):
    (folder / "manifest.json").unlink()
    assert "the export was interrupted" in refusal(folder)
    assert "the export was interrupted" in wrong(folder)


def test_other_manifest_is_refused(folder):
    digest = "0" * 64
    assert "manifest.json has the SHA-256" in refusal(folder, "--sha256", digest)
    assert "manifest.json has the SHA-256" in wrong(folder, digest)


def test_changed_byte_is_refused(folder):
    change(folder / "wallets_movement.ndjson", b'"amount":1000', b'"amount":1001')
    assert "wallets_movement.ndjson was changed" in refusal(folder)
    assert "wallets_movement.ndjson was changed" in wrong(folder)


def test_missing_line_is_refused(folder):
    path = folder / "users_event.ndjson"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert "users_event.ndjson has" in refusal(folder)
    assert "another number of lines" in wrong(folder)


def test_missing_file_and_strange_file_are_refused(folder):
    (folder / "users_note.ndjson").rename(folder / "users_notes.ndjson")
    assert "users_notes.ndjson is not in the manifest" in refusal(folder)
    assert "users_note.ndjson, users_notes.ndjson" in wrong(folder)
    (folder / "users_notes.ndjson").unlink()
    assert "users_note.ndjson is missing" in refusal(folder)


def test_changed_document_is_refused(folder):
    (document,) = [path for path in (folder / "documents").rglob("*") if path.is_file()]
    content = document.read_bytes()
    document.write_bytes(content[:-1] + b"?")
    assert "was changed" in refusal(folder)
    assert "was changed" in wrong(folder)
    document.unlink()
    assert "is missing" in refusal(folder)


def test_document_outside_of_the_folder_is_refused(folder, tmp_path):
    (tmp_path / "outside").write_bytes(b"x")
    line = {"name": "../../outside", "bytes": 1, "sha256": "0" * 64}
    with pytest.raises(BadExport, match="outside of the folder"):
        verify_document(folder, line)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"amount":1000', b'"amount":1001', "breaks the chain"),
        (b'"status":"SUCCESS"', b'"status":"PENDING"', "breaks the chain"),
    ],
)
def test_changed_ledger_is_wrong_although_its_digests_are_right(folder, old, new, words):
    path = folder / "wallets_movement.ndjson"
    change(path, old, new)
    forge(folder, path.name)
    assert words in wrong(folder)


def test_changed_wallet_is_wrong_although_its_digests_are_right(folder):
    change(folder / "wallets_wallet.ndjson", b'"balance":1000', b'"balance":9000')
    forge(folder, "wallets_wallet.ndjson")
    assert "has another head" in wrong(folder)


def forge(folder: Path, name: str) -> None:
    """Write the digests of a changed file into the manifest."""
    manifest = Manifest.read(folder)
    files = [
        facts_of_file(folder / each.name) if each.name == name else each for each in manifest.files
    ]
    manifest.files[:] = files
    manifest.write(folder)


def test_export_of_another_schema_version_is_refused(folder):
    change(folder / "manifest.json", b"users.0001_initial", b"users.0001_other")
    words = refusal(folder)
    assert "another schema version" in words
    assert "only here: users.0001_initial" in words
    assert "only there: users.0001_other" in words


def test_export_of_a_client_that_was_not_suspended_is_a_copy(folder, tmp_path):
    Client.objects.update(status="ACTIVE")
    export(tmp_path / "copy")
    assert "was not suspended" in refusal(tmp_path / "copy")
    assert "has the client Demo" in refusal(tmp_path / "copy", "--copy")


def test_sandbox_takes_no_client_of_real_money(folder):
    manifest = Manifest.read(folder)
    assert manifest.clock_offset is None
    manifest.clients[0]["id"] = str(people.unknown_id())
    sandbox.make()
    with pytest.raises(BadExport, match="Only a sandbox"):
        reading.require_fitting_server(manifest)


def test_folder_that_is_not_empty_is_refused(folder):
    with pytest.raises(CommandError, match="is not empty"):
        export(folder)


def test_clients_that_share_a_bank_account_are_exported_together(client_demo, tmp_path):
    account = bank.an_account(client_demo, cash_ins="API")
    another = people.a_client("Another")
    account.clients.add(another)
    with pytest.raises(CommandError, match=f"same bank accounts or bank files: {account.iban}"):
        export(tmp_path / "export")
    assert not (tmp_path / "export" / "manifest.json").exists()
    export(tmp_path / "both", "--with", "Another")
    assert len(Manifest.read(tmp_path / "both").clients) == 2


def test_wrong_passphrase_is_refused():
    lock = secrets.new_lock()
    sealed = secrets.cipher_of("right", lock).encrypt(b"secret").decode()
    change_row = secrets.for_import(secrets.cipher_of("wrong", lock))[secrets.ENDPOINTS]
    with pytest.raises(BadExport, match="The passphrase is wrong"):
        change_row({"secrets": [sealed]})


def test_unknown_client_is_refused(tmp_path):
    with pytest.raises(CommandError, match="No client has the name 'Nobody'"):
        call_command("export_client", "Nobody", str(tmp_path / "export"), "--without-secrets")


def test_document_that_a_killed_import_has_left_is_kept(folder):
    stored: list[str] = []
    reading.store_documents(folder, stored)
    assert stored == []
    (document,) = listed_documents(folder)
    file_storage().delete(document["name"])
    file_storage().save(document["name"], ContentFile(b"other"))
    with pytest.raises(BadExport, match="Another document"):
        reading.store_documents(folder, stored)
    file_storage().delete(document["name"])
    reading.store_documents(folder, stored)
    assert stored == [document["name"]]
    with pytest.raises(BadExport), reading.removed_after_failure() as noted:  # noqa: PT012
        noted.extend(stored)
        raise BadExport
    assert not file_storage().exists(document["name"])
