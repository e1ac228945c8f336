"""The sandbox in the Python client: a year within seconds, and what a server in production says.

Takes 30 s; most of it is two servers with databases of their own. Needs Linux.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from iocash_client import Client, errors
from iocash_client.models import (
    CashInBody,
    CashOutBody,
    DurationBody,
    HoldBody,
    NaturalUserBody,
    OtpBody,
    ReceiverBody,
    ScheduleBody,
    ScheduledOperationBody,
    SimulatedIdentityBody,
    WebhookEndpointBody,
)

from tests.support.embedded_postgres import linux
from tests.support.scratch_postgres import SEED_SANDBOX, Scratch
from tests.support.server import Served
from tests.support.typescript_client import run

pytestmark = [pytest.mark.ci, linux]

IBAN = "ES9121000418450200051332"


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A database whose clock only these tests advance."""
    scratch = Scratch(tmp_path_factory.mktemp("own"))
    yield scratch
    scratch.remove()


@pytest.fixture(scope="module")
def own_demo(own_postgres: Scratch, documents: str) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCUMENTS_DIR", documents)
        return own_postgres.seed(SEED_SANDBOX)


@pytest.fixture(scope="module")
def own_url(
    own_postgres: Scratch,
    own_demo: dict[str, str],
    documents: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    log = tmp_path_factory.mktemp("own-server") / "server.log"
    limits = {
        "0": {"balance": "1000", "cashIn": "150", "cashOut": "150"},
        "1": {"balance": "2500", "cashIn": "2500", "cashOut": "1000"},
    }
    about = {"DOCUMENTS_DIR": documents, "KYC_LIMITS": json.dumps({"EUR": limits})}
    with Served(own_postgres.address(), log, **about) as served:
        yield served.url


@pytest.fixture(scope="module")
def tester(own_url: str, own_demo: dict[str, str]) -> Iterator[Client]:
    with Client(own_url, own_demo["apiKey"]) as made:
        yield made


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server whose database is no sandbox, and an API key with all scopes."""
    scratch = Scratch(tmp_path_factory.mktemp("production"))
    try:
        scratch.manage("migrate", "--verbosity", "0")
        key = scratch.manage("issue_key", "Example").strip()
        log = tmp_path_factory.mktemp("production-server") / "server.log"
        with Served(scratch.address(), log) as served:
            yield served.url, key
    finally:
        scratch.remove()


def test_year_of_schedules_holds_and_limits_is_played_within_ten_seconds(
    tester: Client, own_demo: dict[str, str], own_postgres: Scratch
):
    """Twelve monthly payments, a hold that ends in each month, and the limit of 30 days."""
    alice, bob = own_demo["aliceWalletId"], own_demo["bobWalletId"]
    user = a_user(tester)
    wallet = tester.list_wallets(user_id=[user]).first()
    assert wallet is not None
    begun, before = tester.sandbox.now(), tester.get_wallet(bob).balance
    schedule = tester.create_scheduled_operation(
        alice,
        ScheduledOperationBody(
            amount="10.00",
            receiver=ReceiverBody(type="WALLET", account=bob),
            schedule=ScheduleBody(
                start_date=(begun + timedelta(days=1)).date(),
                frequency="MONTHLY",
                duration=DurationBody(type="INDEFINITE"),
            ),
        ),
    )
    holds = [
        tester.create_hold(
            alice,
            HoldBody(
                target_wallet_id=bob, amount="1.00", expiration=begun + timedelta(days=30 * n + 3)
            ),
        )
        for n in range(12)
    ]
    real, refused = time.monotonic(), 0
    for _ in range(12):
        tester.create_movement(wallet.id, CashInBody(amount="75.00"))
        with pytest.raises(errors.LimitExceeded) as raised:
            tester.create_movement(wallet.id, CashInBody(amount="76.00"))
        refused += raised.value.conflict.limit_type == "cashIn"
        tester.sandbox.advance(days=31)
    reached = tester.sandbox.now()
    lasted = time.monotonic() - real
    print(f"{reached - begun} in {lasted:.1f} s")  # noqa: T201
    assert lasted <= 10
    assert reached - begun >= timedelta(days=365)
    assert refused == 12
    runs = [*tester.list_scheduled_executions(alice, schedule.id)]
    assert Counter(run.status for run in runs) == {"SUCCESS": len(runs)}
    assert len(runs) in (12, 13)
    for hold in holds:
        ended = tester.get_hold(alice, hold.id)
        assert (ended.status, ended.released_amount) == ("EXPIRED", Decimal("1.00"))
    assert tester.get_wallet(bob).balance == before + 10 * len(runs)
    own_postgres.manage("audit")


def a_user(tester: Client) -> str:
    """A new user, whose phone is verified by the sandbox's own one-time password."""
    phone = f"+34611{time.time_ns() % 1_000_000:06d}"
    body = NaturalUserBody(
        user_name=f"user-{time.time_ns()}",
        first_name="Alice",
        last_name="Example",
        mobile_phone=phone,
    )
    user = tester.create_user(body)
    tester.validate_otp(user.id, OtpBody(otp=tester.get_last_otp(user.id).otp))
    return user.id


def test_clock_advances_by_parts_and_by_timedelta(tester: Client):
    begun = tester.sandbox.now()
    assert begun.tzinfo is not None
    reached = tester.sandbox.advance(timedelta(days=1, seconds=1), hours=1, minutes=1)
    assert timedelta(hours=25, minutes=1) < reached - begun < timedelta(hours=25, minutes=2)
    reached = tester.sandbox.advance(months=1, weeks=1)
    assert timedelta(days=35) < tester.sandbox.now() - begun < timedelta(days=41)
    with pytest.raises(errors.InvalidFields):
        tester.sandbox.advance(years=2)
    assert tester.sandbox.now() - reached < timedelta(minutes=1)


def test_refusals_are_forced(tester: Client, own_url: str, own_demo: dict[str, str]):
    assert tester.get_me().meta.is_sandbox
    with pytest.raises(errors.WebhookEndpointLimitReached) as raised:
        tester.create_webhook_endpoint(
            WebhookEndpointBody(url="sandbox:refuse:webhook_endpoint_limit_reached", kinds=["*"])
        )
    assert raised.value.conflict.max_endpoints == 10
    with pytest.raises(errors.OtpExpired):
        tester.validate_otp(own_demo["aliceUserId"], OtpBody(otp="sandbox:refuse:otp_expired"))
    for code, kind in {
        "credentials_revoked": errors.CredentialsRevoked,
        "client_suspended": errors.ClientSuspended,
        "not_found": errors.NotFound,
    }.items():
        with Client(own_url, f"sandbox:refuse:{code}") as refused, pytest.raises(kind):
            refused.get_wallet(own_demo["aliceWalletId"])


@pytest.mark.parametrize(
    ("concept", "status"), [("sandbox:settle", "SUCCESS"), ("sandbox:reject:AC04", "ERROR")]
)
def test_cash_out_ends_as_its_concept_asks_for(
    tester: Client, own_demo: dict[str, str], concept: str, status: str
):
    body = CashOutBody(amount="1.00", iban=IBAN, concept=concept)
    taken = tester.create_movement(own_demo["aliceWalletId"], body)
    assert (taken.meta.status, taken.status) == (202, "PENDING")
    assert tester.wait_for_movement(taken, timeout=10).status == status


def test_server_in_production_knows_no_sandbox(production: tuple[str, str]):
    with Client(*production) as caller:
        me = caller.get_me()
        assert (me.mode, me.meta.is_sandbox) == ("LIVE", False)
        for call in (
            caller.sandbox.now,
            lambda: caller.sandbox.advance(months=1),
            lambda: caller.get_last_otp(me.client.id if me.client else ""),
            lambda: caller.simulate_identity_verification(
                "0198", SimulatedIdentityBody(status="APPROVED")
            ),
        ):
            with pytest.raises(errors.NotFound) as raised:
                call()
            assert (raised.value.status, raised.value.code) == (404, "not_found")
    with (
        Client(production[0], "sandbox:refuse:not_found") as other,
        pytest.raises(errors.InvalidCredentials),
    ):
        other.get_me()


def test_typescript_client_has_the_clock(
    programs: Path, own_url: str, own_demo: dict[str, str], production: tuple[str, str]
):
    live = {"LIVE_URL": production[0], "LIVE_KEY": production[1]}
    of_sandbox = {"IOCASH_URL": own_url, "IOCASH_KEY": own_demo["apiKey"]}
    run(["node", "--test", "sandbox.test.js"], programs, **of_sandbox, **live)
