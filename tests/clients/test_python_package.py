"""The package of the Python client: its size, its types, its wheel in an empty environment."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tarfile
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from iocash_client import __version__

from dev import ROOT
from tests.support.tools import FLIT

PACKAGE = ROOT / "clients" / "python"
CODE = [path for path in PACKAGE.rglob("*.py") if ".mypy_cache" not in path.parts]
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 400, 40
LONGEST_IMPORT = 0.15
"""Seconds of processor time, with compiled files."""


def test_file_of_the_client_has_at_most_400_lines():
    assert len(CODE) > 50
    assert [path for path in CODE if len(path.read_text().splitlines()) > MOST_LINES] == []


def test_function_of_the_client_has_at_most_40_lines():
    long = [
        (path.name, node.name)
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_client_imports_the_standard_library_alone():
    known = sys.stdlib_module_names | {"iocash_client"}
    top = [
        node.module or ""
        for path in (PACKAGE / "src").rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom)
    ]
    assert {name.split(".")[0] for name in top} - known == set()
    assert project()["dependencies"] == []


def test_version_and_licence_are_current():
    assert project()["version"] == __version__
    assert f"## {__version__}\n" in (PACKAGE / "CHANGELOG.md").read_text()
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def project() -> dict[str, object]:
    with (PACKAGE / "pyproject.toml").open("rb") as file:
        facts: dict[str, object] = tomllib.load(file)["project"]
    return facts


@pytest.mark.ci
def test_import_is_fast(tmp_path: Path):
    """Takes 2 s."""
    program = (
        "import time; begin = time.process_time(); import iocash_client;"
        "print(time.process_time() - begin)"
    )
    environment = os.environ | {
        "PYTHONPATH": str(PACKAGE / "src"),
        "PYTHONPYCACHEPREFIX": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    times = [
        float(subprocess.check_output([sys.executable, "-c", program], env=environment))
        for _ in range(4)
    ]
    assert min(times) <= LONGEST_IMPORT


@pytest.mark.ci
def test_client_is_typed_strictly(tmp_path: Path):
    """Without Django's plugin and with its own settings. Takes 20 s."""
    mypy = [sys.executable, "-m", "mypy", f"--cache-dir={tmp_path}"]
    ran = subprocess.run(mypy, cwd=PACKAGE, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.ci
def test_wheel_and_sdist_install_into_an_empty_environment(tmp_path: Path):
    """Both are built without a network. Takes 30 s; needs flit_core, or a network for it."""
    python = FLIT.program("python")
    build = (
        "from flit_core import buildapi; import sys;"
        "print(buildapi.build_sdist(sys.argv[1])); print(buildapi.build_wheel(sys.argv[1]))"
    )
    command = [python, "-c", build, str(tmp_path)]
    built = subprocess.check_output(command, cwd=PACKAGE, text=True).split()
    sdist, wheel = (tmp_path / name for name in built)
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {"iocash_client/py.typed", "iocash_client/generated/operations.py"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    with tarfile.open(sdist) as archive_:
        assert any(name.endswith("examples/read_events.py") for name in archive_.getnames())
    for file in (wheel, sdist):
        installed(file, tmp_path / f"with {file.suffix}", python)


def installed(file: Path, folder: Path, builder: str) -> None:
    """Install a file into an empty environment, and import the package there."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    site = subprocess.check_output(
        [
            builder,
            "-c",
            "import flit_core, pathlib; print(pathlib.Path(flit_core.__file__).parents[1])",
        ],
        text=True,
    ).strip()
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    environment = os.environ | {"PYTHONPATH": site}
    subprocess.run(
        [python, "-m", "pip", "install", *offline, str(file)], env=environment, check=True
    )
    check = "import iocash_client as it; print(it.__version__, it.Client.__name__)"
    printed = subprocess.check_output([python, "-I", "-c", check], text=True)
    assert printed.split() == [__version__, "Client"]
