"""State folders of the embedded server: one for all who only use it, one for who harms it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from iocash.postgres.places import Places
from tests.support.embedded_postgres import User, eventually, is_up


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from folder_in(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def state(shared: Path) -> Iterator[Path]:
    """A state folder whose server nobody uses; its data are of tests before this one."""
    eventually(lambda: not is_up(shared))
    yield shared
    eventually(lambda: not is_up(shared))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """A state folder without data, which may be harmed."""
    yield from folder_in(tmp_path)


@pytest.fixture
def alice(state: Path) -> Iterator[User]:
    with User(state) as alice:
        yield alice


def folder_in(parent: Path) -> Iterator[Path]:
    """Yield a state folder, and remove what its server had elsewhere."""
    state = parent / "a folder, of mine" / ".iocash"
    state.parent.mkdir()
    yield state
    where = Places(state)
    eventually(lambda: not is_up(state))
    for folder in {where.home(), where.sockets()} - {None, where.private}:
        shutil.rmtree(str(folder))
