"""Migrations are additive: processes of the former release serve while they run, and afterwards."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
from django.db.migrations import CreateModel
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Now

import dev
from tests.support import additive, release
from tests.support.additive_reasons import REASONS

PAGE = dev.ROOT / "docs" / "operations" / "upgrades.md"


def released() -> set[tuple[str, str]]:
    paths = (path.split("/") for path in release.listed(release.DIGESTS.read_text()))
    return {(app, file.removesuffix(".py")) for app, _, file in paths}


@pytest.fixture(scope="module")
def upgrade() -> dict[str, list[str]]:
    return additive.of_upgrade(MigrationLoader(None).graph, released())


def test_former_release_can_live_with_each_migration(upgrade):
    """What is found needs a reason in `tests/support/additive_reasons.py`, or another migration."""
    unexplained = [
        f"{name} {finding}"
        for name, findings in upgrade.items()
        for finding in findings
        if finding.partition(":")[0] not in REASONS.get(name, {})
    ]
    assert unexplained == []


def test_each_reason_is_needed(upgrade):
    needed = {name: {each.partition(":")[0] for each in found} for name, found in upgrade.items()}
    assert {name: {*kinds} - needed.get(name, set()) for name, kinds in REASONS.items()} == {
        name: set() for name in REASONS
    }


def test_page_names_each_migration_with_a_lock(upgrade):
    text = PAGE.read_text()
    named = set(re.findall(r"(?:^\| |, )`(\w+\.\d{4})`", text, re.MULTILINE))
    locking = {n for n, found in upgrade.items() if any(x.startswith("locks") for x in found)}
    assert named == locking


# --- The rules -----------------------------------------------------------------------------------

WALLET = ("id", models.BigAutoField(primary_key=True))
TABLE: list[Any] = [
    WALLET,
    ("alias", models.CharField(max_length=40, null=True)),
    ("status", models.CharField(max_length=9, db_default="READY")),
]
ALIAS_IS_ONE = models.UniqueConstraint(fields=["alias"], name="alias_is_one")


def wallets() -> ProjectState:
    options = {"constraints": [ALIAS_IS_ONE], "indexes": []}
    state = ProjectState()
    state.add_model(ModelState("wallets", "Wallet", TABLE, options))
    state.add_model(ModelState("users", "DutyState", [WALLET], {"indexes": [], "constraints": []}))
    return state


def found_in(*operations) -> list[str]:
    migration = migrations.Migration("0031_next", "wallets")
    migration.operations = list(operations)  # type: ignore[misc]
    return [each.partition(" (")[0] for each in additive.findings(migration, wallets(), set())]


def altered(field) -> migrations.AlterField:
    return migrations.AlterField("wallet", "alias", field)


def added(field) -> migrations.AddField:
    return migrations.AddField("wallet", "kind", field)


INDEX = models.Index(fields=["alias"], name="by_alias")
CHECK = models.CheckConstraint(condition=models.Q(alias__gt=""), name="alias_is_there")


@pytest.mark.parametrize(
    ("operation", "findings"),
    [
        (migrations.RemoveField("wallet", "alias"), ["removes: wallets_wallet.alias"]),
        (migrations.DeleteModel("Wallet"), ["removes: wallets_wallet.Wallet"]),
        (migrations.RenameField("wallet", "alias", "name"), ["removes: wallets_wallet.alias"]),
        (migrations.AlterModelTable("wallet", "purse"), ["removes: wallets_wallet.wallet"]),
        (
            migrations.RemoveConstraint("wallet", "alias_is_one"),
            ["removes: wallets_wallet.alias_is_one"],
        ),
        (added(models.IntegerField()), ["narrows: wallets_wallet.kind"]),
        (added(models.IntegerField(default=1)), ["narrows: wallets_wallet.kind"]),
        (added(models.IntegerField(db_default=1)), []),
        (added(models.DateTimeField(db_default=Now())), []),
        (added(models.IntegerField(null=True)), []),
        (added(models.IntegerField(null=True, db_index=True)), ["locks: wallets_wallet.kind"]),
        (
            altered(models.CharField(max_length=40)),
            ["narrows: wallets_wallet.alias", "locks: wallets_wallet.alias"],
        ),
        (
            altered(models.CharField(max_length=39, null=True)),
            ["narrows: wallets_wallet.alias", "locks: wallets_wallet.alias"],
        ),
        (altered(models.CharField(max_length=41, null=True)), []),
        (altered(models.TextField(null=True)), []),
        (altered(models.CharField(max_length=40, null=True, help_text="Its name.")), []),
        (
            altered(models.IntegerField(null=True)),
            ["narrows: wallets_wallet.alias", "locks: wallets_wallet.alias"],
        ),
        (
            altered(models.CharField(max_length=40, null=True, unique=True)),
            ["locks: wallets_wallet.alias"],
        ),
        (
            migrations.AlterField("wallet", "status", models.CharField(max_length=9)),
            ["narrows: wallets_wallet.status"],
        ),
        (migrations.AddIndex("wallet", INDEX), ["locks: wallets_wallet.by_alias"]),
        (migrations.AddIndex("dutystate", INDEX), []),
        (AddIndexConcurrently("wallet", INDEX), []),
        (
            migrations.AddConstraint("wallet", CHECK),
            ["narrows: wallets_wallet.alias_is_there", "locks: wallets_wallet.alias_is_there"],
        ),
        (
            migrations.AddConstraint("dutystate", CHECK),
            ["narrows: users_dutystate.alias_is_there"],
        ),
        (AddConstraintNotValid("wallet", CHECK), ["narrows: wallets_wallet.alias_is_there"]),
        (ValidateConstraint("wallet", "alias_is_one"), []),
        (migrations.RunPython(print), ["changes: print"]),
        (
            migrations.SeparateDatabaseAndState([migrations.RunSQL("LOCK wallets_wallet")]),
            ["locks: wallets_wallet"],
        ),
    ],
)
def test_rule_for_operations(operation, findings):
    if isinstance(operation, migrations.AddConstraint | migrations.AddIndex):
        app = "users" if operation.model_name == "dutystate" else "wallets"
        migration = migrations.Migration("0031_next", app)
        migration.operations = [operation]  # type: ignore[misc]
        assert [*additive.findings(migration, wallets(), set())] == findings
        return
    assert found_in(operation) == findings


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        ("DROP TABLE wallets_wallet", ["removes"]),
        ("DROP FUNCTION IF EXISTS wallets_erase(uuid)", ["removes"]),
        ("ALTER TABLE wallets_wallet DROP COLUMN alias", ["removes"]),
        ("ALTER TABLE ONLY wallets_wallet\n  DROP alias", ["removes"]),
        ("ALTER TABLE wallets_wallet RENAME alias TO name", ["removes"]),
        ("ALTER TABLE wallets_wallet DROP CONSTRAINT alias_is_one", []),
        ("ALTER TABLE wallets_wallet ALTER status DROP DEFAULT", ["narrows"]),
        ("ALTER TABLE wallets_wallet ALTER alias SET NOT NULL", ["narrows"]),
        ("ALTER TABLE wallets_wallet ALTER alias DROP NOT NULL", []),
        ("ALTER TABLE wallets_wallet ALTER alias TYPE text", ["locks"]),
        ("alter table wallets_wallet add kind int not null", ["narrows"]),
        ("ALTER TABLE wallets_wallet ADD kind int NOT NULL DEFAULT 1", []),
        ("ALTER TABLE wallets_wallet ADD kind int", []),
        ("ALTER TABLE wallets_wallet ADD CONSTRAINT c CHECK (id > 0)", ["narrows", "locks"]),
        ("ALTER TABLE wallets_wallet ADD CONSTRAINT c CHECK (id > 0) NOT VALID", ["narrows"]),
        ("ALTER TABLE users_client ADD CONSTRAINT c CHECK (id > 0)", ["narrows"]),
        ("CREATE INDEX i ON wallets_wallet (alias)", ["locks"]),
        ("CREATE INDEX CONCURRENTLY i ON wallets_wallet (alias)", []),
        ("CREATE UNIQUE INDEX i ON wallets_wallet (alias)", ["narrows", "locks"]),
        ("CREATE TRIGGER t BEFORE UPDATE ON wallets_wallet EXECUTE FUNCTION f()", ["narrows"]),
        ("REVOKE UPDATE ON wallets_wallet FROM iocash_app", ["narrows"]),
        ("LOCK TABLE wallets_wallet", ["locks"]),
        ("UPDATE wallets_wallet SET alias = NULL", ["changes"]),
        ("-- DROP TABLE wallets_wallet\nSELECT 1", []),
        ("SELECT 'DROP TABLE wallets_wallet'", []),
        ("CREATE FUNCTION f() RETURNS void AS $$ DELETE FROM users_key; $$", []),
        ("CREATE TABLE wallets_new (id int); CREATE INDEX i ON wallets_new (id)", []),
        ("CREATE FUNCTION f() RETURNS int AS $$ $$; REVOKE ALL ON FUNCTION f FROM PUBLIC", []),
    ],
)
def test_rule_for_sql(sql, kinds):
    found = found_in(migrations.RunSQL(sql))
    assert [each.partition(":")[0] for each in found] == kinds


def test_table_of_the_upgrade_can_be_changed_at_will():
    new = CreateModel("Case", [WALLET, ("seen_by", models.ManyToManyField("wallets.wallet"))])
    index = models.Index(fields=["id"], name="case_by_id")
    trigger = "CREATE TRIGGER t BEFORE UPDATE ON wallets_case_seen_by EXECUTE FUNCTION f()"
    assert found_in(new, migrations.AddIndex("case", index), migrations.RunSQL(trigger)) == []
