"""How the house is built: who writes money, how rows are saved, what is registered and scoped."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from tests.support.source_code import modules
from users.models import (
    Barrier,
    CaseEntry,
    CaseSubject,
    DutyState,
    Key,
    KycDocument,
    PhoneUse,
    Preferences,
    RecoveryCode,
    Sandbox,
    TaskChange,
    Threshold,
    WebhookStream,
)
from wallets.models import (
    AuditProgress,
    BankOutcome,
    BankPayment,
    BankReport,
    BankStatementFile,
    ClientMove,
    ClosingPayment,
    DormancyNotice,
    Hold,
    Movement,
    SafeguardingSignature,
    StatementFile,
    UnexplainedMovement,
    Wallet,
)

MONEY = frozenset({"Wallet", "Movement", "Hold"})
BALANCE = frozenset(
    [
        "balance",
        "held",
        "received",
        "remaining",
        "seq",
        "head",
        "balance_after",
        "received_after",
        "digest",
    ]
)
WRITES = frozenset(
    [
        "save",
        "create",
        "bulk_create",
        "update",
        "bulk_update",
        "delete",
        "get_or_create",
        "update_or_create",
        "acreate",
        "aupdate",
        "adelete",
        "asave",
        "abulk_create",
        "abulk_update",
        "raw_delete",
    ]
)


class Found(NamedTuple):
    """A piece of code and where it stands."""

    module: str
    line: int
    node: Any


def every(kind: type[ast.AST]) -> Iterator[Found]:
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, kind):
                yield Found(module, getattr(node, "lineno", 0), node)


def sql() -> Iterator[tuple[str, str]]:
    """Every text in the code, on one line, by its module."""
    for found in every(ast.Constant):
        if isinstance(found.node.value, str):
            yield found.module, " ".join(found.node.value.split())


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def names_in(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


# --- Money ---------------------------------------------------------------------------------------


def test_only_posting_writes_balances_movements_and_holds():
    writers = {
        module
        for module, text in sql()
        for columns in re.findall(r"UPDATE wallets_wallet\b.*? SET (.*?)(?: FROM | WHERE |$)", text)
        if BALANCE & set(re.findall(r"(\w+) *=", columns))
    }
    assert writers == {"wallets/posting/write.py"}
    assert {
        module
        for module, text in sql()
        if re.search(r"(INSERT INTO|UPDATE) (ONLY )?\"?wallets_(movement|hold)\b", text)
    } == {"wallets/posting/write.py"}


def test_orders_and_books_contain_no_sql():
    verbs = re.compile(r"(SELECT|INSERT|UPDATE|DELETE)\b")
    writing = {module for module, text in sql() if verbs.match(text)}
    assert [
        each for each in writing if each.startswith(("wallets/orders/", "wallets/books/"))
    ] == []
    assert "wallets/posting/write.py" in writing


def test_wallet_is_opened_with_zero_balance():
    opening = [(module, text) for module, text in sql() if "INSERT INTO wallets_wallet" in text]
    assert [module for module, _ in opening] == ["wallets/posting/write.py"]
    assert re.search(
        r"balance, held, received, seq, head\) SELECT .*, 0, 0, 0, 0, '' FROM", opening[0][1]
    )


def test_no_sql_deletes_or_truncates_money_tables():
    tables = r"(wallets_wallet|wallets_movement|wallets_hold|users_key|users_event)"
    pattern = rf"(DELETE FROM|TRUNCATE|ALTER TABLE|DROP TABLE) .*{tables}"
    found = [(module, text) for module, text in sql() if re.search(pattern, text)]
    assert [module for module, _ in found] == ["users/archives.py"]
    (_, text) = found[0]
    assert "DELETE FROM users_event" in text
    assert "AND kind = 'movement.settled' AND actor NOT LIKE 'staff:%%'" in text


def test_only_the_open_books_change_a_balance_in_memory():
    targets = [
        (found.module, target.attr)
        for kind in (ast.Assign, ast.AugAssign, ast.AnnAssign)
        for found in every(kind)
        for target in ast.walk(
            ast.Tuple(getattr(found.node, "targets", None) or [found.node.target])
        )
        if isinstance(target, ast.Attribute) and target.attr in BALANCE
    ]
    assert {module for module, _ in targets} == {
        "wallets/books/__init__.py",
        "wallets/books/holds.py",
    }
    setters = [found for found in every(ast.Call) if names_in(found.node.func) & {"setattr"}]
    reading = {"iocash/db/prepared.py"}  # what a row shows beside its columns
    assert {found.module for found in setters} - reading <= {
        "users/users.py",
        "users/names.py",
        "wallets/erasure.py",
    }


def test_money_is_never_written_through_the_orm():
    """No `Wallet(…)`, no `Movement.objects.….update(…)`: only `posting` writes, with SQL."""
    made = [
        (found.module, found.line)
        for found in every(ast.Call)
        if isinstance(found.node.func, ast.Name) and found.node.func.id in MONEY
    ]
    written = [
        (found.module, found.line)
        for found in every(ast.Call)
        if called(found.node) in WRITES and names_in(found.node.func) & MONEY
    ]
    assert made + written == []


def test_only_submit_posts_groups():
    callers = {
        found.module
        for found in every(ast.Call)
        if called(found.node) == "post" and names_in(found.node.func) & {"group"}
    }
    assert callers == {"wallets/posting/__init__.py"}


RULES = [module for module in modules() if module.startswith(("wallets/orders/", "wallets/books/"))]


@pytest.mark.parametrize("module", RULES)
def test_rules_neither_read_the_clock_nor_ask_the_database(module):
    """Only `explain` may, after the database has refused."""
    tree = modules()[module]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "explain":
            node.body = []
    calls = {called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & {"now", "utcnow", "today", "time", "execute", "filter", "cursor"}
    assert "connection" not in names_in(tree)


# --- Rows ----------------------------------------------------------------------------------------


def test_row_is_saved_by_its_fields_except_when_it_is_created():
    bare = [
        (found.module, found.line)
        for found in every(ast.Call)
        if called(found.node) == "save"
        and not names_in(found.node.func) & {"image", "storage"}
        and not {"update_fields", "force_insert"} & {word.arg for word in found.node.keywords}
    ]
    assert bare == []


# --- The back office -----------------------------------------------------------------------------


def own_models() -> list[Any]:
    return [
        model for app in ("users", "wallets") for model in apps.get_app_config(app).get_models()
    ]


def test_every_model_is_in_the_back_office_except_sixteen():
    """A key has a composite primary key, which Django's admin can't show. A KYC document is seen
    in its user's review only, which records the access. The use of a phone contains no number.
    Recovery codes are secret. A sandbox, the barrier and the numbers of duties are not changed by
    staff. Preferences are changed in one's account. The page of a case shows its entries and
    subjects, that of a task its changes, that of a closing its payments, that of a wallet its
    notices and statement files, and that of a bank file its payments and answers. The streams of
    a webhook endpoint are numbers of the worker. Thresholds have a page of their own. Unexplained
    movements are an index of the reports. An unfinished audit is on the page of audits."""
    missing = {model for model in own_models() if not admin.site.is_registered(model)}
    shown_with_another = {
        *(BankPayment, BankReport, CaseEntry, CaseSubject, ClosingPayment, DormancyNotice),
        *(BankOutcome, BankStatementFile, SafeguardingSignature, StatementFile, TaskChange),
    }
    hidden = {
        *(Barrier, DutyState, Key, KycDocument, PhoneUse, Preferences, RecoveryCode, Sandbox),
        Threshold,
        UnexplainedMovement,
        WebhookStream,
        AuditProgress,
        ClientMove,
    }
    assert missing == hidden | shown_with_another


@pytest.mark.parametrize("model", [Wallet, Movement, Hold])
def test_back_office_changes_money_by_the_ledger_only(model, staff):
    request = RequestFactory().get("/")
    request.user = staff
    page = admin.site.get_model_admin(model)
    assert page.has_view_permission(request)
    assert page.has_add_permission(request) is (model is Movement)  # a form of the ledger's
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)
    assert not page.get_actions(request)


@pytest.mark.parametrize("model", own_models())
def test_back_office_deletes_nothing(model, staff):
    request = RequestFactory().get("/")
    request.user = staff
    if admin.site.is_registered(model):
        assert not admin.site.get_model_admin(model).has_delete_permission(request)


# --- The API -------------------------------------------------------------------------------------


def endpoints(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from endpoints(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            yield route, getattr(entry.callback, "view_class", None)


API = [(route, view) for route, view in endpoints(get_resolver().url_patterns) if "api/v" in route]
PUBLIC = {"api/v1", "api/v1/me"}
OF_PROVIDERS = {"api/v1/identity-callbacks"}
"""They need the signature of the identity provider, and no key."""


def test_endpoints_are_found():
    assert len(API) >= 9


@pytest.mark.parametrize(("route", "view"), API, ids=[route for route, _ in API])
def test_every_view_has_a_scope_and_a_model(route, view):
    """Keys need the scope; the permissions of staff need the model."""
    if route in OF_PROVIDERS:
        assert [each.__name__ for each in view.authentication_classes] == ["ProviderAuthentication"]
        return
    if route in PUBLIC:
        assert view.scope is None
        return
    assert view.scope in {"users", "wallets", "movements", "events"}
    assert view.model in own_models()
    assert [permission.__name__ for permission in view.permission_classes] == ["HasScope"]


@pytest.mark.parametrize(("route", "view"), API, ids=[route for route, _ in API])
def test_no_handler_catches_exceptions(route, view):
    """A `try` in a handler hides a refusal."""
    tree = modules()[view.__module__.replace(".", "/") + ".py"]
    handlers = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in {"get", "post", "put", "patch"}
    ]
    assert not [
        node for handler in handlers for node in ast.walk(handler) if isinstance(node, ast.Try)
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(("route", "view"), API, ids=[route for route, _ in API])
def test_example_of_every_form_is_valid(route, view):
    for method, operation in view.operations.items():
        if (kind := operation.body) is None:
            continue
        form = kind(data=kind().get_initial(), partial=method == "PATCH")
        assert form.is_valid(), (method, form.errors)


def test_money_path_has_no_assert_statement():
    """`python -O` skips assert statements, so the money path raises errors instead."""
    shown = re.compile(r"admin/|iocash/docs/guides\.py")
    found = {(each.module, each.line) for each in every(ast.Assert)}
    assert not [each for each in found if not shown.search(each[0])]
