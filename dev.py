#!/usr/bin/env python3
"""Set up, run and test ioCash on a machine that has only Python 3.11 or newer.

python3 dev.py run [--port N]   serve with demo data, on port 8000 unless told otherwise
python3 dev.py test [ARGS]      every check, then pytest with ARGS, in two processes (-n 0: in one)
python3 dev.py bench [ARGS]     measure it beside pgbench and the usual way (--help)
python3 dev.py manage [ARGS]    manage.py with the settings of development
"""

import argparse
import hashlib
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements-dev.txt"
VENV = ROOT / ".venv"
INSTALLED = VENV / "installed"  # says what, once all of it is
PYTHON = str(VENV / "bin" / "python")
MANAGE = str(ROOT / "manage.py")
PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "DATABASE_URL": "postgresql://app@db.invalid/iocash",
    "DATABASE_OWNER_URL": "postgresql://owner@db.invalid/iocash",
    "ALLOWED_HOSTS": "iocash.example",
    "OTP_BACKEND": "email",
    "DOCUMENTS_DIR": "/var/lib/iocash/documents",
}


def run(words: list) -> None:
    options = argparse.ArgumentParser(prog="dev.py run")
    options.add_argument("--port", type=int, default=8000)
    port = options.parse_args(words).port
    require_free(port)
    set_up()
    os.environ.update(PORT=str(port), BASE_URL=f"http://127.0.0.1:{port}")
    start_database()
    step("Migrating", [PYTHON, MANAGE, "migrate", "--verbosity", "0"])
    step("Seeding the demo", [PYTHON, MANAGE, "seed_demo"])
    say("Starting the web server")
    from iocash import demo

    demo.serve(port)


def test(words: list) -> None:
    set_up()
    start_database()
    step("ruff format", [PYTHON, "-m", "ruff", "format", "--check"])
    step("ruff", [PYTHON, "-m", "ruff", "check"])
    step("import-linter", [str(VENV / "bin" / "lint-imports"), "--no-logo"])
    step("mypy", [PYTHON, "-m", "mypy"])
    step("migrations", [PYTHON, MANAGE, "makemigrations", "--check", "--dry-run"])
    deployable = [PYTHON, MANAGE, "check", "--deploy", "--fail-level", "WARNING"]
    step("deployment", deployable, **PRODUCTION)
    say("pytest")
    os.chdir(ROOT)
    os.execv(PYTHON, [PYTHON, "-m", "pytest", "-n", "auto", *words])


def bench(words: list) -> None:
    set_up()
    os.chdir(ROOT)
    os.execv(PYTHON, [PYTHON, "-m", "tests.bench", *words])


def manage(words: list) -> None:
    set_up()
    os.execv(PYTHON, [PYTHON, MANAGE, *words])


def require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            sys.exit(f"dev.py: port {port} can't be used ({reason}): choose one with --port.")


def set_up() -> None:
    """Install what the lock file says in .venv, unless that is done; go on with its Python."""
    import fcntl

    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another dev.py may be at it
        if not (Path(PYTHON).exists() and INSTALLED.exists() and INSTALLED.read_text() == wanted()):
            install()
            INSTALLED.write_text(wanted())
    if not VENV.samefile(sys.prefix):
        os.execv(PYTHON, [PYTHON, str(ROOT / "dev.py"), *sys.argv[1:]])


def wanted() -> str:
    return (
        f"Python {sys.version_info[:2]} in {VENV}: {hashlib.sha256(LOCK.read_bytes()).hexdigest()}"
    )


def install() -> None:
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        sys.exit(
            "dev.py: this Python has no venv or ensurepip: apt install python3-venv, or the like."
        )
    if VENV.is_symlink():
        VENV.unlink()  # what it leads to is somebody else's
    base = getattr(sys, "_base_executable", sys.executable)  # .venv's own can't replace itself
    step("Making .venv", [base, "-m", "venv", "--clear", str(VENV)])
    pip = [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    step("Installing, in a minute or so", [*pip, "--require-hashes", "--requirement", str(LOCK)])


def start_database() -> None:
    """Keep it for as long as we live: else each step would start and stop it."""
    if os.environ.get("DATABASE_URL"):
        return
    from iocash.postgres import STATE
    from iocash.postgres.places import Unavailable
    from iocash.postgres.server import Server

    say("Starting PostgreSQL")
    try:
        Server(STATE).sockets()
    except Unavailable as error:
        sys.exit(f"dev.py: {error}")


def step(title: str, command: list, **environment: str) -> None:
    """Run a command, saying so, and leave with its exit code if it fails."""
    say(title)
    begun = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, start_new_session=True
    )
    try:
        code = process.wait()
    except BaseException:  # Ctrl-C is for us alone: what we run would show a traceback
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    say(f"{title}: {'failed' if code else 'done'} in {time.monotonic() - begun:.1f} s")
    if code:
        sys.exit(abs(code))


def say(text: str) -> None:
    print("==>", text, flush=True)


def main() -> None:
    commands = {"run": run, "test": test, "bench": bench, "manage": manage}
    if sys.version_info < (3, 11):
        sys.exit("dev.py: ioCash needs Python 3.11 or newer; this is " + sys.version.split()[0])
    if os.name == "nt":
        sys.exit("dev.py: on Windows, use WSL, or set DATABASE_URL and use manage.py.")
    if not sys.argv[1:] or sys.argv[1] not in commands:
        sys.exit(str(__doc__).strip())
    os.environ.setdefault("DEBUG", "1")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & has it ignored
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        commands[sys.argv[1]](sys.argv[2:])
    except KeyboardInterrupt:
        print("\ndev.py: stopped.")
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
