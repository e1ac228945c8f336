"""A client that moves to another server: everything goes on there."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from tests.support import every_verb
from tests.support.second_server import passphrase_file, second_server
from users.models import Client

pytestmark = [pytest.mark.django_db(transaction=True)]


def test_try(settings, tmp_path):
    settings.KYC_LIMITS = every_verb.LIMITS | {"USD": every_verb.LIMITS["EUR"]}
    every_verb.play()
    file = passphrase_file(tmp_path)
    for name in Client.objects.values_list("name", flat=True):
        folder = tmp_path / name
        call_command("export_client", name, str(folder), "--passphrase-file", file)
        with second_server(tmp_path):
            call_command("import_client", str(folder), "--passphrase-file", file, "--copy")
            again = tmp_path / f"{name} again"
            call_command("export_client", name, str(again), "--passphrase-file", file)
            for path in sorted(folder.glob("*.ndjson")):
                print(path.name, path.read_bytes() == (again / path.name).read_bytes())
    assert 0
