"""The stage that every test may ask for, and the audit after every test that used the database."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth import get_user_model
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.test import client as test_client
from hypothesis import settings
from playwright.sync_api import Browser, Page
from psycopg.conninfo import conninfo_to_dict

from tests.support import (
    answer_guard,
    audited,
    barrier,
    browsing,
    chromium,
    distributed,
    emptying,
    order_guard,
    people,
    replayed,
    template_database,
)
from tests.support.approvals import let_one_person_act
from tests.support.log_ins import PASSWORD
from tests.support.people import Api
from tests.support.scratch_postgres import Scratch
from tests.support.staff import ADMINISTRATOR, OPERATOR, SUPERVISOR, a_member
from users.models import Client, User
from wallets.models import Wallet

LONGEST_ID = 80
DATABASE_FIXTURES = frozenset({"db", "transactional_db", "django_db_reset_sequences"})

# As `iocash.wsgi` does. Django's test client connects it again after each of its requests, and a
# request without the client would then close the connection that its test has a transaction on.
for end in request_started, request_finished:
    end.disconnect(close_old_connections)
test_client.close_old_connections = lambda **kwargs: None  # type: ignore[attr-defined]

order_guard.watch()
emptying.watch()

settings.register_profile("patient", deadline=None)  # others may be using the processor
settings.load_profile("patient")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes, each with its own database; only ours where somebody watches (-s, --trace).

    Their order stays pytest-django's in each: what empties the tables comes after what only rolls
    back. That is why they are handed out with `--dist load`, which is xdist's own choice.
    """
    return 0 if config.option.capture == "no" or config.option.trace else 2


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without the garbage collector, which then ignores them.

    They live until the end, and there are so many that half of the time would be the collector's.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Drop a connection that a test has left closed: the next would find it so, and fail.

    A browser's event loop gets a connection of its own in this thread, and the old one is closed.
    """
    if connection.connection is not None and connection.connection.closed:
        connection.close()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long values by their place: what is made anew, as an archive, has its time in it.

    Two processes that collect must give every test the same name.
    """
    return argname if isinstance(val, bytes | str) and len(val) > LONGEST_ID else None


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: Any
) -> None:
    """Copy the test database of this process from a migrated one."""
    with django_db_blocker.unblock():
        template_database.use()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Note what every test finds in the tables. The database was made some days ago, so that what
    is needed since an upgrade is needed now."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET applied = applied - interval '2 days'")
        distributed.convert()
        emptying.remember()


@pytest.fixture(autouse=True)
def books_are_right(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test did through the ledger, the books must be right afterwards.

    A test that spoils them on purpose is marked `spoils_the_books`.
    """
    marker = request.node.get_closest_marker("django_db")
    used = DATABASE_FIXTURES & set(request.fixturenames)
    if marker is None and not used:
        yield
        return
    transactional = bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in used
    request.getfixturevalue("transactional_db" if transactional else "db")
    # The transaction of a test never ends, so its own rows would never be released.
    barrier.put(barrier.NEVER if transactional else barrier.ALWAYS)
    replayed.steps.begin(rolls_back=not transactional)
    yield
    if request.node.get_closest_marker("spoils_the_books") is None:
        wrong = audited.wrong()
        assert not wrong, "\n".join(wrong)


@pytest.fixture(autouse=True)
def answers_keep_the_contract() -> Iterator[None]:
    """Whatever a test asks of the API, by whatever way."""
    answer_guard.findings.clear()
    yield
    assert not answer_guard.findings


@pytest.fixture(autouse=True)
def orders_refuse_what_they_declare() -> Iterator[None]:
    """Whatever a test asks of the ledger, by whatever way."""
    order_guard.findings.clear()
    yield
    assert not order_guard.findings


@pytest.fixture
def new_ids(db: None) -> None:
    """Let a test have people of its own, for what is kept outside the tables: by their ids."""
    replayed.steps.forget()


@pytest.fixture
@replayed.step
def client_demo(db: None) -> Client:
    return people.a_client()


@pytest.fixture
def api(client_demo: Client) -> Api:
    """The Demo client, calling with a key that has every scope."""
    return Api(people.a_key(client_demo))


@pytest.fixture
def stranger(db: None) -> Api:
    """Another client, calling with a key that has every scope."""
    return Api(people.a_key(people.a_client("Another")))


@pytest.fixture
def nobody(db: None) -> Api:
    """A caller without a key."""
    return Api(None)


@pytest.fixture
@replayed.step
def alice(client_demo: Client) -> User:
    return people.a_user(client_demo, people.ALICE)


@pytest.fixture
@replayed.step
def bob(client_demo: Client) -> User:
    return people.a_user(client_demo, people.BOB)


@pytest.fixture
@replayed.step
def alices(alice: User) -> Wallet:
    """Alice's wallet, with 100.00 EUR."""
    wallet = people.first_wallet(alice)
    people.cash_in(wallet, 100_00)
    wallet.refresh_from_db()
    return wallet


@pytest.fixture
@replayed.step
def bobs(bob: User) -> Wallet:
    """Bob's wallet, empty."""
    return people.first_wallet(bob)


@pytest.fixture
def staff(db: None) -> Any:
    """A member of staff who may do everything, without a usable password."""
    return get_user_model().objects.create_superuser("staff", password=None)


@pytest.fixture
@replayed.step
def asker(db: None) -> Any:
    """Alice, who asks for approvals; Bob is the second person."""
    return a_member(SUPERVISOR, OPERATOR, ADMINISTRATOR, name="alice")


@pytest.fixture
@replayed.step
def second(db: None) -> Any:
    return a_member(SUPERVISOR, OPERATOR, ADMINISTRATOR, name="bob")


@pytest.fixture
@replayed.step
def one_person_acts(db: None) -> None:
    """One member of staff may act alone, up to the highest thresholds in EUR."""
    let_one_person_act()


@pytest.fixture
def supervisor(db: None) -> Any:
    """A member of staff who may do everything, and logs in with `PASSWORD`."""
    return get_user_model().objects.create_superuser("supervisor", password=PASSWORD)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, for the tests of a module."""
    with chromium.opened() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, live_server: Any) -> Iterator[Page]:
    """An empty page, on a desk's screen. A CSP violation, console error or foreign request fails.

    Nobody is logged in: `browsing.log_in` does that.
    """
    with chromium.watched(browser, live_server.url, viewport=browsing.DESK) as page:
        yield page


@pytest.fixture
def as_serving(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Django connect as the role that owns nothing, as it does when it serves."""
    address = conninfo_to_dict(configured.DATABASE_URL) if configured.DATABASE_URL else {}
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "USER", configured.DATABASE_ROLE)
        patch.setitem(connection.settings_dict, "PASSWORD", address.get("password") or "")
        patch.delitem(connection.settings_dict["OPTIONS"], "options")  # its own timeouts hold
        yield
        connection.close()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A PostgreSQL that the tests of a module may stop, and break otherwise."""
    scratch = Scratch(tmp_path_factory.mktemp("postgres"))
    yield scratch
    scratch.remove()


@pytest.fixture(scope="module")
def demo(postgres: Scratch) -> dict[str, str]:
    """The ids and keys of the demo in that PostgreSQL."""
    return postgres.seed()
