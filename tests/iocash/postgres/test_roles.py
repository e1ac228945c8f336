"""Who may reach the embedded PostgreSQL, and what each of its roles may do."""

from pathlib import Path

import psycopg
import pytest

from iocash.postgres import places
from tests.support.embedded_postgres import User


@pytest.mark.slow
def test_server_listens_on_a_private_socket_only(alice: User) -> None:
    assert alice.ask("SHOW listen_addresses") == ""
    assert Path(alice.sockets).stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_server_account_is_not_root(alice: User) -> None:
    alice.ask("SELECT 1")
    assert Path(alice.sockets, places.SOCKET).stat().st_uid != 0


@pytest.mark.slow
def test_serving_role_owns_nothing_and_has_time_limits(alice: User) -> None:
    assert alice.ask("SHOW lock_timeout") == "2s"
    assert alice.ask("SHOW statement_timeout") == "10s"
    assert alice.ask("SHOW idle_in_transaction_session_timeout") == "15s"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        alice.tell("CREATE TABLE mine ()", role="iocash_app")


@pytest.mark.slow
def test_owner_role_may_create_databases_but_is_no_superuser(alice: User) -> None:
    assert alice.ask("SHOW statement_timeout", role="iocash_owner") == "0"
    rights = "SELECT (rolcreatedb, rolsuper)::text FROM pg_roles WHERE rolname = current_user"
    assert alice.ask(rights, role="iocash_owner") == "(t,f)"
