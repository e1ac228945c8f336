"""Measures: shuffled rounds, in which everything takes its turn on the same machine."""

from __future__ import annotations

import dataclasses
import json
import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from tests.bench import load, pgbench, processes
from tests.bench.database import Database
from tests.bench.server import HORDAK, USUAL, Contender, Server
from tests.bench.works import MEMORY, Asked, Measurement, Stated

CONNECTIONS = 32
WARM_UP = 1.0
"""Seconds before each measurement that are not counted; what they made is looked for as well."""

MILLION = 1_000_000

MADE = {
    "transfer": "SELECT count(*) FROM wallets_movement WHERE id = ANY(%s::uuid[])",
    "batch": """
        SELECT count(*) FROM unnest(%s::uuid[]) AS made
        WHERE (SELECT count(*) FROM wallets_movement WHERE operation_id = made) = {legs}
    """,
    "hordak": "SELECT count(*) FROM hordak_transaction WHERE uuid = ANY(%s::uuid[])",
    "key": "SELECT count(*) FROM users_key WHERE client_id = %s AND key BETWEEN %s AND %s || '~'",
}


@dataclass
class Sample:
    """One measurement in one round. Latencies are in milliseconds, a rate counts transfers."""

    name: str
    served: str
    number: int
    rate: float
    requests: int
    seconds: float
    p50: float | None
    p95: float | None
    p99: float | None
    mean: float
    errors: int
    acknowledged: int
    found: int
    moved: int = 0
    items: int = 1
    wrong: tuple[str, ...] = ()
    cpu: dict[str, float] = field(default_factory=dict)
    memory: int | None = None

    def each(self, part: str) -> float:
        """Microseconds of processor time that a part used for each transfer, or each read."""
        return 1e6 * self.cpu.get(part, 0.0) / max(1, self.requests * self.items)

    @property
    def is_good(self) -> bool:
        return not self.errors and self.found == self.acknowledged

    def facts(self) -> dict[str, Any]:
        return asdict(self)


Clients = dict[str, list[dict[str, Any]]]
"""Those that `stage.py` has made, by what they are for."""


class Place(NamedTuple):
    """A database, who is in it, and when the product's audit proves it: large books take long."""

    database: Database
    clients: Clients
    proved: Literal["each round", "at last", "never"] = "each round"


class Stage:
    """The database, who is in it, and the servers that were asked for until now.

    What is large is divided by `divisor`: only a run that is not quick is about it.
    """

    def __init__(
        self, database: Database, clients: Clients, folder: Path, divisor: int = 1
    ) -> None:
        self.database = database
        self.clients = clients
        self.folder = folder
        self.divisor = divisor
        self.servers: dict[str, Server] = {}
        self.places: dict[str, Place] = {}
        self.stack = ExitStack()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def server(self, contender: Contender) -> Server:
        if contender.name not in self.servers:
            database, clients, _ = self.place(contender)
            word = clients["large"][0]["secret"]
            server = Server(contender, database, self.folder, BENCH_WORD=word)
            self.servers[contender.name] = self.stack.enter_context(server)
        return self.servers[contender.name]

    def place(self, contender: Contender) -> Place:
        """Where it works: a database of its own is made when it is first asked for."""
        if not (contender.seed or contender.movements):
            return Place(self.database, self.clients)
        if contender.name not in self.places:
            made = self.database.beside(contender.name)
            self.stack.callback(made.drop)
            prepare = self.foreign if contender.seed else self.grown
            self.places[contender.name] = prepare(contender, made)
        return self.places[contender.name]

    def foreign(self, contender: Contender, made: Database) -> Place:
        """Tables that are not the product's, owned by who uses them."""
        own = dataclasses.replace(made, app=made.owner)
        own.migrate(**contender.environment)
        seed = Path(__file__).parent / "peers" / contender.seed
        own.tell(seed.read_text().format(wallets=self.clients["large"][0]["wallets"]))
        return Place(own, self.clients, "never")

    def grown(self, contender: Contender, made: Database) -> Place:
        """The product's tables, with a history."""
        made.migrate()
        wallets = self.clients["large"][0]["wallets"]
        movements = contender.movements // self.divisor
        return Place(made, fill(made, wallets=wallets, movements=movements), "at last")

    def audit(self, *, last: bool) -> Iterator[tuple[str, int]]:
        """Have the product prove the books: whose, and how many movements."""
        due = {"each round", "at last"} if last else {"each round"}
        for name, place in {"": Place(self.database, self.clients), **self.places}.items():
            if place.proved in due:
                yield name, int(place.database.audit()["movements"])

    def measure(
        self, measurement: Measurement, *, number: int, seconds: float, connections: int
    ) -> Sample:
        """Warm up, then measure for so long; look for all that was acknowledged."""
        if isinstance(measurement, Stated):
            return self.state(measurement, number, seconds)
        connections = measurement.connections or connections
        return self.ask(measurement, number, seconds * measurement.times, connections)

    def ask(self, asked: Asked, number: int, seconds: float, connections: int) -> Sample:
        server = self.server(asked.contender)
        clients = self.place(asked.contender).clients
        work = dataclasses.replace(asked.work, path=self.path(asked))

        def drive(seconds: float, part: str) -> load.Answers:
            return load.drive(
                work,
                port=server.port,
                clients=clients[asked.who],
                connections=connections,
                seconds=seconds,
                run=f"{asked.name}-{number}{part}-",
                seed=random.randrange(1_000_000),
            )

        warm = drive(WARM_UP, "w")
        with self.counting(server.process.pid) as cpu:
            answers = drive(seconds, "")
        made = [*warm.made, *answers.made]
        good = answers.requests - answers.refused
        return Sample(
            name=asked.name,
            served=asked.contender.name,
            number=number,
            rate=good * work.items / answers.seconds,
            requests=answers.requests,
            seconds=answers.seconds,
            p50=answers.p50,
            p95=answers.p95,
            p99=answers.p99,
            mean=1000 * connections * answers.seconds / max(1, answers.requests),
            errors=warm.errors + answers.errors,
            acknowledged=len(made),
            moved=len(made) * work.items,
            items=work.items,
            found=self.found(asked, made),
            wrong=warm.wrong + answers.wrong,
            cpu=cpu,
            memory=processes.resident(server.process.pid),
        )

    def path(self, asked: Asked) -> str:
        """The address; of a page, as the API links it. The usual server links no first page."""
        if asked.work.path not in {"first", "last"}:
            return asked.work.path
        client = self.place(asked.contender).clients[asked.who][0]
        path = load.TRANSFER % (client["prefix"], 0)
        status, _, page = self.server(asked.contender).call("GET", path, secret=client["secret"])
        assert status == 200, page
        if asked.contender is USUAL:
            return path
        link = urlsplit(page["_links"][asked.work.path]["href"])
        return f"{link.path}?{link.query}"

    def found(self, asked: Asked, made: Sequence[str]) -> int:
        """How many of the ids that were acknowledged, each counted once, are in the books."""
        if asked.work.kind == "read":
            return 0
        kind = "hordak" if asked.contender == HORDAK else asked.work.kind
        question = MADE[kind].format(legs=2 * asked.work.items)
        return int(self.place(asked.contender).database.ask(question, [list(set(made))]))

    def state(self, stated: Stated, number: int, seconds: float) -> Sample:
        client = self.clients["large"][0]

        def drive(seconds: float, run: str) -> tuple[int, float, float]:
            return pgbench.drive(
                stated.script,
                self.database,
                client=client,
                hot=stated.hot,
                seconds=seconds,
                run=run,
                seed=random.randrange(1_000_000),
            )

        run = f"{stated.name}-{number}-"
        warm = drive(WARM_UP, run)
        with self.counting(None) as cpu:
            done, lasted, latency = drive(seconds, run)
        return Sample(
            name=stated.name,
            served="",
            number=number,
            rate=done / lasted,
            requests=done,
            seconds=lasted,
            p50=None,
            p95=None,
            p99=None,
            mean=latency,
            errors=0,
            acknowledged=warm[0] + done,
            found=int(self.database.ask(MADE["key"], [client["id"], run, run])),
            cpu=cpu,
        )

    @contextmanager
    def counting(self, server: int | None) -> Iterator[dict[str, float]]:
        """Count the seconds of processor time that each part uses within the block."""

        def now() -> dict[str, float]:
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            return {
                "server": processes.cpu_seconds(server),
                "database": processes.cpu_seconds(self.database.pid),
                "load": used.ru_utime + used.ru_stime,
            }

        cpu: dict[str, float] = {}
        before = now()
        yield cpu
        cpu |= {name: round(seconds - before[name], 2) for name, seconds in now().items()}


def rounds(
    stage: Stage,
    measurements: Sequence[Measurement],
    *,
    count: int,
    seconds: float,
    connections: int,
    tell: Callable[[str], None],
) -> Iterator[Sample]:
    """Measure everything in each of `count` rounds, each in an order of its own.

    After every round the product's audit proves the books, which all but readers have written.
    """
    for number in range(1, count + 1):
        for each in random.sample(measurements, len(measurements)):
            sample = stage.measure(each, number=number, seconds=seconds, connections=connections)
            tell(progress(sample, count))
            yield sample
        prove(stage, tell, last=number == count)


def prove(stage: Stage, tell: Callable[[str], None], *, last: bool) -> None:
    """Raises: SystemExit, when a book is wrong."""
    begun = time.monotonic()
    for name, movements in stage.audit(last=last):
        seconds = time.monotonic() - begun
        tell(f"audit: right, {movements:,} movements{name and f' {name}'}, {seconds:.1f} s")
        begun = time.monotonic()


def fill(database: Database, **wanted: Any) -> Clients:
    """Make who is wanted, and what they have done before."""
    words = json.dumps(wanted)
    clients: Clients = json.loads(database.python("-m", "tests.bench.stage", words, shown=True))
    return clients


def progress(sample: Sample, count: int) -> str:
    errors = f"  {sample.errors} ERRORS {sample.wrong}" if sample.errors else ""
    lost = sample.acknowledged - sample.found
    missing = f"  {lost} NOT IN THE BOOKS" if lost else ""
    middle = f"p50 {sample.p50:.1f} ms" if sample.p50 else f"mean {sample.mean:.1f} ms"
    cpu = ", ".join(f"{name} {seconds:.1f}" for name, seconds in sample.cpu.items())
    return (
        f"round {sample.number}/{count}  {sample.name:14} {sample.rate:9,.0f}/s  {middle}"
        f"  cpu s: {cpu}{errors}{missing}"
    )


def fill_memory(
    stage: Stage, samples: Sequence[Sample], *, seconds: float, tell: Callable[[str], None]
) -> Iterator[Sample]:
    """Go on until one server has made a million transfers, then prove the books once more."""
    made = sum(sample.moved for sample in samples if sample.served == MEMORY[0].contender.name)
    number, enough = 0, MILLION // stage.divisor
    while made < enough:
        number += 1
        for each in MEMORY:
            sample = stage.measure(each, number=number, seconds=seconds, connections=CONNECTIONS)
            made += sample.moved
            memory = (sample.memory or 0) / 2**20
            tell(f"{made:,} of {enough:,} transfers, {each.name}, {memory:.0f} MiB")
            yield sample
    prove(stage, tell, last=True)
