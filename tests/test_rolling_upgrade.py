"""The last release is upgraded to this one, instance by instance, while callers pay.

Its code is read from the history of the repository, and runs with the packages of this one.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import dev
from tests.support import rolling
from tests.support.embedded_postgres import eventually, linux
from tests.support.nginx import Proxy, needs_nginx
from tests.support.release import CHANGELOG
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = [needs_nginx, linux]

SUBJECT = "Release {}"


def git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=dev.ROOT, capture_output=True, check=False)
    return done.stdout


def last_release() -> str:
    """The commit of the newest released version of the changelog; empty: it is not here."""
    found = re.search(r"^## ([\d.]+) \(\d{4}-", CHANGELOG.read_text(), re.MULTILINE)
    if not found or not shutil.which("git"):
        return ""
    subject = f"^{SUBJECT.format(re.escape(found[1]))}$"
    return git("log", "-1", "--format=%H", f"--grep={subject}").decode().strip()


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the last release."""
    commit = last_release()
    if not commit:
        pytest.skip("The history of the repository is not here.")
    folder = tmp_path_factory.mktemp("former")
    with tarfile.open(fileobj=BytesIO(git("archive", commit))) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def postgres(former: Path, tmp_path: Path) -> Iterator[Scratch]:
    """A PostgreSQL with the tables of the last release."""
    scratch = Scratch(tmp_path)
    scratch.checkout = former
    yield scratch
    scratch.remove()


@pytest.fixture
def demo(postgres: Scratch) -> dict[str, str]:
    return postgres.seed()


def served(stack: ExitStack, postgres: Scratch, log: Path, checkout: Path) -> Served:
    server = Served(postgres.address(), log)
    server.checkout = checkout
    return stack.enter_context(server)


@pytest.mark.long
def test_upgrade_of_the_last_release_loses_no_request(postgres, demo, former, tmp_path):
    """Both releases serve side by side on the new tables, then the new one alone.

    While tables are locked by migrations, a request can wait too long: then nothing was done, and
    the answer says so. Nothing else fails; and nothing at all while instances are restarted.

    Takes 145 s, because eight callers and the migrations want the same locks.
    """
    before = rolling.balance(postgres, demo)
    with ExitStack() as stack:
        pair = [
            served(stack, postgres, tmp_path / f"{name}.log", former) for name in ("one", "two")
        ]
        proxy = stack.enter_context(Proxy(tmp_path, *(server.port for server in pair)))
        with rolling.load(proxy, demo) as met:
            await_requests(met)
            postgres.checkout = dev.ROOT
            postgres.manage("migrate", "--verbosity", "0")
            meanwhile = met()
            await_requests(met)
            for server in pair:
                server.checkout = dev.ROOT
                rolling.restart(server)
                assert server.call("GET", "/readyz")[0] == 200
                await_requests(met)
        outcome = met()
    refused = Counter({key: count for key, count in meanwhile.items() if key[0] == 503})
    assert (meanwhile - refused).keys() == {(200, None), (201, None)}
    assert refused.keys() <= {(503, "lock_timeout"), (503, "database_unavailable")}
    assert refused.total() < meanwhile.total() / 20
    assert (outcome - meanwhile).keys() == {(200, None), (201, None)}
    assert rolling.balance(postgres, demo) - before == outcome[201, None]
    assert json.loads(postgres.manage("audit", "--json"))["right"]


def await_requests(met: Callable[[], Counter[Any]]) -> None:
    enough = met().total() + 200
    eventually(lambda: met().total() > enough)


@pytest.mark.ci
def test_new_code_is_not_ready_on_the_former_tables(postgres, demo, tmp_path):
    """Takes 10 s; needs the history of the repository."""
    with ExitStack() as stack:
        server = served(stack, postgres, tmp_path / "server.log", dev.ROOT)
        status, _, body = server.call("GET", "/readyz")
        assert (status, body["code"]) == (503, "database_unavailable")
        assert body["detail"] == "Migrations are missing in the database; run migrate."
