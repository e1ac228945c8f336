#!/usr/bin/env python3
"""Set up, run and test ioCash with Python 3.11 or newer alone. For production: docs/operations/.

python3 dev.py run [--port N]   serve with demo data and a worker, on port 8000 by default
python3 dev.py test [ARGS]      run all checks, then pytest with ARGS (-n 0: in one process)
python3 dev.py bench [ARGS]     measure ioCash, pgbench and comparable servers (--help)
python3 dev.py pictures         take the pictures of the README and of the staff manual
python3 dev.py manage [ARGS]    run manage.py with DEBUG=1 on the demo's database
"""

import argparse
import hashlib
import importlib.util
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
DEMO = ROOT / "requirements-demo.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"  # DEMO and the development tools
VENV = ROOT / ".venv"
INSTALLED = VENV / "installed"  # names the lock files that are installed completely
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
    set_up(DEMO)
    os.environ.update(PORT=str(port), BASE_URL=f"http://127.0.0.1:{port}")
    start_database()
    step("Migrating, seeding the demo", [PYTHON, MANAGE, "seed_demo", "--migrate"])
    say("Starting the web server")
    from iocash import demo

    demo.serve(port)


def test(words: list) -> None:
    set_up(DEVELOPMENT)
    start_database()
    step("ruff format", [PYTHON, "-m", "ruff", "format", "--check"])
    step("ruff", [PYTHON, "-m", "ruff", "check"])
    if sys.dont_write_bytecode:  # it stays out of the folders of the code, and is kept
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / ".pytest_cache" / "bytecode"))
    deployable = [PYTHON, MANAGE, "check", "--deploy", "--fail-level", "WARNING"]
    checks = Checks(
        ("import-linter", [str(VENV / "bin" / "lint-imports"), "--no-logo"], {}),
        ("migrations", [PYTHON, MANAGE, "makemigrations", "--check", "--dry-run"], {}),
        ("deployment", deployable, PRODUCTION),
        ("mypy", [PYTHON, "-m", "mypy"], {}),
    )
    say("pytest, import-linter, migrations, deployment, mypy")
    sys.exit(checks.run_beside([PYTHON, "-m", "pytest", "-n", "auto", *words]))


def bench(words: list) -> None:
    set_up(DEVELOPMENT)
    os.chdir(ROOT)
    os.execv(PYTHON, [PYTHON, "-m", "tests.bench", *words])


def pictures(words: list) -> None:
    set_up(DEVELOPMENT)
    os.chdir(ROOT)
    os.execv(PYTHON, [PYTHON, "-m", "tests.pictures", *words])


def manage(words: list) -> None:
    set_up(DEMO)
    os.execv(PYTHON, [PYTHON, MANAGE, *words])


def require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            sys.exit(f"dev.py: port {port} can't be used ({reason}). Choose another with --port.")


def set_up(lock: Path) -> None:
    """Install a lock file in .venv, if needed; continue with the Python of .venv."""
    import fcntl

    with Path(__file__).open() as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)  # another dev.py may be installing
        if mark(lock) not in installed():
            install(lock)
    if not VENV.samefile(sys.prefix):
        os.execv(PYTHON, [PYTHON, str(ROOT / "dev.py"), *sys.argv[1:]])


def mark(lock: Path) -> str:
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return f"{lock.name} {digest} for Python {sys.version_info[:2]} in {str(VENV)!r}"


def installed() -> list:
    """Return the marks of the lock files in .venv; none if it is incomplete or outdated."""
    if not (Path(PYTHON).exists() and INSTALLED.exists()):
        return []
    marks = INSTALLED.read_text().splitlines()
    return marks if set(marks) <= {mark(DEMO), mark(DEVELOPMENT)} else []


def install(lock: Path) -> None:
    """Install a lock file; create a new .venv if the current one may be incomplete."""
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        sys.exit("dev.py: this Python has no venv or ensurepip. Run apt install python3-venv.")
    if VENV.is_symlink() or not installed():
        make_venv()
    INSTALLED.unlink(missing_ok=True)  # so that an interrupted installation is repeated
    options = ["--disable-pip-version-check", "--progress-bar", "off", "--require-hashes"]
    if not sys.dont_write_bytecode:
        options.append("--no-compile")  # modules are compiled at their first import
    command = [*pip(lock), "install", *options, "--requirement", str(lock)]
    step("Installing", command, {"PYTHONUNBUFFERED": "1"}, Progress(lock))
    INSTALLED.write_text("\n".join({mark(DEMO), mark(lock)}))


def make_venv() -> None:
    """Create an empty .venv, without pip."""
    if VENV.is_symlink():
        VENV.unlink()  # its target is not ours to clear
    base = getattr(sys, "_base_executable", sys.executable)  # .venv's own can't replace itself
    step("Creating .venv", [base, "-m", "venv", "--clear", "--without-pip", str(VENV)])


def pip(lock: Path) -> list:
    """Return the command that runs pip for .venv.

    The demo runs pip from Python's bundled wheel, because installing pip takes longer than
    installing Django. For development, pip is installed in .venv.
    """
    wheel = pip_wheel()
    if wheel and lock == DEMO:
        return [PYTHON, f"{wheel}/pip"]
    step("Installing pip", [PYTHON, "-m", "ensurepip", "--default-pip"], progress=Quiet())
    return [PYTHON, "-m", "pip"]


def pip_wheel() -> str:
    """Return the path of the wheel that ensurepip installs; empty if it is not found."""
    import ensurepip

    own = Path(ensurepip.__file__).parent / "_bundled"
    folders = {own, Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or own)}  # Debian's, Fedora's
    return next((str(wheel) for each in folders for wheel in each.glob("pip-*.whl")), "")


class Quiet:
    """Hide the ordinary output of a command; print warnings and errors."""

    ordinary = re.compile(
        r"\s*(Collecting|Downloading|Using cached|Ignoring|Looking in|Processing|Requirement"
        r"|Installing|Successfully|Saved|Obtaining|Found existing|Attempting|Uninstalling"
        r"|Preparing|Getting|Building|Created|Stored|Defaulting)\b|\s*$"
    )

    def read(self, line: str) -> None:
        if not self.ordinary.match(line):
            self.clear()
            sys.stdout.write(line)
            sys.stdout.flush()

    def clear(self) -> None:
        """Move the cursor to the beginning of an empty line."""

    def end(self) -> None:
        """Stop: the command has ended."""


class Progress(Quiet):
    """Count the packages that pip has resolved, then those that it has unpacked.

    A terminal gets one line that is rewritten; other outputs get a line for every ten packages.
    """

    counted = re.compile(r"(?:Collecting|Requirement already satisfied:|Ignoring) ([\w.-]+)")

    def __init__(self, lock: Path) -> None:
        self.all = len(re.findall(r"^[\w.-]+(?:\[.*\])?==", lock.read_text(), re.MULTILINE))
        self.names: set = set()
        self.is_terminal = sys.stdout.isatty()
        self.is_open = False
        self.has_ended = threading.Event()
        self.unpacking = threading.Thread(target=self.unpack, daemon=True)

    def read(self, line: str) -> None:
        found = self.counted.match(line)
        if found and found.group(1) not in self.names:
            self.names.add(found.group(1))
            self.show("found", len(self.names), self.all)
        elif line.startswith("Installing collected packages"):
            self.all = line.count(",") + 1
            self.unpacking.start()
        super().read(line)

    def unpack(self) -> None:
        """Count unpacked packages: this takes longest, and pip prints nothing meanwhile."""
        before, shown = unpacked(), 0
        while not self.has_ended.wait(0.2):
            for done in range(shown + 1, min(unpacked() - before, self.all) + 1):
                self.show("unpacked", done, self.all)
                shown = done

    def show(self, what: str, done: int, number: int) -> None:
        text = f"==> Installing: {what} {done} of {number} packages"
        if self.is_terminal:
            self.is_open = True
            sys.stdout.write("\r" + text.ljust(60))
            sys.stdout.flush()
        elif done % 10 == 0:
            print(text, flush=True)

    def clear(self) -> None:
        if self.is_open:
            sys.stdout.write("\r" + " " * 60 + "\r")
        self.is_open = False

    def end(self) -> None:
        self.has_ended.set()
        if self.unpacking.ident:
            self.unpacking.join()
        self.clear()


def unpacked() -> int:
    return len(list(VENV.glob("lib/*/site-packages/*.dist-info")))


def start_database() -> None:
    """Keep PostgreSQL running until this process exits; otherwise each step would restart it."""
    if os.environ.get("DATABASE_URL"):
        return
    from iocash.postgres import STATE
    from iocash.postgres.places import Unusable
    from iocash.postgres.server import Server

    say("Starting PostgreSQL")
    try:
        Server(STATE).sockets()
    except Unusable as error:
        sys.exit(f"dev.py: {error}")


def step(
    title: str,
    command: list,
    environment: "dict[str, str] | None" = None,
    progress: "Quiet | None" = None,
) -> None:
    """Print the title and run the command; exit with its code if it fails."""
    say(title)
    begun = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
        stdout=subprocess.PIPE if progress else None,
        stderr=subprocess.STDOUT if progress else None,
        universal_newlines=True,
    )
    try:
        code = watch(process, progress)
    except BaseException:  # this process handles Ctrl-C; the command would print a traceback
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    say(f"{title}: {'failed' if code else 'done'} in {time.monotonic() - begun:.1f} s")
    if code:
        sys.exit(abs(code))


class Checks:
    """Checks that run in turn beside a command. A check that fails interrupts the command."""

    def __init__(self, *checks: "tuple[str, list, dict[str, str]]") -> None:
        self.checks = checks
        self.code = 0
        self.report: list = []
        self.processes: list = []
        self.is_stopped = threading.Event()

    def run_beside(self, command: list) -> int:
        """Return the exit code of the check that failed, or else that of the command.

        The command has the terminal and gets its Ctrl-C; the checks are reported after it.
        """
        before = signal.signal(signal.SIGINT, lambda *_: None)
        main = subprocess.Popen(command, cwd=ROOT)
        beside = threading.Thread(target=self.run, args=(main,))
        beside.start()
        try:
            code = main.wait()
            if code in (2, -signal.SIGINT) and not self.code:
                self.stop()
            beside.join()
        except BaseException:
            self.stop()
            main.terminate()
            main.wait()
            raise
        finally:
            signal.signal(signal.SIGINT, before)
        print("".join(self.report), end="", flush=True)
        return self.code or abs(code)

    def run(self, main: "subprocess.Popen[bytes]") -> None:
        for title, command, environment in self.checks:
            begun = time.monotonic()
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **environment},
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                universal_newlines=True,
            )
            self.processes.append(process)
            output = process.communicate()[0]
            if self.is_stopped.is_set():
                return
            self.code = abs(process.returncode)
            ended = f"{'failed' if self.code else 'done'} in {time.monotonic() - begun:.1f} s"
            self.report.append(f"{output}==> {title}: {ended}\n")
            if self.code:
                main.send_signal(signal.SIGINT)  # nothing, if it has ended
                return

    def stop(self) -> None:
        """End the check that runs; start no other."""
        self.is_stopped.set()
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def watch(process: "subprocess.Popen[str]", progress: "Quiet | None") -> int:
    """Wait for a process and return its exit code; pass its output to `progress`."""
    if progress and process.stdout:
        try:
            for line in process.stdout:
                progress.read(line)
        finally:
            progress.end()
    return process.wait()


def say(text: str) -> None:
    print("==>", text, flush=True)


def main() -> None:
    commands = {"run": run, "test": test, "bench": bench, "pictures": pictures, "manage": manage}
    if sys.version_info < (3, 11):
        sys.exit("dev.py: ioCash needs Python 3.11 or newer; this is " + sys.version.split()[0])
    if os.name == "nt":
        sys.exit("dev.py: on Windows, use WSL, or set DATABASE_URL and use manage.py.")
    if not sys.argv[1:] or sys.argv[1] not in commands:
        sys.exit(str(__doc__).strip())
    os.environ.setdefault("DEBUG", "1")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        commands[sys.argv[1]](sys.argv[2:])
    except KeyboardInterrupt:
        print("\ndev.py: stopped.")
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
