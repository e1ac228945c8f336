"""Texts of the back office that no catalogue knows: in templates, and in the Python code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from django.template.base import DebugLexer, TokenType

from tests.support.office_texts import imported_functions, templates
from tests.support.source_code import modules

NAMES = frozenset(
    {"ioCash", "| ioCash", "IBAN", "CSV", "SHA-256", "KYC", "manage.py audit", "Mac OS X"}
)
"""Names, which are the same in every language."""

CLASSES = frozenset({"amount out", "Authenticator app"})
"""Classes of CSS, and what is stored and not shown."""

SHOWN = frozenset({"title", "aria-label", "alt", "placeholder", "data-label", "value"})
"""The attributes that people see."""

LETTERS = re.compile(r"[^\W\d_]")
WORDS = re.compile(r"[^\W\d_]{2,}[,;:]? \(?[^\W\d_]{2,}|^[A-Z][a-z]+\.$")
"""Two words, or one that is a sentence."""

# --- Templates -----------------------------------------------------------------------------------

PAGES = ("templates/admin", "templates/staff", "templates/locked.html")
LITERAL = re.compile(r"""(?:default|default_if_none|yesno|pluralize|add):"([^"]*)"|="([^"]*)\"""")


def in_templates(root: Path) -> list[str]:
    """The visible texts of templates outside of the tags that translate."""
    found = []
    for path in templates(root):
        name = path.relative_to(root).as_posix()
        if name.startswith(PAGES) and not re.match(r"templates/staff/..(-|/)", name):
            found += [f"{name}: {text}" for text in in_template(path.read_text())]
    return found


def in_template(source: str) -> list[str]:
    """The texts of one template, and the texts in its tags and filters."""
    reader = Reader()
    inside = ""
    found: list[str] = []
    for token in DebugLexer(source).tokenize():
        if token.token_type == TokenType.TEXT and not inside:
            reader.feed(token.contents)
        if token.token_type == TokenType.BLOCK:
            inside = region(token.contents, inside)
        if token.token_type in {TokenType.BLOCK, TokenType.VAR}:
            found += literals(token.contents)
    reader.close()
    return [text for text in [*reader.texts, *found] if is_words(text)]


def region(tag: str, inside: str) -> str:
    """The tag that ends what is no text of the page, or is translated; "" outside of it."""
    if inside:
        return "" if tag.startswith(inside) else inside
    if tag in {"block bodyclass", "block coltype"}:
        return "endblock"
    name = tag.split(maxsplit=1)[0]
    return f"end{name}" if name in {"blocktranslate", "comment"} else ""


def literals(tag: str) -> Iterator[str]:
    """The texts that filters and `with` of a tag have; an id or a name of a URL is none."""
    for match in LITERAL.finditer(tag):
        default, given = match.groups()
        if default or (given and re.match(r"[A-Z]|.* ", given) and given not in tag.split("'")):
            yield default or given


def is_words(text: str) -> bool:
    return bool(re.search(r"[^\W\d_]{2}", text)) and text not in NAMES | CLASSES


class Reader(HTMLParser):
    """Reads the texts and the attributes that people see."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts += [" ".join(data.split())]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        for name in SHOWN & values.keys():
            if name != "value" or (tag == "input" and values.get("type") == "submit"):
                self.texts.append(values[name] or "")


# --- Python --------------------------------------------------------------------------------------

MACHINE = re.compile(
    r"^\s*(SELECT|INSERT|UPDATE|WITH|default-src)\b|<\w|filename=|charset=|^%\(|^%[A-Z]|^[^\W\d_]$|\\d"
)
"""SQL, headers, markup, patterns of digits, and single letters."""

OFFICE = re.compile(
    r"(users|wallets)/(admin|change_lists|dashboard|templatetags|actions|backoffice|menu|manual"
    r"|pages|staff)\b"
)
NUMBERS = "wallets/admin/spelling.py"
"""Amounts in words, which has its own words for each language."""
METRICS = ("wallets/dashboard/families.py", "wallets/dashboard/figures.py")
"""What machines read has no translation."""
SEEN = frozenset({"label", "help_text", "warning", "description", "search_help_text", "title"})
"""Arguments and attributes that are shown: there, one word is a text too."""


def in_python() -> list[str]:
    """The plain texts of the modules of the back office."""
    return [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in modules().items()
        if OFFICE.match(path) and path not in {NUMBERS, *METRICS}
        for node in plain_texts(tree)
    ]


def plain_texts(tree: ast.Module) -> Iterator[ast.expr]:
    """Texts that are neither docstrings nor translated nor errors in the code."""
    names = imported_functions(tree)
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, is_seen = pending.pop()
        if is_left_out(node, names):
            continue
        if isinstance(node, ast.Constant | ast.JoinedStr) and is_text(node, is_seen):
            yield node
        if not isinstance(node, ast.JoinedStr):
            pending += [(child, is_shown(node, child)) for child in parts_of(node, names)]


def parts_of(node: ast.AST, names: dict[str, str]) -> Iterator[ast.AST]:
    """What a piece of code is made of; of a code with its words, only the words."""
    parts = [*ast.iter_child_nodes(node)]
    if isinstance(node, ast.Tuple) and any(is_left_out(each, names) for each in node.elts[1:2]):
        return iter(parts[1:])
    return iter(parts)


def is_left_out(node: ast.AST, names: dict[str, str]) -> bool:
    """What no member of staff reads: docstrings, annotations, programming errors, SQL."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Raise):  # the texts of refusals are in the catalogue of errors
        return ast.unparse(node).startswith(
            ("raise ValueError", "raise BadRequest", "raise errors.")
        )
    return isinstance(node, ast.Call) and ast.unparse(node.func) in names


def is_shown(parent: ast.AST, child: ast.AST) -> bool:
    """Whether a value is an argument or an attribute that is shown."""
    if isinstance(parent, ast.keyword):
        return parent.arg in SEEN
    if isinstance(parent, ast.Assign):
        return any(isinstance(each, ast.Name) and each.id in SEEN for each in parent.targets)
    return False


def is_text(node: ast.Constant | ast.JoinedStr, is_seen: bool) -> bool:
    text = written(node)
    if text in NAMES | CLASSES or MACHINE.search(text):
        return False
    return bool(LETTERS.search(text)) if is_seen else bool(WORDS.search(text))


def written(node: Any) -> str:
    """The text; of an f-string, what is between its values."""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(written, node.values))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "…"
