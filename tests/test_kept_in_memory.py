"""Everything that a process keeps in memory: with groups of clients, each must be decided about.

What was read in one database is not true in another. So whatever is kept about a database is kept
by its group; the rest must not depend on any.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

import pytest

import dev

PACKAGES: Final = ("iocash", "users", "wallets")
STORES: Final = frozenset(
    {
        *("dict", "list", "set", "deque", "defaultdict", "Counter", "OrderedDict"),
        *("WeakKeyDictionary", "WeakValueDictionary", "local", "threading.local", "ContextVar"),
        *("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Event"),
    }
)
CACHES: Final = frozenset({"cache", "lru_cache", "functools.cache", "functools.lru_cache"})
CHANGING: Final = frozenset({"append", "add", "update", "pop", "setdefault", "clear", "remove"})

BY_GROUP: Final = {
    "iocash/db/groups.py AWAY": "by the names of groups",
    "iocash/db/groups.py KEPT": "the connections of a thread, by the names of groups",
    "iocash/db/backend/base.py KEPT": "by the aliases and groups of connections",
    "iocash/db/outcome.py SYSTEMS": "by the group and the start of its server",
    "iocash/db/pipeline.py PREPARED": "by connections",
    "iocash/db/sandbox.py KNOWN": "ByGroup",
    "users/credentials.py MEMORY": "each knows the group in which it was read",
    "users/models/barrier.py ALARM": "ByGroup",
    "users/tokens.py GROUPS": "the groups themselves; the key is read there each time",
    "users/views/latest.py LATEST": "ByGroup",
    "wallets/posting/__init__.py QUEUES": "ByGroup",
}
OF_HOME: Final = {
    "iocash/db/backend/safety.py ASKED_ONCE": "asked of the group of the process only",
    "iocash/db/replica.py CURRENT": "the replica is of home; other groups don't see it",
    "iocash/db/replica.py WRITES": "of one request, which is in one group",
    "users/models/replica.py WAITING": "how many threads wait for the replica, of home",
    "users/models/replica_watch.py TROUBLE": "about the replica, which is of home",
    "users/models/replica_watch.py WATCH": "about the replica, which is of home",
}
OF_NO_DATABASE: Final = {
    "iocash/db/pipeline.py numbered": "the text of a statement",
    "iocash/db/shapes.py _compiled": "the text of a statement",
    "iocash/docs/calls.py chapters": "the documentation",
    "iocash/docs/calls.py rendered": "the documentation",
    "iocash/docs/client_calls.py call_patterns": "the documentation",
    "iocash/docs/client_calls.py known_calls": "the documentation",
    "iocash/docs/examples.py recorded_examples": "the documentation",
    "iocash/docs/forced.py forced_table": "the documentation",
    "iocash/docs/guides.py CONTEXTS": "the documentation",
    "iocash/docs/reference.py ALONE": "the documentation",
    "iocash/docs/reference.py served": "the documentation",
    "iocash/errors/registry.py REGISTRY": "the code",
    "iocash/http/cursors.py _cipher": "the secret",
    "iocash/http/health.py latest_migrations": "the files of migrations",
    "iocash/http/links.py _below": "the URLs",
    "iocash/http/links.py _path": "the URLs",
    "iocash/http/naming.py camel": "the names of fields",
    "iocash/http/pages.py is_scanned": "the text of a statement",
    "iocash/http/problems.py _translations": "the catalogues",
    "iocash/http/queries.py _defaults": "the code",
    "iocash/http/rendering.py _preferred": "the headers of requests",
    "iocash/http/serializers.py reader": "the code",
    "iocash/http/serializers.py shape_of": "the code",
    "iocash/http/waiting.py ENDING": "whether the process ends",
    "iocash/http/waiting.py ROOM": "how many threads wait",
    "iocash/metrics/__init__.py METER": "counts of requests; a process serves all groups",
    "iocash/money.py currencies": "a table of the package",
    "iocash/postgres/base.py SERVER": "the embedded server, which has all databases",
    "iocash/traces/spans.py HERE": "the spans of a thread",
    "iocash/worker/__init__.py DUTIES": "the code",
    "users/approvals/actions.py APPROVABLES": "the code",
    "users/demo_documents.py draw_pdf": "pictures",
    "users/demo_documents.py draw_picture": "pictures",
    "users/documents/processes.py FORKER": "a process that opens documents",
    "users/log_ins.py HASHING": "how many passwords are hashed",
    "users/manual.py MANUAL": "the manual",
    "users/menu.py MENU": "the code",
    "users/menu.py menu_address": "the URLs",
    "users/pages.py OWN": "the code",
    "users/public_keys.py small_primes": "numbers",
    "users/serializers/event_bodies.py LOADS": "the code",
    "users/throttling.py BUCKETS": "requests, by the ids of clients, which no two groups share",
    "users/tokens.py public_key": "a key, by its own text",
    "users/unauthenticated.py BUCKETS": "requests, by addresses",
    "users/webhooks/addresses.py _networks": "the settings",
    "users/webhooks/sending.py usual_context": "certificates",
    "wallets/anchors/blocks.py kept_index": "a file, by its path",
    "wallets/bank/messages/apart.py FORKER": "a process that reads files",
    "wallets/books/limits.py read": "the settings",
    "wallets/models/movement_querysets.py shown_beside": "the code",
    "wallets/moves/parts.py client_parts": "the code",
    "wallets/moves/parts.py shared_parts": "the code",
    "wallets/orders/base.py ordered": "the code",
    "wallets/serializers/scheduled.py zones": "the time zones",
}
DECIDED: Final = BY_GROUP | OF_HOME | OF_NO_DATABASE


def trees() -> dict[str, ast.Module]:
    paths = [path for name in PACKAGES for path in sorted((dev.ROOT / name).rglob("*.py"))]
    return {
        str(path.relative_to(dev.ROOT)): ast.parse(path.read_text())
        for path in paths
        if "migrations" not in path.parts
    }


def changing_classes(found: dict[str, ast.Module]) -> set[str]:
    """The classes with a method, besides `__init__`, that changes the object."""
    return {
        node.name
        for tree in found.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(
            changes_itself(method)
            for method in node.body
            if isinstance(method, ast.FunctionDef) and method.name != "__init__"
        )
    }


def changes_itself(method: ast.FunctionDef) -> bool:
    for node in ast.walk(method):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else targets
        if any(ast.unparse(each).startswith("self.") for each in targets):
            return True
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_call and node.func.attr in CHANGING and is_own(node.func.value):  # type: ignore[attr-defined]
            return True
    return False


def is_own(node: ast.expr) -> bool:
    return ast.unparse(node).startswith("self.")


def kept(found: dict[str, ast.Module]) -> Iterator[str]:
    """The names of what modules keep: stores, changing objects, and functions with a cache."""
    classes = changing_classes(found) | STORES | {"ByGroup"}
    for path, tree in found.items():
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and is_store(node.value, classes):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                yield f"{path} {ast.unparse(target)}"
        for each in ast.walk(tree):
            if isinstance(each, ast.FunctionDef) and any(map(is_cache, each.decorator_list)):
                yield f"{path} {each.name}"


def is_store(value: ast.expr | None, classes: set[str] | frozenset[str]) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List):
        return not value.elts
    return isinstance(value, ast.Call) and ast.unparse(value.func).partition("[")[0] in classes


def is_cache(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called) in CACHES


@pytest.mark.slow
def test_list_has_everything_in_memory():
    assert {*kept(trees())} - {*DECIDED} == set()


@pytest.mark.slow
def test_list_has_nothing_else():
    assert {*DECIDED} - {*kept(trees())} == set()


@pytest.mark.slow
def test_list_names_each_store_by_group():
    found = trees()
    said = {name for name, words in BY_GROUP.items() if words == "ByGroup"}
    calls = {
        f"{path} {ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])}"
        for path, tree in found.items()
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "ByGroup"
    }
    assert calls == said


def test_kept_things_are_found_in_each_form():
    module = ast.parse(
        "class Cache:\n    def put(self):\n        self.x = 1\n"
        "A = {}\nB: dict = {}\nC = Cache()\nD = local()\nE = [1]\nF = frozenset()\n"
        "@lru_cache(maxsize=2)\ndef g(): ...\n"
    )
    found = {each.partition(" ")[2] for each in kept({"x.py": module})}
    assert found == {"A", "B", "C", "D", "g"}
