"""An export with rows that are not of its clients is refused, also if its digests are right."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.support import people
from tests.support.second_server import passphrase_file, second_server
from users.models import ApiKey, Client
from wallets.exports.folder import MANIFEST, facts_of_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ci]


def add_line(folder: Path, table: str, **changes: Any) -> None:
    """Add a changed copy of the first line of a file, with the digests that it needs."""
    path = folder / f"{table}.ndjson"
    first = json.loads(path.read_bytes().splitlines()[0])
    with path.open("a") as lines:
        lines.write(json.dumps(first | changes) + "\n")
    manifest = json.loads((folder / MANIFEST).read_bytes())
    others = [each for each in manifest["files"] if each["name"] != path.name]
    place = [each["name"] for each in manifest["files"]].index(path.name)
    others.insert(place, asdict(facts_of_file(path)))
    (folder / MANIFEST).write_text(json.dumps(manifest | {"files": others}))


@pytest.fixture
def folder(client_demo: Client, alices: Any, tmp_path: Path) -> Path:
    people.a_key(client_demo)
    Client.objects.update(status="SUSPENDED")
    found = tmp_path / "export"
    call_command(
        "export_client", "Demo", str(found), "--passphrase-file", passphrase_file(tmp_path)
    )
    return found


def refusal(folder: Path) -> str:
    with pytest.raises(CommandError) as refused:
        call_command(
            "import_client", str(folder), "--passphrase-file", str(folder.parent / "passphrase")
        )
    return str(refused.value)


def test_key_of_another_client_is_not_imported(folder, tmp_path):
    """Takes 4 s."""
    with second_server(tmp_path):
        other = Client.objects.create(name="Other")
        key = {"id": str(people.unknown_id()), "digest": "AAAA", "client_id": str(other.id)}
        add_line(folder, "users_apikey", **key)
        words = refusal(folder)
        assert "users_apikey has rows that are not of these clients" in words
        assert not ApiKey.objects.exists()


def test_client_that_the_manifest_does_not_name_is_not_imported(folder, tmp_path):
    """Takes 4 s."""
    with second_server(tmp_path):
        add_line(folder, "users_client", id=str(people.unknown_id()), name="Stranger")
        assert "users_client has rows that are not of these clients" in refusal(folder)
        assert not Client.objects.exists()
