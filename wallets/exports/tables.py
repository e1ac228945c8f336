"""Which rows belong to a client, table by table.

A model with a column `client_id` belongs to its client. Of all others, `RULES` says which rows go
along, and `KEPT` names the models of which none does. A model that is in none of them can't be
exported: `columns_of` and a test say so.

`%(clients)s` is the array of the ids of the clients that are exported together.
"""

# ruff: noqa: S608 (the conditions are built from constants)
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final

from django.apps import apps
from django.db import connection, models

from iocash import errors

OF_CLIENT: Final = "client_id = ANY(%(clients)s)"
STREAMS: Final = f"SELECT id FROM users_webhookendpoint WHERE {OF_CLIENT}"
FILES: Final = f"SELECT file_id FROM wallets_bankpayment WHERE {OF_CLIENT}"
ACCOUNTS: Final = f"""
    SELECT bankaccount_id FROM wallets_bankaccount_clients WHERE {OF_CLIENT}
    UNION SELECT account_id FROM wallets_bankfile WHERE id IN ({FILES})
    UNION SELECT line.account_id FROM wallets_bankoutcome AS outcome
    JOIN wallets_bankline AS line ON line.id = outcome.line_id
    WHERE outcome.client_id = ANY(%(clients)s)
"""
"""The bank accounts that hold the money of the clients, and those of their files and lines."""
OF_ACCOUNT: Final = f"account_id IN ({ACCOUNTS})"
LINES: Final = f"SELECT id FROM wallets_bankline WHERE {OF_ACCOUNT}"
STATEMENT_FILES: Final = f"SELECT file_id FROM wallets_bankstatement WHERE {OF_ACCOUNT}"
BANK_FILES: Final = f"SELECT id FROM wallets_bankfile WHERE {OF_ACCOUNT}"
CASES: Final = f"""
    SELECT case_id FROM users_casesubject WHERE {OF_CLIENT}
    UNION SELECT case_id FROM wallets_hold WHERE {OF_CLIENT}
"""
"""The cases about users of the clients, and those for which amounts are frozen."""

RULES: Final[dict[str, str]] = {
    "users.Client": "id = ANY(%(clients)s)",
    "users.Approval": f"""
        client_id = ANY(%(clients)s)
        OR id IN (SELECT approval_id FROM users_threshold)
        OR kind = 'BANK_ACCOUNT' AND subject_id IN (
            SELECT account::text FROM ({ACCOUNTS}) AS found (account))
        OR id IN (SELECT approval_id FROM wallets_bankfile WHERE {OF_ACCOUNT})
        OR id IN (SELECT approval_id FROM wallets_bankoutcome WHERE {OF_CLIENT})
    """,
    "users.Threshold": "true",
    "users.Terms": "true",
    "users.Case": f"id IN ({CASES})",
    "users.CaseEntry": f"case_id IN ({CASES})",
    "users.TaskChange": f"task_id IN (SELECT id FROM users_task WHERE {OF_CLIENT})",
    "users.WebhookStream": f"endpoint_id IN ({STREAMS})",
    "users.WebhookDelivery": f"endpoint_id IN ({STREAMS})",
    "users.WebhookAttempt": f"endpoint_id IN ({STREAMS})",
    "wallets.BankAccount": f"id IN ({ACCOUNTS})",
    "wallets.BankUpload": f"""
        id IN (SELECT upload_id FROM wallets_bankstatementfile WHERE id IN ({STATEMENT_FILES})
               UNION SELECT upload_id FROM wallets_bankreport WHERE file_id IN ({BANK_FILES}))
    """,
    "wallets.BankStatementFile": f"id IN ({STATEMENT_FILES})",
    "wallets.BankStatement": OF_ACCOUNT,
    "wallets.BankLine": OF_ACCOUNT,
    "wallets.BankOutcome": f"{OF_CLIENT} OR line_id IN ({LINES})",
    "wallets.BankDecision": f"line_id IN ({LINES})",
    "wallets.BankFile": OF_ACCOUNT,
    "wallets.BankReport": f"file_id IN ({BANK_FILES})",
    "wallets.ClosingPayment": (f"closing_id IN (SELECT id FROM wallets_closing WHERE {OF_CLIENT})"),
    "wallets.DormancyNotice": (f"wallet_id IN (SELECT id FROM wallets_wallet WHERE {OF_CLIENT})"),
}
"""Rows that have no client of their own, or more than those of the client."""

KEPT: Final[frozenset[str]] = frozenset(
    {
        "users.Barrier",
        "users.DutyState",
        "users.Preferences",
        "users.RecoveryCode",
        "users.RejectionReason",
        "users.Sandbox",
        "wallets.Audit",
        "wallets.AuditProgress",
        "wallets.ClientMove",
        "wallets.SafeguardingReport",
        "wallets.SafeguardingSignature",
        "admin.LogEntry",
        "auth.Group",
        "auth.Group_permissions",
        "auth.Permission",
        "auth.User",
        "auth.User_groups",
        "auth.User_user_permissions",
        "axes.AccessAttempt",
        "axes.AccessAttemptExpiration",
        "axes.AccessFailureLog",
        "axes.AccessLog",
        "contenttypes.ContentType",
        "otp_totp.TOTPDevice",
        "sessions.Session",
    }
)
"""What stays with the server: its staff, sessions, settings, duties, and what it says of itself.

Of members of staff whom rows name, the id and the names go along: see `STAFF`.
"""

ORDER: Final[dict[str, str]] = {
    "wallets.Movement": "wallet_id, seq NULLS LAST, id",
    "users.Event": "position",
    "users.Key": "client_id, key",
    "wallets.UnexplainedMovement": "movement_id",
}
"""How the rows of a file are sorted, if not by their id. Movements of a wallet form its chain."""

SHARED: Final = f"""
    SELECT account.iban FROM wallets_bankaccount AS account WHERE account.id IN ({ACCOUNTS}) AND (
        EXISTS (
            SELECT FROM wallets_bankaccount_clients AS other
            WHERE other.bankaccount_id = account.id AND other.client_id <> ALL(%(clients)s))
        OR EXISTS (
            SELECT FROM wallets_bankfile AS file
            JOIN wallets_bankpayment AS payment ON payment.file_id = file.id
            WHERE file.account_id = account.id AND payment.client_id <> ALL(%(clients)s))
        OR EXISTS (
            SELECT FROM wallets_bankline AS line
            JOIN wallets_bankoutcome AS outcome ON outcome.line_id = line.id
            WHERE line.account_id = account.id AND outcome.client_id <> ALL(%(clients)s))
        OR EXISTS (
            SELECT FROM wallets_bankstatement AS statement
            JOIN wallets_bankstatement AS beside ON beside.file_id = statement.file_id
            WHERE statement.account_id = account.id AND beside.account_id NOT IN ({ACCOUNTS}))
    ) ORDER BY account.iban
"""
"""The bank accounts that also have rows of other clients."""

STAFF_TEXTS: Final = ("actor", "owner", "member")
"""The columns that name who acted, besides those that end in `_by`."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name, its type in PostgreSQL, and whether it is an identity."""

    name: str
    kind: str
    is_serial: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a model that belong to the clients."""

    name: str
    columns: tuple[Column, ...]
    condition: str
    order: str

    @property
    def serial(self) -> str:
        """The column whose values are drawn from a sequence, or ""."""
        return next((each.name for each in self.columns if each.is_serial), "")

    @property
    def staff_columns(self) -> list[str]:
        """The columns that can name a member of staff."""
        return [
            each.name
            for each in self.columns
            if each.kind.startswith("varchar")
            and (each.name in STAFF_TEXTS or each.name.endswith("_by"))
        ]


def exported_models() -> list[type[models.Model]]:
    """The models with rows of clients, each after those that it refers to.

    Raises:
        Inconsistent: a model is neither exported nor on the list of what stays.
    """
    known = [
        model
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy and model._meta.label not in KEPT
    ]
    for model in known:
        if condition_of(model) is None:
            raise errors.Inconsistent(f"{model._meta.label} is in no list of wallets.exports")
    order = TopologicalSorter({model: set(models_named_by(model)) & set(known) for model in known})
    return list(order.static_order())


def models_named_by(model: type[models.Model]) -> Iterator[type[models.Model]]:
    """The other models that a row of this one refers to."""
    for field in model._meta.local_fields:
        other = field.remote_field.model if field.remote_field else model
        if other is not model:
            yield other


def condition_of(model: type[models.Model]) -> str | None:
    """Which rows of a model belong to the clients; None if no list says so."""
    if model._meta.label in RULES:
        return RULES[model._meta.label]
    names = {field.column for field in model._meta.local_fields}
    return OF_CLIENT if "client_id" in names else None


def columns_of(model: type[models.Model]) -> Iterator[Column]:
    for field in model._meta.local_concrete_fields:
        kind = field.db_type(connection)
        if field.column and kind:
            serial = isinstance(field, models.AutoField | models.BigAutoField)
            yield Column(field.column, kind, serial)


def exported_tables() -> list[Table]:
    """The tables of an export, in the order of an import."""
    return [
        Table(
            name=model._meta.db_table,
            columns=tuple(columns_of(model)),
            condition=condition_of(model) or "",
            order=ORDER.get(model._meta.label, "id"),
        )
        for model in exported_models()
    ]


def staff_query(tables: list[Table]) -> str:
    """The ids of the members of staff whom rows of the clients name."""
    texts = [
        f"SELECT substr({name}, 7) FROM {table.name} "
        f"WHERE ({table.condition}) AND {name} ~ '^staff:[0-9]{{1,9}}$'"
        for table in tables
        for name in table.staff_columns
    ]
    keys = [
        f"SELECT {column}::text FROM {name} WHERE {column} IS NOT NULL AND ({RULES[label]})"
        for label, name, column in (
            ("users.Approval", "users_approval", "asked_by_id"),
            ("users.Approval", "users_approval", "decided_by_id"),
            ("users.Threshold", "users_threshold", "set_by_id"),
        )
    ]
    return " UNION ".join(texts + keys)


def values_sql(columns: tuple[Column, ...]) -> str:
    """The columns as an export has them: binary in base64, times in UTC with microseconds."""
    return ", ".join(f"{exported_value(each)} AS {quoted_name(each)}" for each in columns)


def exported_value(column: Column) -> str:
    name = quoted_name(column)
    if column.kind == "bytea":
        return rf"translate(encode({name}, 'base64'), E'\n', '')"
    if column.kind == "timestamp with time zone":
        return f"""to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return name


def quoted_name(column: Column) -> str:
    return connection.ops.quote_name(column.name)


def record_sql(columns: tuple[Column, ...]) -> str:
    """The columns of a line of JSON, with the types that they have there."""
    return ", ".join(
        f"{quoted_name(each)} {'text' if each.kind == 'bytea' else each.kind}" for each in columns
    )


def stored_sql(columns: tuple[Column, ...]) -> str:
    """The columns of a line of JSON, as the table has them."""
    return ", ".join(
        f"decode({quoted_name(each)}, 'base64')" if each.kind == "bytea" else quoted_name(each)
        for each in columns
    )
