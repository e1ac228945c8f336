"""`manage.py publish_terms`."""

from __future__ import annotations

import os
import pwd
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.support.kyc import PAGE
from users.models import Terms

pytestmark = pytest.mark.django_db


def publish(file: Path) -> str:
    out = StringIO()
    call_command("publish_terms", str(file), stdout=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "terms.pdf"
    path.write_bytes(PAGE.content)
    return path


def test_version_and_hash_are_printed(file):
    said = publish(file)
    published = Terms.objects.get()
    assert said == f"Terms, version 1, SHA-256 {published.digest}\n"
    assert bytes(published.content) == file.read_bytes()
    assert published.published_by == f"system:publish_terms:{pwd.getpwuid(os.getuid()).pw_name}"


def test_same_file_again_changes_nothing(file):
    assert publish(file) == publish(file)
    assert Terms.objects.count() == 1


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(CommandError, match="can't be read: No such file"):
        publish(tmp_path / "terms.pdf")


def test_file_that_is_no_pdf_is_refused(tmp_path):
    path = tmp_path / "terms.txt"
    path.write_text("Terms")
    with pytest.raises(CommandError, match="not accepted"):
        publish(path)
    assert not Terms.objects.exists()
