"""Clients of two groups call the same server: each reaches the database of its own group only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.test import Client as Browser

from iocash.db import groups
from iocash.db.backend.base import DatabaseWrapper
from iocash.db.pipeline import Pipeline
from tests.support import audited, barrier, identity, people, signed_tokens
from tests.support.groups import west_beside_home
from tests.support.identity_provider import SECRET
from tests.support.people import Api
from tests.support.threads import at_once
from users import credentials
from users.models import ApiKey, Client, IdentityVerification, SigningKey, User
from users.signatures import signed_headers
from users.views.latest import LATEST
from wallets import posting
from wallets.models import Movement, Wallet
from wallets.posting import group

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Tenant:
    """A client, its key, and the wallets of its Alice and Bob, of which Alice's has 100 EUR."""

    group: str
    client: Client
    secret: str
    alices: Wallet
    bobs: Wallet

    @property
    def api(self) -> Api:
        return Api(self.secret)

    def transfer(self, amount: str = "1.00", **kwargs: Any) -> people.Answer:
        body = {"type": "TRANSFER", "amount": amount, "targetWalletId": str(self.bobs.id)}
        return self.api.post(f"wallets/{self.alices.id}/movements", body, **kwargs)

    def movements(self) -> int:
        with groups.entered(self.group):
            return Movement.objects.filter(wallet=self.bobs).count()

    def become(self, status: Client.Status) -> None:
        with groups.entered(self.group):
            Client.objects.filter(id=self.client.id).update(status=status)


def a_tenant(name: str) -> Tenant:
    with groups.entered(name):
        barrier.put(barrier.ALWAYS)
        client = people.a_client(f"Of {name}")
        alice, bob = (people.a_user(client, each) for each in (people.ALICE, people.BOB))
        wallets = people.first_wallet(alice), people.first_wallet(bob)
        people.cash_in(wallets[0], 100_00)
        return Tenant(name, client, people.a_key(client), *wallets)


@pytest.fixture(autouse=True)
def two_groups(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    credentials.MEMORY.clear()
    groups.AWAY.clear()
    with west_beside_home():
        yield
        assert groups.current() == "home"
        with groups.entered("west"):
            assert not audited.wrong()
    groups.AWAY.clear()
    credentials.MEMORY.clear()


@pytest.fixture
def west() -> Tenant:
    return a_tenant("west")


@pytest.fixture
def home() -> Tenant:
    return a_tenant("home")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The database of each trip, over whatever connection."""
    made: list[str] = []
    send, execute = Pipeline.send, psycopg.Cursor.execute

    def sending(self: Pipeline) -> None:
        made.append(self.connection.info.dbname)
        send(self)

    def executing(self: Any, *args: Any, **kwargs: Any) -> Any:
        made.append(self.connection.info.dbname)
        return execute(self, *args, **kwargs)

    monkeypatch.setattr(Pipeline, "send", sending)
    monkeypatch.setattr(psycopg.Cursor, "execute", executing)
    return made


def name_of(group: str) -> str:
    with groups.entered(group):
        return str(connections["default"].settings_dict["NAME"])


@pytest.mark.slow
def test_orders_of_a_known_client_of_the_west_touch_no_other_database(west, home, asked):
    assert west.api.get(f"wallets/{west.alices.id}").status == 200  # its group is found
    asked.clear()
    assert west.transfer().status == 201
    assert west.transfer(key="lunch").status == west.transfer(key="lunch").status == 201
    assert west.api.get(f"wallets/{west.alices.id}").json["balance"] == "98.00"
    assert west.api.get("events").status == 200
    assert {*asked} == {name_of("west")}
    assert (west.movements(), home.movements()) == (2, 0)


@pytest.mark.slow
def test_client_sees_no_rows_of_another_group(west, home):
    assert home.api.get(f"wallets/{west.alices.id}").status == 404
    assert west.api.get(f"wallets/{home.alices.id}").status == 404


@pytest.mark.slow
def test_orders_of_two_groups_share_no_transaction(west, home, monkeypatch):
    """Threads of both groups queue behind an order that waits; then each queue is posted."""
    assert west.transfer().status == home.transfer().status == 201
    posted: list[tuple[str, set[Any]]] = []
    post = group.post

    def noted(orders: Any, *args: Any, **kwargs: Any) -> Any:
        posted.append((groups.current(), {each.client_id for each in orders}))
        return post(orders, *args, **kwargs)

    monkeypatch.setattr(group, "post", noted)
    calls = [tenant.transfer for tenant in (west, home) for _ in range(8)]
    assert {answer.status for answer in at_once(*calls)} == {201}
    of = {"west": {west.client.id}, "home": {home.client.id}}
    assert {name for name, _ in posted} == {"west", "home"}
    assert all(clients == of[name] for name, clients in posted)
    assert (west.movements(), home.movements()) == (9, 9)


@pytest.mark.slow
def test_queues_are_kept_by_group(west):
    queue = posting.QUEUES.here
    with groups.entered("west"):
        assert posting.QUEUES.here is not queue


@pytest.mark.slow
def test_thread_is_at_home_after_each_way_a_request_ends(west):
    found: list[str] = []

    def end_in_each_way() -> None:
        for path in (f"wallets/{west.alices.id}", "wallets/x", f"wallets/{west.bobs.client_id}"):
            west.api.get(path)
            found.append(groups.current())
        west.transfer("1000.00")
        found.append(groups.current())
        west.api.post(f"wallets/{west.alices.id}/movements", raw=b"{")
        found.append(groups.current())

    at_once(end_in_each_way)
    assert found == ["home"] * 5


@pytest.mark.slow
def test_thread_is_at_home_after_a_crash(west, monkeypatch):
    class Wrong(Exception):
        pass

    seen: list[str] = []

    def crash(*args: Any, **kwargs: Any) -> None:
        seen.append(groups.current())
        raise Wrong

    with monkeypatch.context() as patched:
        patched.setattr("wallets.views.wallets.WalletDetailView.show", crash)
        with pytest.raises(Wrong):  # as the test client does with what was answered with 500
            west.api.get(f"wallets/{west.alices.id}")
        assert (seen, groups.current()) == (["west"], "home")
    with monkeypatch.context() as patched:
        patched.setattr("iocash.http.middleware._observe", crash)
        with pytest.raises(Wrong):
            west.api.get(f"wallets/{west.alices.id}")
        assert groups.current() == "home"


@pytest.mark.slow
def test_signed_tokens_find_the_group_of_their_client(west, asked):
    with groups.entered("west"):
        SigningKey.objects.create(
            client=west.client,
            label="Shop",
            kid=signed_tokens.KID,
            public_key=signed_tokens.pem(signed_tokens.PRIVATE),
            scopes=["wallets:read"],
        )
    token = signed_tokens.signed()
    assert Api(token).get(f"wallets/{west.alices.id}").status == 200
    asked.clear()
    assert Api(token).get(f"wallets/{west.alices.id}").status == 200
    assert {*asked} == {name_of("west")}


# --- A group that is away ------------------------------------------------------------------------


def refuse_west(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no connection to the west be opened."""
    opened = DatabaseWrapper.get_new_connection

    def refused(self: Any, conn_params: Any) -> Any:
        if self.group == "west":
            raise psycopg.OperationalError("connection refused")
        return opened(self, conn_params)

    monkeypatch.setattr(DatabaseWrapper, "get_new_connection", refused)
    with groups.entered("west"):
        connections["default"].close()


@pytest.mark.slow
def test_unreachable_group_gives_503_to_its_own_clients_only(west, home, monkeypatch):
    assert west.transfer().status == home.transfer().status == 201
    with monkeypatch.context() as patched:
        refuse_west(patched)
        for _ in range(3):
            refused = west.transfer()
            assert (refused.status, refused.code) == (503, "database_unavailable")
            assert refused.headers["Retry-After"]
            assert home.transfer().status == 201
        unknown = Api("iocash_unknown").get("me")
        assert (unknown.status, unknown.code) == (503, "database_unavailable")
    groups.AWAY["west"] = 0.0  # its time is over
    assert west.transfer().status == 201
    assert Api("iocash_unknown").get("me").status == 401
    assert (west.movements(), home.movements()) == (2, 4)


@pytest.mark.slow
def test_unreachable_group_delays_no_other_group(west, monkeypatch):
    assert west.transfer().status == 201
    tried: list[int] = []
    with monkeypatch.context() as patched:
        refuse_west(patched)
        assert west.transfer().status == 503
        patched.setattr(groups, "try_connection", lambda: tried.append(1))
        groups.AWAY["west"] += 3600
        assert {west.transfer().status for _ in range(3)} == {503}
    assert not tried


# --- Clients that move ---------------------------------------------------------------------------


def copied_to_home(west: Tenant, status: Client.Status) -> None:
    """Have the client, its key and its wallets' rows at home, too."""
    with groups.entered("west"):
        rows = [Client.objects.get(), *ApiKey.objects.all()]
    for row in rows:
        row.save(force_insert=True)
    Client.objects.update(status=status)


@pytest.mark.slow
def test_process_with_an_old_memory_finds_a_moved_client(west):
    assert west.api.get("me").status == 200
    copied_to_home(west, Client.Status.MOVING)
    assert west.api.get(f"wallets/{west.alices.id}").status == 200
    west.become(Client.Status.MOVING)
    for refused in (west.transfer(), west.api.get(f"wallets/{west.alices.id}")):
        assert (refused.status, refused.code) == (503, "database_unavailable")
        assert refused.headers["Retry-After"]
    Client.objects.update(status=Client.Status.ACTIVE)
    assert str(west.client.id) in str(west.api.get("me").json)
    west.become(Client.Status.MOVED)
    assert west.api.get(f"wallets/{west.alices.id}").status == 404  # this test copied no wallet
    assert west.api.get("wallets").json["_embedded"]["wallets"] == []
    assert west.movements() == 0


@pytest.mark.slow
def test_moved_client_is_unknown_if_no_group_has_it(west):
    assert west.transfer().status == 201
    west.become(Client.Status.MOVED)
    assert west.transfer().status == 401


@pytest.mark.slow
def test_remembered_key_is_not_valid_in_another_group(west, monkeypatch):
    """What was read in one group proves nothing in another, also if the rows are equal."""
    assert west.api.get("me").status == 200
    copied_to_home(west, Client.Status.ACTIVE)
    (known,) = credentials.MEMORY.values()
    proof = credentials.Proof(known)
    with pytest.raises(credentials.StaleKey):
        proof.fetch(("SELECT 1", ()))


@pytest.mark.slow
def test_waiting_threads_share_no_look_with_another_group(west, home):
    seen = LATEST.here
    with groups.entered("west"):
        assert LATEST.here is not seen


@pytest.fixture
def verifications(settings: Any) -> list[IdentityVerification]:
    """One that is pending in each group."""
    settings.IDENTITY_PROVIDER, settings.IDENTITY_SECRET = "http", [SECRET]
    found = []
    for name in groups.names():
        wallet = a_tenant(name).alices
        with groups.entered(name):
            found.append(identity.a_verification(User.objects.get(id=wallet.user_id)))
    return found


def called_back(verification: IdentityVerification) -> int:
    said = {"verificationId": str(verification.id), "status": "APPROVED"}
    body = json.dumps(said).encode()
    signed = signed_headers(SECRET, id_="msg_1", body=body)
    answer = Browser().post(
        "/api/v1/identity-callbacks", body, content_type="application/json", headers=signed
    )
    return answer.status_code


def test_identity_provider_reaches_the_group_of_each_verification(verifications):
    assert [called_back(each) for each in verifications] == [200, 200]
    with groups.entered("west"):
        decided = IdentityVerification.objects.get(id=verifications[1].id)
        assert decided.status == "APPROVED"
        Client.objects.update(status="MOVING")
    assert called_back(verifications[1]) == 503
