"""The texts of the back office: in the Python code, in templates, and the names of models."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.extract import DEFAULT_KEYWORDS, extract
from django.contrib import admin
from django.utils import translation
from django.utils.translation.template import templatize

from tests.support.catalogues import Key
from tests.support.source_code import modules

MODULE = "django.utils.translation"
ARGUMENTS = {
    "gettext": ("text",),
    "gettext_noop": ("text",),
    "ngettext": ("text", "plural"),
    "pgettext": ("context", "text"),
    "npgettext": ("context", "text", "plural"),
}
"""The functions that translate, and what their first arguments are."""

OWN_APPS = ("users", "wallets")

ELSEWHERE = {
    "iocash/http/languages.py": "texts of errors",
    "users/staff/records.py": "texts that were recorded, each marked with gettext_noop",
    "wallets/admin/amounts.py": "texts of errors: what the API's field refuses",
    "iocash/db/model_names.py": "names of models, fields and choices",
}
"""Modules that translate variables, and whose texts these are."""


class TranslatingCall(NamedTuple):
    """A call of a function that translates: its function, as Django names it, and its place."""

    function: str
    node: ast.Call
    path: str

    @property
    def given(self) -> dict[str, ast.expr]:
        return dict(zip(ARGUMENTS[self.function], self.node.args, strict=False))

    def __str__(self) -> str:
        return f"{self.path}:{self.node.lineno}"


def texts(root: Path) -> set[Key]:
    """Every text of the back office."""
    return {*python_texts(), *template_texts(root), *model_texts()}


# --- Python --------------------------------------------------------------------------------------


def python_texts() -> Iterator[Key]:
    for call in translating_calls():
        found = {name: text_of(node) for name, node in call.given.items()}
        if all(found.values()):
            yield found.get("context") or "", found["text"] or "", found.get("plural") or ""


def unknown_texts() -> list[str]:
    """Calls whose text is put together or a variable, so that no catalogue can know it."""
    return [
        str(call)
        for call in translating_calls()
        if call.path not in ELSEWHERE and not all(map(text_of, call.given.values()))
    ]


def text_of(node: ast.expr) -> str | None:
    known = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if known else None  # type: ignore[attr-defined]


def translating_calls() -> Iterator[TranslatingCall]:
    """All calls, under whatever name a module has imported the function."""
    for path, tree in modules().items():
        names = imported_functions(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (name := names.get(ast.unparse(node.func))):
                yield TranslatingCall(name, node, path)


def imported_functions(tree: ast.Module) -> dict[str, str]:
    """What a module calls the functions, and what Django calls them."""
    names = {f"translation.{each}": each for each in ARGUMENTS}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == MODULE:
            names |= {each.asname or each.name: each.name for each in node.names}
    plain = {own: name.removesuffix("_lazy") for own, name in names.items()}
    return {own: name for own, name in plain.items() if name in ARGUMENTS}


# --- Templates -----------------------------------------------------------------------------------


def template_texts(root: Path) -> Iterator[Key]:
    for path in templates(root):
        yield from texts_of_template(path.read_text(), str(path))


def templates(root: Path) -> Iterator[Path]:
    yield from sorted((root / "templates").rglob("*.html"))


def texts_of_template(source: str, name: str = "") -> Iterator[Key]:
    """The texts of the tags of a template: Django writes them as calls, and Babel reads these."""
    calls = "\n".join(line.strip() for line in templatize(source, origin=name).splitlines())
    for _line, found, _comments, context in extract(
        "python", io.BytesIO(calls.encode()), DEFAULT_KEYWORDS
    ):
        text, *plural = [found] if isinstance(found, str) else found
        yield context or "", text, "".join(plural)


# --- Models --------------------------------------------------------------------------------------


def model_texts() -> Iterator[Key]:
    """The names of the models that have pages, of their fields, and of choices."""
    with translation.override(None):
        for model in admin.site._registry:
            if model._meta.app_label in OWN_APPS:
                yield from (("", str(name), "") for name in names_of(model) if name)


def names_of(model: type[Any]) -> Iterator[Any]:
    yield from (model._meta.verbose_name, model._meta.verbose_name_plural)
    for field in model._meta.concrete_fields:
        yield from (field.verbose_name, field.help_text)
        yield from (label for _, label in field.choices or ())
