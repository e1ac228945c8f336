"""Every statement that is sent while serving restricts each table of clients to a client.

The whole API and every verb is played, and each statement that the product sends is parsed. The
constants of its modules are parsed too, for no play reaches all of them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps

import users
import wallets
from tests.support import client_scopes, distributed, every_verb
from tests.support.client_scopes import NOT_SERVING, STAFF, unrestricted
from tests.support.statements import noted
from users.models import PhoneUse, events
from users.models.clients import Credential
from wallets.posting import read, write

OF_ANY_CLIENT = (Credential, PhoneUse)
"""Credentials tell which client it is. The use of a phone number is counted across clients."""
TABLES = frozenset(
    model._meta.db_table
    for model in apps.get_models()
    if not issubclass(model, OF_ANY_CLIENT)
    and any(field.column == client_scopes.COLUMN for field in model._meta.concrete_fields)
)


def is_exempt(name: str) -> bool:
    return any(f"{name}.".startswith(f"{place}.") for place in STAFF + NOT_SERVING)


def fault(sender: str, statement: str) -> str:
    """What a statement leaves open, and who sends it; empty when all is well."""
    is_of_staff = statement == read.READ_DEEDS  # a member of staff acts for all clients
    wrong = [] if is_exempt(sender) or is_of_staff else unrestricted(statement, TABLES)
    return f"{sender}: {', '.join(wrong)}: {' '.join(statement.split())}" if wrong else ""


def constants() -> Iterator[tuple[str, str]]:
    """The statements among the constants of our modules, by name."""
    for package in (users, wallets):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if is_exempt(found.name):
                continue
            for name, value in vars(importlib.import_module(found.name)).items():
                if not name.startswith("__"):
                    yield from ((f"{found.name}.{name}", text) for text in texts(value))


def texts(value: Any) -> Iterator[str]:
    """The texts of a constant, also within tuples and dicts."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from texts(each)


def test_every_table_of_clients_is_known():
    assert {"users_user", "users_key", "users_event", "wallets_wallet"} < TABLES
    assert not {"users_client", "users_apikey", "users_signingkey"} & TABLES


RESTRICTED = (
    "SELECT id FROM a WHERE client_id = %s AND id = ANY(%s)",
    "SELECT id FROM a WHERE (id = %s AND (client_id IN (%s)))",
    "SELECT id FROM a WHERE (client_id, id) IN (SELECT client_id, id FROM json_to_recordset(%s))",
    "SELECT id FROM a JOIN b ON b.client_id = a.client_id AND b.id = a.b_id WHERE a.client_id = %s",
    'SELECT (SELECT 1 FROM b U0 WHERE U0."client_id" = a."client_id") FROM a WHERE client_id = %s',
    "UPDATE a SET x = %s FROM json_to_recordset(%s) AS new WHERE a.client_id = new.client_id",
    "INSERT INTO a (id, client_id) VALUES (%s, %s)",
    "DELETE FROM a WHERE client_id = %s",
    "SELECT id FROM c WHERE id = %s",
)
UNRESTRICTED = (
    "SELECT client_id FROM a WHERE id = %s",
    "SELECT id FROM a WHERE client_id = %s OR id = %s",
    "SELECT id FROM a WHERE NOT (client_id = %s)",
    "SELECT id FROM a WHERE client_id <> %s",
    "SELECT id FROM a, b WHERE a.client_id = %s AND b.client_id = %s AND b.id = a.b_id",
    "SELECT id FROM a LEFT JOIN b ON b.id = a.b_id WHERE a.client_id = %s",
    "SELECT id FROM a WHERE client_id = %s UNION ALL SELECT id FROM b WHERE id = %s",
    "SELECT id FROM c WHERE id = ANY(ARRAY(SELECT id FROM a WHERE x = %s))",
    "WITH found AS (SELECT id FROM a) SELECT id FROM found WHERE client_id = %s",
    "UPDATE a SET client_id = %s WHERE id = %s",
    "INSERT INTO a (id) VALUES (%s)",
    "INSERT INTO a (id, client_id) SELECT id, client_id FROM b",
    "DELETE FROM a WHERE id IN (SELECT id FROM c WHERE client_id = %s)",
)


@pytest.mark.parametrize("statement", RESTRICTED)
def test_restricted_statement_passes(statement):
    assert unrestricted(statement, {"a", "b"}) == []


@pytest.mark.parametrize("statement", UNRESTRICTED)
def test_unrestricted_statement_is_found(statement):
    assert unrestricted(statement, {"a", "b"}) != []


def test_every_statement_sent_is_of_one_client(db, settings):
    settings.KYC_LIMITS = every_verb.LIMITS | {"USD": every_verb.LIMITS["EUR"]}
    with noted() as sent, every_verb.noted_orders() as played:
        every_verb.play()
    assert every_verb.verbs() == played
    faults = sorted({found for each in sent if (found := fault(*each))})
    assert not faults, "\n\n".join(faults)
    # Citus has to read a local table on the coordinator before it can ask a node.
    served = [each.statement for each in sent if not is_exempt(each.sender)]
    assert distributed.local_tables(served) == {"users_barrier"}


def test_every_constant_is_of_one_client():
    assert {read.READ_HOLDS, read.LOCKS_OF_SEVERAL.wallets} < {text for _, text in constants()}
    faults = [found for each in constants() if (found := fault(*each))]
    assert not faults, "\n\n".join(faults)


@pytest.mark.parametrize("columns", [write.MOVEMENTS, events.COLUMNS])
def test_copied_rows_have_a_client(columns):
    assert client_scopes.COLUMN in columns
