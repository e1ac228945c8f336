"""The generated documents match the code, and break no promise to callers."""

from __future__ import annotations

import json
from typing import Any

import pytest

import dev
from iocash import errors
from iocash.docs import examples, reference, search
from iocash.http.rendering import dump_lines
from tests.support import openapi, release
from tests.support.openapi_changes import incompatible
from wallets.management.commands import write_docs

MEANT = "- Breaking: "
"""How a line of CHANGELOG.md begins that names an incompatible change since the last release."""


def test_document_matches_the_code():
    stale = "docs/openapi.json is stale: python3 dev.py manage write_docs"
    assert reference.FILE.read_text() == openapi.written(), stale


def test_error_page_lists_every_code():
    text = write_docs.CODES.read_text()
    assert text.count(write_docs.BEGIN) == text.count(write_docs.END) == 1
    assert write_docs.with_codes(text) == text, "python3 dev.py manage write_docs"


def test_write_docs_writes_both_files(monkeypatch, tmp_path):
    page, document = tmp_path / "errors.md", tmp_path / "openapi.json"
    page.write_text(f"Before\n{write_docs.BEGIN}stale\n{write_docs.END}After\n")
    monkeypatch.setattr(write_docs, "CODES", page)
    monkeypatch.setattr(reference, "FILE", document)
    write_docs.Command().handle(release=False)
    assert document.read_text() == openapi.written()
    assert page.read_text().startswith(f"Before\n{write_docs.BEGIN}{len(errors.REGISTRY)} codes:\n")
    assert "| `insufficient_funds` | 409 | " in page.read_text()
    assert page.read_text().endswith(f" |\n{write_docs.END}After\n")


def test_write_docs_writes_the_documents_of_a_release(monkeypatch, tmp_path):
    files = {tmp_path / file.name: document for file, document in reference.RELEASED.items()}
    monkeypatch.setattr(reference, "RELEASED", files)
    monkeypatch.setattr(reference, "FILE", tmp_path / "openapi.json")
    monkeypatch.setattr(write_docs, "CODES", tmp_path / "errors.md")
    write_docs.CODES.write_text(f"{write_docs.BEGIN}{write_docs.END}")
    write_docs.Command().handle(release=True)
    for file, source in files.items():
        assert incompatible(json.loads(file.read_text()), json.loads(openapi.written(source))) == []
        assert '"examples"' not in file.read_text()


def released(source: reference.Document) -> Any:
    """The document of the last release."""
    (file,) = (file for file, each in reference.RELEASED.items() if each is source)
    return json.loads(file.read_text())


def test_changelog_lists_every_incompatible_change():
    changes = [
        words
        for source in (reference.OWN, reference.PUBLISHED)
        for words in incompatible(released(source), json.loads(openapi.written(source)))
    ]
    _, _, said = release.newest_section(release.CHANGELOG.read_text())
    silent = [words for words in changes if MEANT + words not in said]
    assert not silent, "\n".join(["CHANGELOG.md lacks these lines:", *map(MEANT.__add__, silent)])


@pytest.mark.parametrize("words", ["GET /livez is gone", "/api/v1/wallets is gone"])
def test_removal_from_the_document_is_detected(words):
    after = json.loads(openapi.written())
    name = words.removesuffix(" is gone")
    if name.startswith("GET "):
        del after["paths"][name.removeprefix("GET ")]["get"]
    else:
        del after["paths"][name]
    assert words in incompatible(released(reference.OWN), after)


# --- Size and form -------------------------------------------------------------------------------


def test_generated_json_is_small_and_has_one_member_a_line():
    files = [*(dev.ROOT / "docs").glob("*.json")]
    assert {reference.FILE, examples.FILE, *reference.RELEASED} == {*files}
    for file in files:
        assert file.read_text() == dump_lines(json.loads(file.read_text())) + "\n", file.name
    operations = sum(map(len, json.loads(reference.FILE.read_text())["paths"].values()))
    assert reference.FILE.stat().st_size / operations <= 4_520
    assert sum(file.stat().st_size for file in [*files, search.FILE]) <= 1_200_000
