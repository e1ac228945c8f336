"""The TypeScript client, compiled, and programs that use it as an installed package."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from shutil import copytree, ignore_patterns

from dev import ROOT
from tests.support.tools import TYPESCRIPT

PACKAGE = ROOT / "clients" / "typescript"
PROGRAMS = ROOT / "tests" / "clients" / "typescript"
README = (PACKAGE / "README.md").read_text()
TEXTS = re.findall(
    r"```typescript\n(.*?)```\n+(?:It prints:\n+)?```text\n(.*?)```", README, re.DOTALL
)
"""The programs of the README, and what each prints."""
PATIENCE = 300.0
STRICT = {
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "module": "nodenext",
    "target": "es2022",
    "types": ["node"],
    "outDir": "compiled",
}


def run(command: list[str], folder: Path, **environment: str) -> str:
    """Run a command in a folder and return its output; fail if it fails."""
    ran = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-6000:]
    return ran.stdout


def build(folder: Path) -> Path:
    """Compile a copy of the package; return its folder."""
    tsc = TYPESCRIPT.program("tsc")
    package = folder / "iocash-client"
    copytree(PACKAGE, package, ignore=ignore_patterns("node_modules", "dist", "*.py"))
    (package / "node_modules").symlink_to(TYPESCRIPT.modules)
    run([tsc], package)
    return package


def compile_programs(texts: dict[str, str], package: Path, folder: Path, **options: bool) -> Path:
    """Compile programs that use the package; return the folder of the compiled files."""
    modules = folder / "node_modules"
    modules.mkdir(parents=True)
    (modules / "iocash-client").symlink_to(package)
    (modules / "@types").symlink_to(TYPESCRIPT.modules / "@types")
    (folder / "package.json").write_text('{"type": "module"}')
    for name, text in texts.items():
        (folder / name).write_text(text)
    written = {"compilerOptions": STRICT | options, "files": list(texts)}
    (folder / "tsconfig.json").write_text(json.dumps(written))
    run([TYPESCRIPT.program("tsc")], folder)
    return folder / "compiled"
