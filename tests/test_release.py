"""A release has one version, fixed migrations, and the OpenAPI document that it was built with."""

from __future__ import annotations

import re
import tomllib

import pytest

import dev
from iocash.docs import reference
from iocash.published import urls as published
from tests.support import release

VERSION, DATE, _ = release.newest_section(release.CHANGELOG.read_text())
IS_RELEASED = DATE != "unreleased"


def test_changelog_begins_with_the_version_of_the_project():
    project = tomllib.loads((dev.ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


def test_published_paths_are_deprecated_since_version_0_2_0():
    """Before that release, `SINCE` is its planned day, at midnight in UTC."""
    found = re.search(r"^## 0\.2\.0 \((.+)\)$", release.CHANGELOG.read_text(), re.MULTILINE)
    assert found
    assert found[1] in {"unreleased", f"{published.SINCE:%Y-%m-%d}"}
    assert published.SINCE.timestamp() % 86_400 == 0


def test_released_migrations_are_listed_and_unchanged():
    released = release.listed(release.DIGESTS.read_text())
    present = release.digests_of_migrations()
    assert len(present) >= 2
    assert not release.mistakes(released, present, is_released=IS_RELEASED)


@pytest.mark.parametrize("file", reference.RELEASED, ids=lambda file: file.name)
def test_released_document_is_the_one_of_the_release(file):
    assert not IS_RELEASED or file.read_text() == reference.RELEASED[file].bare_text()


# --- The rules -----------------------------------------------------------------------------------

TWO = {"users/migrations/0001_a.py": "aa", "users/migrations/0002_b.py": "bb"}
ONE = {"users/migrations/0001_a.py": "aa"}


@pytest.mark.parametrize(
    ("released", "present", "is_released", "words"),
    [
        ({}, TWO, False, []),
        ({}, ONE, True, ["is not in docs/migrations.sha256"]),
        (ONE, TWO, False, []),
        (ONE, TWO, True, ["is not in docs/migrations.sha256"]),
        (TWO, TWO, True, []),
        (TWO, ONE, False, ["was edited or removed after its release"]),
        (ONE, {"users/migrations/0001_a.py": "ab"}, False, ["was edited or removed"]),
    ],
)
def test_rule_for_released_migrations(released, present, is_released, words):
    found = release.mistakes(released, present, is_released=is_released)
    assert len(found) == len(words)
    assert all(part in line for part, line in zip(words, found, strict=True))


def test_digests_are_read_as_sha256sum_writes_them(tmp_path):
    folder = tmp_path / "users" / "migrations"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "0001_a.py").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert release.digests_of_migrations(tmp_path) == {"users/migrations/0001_a.py": empty}
    assert release.listed(f"{empty}  users/migrations/0001_a.py\n") == {
        "users/migrations/0001_a.py": empty
    }


def test_newest_section_ends_at_the_next_heading():
    text = "# Changelog\n\n## 0.2.0 (2027-01-31)\n\n- Two.\n\n## 0.1.0 (2026-12-01)\n\n- One.\n"
    assert release.newest_section(text) == ("0.2.0", "2027-01-31", ["", "- Two.", ""])
    only = "# Changelog\n\n## 0.1.0 (unreleased)\n- One.\n"
    assert release.newest_section(only) == ("0.1.0", "unreleased", ["- One."])


@pytest.mark.parametrize("heading", ["0.1.0", "0.1 (unreleased)", "0.1.0 (soon)"])
def test_malformed_heading_is_an_error(heading):
    with pytest.raises(AssertionError, match=r"must be like '## 0\.1\.0 \(unreleased\)'"):
        release.newest_section(f"# Changelog\n\n## {heading}\n")
