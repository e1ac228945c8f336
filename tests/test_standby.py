"""A standby, a read-only server, and one without a free connection: what is said, what works.

Takes seconds.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from iocash.postgres import CHECKOUT, places
from tests.support.embedded_postgres import eventually
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = pytest.mark.ci


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path_factory.mktemp("primary"))
    scratch.seed()
    yield scratch
    scratch.remove()


@pytest.fixture(scope="module")
def standby(primary: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A copy of the primary that follows it."""
    copy = Scratch(tmp_path_factory.mktemp("standby"))
    copy.stop()
    shutil.rmtree(copy.cluster.data)
    sockets = str(primary.cluster.sockets)
    source = ("-h", sockets, "-p", places.PORT, "-U", "postgres", "--checkpoint=fast")
    copy.cluster._run("pg_basebackup", *source, "--write-recovery-conf", "-D", copy.cluster.data)
    copy.start()
    yield copy
    copy.remove()


def audit(server: Scratch, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "audit", *words],
        cwd=CHECKOUT,
        env=server.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


READ_ONLY = "ALTER SYSTEM SET default_transaction_read_only = {}"
RELOAD = "SELECT pg_reload_conf()"
NOT_RECORDED = "The database is read-only, so this audit is not recorded in it.\n"


def test_audit_on_a_standby_reports_and_warns_that_it_is_not_recorded(standby):
    done = audit(standby, "--json")
    assert (done.returncode, done.stderr) == (0, NOT_RECORDED)
    assert json.loads(done.stdout)["right"]
    assert json.loads(done.stdout)["movements"] > 0
    assert standby.ask("SELECT count(*) FROM wallets_audit") == 0


def test_readyz_is_503_on_a_standby(standby, tmp_path):
    with Served(standby.address(), tmp_path / "server.log") as server:
        status, _, content = server.call("GET", "/readyz")
        assert (status, content["code"]) == (503, "database_unavailable")
        assert content["detail"] == "The database is a standby; it takes no changes."


def test_readyz_is_503_on_a_read_only_database(primary, tmp_path):
    with Served(primary.address(), tmp_path / "server.log") as server:
        primary.tell(READ_ONLY.format("on"), RELOAD)
        eventually(lambda: detail(server) == "The database is read-only.")
        primary.tell("SET default_transaction_read_only = off", READ_ONLY.format("off"), RELOAD)
        eventually(lambda: server.call("GET", "/readyz")[0] == 200)


def detail(server: Served) -> str:
    return str(server.call("GET", "/readyz")[2].get("detail"))


def test_audit_as_owner_works_when_the_server_has_no_connection_left(primary):
    primary.tell("ALTER ROLE iocash_app CONNECTION LIMIT 0")
    refused, done = audit(primary), audit(primary, "--as-owner")
    primary.tell("ALTER ROLE iocash_app CONNECTION LIMIT 90")
    assert "too many connections for role" in refused.stderr
    assert (done.returncode, done.stderr) == (0, "")
    assert primary.ask("SELECT count(*) FROM wallets_audit") == 1


def test_audit_of_a_standby_by_its_url_goes_on_from_the_audits_of_the_primary(primary, standby):
    assert audit(primary).returncode == 0
    count = primary.ask("SELECT count(*) FROM wallets_audit")
    night = primary.ask(
        "SELECT (proof ->> 'night')::int FROM wallets_audit ORDER BY id DESC LIMIT 1"
    )
    eventually(lambda: standby.ask("SELECT count(*) FROM wallets_audit") == count)
    for words in ((), ("--all",)):
        done = audit(primary, "--json", "--database-url", standby.address(), *words)
        assert (done.returncode, done.stderr) == (0, NOT_RECORDED)
        report = json.loads(done.stdout)
        assert report["right"]
        assert report["proof"]["night"] == (0 if words else night + 1)
    assert primary.ask("SELECT count(*) FROM wallets_audit") == count
