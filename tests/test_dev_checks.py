"""`dev.py test` runs checks beside the tests: whatever ends first, nothing is left running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

import dev


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


NAP = python("import time; time.sleep(60)")


def test_checks_run_beside_the_command_and_print_afterwards(capfd: pytest.CaptureFixture[str]):
    checks = dev.Checks(
        ("first", python("print('found')"), {}),
        ("second", python("import os; print(os.environ['OF_SECOND'])"), {"OF_SECOND": "own"}),
    )
    assert checks.run_beside(python("print('tests')")) == 0
    printed = re.sub(r"\d+\.\d", "0.1", capfd.readouterr().out)
    assert printed == ("tests\nfound\n==> first: done in 0.1 s\nown\n==> second: done in 0.1 s\n")


def test_failing_check_interrupts_the_command_and_the_other_checks(
    capfd: pytest.CaptureFixture[str],
) -> None:
    checks = dev.Checks(("first", python("raise SystemExit(3)"), {}), ("second", NAP, {}))
    assert checks.run_beside(NAP) == 3
    assert "==> first: failed in " in capfd.readouterr().out


def test_failing_command_has_its_exit_code_when_all_checks_pass() -> None:
    checks = dev.Checks(("first", python("pass"), {}))
    assert checks.run_beside(python("raise SystemExit(1)")) == 1


@pytest.mark.slow
def test_interrupted_command_stops_the_checks() -> None:
    checks = dev.Checks(("first", NAP, {}))
    assert checks.run_beside(python("raise SystemExit(2)")) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_leaves_neither_the_command_nor_a_check(number: signal.Signals) -> None:
    """A terminal sends SIGINT to the whole group; other programs send SIGTERM to one process."""
    naps = (
        "import dev, signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143));"
        " signal.signal(signal.SIGINT, signal.default_int_handler);"
        f" sys.exit(dev.Checks(('first', {NAP!r}, {{}})).run_beside([sys.executable, '-c', %r]))"
    )
    child = (
        "import os, signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(2));"
        " print(os.getpid(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        python(naps % child), stdout=subprocess.PIPE, text=True, cwd=dev.ROOT, process_group=0
    ) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    assert process.returncode == (2 if number == signal.SIGINT else 143)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
