"""The Python client and a running server: a whole story, refusals, changes, lists, waiting.

Takes 25 s; most of it is one server that all of these tests share.
"""

from __future__ import annotations

import base64
import re
import ssl
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from iocash_client import Client, Money, NoAnswer, Retries, StillPending, errors, new_key
from iocash_client.models import (
    BatchBody,
    CashInBody,
    CashOutBody,
    ExecutionBody,
    HoldBody,
    HoldChange,
    HoldStatus,
    MovementChange,
    NaturalUserBody,
    OperationBody,
    OperationTransferBody,
    OtpBody,
    ReversalBody,
    StatementFileBody,
    TransferBody,
    WalletBody,
    WalletChange,
)

from tests.support.embedded_postgres import linux
from tests.support.faulty_wire import Fault, FaultyWire, Once
from tests.support.receivers import Authority
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = [pytest.mark.ci, linux]

HASTY = Retries(deadline=20, timeout=0.5, first_delay=0.02)
IBAN = "ES9121000418450200051332"


def transfer(demo: dict[str, str], amount: Any = "1.00", **more: Any) -> TransferBody:
    return TransferBody(target_wallet_id=demo["bobWalletId"], amount=amount, **more)


# --- The story -----------------------------------------------------------------------------------


def test_story_of_a_new_user(client: Client, server: Served):
    phone = f"+34611{time.time_ns() % 1_000_000:06d}"
    body = NaturalUserBody(
        user_name=new_key(), first_name="Alice", last_name="Example", mobile_phone=phone
    )
    user = client.create_user(body)
    assert (user.meta.status, user.status) == (202, "CREATED")
    user = client.validate_otp(user.id, OtpBody(otp=code_of(user.id, server.log)))
    assert user.status == "ACTIVATED"
    wallet = client.list_wallets(user_id=[user.id]).first()
    assert wallet is not None
    paid_in = client.create_movement(wallet.id, CashInBody(amount=Money(20, "EUR")))
    assert paid_in.balance_after == Decimal("20.00")
    other = client.create_wallet(WalletBody(user_id=user.id, alias="Savings"))
    batch = BatchBody(movements=[TransferBody(target_wallet_id=other.id, amount="5")] * 2)
    assert [each.amount for each in client.create_batch(wallet.id, batch).movements] == [5, 5]
    back = OperationTransferBody(
        source_wallet_id=other.id, target_wallet_id=wallet.id, amount=Decimal("0.50")
    )
    made = client.create_operation(OperationBody(transfers=[back]))
    assert [str(each.balance_after) for each in made.movements] == ["9.50", "10.50"]
    reversed_ = client.reverse_movement(other.id, made.movements[0].id, ReversalBody())
    assert reversed_.reversal_of == made.movements[0].id
    file = client.create_statement_file(wallet.id, a_statement(paid_in.created_at))
    ready = client.wait_for_statement_file(file)
    assert base64.b64decode(str(ready.content))
    assert client.get_wallet(wallet.id).available_balance == Decimal("10.00")


def a_statement(begin: datetime) -> StatementFileBody:
    return StatementFileBody(format="CSV", start_date=begin - timedelta(days=1), end_date=begin)


def code_of(user: str, log: Path) -> str:
    deadline = time.monotonic() + 30
    while not (codes := re.findall(rf"OTP (\d{{6}}) for user {user}", log.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return str(codes[-1])


def test_hold_is_executed_and_released(client: Client, demo: dict[str, str]):
    end = datetime.now(UTC) + timedelta(days=1)
    body = HoldBody(target_wallet_id=demo["bobWalletId"], amount="3.00", expiration=end)
    hold = client.create_hold(demo["aliceWalletId"], body)
    assert hold.expiration is not None
    assert abs(hold.expiration - end) < timedelta(milliseconds=2)
    half = ExecutionBody(amount="1.00", keep_open=True)
    assert client.execute_hold(hold.wallet_id, hold.id, half).hold_id == hold.id
    renewed = client.update_hold(hold.wallet_id, hold.id, HoldChange(expiration=None))
    assert renewed.expiration is None
    ended = client.update_hold(hold.wallet_id, hold.id, HoldChange(status="RELEASED"))
    assert ended.status == HoldStatus.RELEASED
    assert (str(ended.executed_amount), str(ended.released_amount)) == ("1.00", "2.00")


def test_dry_run_changes_nothing(client: Client, demo: dict[str, str]):
    before = client.get_wallet(demo["aliceWalletId"])
    predicted = client.create_movement_dry_run(before.id, transfer(demo))
    assert predicted.balance_after == before.balance - 1
    assert client.get_wallet(before.id) == before


def test_me_names_the_scopes_and_the_mode(client: Client):
    me = client.get_me()
    assert "movements:write" in me.scopes
    assert me.client is not None
    assert me.mode in ("LIVE", "SANDBOX")


# --- Refusals ------------------------------------------------------------------------------------


def test_each_status_raises_its_class(
    client: Client, server: Served, postgres: Scratch, demo: dict[str, str]
):
    with pytest.raises(errors.NotFound) as missing:
        client.get_wallet(demo["aliceUserId"])
    assert missing.value.request_id
    with pytest.raises(errors.BadRequest) as wrong:
        client.create_movement(demo["aliceWalletId"], transfer(demo, "0.001"))
    assert [each.field for each in wrong.value.errors] == ["amount"]
    with pytest.raises(errors.InvalidCredentials), Client(server.url, "iocash_unknown") as other:
        other.get_me()
    assert issubclass(errors.InvalidCredentials, errors.Unauthorized)
    reader = postgres.manage("issue_key", "demo reader", "--scope", "wallets:read").strip()
    with Client(server.url, reader) as other, pytest.raises(errors.InsufficientScope):
        other.create_wallet(WalletBody(user_id=demo["aliceUserId"]))
    assert issubclass(errors.InsufficientScope, errors.Forbidden)


def test_conflict_has_typed_facts(client: Client, demo: dict[str, str]):
    key = new_key()
    with pytest.raises(errors.InsufficientFunds) as raised:
        client.create_movement(demo["aliceWalletId"], transfer(demo, "99999"), key=key)
    facts = raised.value.conflict
    assert (facts.required, facts.currency) == (Decimal("99999.00"), "EUR")
    assert (raised.value.key, raised.value.tries) == (key, 1)
    assert raised.value.problem["conflict"]["required"] == "99999.00"
    paid = client.create_movement(demo["aliceWalletId"], transfer(demo, "0.01"), key=key)
    with pytest.raises(errors.IdempotencyKeyReused) as reused:
        client.create_movement(demo["aliceWalletId"], transfer(demo, "0.02"), key=key)
    assert reused.value.conflict.id == paid.id
    batch = BatchBody(movements=[transfer(demo, "99999")])
    with pytest.raises(errors.BatchRefused) as refused:
        client.create_batch(demo["aliceWalletId"], batch)
    assert refused.value.conflict.items
    assert refused.value.conflict.items[0].required == Decimal("99999.00")


def test_detail_is_in_the_language_of_the_client(server: Served, demo: dict[str, str]):
    with (
        Client(server.url, demo["apiKey"], language="es") as spanish,
        pytest.raises(errors.InsufficientFunds, match="Saldo insuficiente"),
    ):
        spanish.create_movement(demo["aliceWalletId"], transfer(demo, "99999"))


def test_currency_of_money_is_checked(client: Client, demo: dict[str, str]):
    with pytest.raises(errors.CurrencyMismatch):
        client.create_movement(demo["aliceWalletId"], transfer(demo, Money("1.00", "USD")))


# --- Changes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.STALLED, Fault.UNKNOWN])
def test_own_change_is_no_conflict_when_its_answer_was_lost(
    client: Client, server: Served, demo: dict[str, str], fault: Fault
):
    wallet = client.get_wallet(demo["aliceWalletId"])
    alias = new_key()
    with (
        FaultyWire(server.port, Once(fault)) as wire,
        Client(wire.url, demo["apiKey"], retries=HASTY) as caller,
    ):
        changed = caller.update_wallet(wallet.id, WalletChange(alias=alias), if_match=wallet)
    assert changed.alias == alias
    assert wire.counts == {fault: 1}


def test_change_of_another_is_a_conflict(client: Client, server: Served, demo: dict[str, str]):
    wallet = client.get_wallet(demo["aliceWalletId"])
    client.update_wallet(wallet.id, WalletChange(alias=new_key()))
    with pytest.raises(errors.VersionConflict):
        client.update_wallet(wallet.id, WalletChange(alias="Mine"), if_match=wallet)
    with (
        FaultyWire(server.port, Once(Fault.CUT_BEFORE)) as wire,
        Client(wire.url, demo["apiKey"], retries=HASTY) as caller,
        pytest.raises(errors.VersionConflict) as raised,
    ):
        caller.update_wallet(wallet.id, WalletChange(alias="Mine"), if_match=wallet)
    assert raised.value.is_outcome_unknown
    assert client.get_wallet(wallet.id).alias != "Mine"


def test_creating_again_is_no_conflict_when_the_answer_was_lost(
    client: Client, server: Served, demo: dict[str, str]
):
    body = WalletBody(user_id=demo["bobUserId"], alias="Car")
    wallet = new_key()
    with (
        FaultyWire(server.port, Once(Fault.CUT_AFTER)) as wire,
        Client(wire.url, demo["apiKey"], retries=HASTY) as caller,
    ):
        assert caller.put_wallet(wallet, body, is_new=True).id == wallet
    with pytest.raises(errors.AlreadyExists):
        client.put_wallet(wallet, body, is_new=True)
    client.update_wallet(wallet, WalletChange(status="UNSUBSCRIBED"))


@pytest.mark.parametrize(
    ("fault", "tries"),
    [(Fault.CUT_AFTER, 1), (Fault.CUT_BEFORE, 1), (Fault.UNKNOWN, 1), (Fault.OVERLOADED, 2)],
)
def test_call_without_a_key_is_repeated_only_if_it_was_not_executed(
    server: Served, demo: dict[str, str], fault: Fault, tries: int
):
    with (
        FaultyWire(server.port, Once(fault)) as wire,
        Client(wire.url, demo["apiKey"], retries=HASTY) as caller,
        pytest.raises((NoAnswer, errors.AlreadyVerified, errors.OutcomeUnknown)) as raised,
    ):
        caller.request_otp(demo["aliceUserId"])
    assert wire.requests == raised.value.tries == tries
    assert raised.value.is_outcome_unknown == (tries == 1)
    assert raised.value.key is None


# --- Lists, threads, waiting ---------------------------------------------------------------------


def test_pages_have_every_item_once(client: Client, demo: dict[str, str]):
    for _ in range(5):
        client.create_movement(demo["aliceWalletId"], transfer(demo, "0.01"))
    movements = client.list_movements(demo["aliceWalletId"], size=2, type=["TRANSFER"])
    ids = [each.id for each in movements]
    assert len(ids) == len(set(ids)) >= 5
    assert ids == [
        each.id for each in client.list_movements(demo["aliceWalletId"], type=["TRANSFER"])
    ]
    second = movements.page(movements.page().next_cursor)
    assert [each.id for each in second.items] == ids[2:4]
    statement = client.get_statement_pages(demo["aliceWalletId"], size=3)
    assert len(list(statement)) >= len(ids)


@pytest.mark.parametrize(
    "name",
    [
        "list_all_external_accounts",
        "list_all_holds",
        "list_all_movements",
        "list_events",
        "list_users",
        "list_wallets",
        "list_webhook_endpoints",
    ],
)
def test_list_is_read(client: Client, name: str):
    items = list(getattr(client, name)(size=50))
    assert all(item.id for item in items)


def test_client_waits_as_long_as_the_server_for_the_next_event(
    server: Served, demo: dict[str, str]
):
    with (
        FaultyWire(server.port) as wire,
        Client(wire.url, demo["apiKey"], retries=HASTY) as caller,
    ):
        (*_, last) = caller.list_events(sort="createdAt,asc").pages()
        assert last.resume_cursor is not None
        requests, begin = wire.requests, time.monotonic()
        waiting = caller.list_events(sort="createdAt,asc", wait=2, cursor=last.resume_cursor)
        assert waiting.page().items == []
    assert time.monotonic() - begin > 4 * HASTY.timeout - 0.1
    assert wire.requests == requests + 1


def test_requests_stay_on_the_url_of_the_client(server: Served, demo: dict[str, str]):
    with FaultyWire(server.port) as wire, Client(wire.url, demo["apiKey"]) as caller:
        count = len(list(caller.list_events(size=5)))
    assert wire.requests >= count // 5 > 1


@pytest.fixture
def secured(server: Served, tmp_path: Path) -> Iterator[FaultyWire]:
    """The server behind TLS, with a certificate of a private authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Authority.ours().write(tmp_path, "127.0.0.1"))
    with FaultyWire(server.port, context=context) as wire:
        yield wire


def test_certificate_of_a_private_authority_is_trusted_when_it_is_named(
    secured: FaultyWire, demo: dict[str, str], tmp_path: Path
):
    context = ssl.create_default_context(cafile=Authority.ours().bundle(tmp_path))
    with Client(secured.url, demo["apiKey"], context=context) as caller:
        assert [caller.get_me().mode for _ in range(3)]
    assert secured.connections == 1


def test_unknown_certificate_is_not_trusted_and_not_tried_again(
    secured: FaultyWire, demo: dict[str, str]
):
    with Client(secured.url, demo["apiKey"]) as caller, pytest.raises(NoAnswer) as raised:
        caller.get_me()
    assert "CERTIFICATE_VERIFY_FAILED" in str(raised.value)
    assert (raised.value.tries, secured.requests) == (1, 0)


def test_threads_share_a_few_connections(server: Served, demo: dict[str, str]):
    with (
        FaultyWire(server.port) as wire,
        Client(wire.url, demo["apiKey"]) as caller,
        ThreadPoolExecutor(8) as threads,
    ):
        ids = list(threads.map(lambda _: caller.get_wallet(demo["aliceWalletId"]).id, range(200)))
    assert set(ids) == {demo["aliceWalletId"]}
    assert wire.requests == 200
    assert wire.connections <= 8


def test_write_token_is_sent_with_reads(server: Served, demo: dict[str, str]):
    with Client(server.url, demo["apiKey"]) as caller:
        assert caller.write_token is None
        caller.write_token = "malformed"
        with pytest.raises(errors.InvalidHeader):
            caller.list_wallets().first()


def test_client_waits_for_the_end_of_a_cash_out(client: Client, demo: dict[str, str]):
    body = CashOutBody(amount="1.00", iban=IBAN, holder_name="Alice Example")
    taken = client.create_movement(demo["aliceWalletId"], body)
    assert (taken.meta.status, taken.status) == (202, "PENDING")
    with pytest.raises(StillPending) as raised:
        client.wait_for_movement(taken, timeout=0.1)
    assert raised.value.answer == taken
    cancel = MovementChange(status="CANCELLED")
    later = Timer(0.3, client.update_movement, [taken.wallet_id, taken.id, cancel])
    later.start()
    assert client.wait_for_movement(taken, timeout=20).status == "CANCELLED"
    later.join()


# --- Memory --------------------------------------------------------------------------------------


@pytest.mark.long
def test_hundred_thousand_movements_are_read_in_flat_memory(client: Client, demo: dict[str, str]):
    """Takes three minutes."""
    wallet = client.create_wallet(WalletBody(user_id=demo["companyUserId"])).id
    batch = BatchBody(movements=[CashInBody(amount="0.01")] * 1000)
    for _ in range(100):
        client.create_batch(wallet, batch)
    pages = client.list_movements(wallet).pages()
    next(pages)
    tracemalloc.start()
    begin, peaks = tracemalloc.get_traced_memory()[0], []
    count = 100
    for page in pages:
        count += len(page.items)
        peaks.append(tracemalloc.get_traced_memory()[1] - begin)
        tracemalloc.reset_peak()
    tracemalloc.stop()
    assert count == 100_000
    assert max(peaks) < 3_000_000
    assert max(peaks[500:]) < 1.2 * max(peaks[:500])
