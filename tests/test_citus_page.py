"""The page about Citus: it names what is lost, and its commands that need no Citus run."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections

import dev
from tests.support.client_scopes import NOT_SERVING, STAFF
from tests.support.emptying import ask
from wallets.management.commands.distribute import TargetServer
from wallets.management.distribution import (
    DROPPED_TRIGGERS,
    KNOWN_TRIGGERS,
    OF_ALL_CLIENTS,
    Catalog,
    Kind,
    is_distributed,
    kinds_of,
    our_models,
    plan_of,
)
from wallets.models import Wallet

PAGE = (dev.ROOT / "docs" / "operations" / "citus.md").read_text()
COMMANDS = dict(re.findall(r"```sh\n# (.+?)\n(.+?)\n```", PAGE, re.DOTALL))


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def run(name: str, **values: Any) -> str:
    """Run a command of ours; return what it prints."""
    _python, _file, *words = shlex.split(COMMANDS[name])
    printed = io.StringIO()
    call_command(*[values.get(word.removeprefix("$"), word) for word in words], stdout=printed)
    return printed.getvalue()


@pytest.mark.django_db
def test_page_names_each_lost_rule():
    plan, lost = plan_of(Catalog.read(ask)), section("What is no longer enforced")
    names = {*KNOWN_TRIGGERS, *DROPPED_TRIGGERS, *(key.name for key in plan.narrowed)}
    tables = {key.table for key in plan.left_out}
    assert tables | names == {name for name in re.findall(r"`(\w+)`", lost) if "_" in name} - {
        "client_id",
        "approval_is_of_the_users_client",
        "approval_is_of_the_counterpartys_client",
        "task_is_of_the_users_client",
    }


@pytest.mark.django_db
def test_page_says_how_many_tables_are_of_each_kind():
    kinds = [*kinds_of(Catalog.read(ask).keys).values()]
    distributed, reference = kinds.count(Kind.DISTRIBUTED), kinds.count(Kind.REFERENCE)
    words = f"{distributed} distributed tables with one colocation_id, and {reference} reference"
    assert words in PAGE


def test_page_names_each_place_without_a_client():
    named = re.findall(r"`((?:users|wallets)\.[\w.]+)`", PAGE)
    assert sorted(named) == sorted(STAFF + NOT_SERVING)


def test_models_of_all_clients_exist():
    known = {model._meta.label: model for model in our_models()}
    assert known.keys() >= OF_ALL_CLIENTS
    assert not any(is_distributed(known[label]) for label in OF_ALL_CLIENTS)


def test_page_explains_each_refusal():
    changes = (
        {"is_owner": False},
        {"major": 15},
        {"citus": None},
        {"citus": "12"},
        {"is_coordinator": False},
        {"is_sandbox": True},
    )
    fit = TargetServer("13", 18, is_owner=True, is_sandbox=False, is_coordinator=True)
    for change in changes:
        words = re.split(r"[.;:]", fit._replace(**change).refusal() or "")[0]
        assert words in section("Distribute")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_command_of_the_page_prints_statements():
    printed = run("look at the statements; nothing is executed")
    connections["owner"].close()
    assert "SELECT create_distributed_table('wallets_wallet', 'client_id'" in printed


@pytest.mark.django_db
def test_audit_of_the_page_passes(alices: Wallet, tmp_path: Path):
    anchor = tmp_path / "anchor"
    call_command("anchor", str(anchor), stdout=io.StringIO())
    printed = run("the ledger is what it was", ANCHOR=str(anchor))
    assert printed.endswith("The ledger is correct.\n")


@pytest.mark.django_db
def test_query_of_the_page_is_valid(alices: Wallet):
    name = 'what a client reads is asked of one node: "Task Count: 1"'
    statement = shlex.split(COMMANDS[name])[-1]
    values = {"$CLIENT": alices.client_id, "$WALLET": alices.id}
    for word, value in values.items():
        statement = statement.replace(word, str(value))
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert "wallets_wallet" in cursor.fetchall()[0][0]
