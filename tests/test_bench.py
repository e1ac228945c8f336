"""The benchmark: it measures, and says what is so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from iocash.postgres import CHECKOUT
from tests.bench import __main__ as program
from tests.bench import database, load, processes, report, works
from tests.bench.database import Database
from tests.bench.measure import Place, Sample, Stage, progress
from tests.bench.works import Row
from tests.support.server import database_of_tests


def a_sample(name: str, rate: float, **values: Any) -> Sample:
    facts = {"p50": 1.0, "p95": 2.0, "p99": 3.0, "mean": 1.0, "requests": 10, "seconds": 1.0}
    counts = {"errors": 0, "acknowledged": 10, "found": 10}
    return Sample(name=name, served="ours", number=1, rate=rate, **facts | counts | values)


ROW = Row("ours ÷ theirs", "ours", "theirs", 0.8, 1.0)


def test_ratio_divides_medians() -> None:
    samples = [a_sample("ours", rate) for rate in (1, 90, 100)]
    samples += [a_sample("theirs", rate) for rate in (90, 100, 1000)]
    assert report.ratio(ROW, report.by_name(samples)) == 0.9


def memories(*sizes: int) -> list[Sample]:
    return [a_sample("memory", 1, moved=100_000, memory=size * 2**20) for size in sizes]


def test_memory_with_an_early_maximum_is_flat() -> None:
    series = memories(100, 200, 250, 240, 250, 230, 255, 250)
    assert report.is_flat(series)
    words = "100 MiB after 100,000 transfers, at most 255 MiB after 700,000 transfers,"
    assert report.memory(series) == f"{words} in the end 250 MiB after 800,000 transfers; flat"


def test_growing_memory_is_not_flat() -> None:
    series = memories(*range(200, 280, 10))
    assert report.is_flat(series) is False
    assert report.memory(series).endswith("GROWING")


def test_flatness_of_few_transfers_is_unknown() -> None:
    assert report.is_flat(memories(100, 200, 300)) is None


def test_shared_memory_is_counted_once() -> None:
    held = 64 * 2**20
    fork = f"import os, sys\nheld = b'x' * {held}\nos.fork()\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", fork], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdin
        assert parent.stdout
        for _ in range(2):
            parent.stdout.readline()
        found = processes.resident(parent.pid)
        parent.stdin.close()
    assert held < found < 1.5 * held


@pytest.mark.parametrize(
    ("rate", "verdict"), [(79, "NOT reached"), (80, "reached"), (100, "stretch")]
)
def test_table_reports_whether_the_target_is_reached(rate: int, verdict: str) -> None:
    table = report.targets([ROW], [a_sample("ours", rate), a_sample("theirs", 100)])
    assert table[1][-1] == verdict


def test_processor_time_is_reported_for_each_transfer() -> None:
    sample = a_sample("ours", 1, requests=10, items=100, cpu={"server": 0.5})
    assert sample.each("server") == 500
    assert report.processor([sample], "server") == "500"


def test_shorter_time_reaches_the_target() -> None:
    row = Row("p50", "ours", "theirs", 0.35, 0.25, "p50")
    samples = [a_sample("ours", 1, p50=1.0), a_sample("theirs", 1, p50=3.0)]
    assert report.targets([row], samples)[1][-1] == "reached"


def test_missing_measurement_has_no_row() -> None:
    assert len(report.targets([ROW], [a_sample("ours", 1)])) == 1


def test_peer_that_is_not_installed_is_reported() -> None:
    table = report.targets([ROW], [a_sample("ours", 1)], missing=["theirs"])
    assert table[1][-1] == "not installed"


def test_progress_reports_movements_missing_in_the_books() -> None:
    assert "2 NOT IN THE BOOKS" in progress(a_sample("ours", 1, found=8), 5)
    assert "10 NOT IN THE BOOKS" in progress(a_sample("ours", 1, found=0), 5)
    assert "NOT" not in progress(a_sample("ours", 1), 5)


def test_errors_and_missing_movements_fail_the_run() -> None:
    assert a_sample("ours", 1).is_good
    assert not a_sample("ours", 1, found=9).is_good
    assert not a_sample("ours", 1, errors=1).is_good


def test_progress_shows_errors() -> None:
    words = progress(a_sample("ours", 1, errors=1, wrong=("503 overloaded",)), 5)
    assert "1 ERRORS" in words
    assert "503 overloaded" in words


@pytest.mark.parametrize(
    ("words", "rounds", "seconds"),
    [([], 5, 4), (["--quick"], 1, 1), (["--quick", "--rounds", "3"], 3, 1)],
)
def test_explicit_options_override_quick(words: list[str], rounds: int, seconds: int) -> None:
    told = program.options(words)
    assert (told.rounds, told.seconds) == (rounds, seconds)


def test_large_works_are_measured_only_on_request() -> None:
    large = [each.name for each in works.LARGE]
    for words, expected in (([], []), (["--large"], large), (["--only", large[0]], large[:1])):
        chosen = program.chosen(program.options(words), works.LARGE)
        assert [each.name for each in chosen] == expected


def test_every_row_refers_to_measurements() -> None:
    names = [each.name for each in (*works.MEASUREMENTS, *works.LARGE)]
    assert len(names) == len(set(names))
    assert {name for row in works.ROWS for name in (row.over, row.under)} <= set(names)


def test_server_without_fsync_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"SHOW fsync": "off"}
    monkeypatch.setattr(Database, "ask", lambda _, question: said.get(question, "on"))
    with pytest.raises(SystemExit, match="fsync must be on"):
        Database("", "", None).settings()


def test_server_with_too_few_connections_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "ask", lambda _, question: "100")
    Database("", "", None).require_room(works.room(works.MEASUREMENTS[:3]))
    with pytest.raises(SystemExit, match="max_connections must be at least"):
        Database("", "", None).require_room(works.room(works.MEASUREMENTS))


@pytest.mark.parametrize("owner", ["", "postgresql://app@db.invalid/iocash"])
def test_single_role_for_owner_and_server_is_not_measured(
    owner: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db.invalid/iocash")
    monkeypatch.setenv("DATABASE_OWNER_URL", owner)
    with pytest.raises(SystemExit, match="another role"), database.prepared(tmp_path):
        pass


def test_large_books_are_audited_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Database, "audit", lambda _: {"movements": 1})
    empty = Database("", "", None)
    with Stage(empty, {}, tmp_path) as stage:
        stage.places = {
            "large": Place(empty, {}, "at last"),
            "hordak": Place(empty, {}, "never"),
        }
        assert [name for name, _ in stage.audit(last=False)] == [""]
        assert [name for name, _ in stage.audit(last=True)] == ["", "large"]


@pytest.mark.slow
def test_processor_time_includes_exited_children() -> None:
    before = processes.cpu_seconds(os.getpid())
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    assert processes.cpu_seconds(os.getpid()) - before >= 0.28


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT interrupts, also in jobs in the background of a shell, which ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_undisturbed_block_completes_before_an_interrupt(interruptible: None) -> None:
    begun = []

    def begin() -> None:
        with processes.undisturbed():
            signal.raise_signal(signal.SIGINT)
            begun.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert begun


def test_refused_requests_are_counted_and_a_few_are_shown(tmp_path: Path) -> None:
    counts = {"requests": 10, "seconds": 1, "p50": 1, "p95": 1, "p99": 1}
    broken = {"connect": 0, "read": 1, "write": 0, "timeout": 1}
    (tmp_path / "summary").write_text(json.dumps(counts | broken))
    (tmp_path / "wrong-1").write_text("503 overloaded\n" * 7)
    (tmp_path / "made-1").write_text("one\ntwo\n")
    answers = load.collected(tmp_path)
    assert (answers.refused, answers.broken, answers.errors) == (7, 2, 9)
    assert answers.made == ("one", "two")
    assert answers.wrong == ("503 overloaded",) * 5


def test_python_values_are_written_as_lua() -> None:
    said = {"items": 2, "fixed": False, "clients": [{"secret": 'a"b'}]}
    assert load.lua(said) == '{items = 2, fixed = false, clients = {{secret = "a\\"b"}}}'


def test_table_is_written_aligned_or_as_markdown() -> None:
    table = [("work", "ratio"), ("a", "0.10")]
    assert report.written(table, markdown=False) == "work  ratio\na      0.10"
    assert report.written(table, markdown=True).splitlines() == [
        "| work | ratio |",
        "| ---- | ----: |",
        "| a    |  0.10 |",
    ]


def measured(tmp_path: Path, *words: str, **environment: str) -> dict[str, Any]:
    """Run the bench; what it wrote."""
    file = tmp_path / "found.json"
    command = [sys.executable, "-m", "tests.bench", "--quick", "--json", str(file), *words]
    ours = {"DATABASE_URL", "DATABASE_OWNER_URL", "DJANGO_SETTINGS_MODULE"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def require_good(found: dict[str, Any]) -> None:
    for sample in found["samples"]:
        assert sample["errors"] == 0, sample
        assert sample["rate"] > 0, sample
        assert sample["found"] == sample["acknowledged"], sample


def databases() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.ci
def test_benchmark_creates_and_drops_its_own_database(
    transactional_db: None, tmp_path: Path
) -> None:
    """Takes half a minute."""
    app = database_of_tests()
    owner = make_conninfo(app, user=connection.settings_dict["USER"])
    before = databases()
    found = measured(
        tmp_path, "--only", "transfer", "L2", DATABASE_URL=app, DATABASE_OWNER_URL=owner
    )
    require_good(found)
    assert {sample["name"] for sample in found["samples"]} == {"transfer", "L2"}
    assert found["ratios"][0]["ratio"] > 0
    assert not databases() - before, "others, of other tests, may have gone meanwhile"


@pytest.mark.long
@pytest.mark.parametrize("without_wrk", ["", "1"])
def test_all_works_are_measured(without_wrk: str, tmp_path: Path) -> None:
    """Takes many minutes; hordak is measured only where it is installed."""
    found = measured(tmp_path, "--large", **{load.WITHOUT_WRK: without_wrk})
    require_good(found)
    names = {sample["name"] for sample in found["samples"]}
    known = {each.name for each in (*works.MEASUREMENTS, *works.LARGE) if works.is_installed(each)}
    assert names - {each.name for each in works.MEMORY} == known
    assert found["facts"]["postgres fsync"] == "on"
