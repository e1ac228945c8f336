"""`docs/settings.md` lists every environment variable that the settings read, and its default."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from typing import Any

import dev

PAGE = (dev.ROOT / "docs" / "settings.md").read_text()
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
READERS = {"flag", "as_list", "number", "parsed"}


def rows() -> dict[str, tuple[str, str]]:
    """The default and the example of each setting, as the page says them."""
    return {name: (default, example) for name, _, default, example in ROW.findall(PAGE)}


def read() -> dict[str, Any]:
    """The environment variables that the settings read, and the default where it is a text."""
    tree = ast.parse((dev.ROOT / "iocash" / "settings" / "__init__.py").read_text())
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
        ):
            continue
        is_reader = isinstance(node.func, ast.Name) and node.func.id in READERS
        if is_reader or ast.unparse(node.func) == "os.environ.get":
            default = node.args[1] if len(node.args) > 1 else None
            found[str(node.args[0].value)] = (
                default.value if isinstance(default, ast.Constant) else ""
            )
    return found


def test_page_lists_every_variable_once():
    names = [name for name, *_ in ROW.findall(PAGE)]
    assert len(names) >= 30
    assert sorted(names) == sorted(read())


def test_settings_read_the_environment_with_known_functions_only():
    """Otherwise a variable could be read that `read` does not see."""
    text = (dev.ROOT / "iocash" / "settings" / "__init__.py").read_text()
    named = text.count("os.environ.get(name")
    assert text.count("os.environ") == len(re.findall(r'os\.environ\.get\("', text)) + named


def test_page_lists_each_default():
    shown = {name: default for name, (default, _) in rows().items()}
    wrong = {
        name: default
        for name, default in read().items()
        if default and shown[name].strip("`") != str(default)
    }
    assert not wrong


def test_settings_accept_each_example():
    """Three are left out: two contradict production, and the page has no secret."""
    left_out = {"DEBUG", "INSECURE_HTTP", "SECRET_KEY"}
    examples = {
        name: example.strip("`") for name, (_, example) in rows().items() if name not in left_out
    }
    environment = {"PATH": os.defpath, **dev.PRODUCTION, **examples}
    subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=dev.ROOT,
        env=environment,
        capture_output=True,
        check=True,
    )
