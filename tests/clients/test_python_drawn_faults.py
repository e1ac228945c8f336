"""Calls that Hypothesis draws from the client's types, while wires are cut and servers are killed.

What the client says of each call is compared with the books: a success is there once, a refusal
made nothing. Each answer is valid by the OpenAPI document, and the audit passes. Needs Linux.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from decimal import Decimal
from threading import Lock
from typing import Any, NamedTuple, get_type_hints

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from iocash_client import Client, IoCashError, Retries, new_key
from iocash_client.engine import Engine
from iocash_client.models import HoldBody, TransferBody
from iocash_client.shapes import Body
from iocash_client.transport import Response, Transport

from tests.support import openapi
from tests.support.drawn_calls import Drawing, methods
from tests.support.embedded_postgres import linux
from tests.support.faulty_wire import Fault, FaultyWire, Randomly
from tests.support.payments_through_faults import ForgetfulEngine, kill_until
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = linux

NAMES = (
    "create_movement",
    "create_batch",
    "create_operation",
    "create_hold",
    "execute_hold",
    "reverse_movement",
    "create_wallet",
    "create_external_account",
    "create_user",
)
"""The calls that create, all with a key."""
MARKS = ("reference", "alias", "user_name")
"""The fields in which the mark of a call stands."""
ITEMS = ("movements", "transfers")
CALLERS = 8
PATIENT = Retries(deadline=120, timeout=1.0, first_delay=0.02, longest_delay=1.0)
HEADERS = {"etag": "ETag", "location": "Location", "idempotent-replayed": "Idempotent-Replayed"}
OF_WIRE = "-"
"""The `requestId` in a problem document that the wire has written."""


class Likely(Drawing):
    """Arguments of which most make sense, so that many calls succeed; the others are any."""

    def __init__(self, ids: Mapping[str, list[str]]) -> None:
        super().__init__([each for several in ids.values() for each in several])
        self.known: dict[str, st.SearchStrategy[Any]] = {
            name: st.sampled_from(several) for name, several in ids.items()
        }
        now = dt.datetime.now(dt.UTC)
        self.known |= {
            "source_wallet_id": self.known["wallet_id"],
            "target_wallet_id": self.known["wallet_id"],
            "amount": st.decimals("0.01", "0.50", places=2),
            "currency": st.just("EUR"),
            "concept": st.text("ABCabc 0123456789", min_size=1, max_size=20),
            "metadata": st.just({"order": "1"}),
            "email": st.just("alice@iocash.example"),
            "dlt_address": st.none(),
            "dlt_network": st.none(),
            **dict.fromkeys(
                ("first_name", "last_name", "company_name", "holder_name"), st.just("Alice Example")
            ),
            "iban": st.sampled_from(["ES9121000418450200051332", "DE89370400440532013000"]),
            "expiration": st.integers(2, 999).map(lambda days: now + dt.timedelta(days)),
        }

    def field(self, name: str, hint: Any) -> st.SearchStrategy[Any]:
        if name not in self.known:
            return super().field(name, hint)
        likely, anything = self.known[name], super().field(name, hint)
        return st.integers(0, 9).flatmap(lambda chance: likely if chance < 9 else anything)

    def id(self, name: str) -> st.SearchStrategy[Any]:
        return self.known.get(name, self.ids)


Call = tuple[str, dict[str, Any]]


def drawn(drawing: Drawing, count: int) -> list[Call]:
    """So many calls, or a few less."""
    calls: list[Call] = []

    @settings(
        max_examples=count,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @seed(7)
    @given(
        st.sampled_from(NAMES).flatmap(
            lambda name: st.tuples(st.just(name), drawing.arguments(methods()[name]))
        )
    )
    def draw(call: Call) -> None:
        calls.append(call)

    draw()
    return calls


def marked(body: Body, mark: str) -> tuple[Body, list[str]]:
    """The body with a text by which the books know it, or one for each of its items."""
    values, hints = dict(vars(body)), get_type_hints(type(body))
    for name in ITEMS:
        if name in hints:
            items = [marked(each, f"{mark}.{at}") for at, each in enumerate(values[name])]
            whole = values | {name: [item for item, _ in items]}
            return type(body)(**whole), [each for _, several in items for each in several]
    name = next(name for name in MARKS if name in hints)
    if "mobile_phone" in hints:
        values["mobile_phone"] = f"+346{int(mark.split('-')[1]):08d}"
    return type(body)(**values | {name: mark}), [mark]


class Told(NamedTuple):
    """What the client says of a call."""

    marks: list[str]
    outcome: str
    amount: Decimal | None = None


class Watched(Transport):
    """Keeps each response of the server."""

    def exchange(self, method: str, target: str, *more: Any, **about: Any) -> Response:
        response = super().exchange(method, target, *more, **about)
        RESPONSES.append((method, target, response))
        return response


RESPONSES: list[tuple[str, str, Response]] = []


class WatchedClient(Client):
    """A client whose responses are kept; `engine` sends its requests."""

    def __init__(self, url: str, key: str, engine: type[Engine]) -> None:
        super().__init__(url, key, retries=PATIENT)
        transport = Watched(url, context=None, allow_http=False)
        self._engine = engine(transport, PATIENT)


class Callers:
    """Several threads that make the calls."""

    def __init__(self, client: Client, prefix: str, calls: list[Call]) -> None:
        self.client, self.prefix = client, prefix
        self.told: list[Told] = []
        self.raised: list[BaseException] = []
        self.lock = Lock()
        threads = ThreadPoolExecutor(CALLERS)
        self.calling = [threads.submit(self.call, at, call) for at, call in enumerate(calls)]

    def call(self, number: int, call: Call) -> None:
        name, arguments = call
        arguments["body"], marks = marked(arguments["body"], f"{self.prefix}-{number}")
        amount = getattr(arguments["body"], "amount", None)
        try:
            getattr(self.client, name)(**arguments)
            told = Told(marks, "done", amount if isinstance(amount, Decimal) else None)
        except IoCashError as error:
            told = Told(marks, "unknown" if error.is_outcome_unknown else "refused")
        except ValueError:
            told = Told(marks, "refused")
        except Exception as error:  # noqa: BLE001
            self.raised.append(error)
            return
        with self.lock:
            self.told.append(told)

    def wait(self, seconds: float | None = None) -> bool:
        """Tell whether all calls were made."""
        return not wait(self.calling, seconds).not_done


Books = dict[str, dict[str, Decimal | None]]
"""What there is with each mark: the ids, and the amount of each."""


def books(client: Client, prefix: str) -> Books:
    """Both sides of a transfer are one operation."""
    found: Books = {}
    for mark, id_, amount in entries(client):
        if mark and mark.startswith(prefix):
            found.setdefault(mark, {})[id_] = amount
    return found


def entries(client: Client) -> Iterator[tuple[str | None, str, Decimal | None]]:
    for movement in client.list_all_movements():
        yield movement.reference, str(movement.operation_id or movement.id), movement.amount
    for hold in client.list_all_holds():
        yield hold.reference, hold.id, hold.amount
    for wallet in client.list_wallets():
        yield wallet.alias, wallet.id, None
    for account in client.list_all_external_accounts():
        yield account.alias, account.id, None
    for user in client.list_users():
        yield user.user_name, user.id, None


ALLOWED = {"done": {1}, "refused": {0}, "unknown": {0, 1}}


def differences(told: list[Told], found: Books) -> list[str]:
    """Where the books are not as the client says."""
    wrong = []
    for each in told:
        for mark in each.marks:
            there = found.get(mark, {})
            if len(there) not in ALLOWED[each.outcome]:
                wrong.append(f"{mark}: {each.outcome}, and {len(there)} times in the books")
            elif each.amount is not None and {*there.values()} != {each.amount}:
                wrong.append(f"{mark}: {each.amount} became {there}")
    return wrong


def check_answers() -> int:
    """Each response of the server is valid by the document. Return how many the wire wrote."""
    of_wire = 0
    for method, target, response in RESPONSES:
        try:
            content = json.loads(response.content)
        except ValueError:
            of_wire += 1
            continue
        if content.get("requestId") == OF_WIRE:
            of_wire += 1
            continue
        headers = {HEADERS.get(name, name): value for name, value in response.headers.items()}
        openapi.check(method, target, response.status, headers, content)
    return of_wire


@pytest.fixture
def drawing(client: Client, demo: dict[str, str]) -> Likely:
    wallets = [demo["aliceWalletId"], demo["bobWalletId"]]
    hold = HoldBody(target_wallet_id=wallets[1], amount="2")
    payment = TransferBody(target_wallet_id=wallets[1], amount="2")
    holds = [client.create_hold(wallets[0], hold) for _ in range(6)]
    paid = [client.create_movement(wallets[0], payment) for _ in range(6)]
    users = [value for name, value in demo.items() if name.endswith("UserId")]
    return Likely(
        {
            "wallet_id": wallets,
            "user_id": users,
            "hold_id": [each.id for each in holds],
            "movement_id": [each.id for each in paid],
        }
    )


class Outcome(NamedTuple):
    told: list[Told]
    found: Books
    faults: Counter[Fault]
    kills: int


def play(
    server: Served,
    client: Client,
    demo: dict[str, str],
    calls: list[Call],
    *,
    pause: float,
    engine: type[Engine] = Engine,
) -> Outcome:
    """Make the calls through faults and kills; read the books afterwards without any."""
    prefix = new_key()[:8]
    RESPONSES.clear()
    with (
        FaultyWire(server.port, Randomly(0.25)) as wire,
        WatchedClient(wire.url, demo["apiKey"], engine) as caller,
    ):
        made = Callers(caller, prefix, calls)
        kills = kill_until(made.wait, server, pause)
    assert made.raised == []
    assert len(made.told) == len(calls)
    of_wire = sum(wire.counts[each] for each in (Fault.REFUSED, Fault.GARBLED, Fault.BAD_GATEWAY))
    of_wire += wire.counts[Fault.OVERLOADED] + wire.counts[Fault.UNKNOWN]
    assert check_answers() <= of_wire
    outcomes = Counter(each.outcome for each in made.told)
    print(f"{len(calls)} calls, {dict(outcomes)}, {dict(wire.counts)}, {kills} kills")  # noqa: T201
    return Outcome(made.told, books(client, prefix), wire.counts, kills)


def survive(
    server: Served,
    client: Client,
    demo: dict[str, str],
    postgres: Scratch,
    calls: list[Call],
    pause: float,
) -> Outcome:
    played = play(server, client, demo, calls, pause=pause)
    assert differences(played.told, played.found) == []
    postgres.manage("audit")
    outcomes = Counter(each.outcome for each in played.told)
    assert outcomes["done"] >= len(calls) // 4
    assert outcomes["refused"] >= len(calls) // 10
    assert {name for name, _ in calls} == set(NAMES)
    assert set(played.faults) == set(Fault)
    return played


@pytest.mark.ci
def test_books_are_as_the_client_says_of_drawn_calls(
    server: Served, client: Client, demo: dict[str, str], postgres: Scratch, drawing: Likely
):
    """Takes 30 s."""
    played = survive(server, client, demo, postgres, drawn(drawing, 300), 3.0)
    assert played.kills >= 1


@pytest.mark.long
def test_books_are_as_the_client_says_of_two_thousand_drawn_calls(
    server: Served, client: Client, demo: dict[str, str], postgres: Scratch, drawing: Likely
):
    """Takes two minutes."""
    played = survive(server, client, demo, postgres, drawn(drawing, 2_000), 4.0)
    assert played.faults.total() >= 300
    assert played.kills >= 10


@pytest.mark.ci
def test_new_key_for_each_try_is_seen_in_the_books(
    server: Served, client: Client, demo: dict[str, str], drawing: Likely
):
    """The control: a client that does a thing twice is found. Takes 20 s."""
    calls = drawn(drawing, 120)
    played = play(server, client, demo, calls, pause=60.0, engine=ForgetfulEngine)
    wrong = differences(played.told, played.found)
    assert any("times in the books" in each for each in wrong)
