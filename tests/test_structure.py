"""The size and shape of the code: rooms, arrows, names, lengths. A limit is only ever lowered.

A *room* is a module or a package directly below an app; an *arrow* is an import from one room to
another, those for types included. To raise a limit, write down why in `docs/decisions/`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from iocash.settings import BASE_DIR
from tests.support.source_code import modules

LIMITS = {"wallets": (20, 78), "users": (42, 115), "iocash": (18, 31)}
"""How many rooms and arrows each app has at most."""
FAMILIES = {
    "check": {"users.documents.jpeg", "users.documents.pdf", "users.documents.png"},
    "needed": {"users.documents.jpeg", "users.documents.png"},
}
"""Functions of sibling modules with one meaning and one signature, called by the module's name."""
NAMED_BY_DJANGO = {"DatabaseWrapper": {"iocash.db.backend.base", "iocash.postgres.base"}}
"""Django finds the class of each database backend by this name."""
VIEW_DEPTH = 6
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 400, 40

Definition = ast.ClassDef | ast.FunctionDef


def dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """The modules of ours that a module imports, at its top or anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in known else node.module
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def rooms_and_arrows(app: str) -> tuple[set[str], set[tuple[str, str]]]:
    known = {dotted(path) for path in modules()}
    inside = f"{app}."
    arrows = {
        (room(dotted(path)), room(target))
        for path, tree in modules().items()
        for target in imported(tree, known)
        if dotted(path).startswith(inside) and target in known and target.startswith(inside)
    }
    rooms = {room(name) for name in known if name.startswith(inside)}
    return rooms, {(one, other) for one, other in arrows if one != other}


def room(module: str) -> str:
    return module.split(".")[1]


def below(start: str, arrows: set[tuple[str, str]]) -> set[str]:
    """The rooms that can be reached from a room."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        new = {other for one, other in arrows if one == here} - found
        found |= new
        ahead += new
    return found


@pytest.mark.parametrize("app", LIMITS)
def test_app_has_few_rooms_and_arrows(app):
    rooms, arrows = rooms_and_arrows(app)
    most_rooms, most_arrows = LIMITS[app]
    assert len(rooms) <= most_rooms, sorted(rooms)
    assert len(arrows) <= most_arrows, sorted(arrows)


@pytest.mark.parametrize("app", LIMITS)
def test_rooms_import_each_other_in_no_circle(app):
    rooms, arrows = rooms_and_arrows(app)
    assert [one for one in sorted(rooms) if one in below(one, arrows)] == []


def definitions(kind: type[ast.ClassDef | ast.FunctionDef]) -> dict[str, dict[str, Definition]]:
    """The classes or functions at the top of modules: by name, and by module."""
    found: dict[str, dict[str, Definition]] = defaultdict(dict)
    for path, tree in modules().items():
        for node in tree.body:
            if isinstance(node, kind) and node.name != "Command":
                found[node.name][dotted(path)] = node
    return found


@pytest.mark.parametrize(
    ("kind", "allowed"), [(ast.ClassDef, NAMED_BY_DJANGO), (ast.FunctionDef, FAMILIES)]
)
def test_name_is_defined_in_one_module(kind, allowed):
    double = {name: places.keys() for name, places in definitions(kind).items() if len(places) > 1}
    assert double == allowed


@pytest.mark.parametrize("name", FAMILIES)
def test_functions_of_a_family_have_one_signature(name):
    family = definitions(ast.FunctionDef)[name]
    assert family.keys() == FAMILIES[name]
    signatures = {
        (ast.unparse(each.args), each.returns and ast.unparse(each.returns))
        for each in family.values()
        if isinstance(each, ast.FunctionDef)
    }
    assert len(signatures) == 1


def test_file_has_at_most_400_lines():
    files = [*(BASE_DIR / "tests").rglob("*.py"), *(BASE_DIR / path for path in modules())]
    assert [path for path in files if lines(path) > MOST_LINES] == []


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_test_modules_do_not_import_each_other():
    """Helpers that several test modules need are in `tests/support`."""
    files = sorted((BASE_DIR / "tests").rglob("*.py"))
    known = {dotted_path(file) for file in files}
    found = {
        (str(path.relative_to(BASE_DIR)), name)
        for path in files
        for name in imported(ast.parse(path.read_text()), known)
        if name.startswith("tests.") and ".test_" in name
    }
    assert found == set()


def test_slow_test_documents_its_time_and_needs():
    """Its docstring, or that of its module, says how long it takes and what it needs."""
    silent = [
        f"{path.name}::{node.name}"
        for path in (BASE_DIR / "tests").rglob("test_*.py")
        for tree in [ast.parse(path.read_text())]
        for node in left_out(tree)
        if "Takes " not in (ast.get_docstring(tree) or "") + (ast.get_docstring(node) or "")
    ]
    assert silent == []


def left_out(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The tests of a module that are marked `ci` or `long`, in all cases or in some."""
    marks = [each.value for each in tree.body if isinstance(each, ast.Assign) and marks_all(each)]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            applied = " ".join(map(ast.unparse, [*marks, *node.decorator_list]))
            if re.search(r"pytest\.mark\.(ci|long)\b", applied):
                yield node


def marks_all(assignment: ast.Assign) -> bool:
    return ast.unparse(assignment.targets[0]) == "pytestmark"


def dotted_path(file: Path) -> str:
    return dotted(file.relative_to(BASE_DIR).as_posix())


def test_function_has_at_most_40_lines():
    long = [
        (path, node.name)
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def views(patterns: list[URLPattern | URLResolver]) -> Iterator[type]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        elif view := getattr(pattern.callback, "cls", None):
            yield view


def test_view_class_is_not_deep():
    """Counted with its own bases in our packages."""
    deep = {
        view.__name__: depth
        for view in views(get_resolver().url_patterns)
        if (
            depth := sum(
                base.__module__.startswith(("iocash", "users", "wallets")) for base in view.__mro__
            )
        )
        > VIEW_DEPTH
    }
    assert deep == {}
