"""The statements that distribute a database over the nodes of a Citus cluster.

They are derived from the models and from PostgreSQL's catalog. Each table has one of three kinds:

- *distributed*: each row has a client, and Citus stores it by a hash of `client_id`. All of these
  tables are colocated, so a client's rows are on one node.
- *reference*: a copy on every node; what distributed tables refer to, and the credentials.
- *local*: an ordinary table of the coordinator, which Citus does not know. Its triggers and
  foreign keys work as they do now.

Citus enforces a key on distributed tables only if it contains `client_id`, and a foreign key only
between distributed tables by `client_id`, or to a reference table.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from django.apps import apps
from django.db import models

from users.models.clients import Credential

COLUMN: Final = "client_id"

OF_ALL_CLIENTS: Final = frozenset(
    {
        "users.PhoneUse",  # counted by number, for all clients together
        "users.WebhookEndpoint",  # its streams and deliveries have no client
        "wallets.BankAccount_clients",  # triggers compare them with approvals
        "wallets.BankPayment",  # a bank's file has payments of several clients
        "wallets.UnexplainedMovement",  # a trigger reads the lines of the bank
    }
)
"""Models with a client whose rows stay local: they belong to something that all clients share."""

KNOWN_TRIGGERS: Final = {
    "movement_is_written_once": "a cash-out can't be taken back from a file of the bank",
    "client_source_has_its_time": "each node has its own time of the change of a client's source",
}
"""Triggers that break a rule of `faults`, with what does not work because of that."""

KEYS: Final = """
    SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid),
           ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS key (number, place)
                 JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place),
           CASE WHEN confrelid <> 0 THEN confrelid::regclass::text ELSE '' END,
           ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS key (number, place)
                 JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place)
    FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'x', 'f')
    UNION ALL
    SELECT indrelid::regclass::text, indexrelid::regclass::text, 'i', pg_get_indexdef(indexrelid),
           ARRAY(SELECT attname::text FROM unnest(indkey) WITH ORDINALITY AS key (number, place)
                 JOIN pg_attribute ON attrelid = indrelid AND attnum = number ORDER BY place),
           '', '{}'
    FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE indisunique AND relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY 1, 2
"""
TRIGGERS: Final = """
    SELECT tgrelid::regclass::text, tgname, prosrc, tgtype & 1 = 1
    FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
    JOIN pg_class ON pg_class.oid = tgrelid
    WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace
    ORDER BY 1, 2
"""
IDENTITIES: Final = """
    SELECT attrelid::regclass::text, attname, format_type(atttypid, NULL)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE attidentity <> '' AND relnamespace = 'public'::regnamespace AND relkind = 'r'
    ORDER BY 1, 2
"""
GRANTS: Final = """
    SELECT attrelid::regclass::text, privilege_type, grantee::regrole::text,
           array_agg(quote_ident(attname) ORDER BY attname)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    CROSS JOIN aclexplode(attacl)
    WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
SETTINGS: Final = (
    "SET LOCAL statement_timeout TO 0",
    "SET LOCAL citus.multi_shard_modify_mode TO 'sequential'",
    "SET LOCAL citus.enable_unsafe_triggers TO on",
)
"""Of the transaction: the parallel connections of Citus could not see what it has made."""
HAS_CITUS: Final = "SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL"
DISTRIBUTED: Final = "SELECT logicalrelid::regclass::text FROM pg_dist_partition"

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Executes a query; returns its rows."""


class Kind(Enum):
    """Where the rows of a table are."""

    DISTRIBUTED = auto()
    REFERENCE = auto()
    LOCAL = auto()


class TableKey(NamedTuple):
    """A primary key (p), unique constraint (u) or index (i), exclusion (x) or foreign key (f)."""

    table: str
    name: str
    type: str
    definition: str
    columns: list[str]
    target: str = ""
    target_columns: list[str] = []

    @property
    def has_client(self) -> bool:
        """Whether the key contains the client: in a foreign key, at one place on both sides."""
        if COLUMN not in self.columns:
            return False
        place = self.columns.index(COLUMN)
        return self.type != "f" or self.target_columns[place : place + 1] == [COLUMN]

    @property
    def ends(self) -> tuple[str, tuple[str, ...], str]:
        """What a foreign key compares, with the client."""
        return self.table, tuple(sorted({*self.columns, COLUMN})), self.target


class Trigger(NamedTuple):
    """A trigger, with the source of its function."""

    table: str
    name: str
    source: str
    is_for_each_row: bool


class Catalog(NamedTuple):
    """What PostgreSQL knows of our tables."""

    keys: list[TableKey]
    triggers: list[Trigger]
    identities: list[tuple[str, str, str]]
    """Table, column and type of each identity column."""
    grants: list[tuple[str, str, str, list[str]]]
    """Table, privilege, role, and the columns on which the role has it."""
    known_to_citus: frozenset[str]

    @classmethod
    def read(cls, ask: Ask) -> Catalog:
        """Read it; the result of one transaction."""
        has_citus = ask(HAS_CITUS)[0][0]
        return cls(
            [TableKey(*row) for row in ask(KEYS)],
            [Trigger(*row) for row in ask(TRIGGERS)],
            [(table, column, type_) for table, column, type_ in ask(IDENTITIES)],
            [(table, right, role, names) for table, right, role, names in ask(GRANTS)],
            frozenset(name for (name,) in ask(DISTRIBUTED)) if has_citus else frozenset(),
        )


class DistributionPlan(NamedTuple):
    """The statements in their order, and what the database no longer enforces afterwards."""

    settings: list[str]
    dropped: list[str]
    keys: list[str]
    distributed: list[str]
    foreign_keys: list[str]
    after_commit: list[str]
    """Each can be repeated: column privileges of the shards, and rows that are elsewhere now."""
    left_out: list[TableKey]
    """The foreign keys that Citus can't enforce."""
    narrowed: list[TableKey]
    """The unique keys that are only unique within a client."""

    @property
    def in_transaction(self) -> list[str]:
        return [
            *self.settings,
            *self.dropped,
            *self.keys,
            *self.distributed,
            *self.foreign_keys,
        ]


def our_models() -> Iterator[type[models.Model]]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            yield model


def is_distributed(model: type[models.Model]) -> bool:
    """Whether each row has a client, and is found by it."""
    if issubclass(model, Credential) or model._meta.label in OF_ALL_CLIENTS:
        return False
    return any(
        field.column == COLUMN and not field.null for field in model._meta.local_concrete_fields
    )


def kinds_of(keys: Iterable[TableKey]) -> dict[str, Kind]:
    """The kind of each table; one that no model has is local."""
    kinds: dict[str, Kind] = defaultdict(lambda: Kind.LOCAL)
    for model in our_models():
        is_credential = issubclass(model, Credential)
        beside = Kind.REFERENCE if is_credential else Kind.LOCAL
        kinds[model._meta.db_table] = Kind.DISTRIBUTED if is_distributed(model) else beside
    links = [(key.table, key.target) for key in keys if key.type == "f"]
    while new := {
        target
        for table, target in links
        if kinds[table] is not Kind.LOCAL and kinds[target] is Kind.LOCAL
    }:
        kinds |= dict.fromkeys(new, Kind.REFERENCE)
    return kinds


def faults(catalog: Catalog) -> Iterator[str]:
    """Why a table fits no rule; nothing if all do."""
    kinds = kinds_of(catalog.keys)
    for key in catalog.keys:
        if kinds[key.table] is not Kind.LOCAL:
            if key.type == "x":
                yield f"{key.table}: {key.name} is an exclusion constraint"
            if re.search(r" ON (DELETE|UPDATE) ", key.definition):
                yield f"{key.table}: {key.name} changes or deletes rows"
    for table, column, type_ in catalog.identities:
        if kinds[table] is not Kind.LOCAL and type_ != "bigint":
            yield f"{table}: the identity column {column} is not a bigint"
    for trigger in catalog.triggers:
        if kinds[trigger.table] is not Kind.LOCAL and trigger.name not in KNOWN_TRIGGERS:
            yield from faults_of_trigger(trigger, kinds)


def faults_of_trigger(trigger: Trigger, kinds: dict[str, Kind]) -> Iterator[str]:
    """What a trigger can't do on a node: it runs on the shard of the row, or on each copy."""
    name = f"{trigger.table}: {trigger.name}"
    if not trigger.is_for_each_row:
        yield f"{name} is a trigger for statements"
    if read := re.search(rf"\b({'|'.join(kinds)})\b", trigger.source):
        yield f"{name} reads {read[0]}"
    is_copied = kinds[trigger.table] is Kind.REFERENCE
    if is_copied and re.search(r"iocash_(clock|now)\(", trigger.source):
        yield f"{name} writes another time on each node"


def plan_of(catalog: Catalog) -> DistributionPlan:
    """The statements for all tables that Citus does not know yet."""
    kinds = kinds_of(catalog.keys)
    of_kind = {kind: sorted(table for table, its in kinds.items() if its is kind) for kind in Kind}
    new = {table for table, kind in kinds.items() if kind is not Kind.LOCAL}
    new -= catalog.known_to_citus
    changing = [key for key in catalog.keys if {key.table, key.target} & new]
    uniques = [
        key
        for key in changing
        if key.type in "pui" and kinds[key.table] is Kind.DISTRIBUTED and not key.has_client
    ]
    links = [key for key in changing if key.type == "f"]
    kept = list(kept_foreign_keys(links, kinds))
    shared = [*of_kind[Kind.REFERENCE], *of_kind[Kind.DISTRIBUTED]]
    return DistributionPlan(
        [*SETTINGS] if new else [],
        [f"ALTER TABLE {key.table} DROP CONSTRAINT {key.name}" for key in links],
        [statement for key in uniques for statement in with_client(key)],
        [*distribution(of_kind, new)],
        [foreign_key(key, kinds) for key in kept],
        [*privileges(catalog, new), *emptied(shared)],
        [key for key in links if key.ends not in {each.ends for each in kept}],
        [key for key in uniques if key.type != "p"],
    )


def kept_foreign_keys(links: list[TableKey], kinds: dict[str, Kind]) -> Iterator[TableKey]:
    """The foreign keys that Citus enforces; one of those that compare the same.

    A foreign key from a local to a reference table is left out too: Citus would take the local
    table over, and its triggers could no longer read other tables.
    """
    seen = set()
    for key in sorted(links, key=lambda link: not link.has_client):
        ends = kinds[key.table], kinds[key.target]
        if Kind.LOCAL in ends or ends == (Kind.REFERENCE, Kind.DISTRIBUTED):
            continue
        if kinds[key.target] is Kind.REFERENCE or key.ends not in seen:
            seen.add(key.ends)
            yield key


def with_client(key: TableKey) -> list[str]:
    """Put the client into a key, as its first column; the name stays."""
    wider = re.sub(r"(KEY|UNIQUE|btree) \(", rf"\1 ({COLUMN}, ", key.definition, count=1)
    if key.type == "i":
        return [f"DROP INDEX {key.name}", wider]
    return [
        f"ALTER TABLE {key.table} DROP CONSTRAINT {key.name}, ADD CONSTRAINT {key.name} {wider}"
    ]


def foreign_key(key: TableKey, kinds: dict[str, Kind]) -> str:
    definition = key.definition
    if kinds[key.target] is Kind.DISTRIBUTED and not key.has_client:
        definition = definition.replace("KEY (", f"KEY ({COLUMN}, ", 1)
        definition = definition.replace(f"{key.target}(", f"{key.target}({COLUMN}, ", 1)
    return f"ALTER TABLE {key.table} ADD CONSTRAINT {key.name} {definition}"


def distribution(of_kind: dict[Kind, list[str]], new: set[str]) -> Iterator[str]:
    """The calls that make reference tables, and distributed ones beside one another."""
    for table in of_kind[Kind.REFERENCE]:
        if table in new:
            yield f"SELECT create_reference_table('{table}')"
    known = [table for table in of_kind[Kind.DISTRIBUTED] if table not in new]
    for table in of_kind[Kind.DISTRIBUTED]:
        if table in new:
            beside = known[0] if known else "none"
            yield (
                f"SELECT create_distributed_table('{table}', '{COLUMN}', "
                f"colocate_with => '{beside}')"
            )
            known.append(table)


def privileges(catalog: Catalog, new: set[str]) -> Iterator[str]:
    """Grant the privileges on columns to the shards; Citus 13.0 copies those on tables only."""
    for table, privilege, role, columns in catalog.grants:
        if table in new or table in catalog.known_to_citus:
            grant = f"GRANT {privilege} ({', '.join(columns)}) ON TABLE %s TO {role}"
            yield f"SELECT * FROM run_command_on_placements('{table}', $${grant}$$)"  # noqa: S608


def emptied(tables: Iterable[str]) -> Iterator[str]:
    """Remove the rows that Citus has copied to shards, and hides since."""
    for table in tables:
        yield f"SELECT truncate_local_data_after_distributing_table('{table}')"
