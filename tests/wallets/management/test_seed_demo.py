"""`manage.py seed_demo`; the command of the audit is tested with the audit."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from tests.support import people
from tests.support.people import Api
from users.models import ApiKey, Client, User
from wallets.models import Movement, Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def seed(settings, tmp_path):
    """Make the demo, with its log-in in a folder of the test; return what that file says."""
    settings.DEBUG = True
    settings.STATE = tmp_path

    def run():
        call_command("seed_demo", stdout=StringIO())
        return json.loads((tmp_path / "demo.json").read_text())

    return run


def test_demo_has_three_users_with_money_and_movements(seed):
    seed()
    assert list(User.objects.values_list("status", flat=True)) == ["ACTIVATED"] * 3
    wallets = Wallet.objects.all()
    assert len(wallets) == 3
    for wallet in wallets:
        assert wallet.currency == "EUR"
        assert wallet.balance >= 100_00
        assert len(people.movements(wallet)) >= 3


def test_demo_key_and_staff_password_are_valid(seed):
    facts = seed()
    answer = Api(facts["apiKey"]).get(f"wallets/{facts['aliceWalletId']}")
    assert (answer.status, answer.json["userId"]) == (200, facts["aliceUserId"])
    staff = get_user_model().objects.get(username=facts["staffUser"])
    assert staff.is_staff
    assert staff.check_password(facts["staffPassword"])


def test_demo_file_is_readable_only_by_its_owner(seed, tmp_path):
    seed()
    assert [file.name for file in tmp_path.iterdir()] == ["demo.json"]
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_seed_delivers_no_one_time_password(seed, settings, capsys):
    settings.OTP_BACKEND = "console"
    seed()
    assert "OTP" not in capsys.readouterr().out


def test_second_seed_changes_nothing(seed):
    first = seed()
    assert seed() == first
    assert (Client.objects.count(), ApiKey.objects.count()) == (1, 1)


def test_interrupted_seed_is_completed_by_the_next(seed, tmp_path):
    seed()
    moved = Movement.objects.count()
    (tmp_path / "demo.json").unlink()
    facts = seed()
    assert Api(facts["apiKey"]).get("wallets").status == 200
    assert (User.objects.count(), Wallet.objects.count()) == (3, 3)
    assert Movement.objects.count() == moved


def test_seed_is_refused_without_debug(seed, settings):
    settings.DEBUG = False
    with pytest.raises(CommandError):
        seed()
    assert not Client.objects.exists()
