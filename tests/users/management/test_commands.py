"""What is done on the command line."""

from __future__ import annotations

import json
import os
import pwd
import stat
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command, get_commands
from django.db import DatabaseError, transaction
from django.utils import timezone

from tests.support.people import Api
from users.management.commands import migrate
from users.models import ApiKey, Client, Event, User, events
from users.models.clients import SCOPES
from wallets.models import Movement, Wallet

pytestmark = pytest.mark.django_db


# --- issue_key ----------------------------------------------------------------------------------


def issue_key(*arguments: str) -> tuple[str, str]:
    """Call the command; return what it writes to stdout, and what to stderr."""
    out, err = StringIO(), StringIO()
    call_command("issue_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_issued_key_is_printed_alone_and_works():
    out, err = issue_key("Demo")
    secret = out.removesuffix("\n")
    assert Api(secret).get("users").status == 200
    assert "\n" not in secret
    assert secret[12:] not in err
    assert "Demo" in err


def test_client_is_created_once():
    issue_key("Demo")
    issue_key("Demo")
    assert ApiKey.objects.filter(client=Client.objects.get()).count() == 2


def test_issued_key_has_no_scope_about_money_and_no_expiry():
    issue_key("Demo")
    key = ApiKey.objects.get()
    assert set(key.scopes) == set(SCOPES) - {"cash-in:write", "movements:write"}
    assert (key.expires_at, key.revoked_at) == (None, None)


def test_shell_gives_scopes_about_money_if_they_are_named():
    issue_key("Demo", "--scope", "movements:write", "--scope", "cash-in:write")
    assert ApiKey.objects.get().scopes == ["cash-in:write", "movements:write"]


def test_issued_key_has_the_given_scopes_label_and_days():
    issue_key(
        "Demo",
        *("--scope", "users:read", "--scope", "wallets:read"),
        *("--label", "till 7", "--days", "30"),
    )
    key = ApiKey.objects.get()
    assert (key.scopes, key.label) == (["users:read", "wallets:read"], "till 7")
    left = key.expires_at - timezone.now() if key.expires_at else timedelta()
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


def test_issued_key_has_an_event_with_the_name_of_the_systems_user():
    issue_key("Demo")
    (event,) = Event.objects.all()
    key = ApiKey.objects.get()
    login = pwd.getpwuid(os.getuid()).pw_name
    assert (event.kind, event.subject, event.subject_id) == ("api_key.issued", "api_key", key.id)
    assert (event.client_id, event.actor) == (key.client_id, f"system:issue_key:{login}")


def test_issued_key_has_an_event_with_the_number_of_a_nameless_user(monkeypatch):
    def nameless(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nameless)
    issue_key("Demo")
    assert Event.objects.get().actor == f"system:issue_key:{os.getuid()}"


def test_key_without_an_event_is_not_issued(monkeypatch):
    def broken(*facts: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(events, "record_facts", broken)
    with pytest.raises(DatabaseError), transaction.atomic():
        issue_key("Demo")
    assert not Client.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["Demo", "--scope", "everything"],
        ["Demo", "--scope", "users"],
        ["Demo", "--days", "0"],
        ["Demo", "--days", "-1"],
        ["Demo", "--days", "soon"],
        [],
    ],
)
def test_wrong_arguments_are_refused_and_create_nothing(arguments):
    with pytest.raises(CommandError):
        issue_key(*arguments)
    assert not Client.objects.exists()


@pytest.mark.parametrize("arguments", [[""], ["x" * 101], ["Demo", "--label", "x" * 101]])
def test_unstorable_names_are_refused_with_a_message(arguments):
    with pytest.raises(CommandError), transaction.atomic():
        issue_key(*arguments)


# --- migrate ------------------------------------------------------------------------------------


def test_migrate_command_is_overridden_and_runs_as_the_owner():
    assert get_commands()["migrate"] == "users"
    parser = migrate.Command().create_parser("manage.py", "migrate")
    assert parser.parse_args([]).database == "owner"
    assert parser.parse_args(["--database", "default"]).database == "default"


def test_no_migration_is_pending():
    out = StringIO()
    call_command("migrate", plan=True, database="default", stdout=out)
    assert "No planned migration operations." in out.getvalue()


@pytest.mark.slow
def test_models_have_all_their_migrations():
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())


# --- seed_demo ----------------------------------------------------------------------------------


@pytest.fixture
def state(settings: Any, tmp_path: Path) -> Path:
    settings.STATE, settings.DEBUG = tmp_path, True
    return tmp_path


def seed() -> str:
    out = StringIO()
    call_command("seed_demo", stdout=out)
    return out.getvalue()


def demo(state: Path) -> dict[str, str]:
    facts: dict[str, str] = json.loads((state / "demo.json").read_text())
    return facts


def everything() -> dict[str, int]:
    models = (Client, ApiKey, User, Wallet, Movement, get_user_model())
    return {model.__name__: model._default_manager.count() for model in models}


@pytest.mark.slow
def test_demo_has_three_activated_users_with_money(state):
    seed()
    assert dict(User.objects.values_list("user_name", "kind")) == {
        "alice": "NATURAL",
        "bob": "NATURAL",
        "example-ltd": "JURIDICAL",
    }
    assert set(User.objects.values_list("status", flat=True)) == {"ACTIVATED"}
    wallets = list(Wallet.objects.values_list("currency", "balance"))
    assert [currency for currency, _ in wallets] == ["EUR"] * 3
    assert all(balance >= 100_00 for _, balance in wallets)
    assert {movement.type for movement in Movement.objects.all()} == {
        "CASH_IN",
        "CASH_OUT",
        "TRANSFER",
    }


@pytest.mark.slow
def test_demo_key_and_ids_work(state):
    seed()
    facts = demo(state)
    api = Api(facts["apiKey"])
    for name in ("alice", "bob", "company"):
        wallet = api.get(f"wallets/{facts[f'{name}WalletId']}")
        assert (wallet.status, wallet.json["userId"]) == (200, facts[f"{name}UserId"])
    order = {"type": "TRANSFER", "targetWalletId": facts["bobWalletId"], "amount": "1.00"}
    assert api.post(f"wallets/{facts['aliceWalletId']}/movements", order).status == 201
    assert set(ApiKey.objects.get().scopes) == set(SCOPES)


@pytest.mark.slow
def test_demos_staff_can_log_in(state):
    seed()
    facts = demo(state)
    staff = get_user_model().objects.get(username=facts["staffUser"])
    assert staff.check_password(facts["staffPassword"])
    assert staff.is_staff
    assert staff.is_superuser


@pytest.mark.slow
def test_demo_file_is_readable_by_its_owner_only(state):
    mask = os.umask(0)
    try:
        seed()
    finally:
        os.umask(mask)
    assert stat.S_IMODE((state / "demo.json").stat().st_mode) == 0o600
    assert [file.name for file in state.iterdir()] == ["demo.json"]


@pytest.mark.slow
def test_second_seeding_changes_nothing(state):
    seed()
    before, text = everything(), (state / "demo.json").read_text()
    assert "already" in seed()
    assert everything() == before
    assert (state / "demo.json").read_text() == text


@pytest.mark.slow
def test_seeding_without_the_demo_file_renews_key_and_password_only(state):
    seed()
    before, old = everything(), demo(state)
    (state / "demo.json").unlink()
    seed()
    new = demo(state)
    assert everything() == before | {"ApiKey": 2}
    assert {name for name in new if new[name] != old[name]} == {"apiKey", "staffPassword"}
    assert Api(new["apiKey"]).get("users").status == 200


@pytest.mark.slow
def test_demo_file_of_another_database_is_replaced(state):
    (state / "demo.json").write_text('{"apiKey": "old"}')
    seed()
    assert Api(demo(state)["apiKey"]).get("users").status == 200


@pytest.mark.slow
def test_interrupted_seeding_leaves_nothing(state, monkeypatch):
    from wallets.management.commands import seed_demo

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(seed_demo, "write_private", interrupted)
    with pytest.raises(KeyboardInterrupt):
        seed()
    assert set(everything().values()) == {0}


def test_demo_is_refused_in_production(state, settings):
    settings.DEBUG = False
    with pytest.raises(CommandError):
        seed()
    assert set(everything().values()) == {0}
    assert not list(state.iterdir())
