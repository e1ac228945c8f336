"""What a test committed is gone after it; what the migrations made is still there."""

from __future__ import annotations

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import OperationalError, connection

from tests.support import emptying
from tests.support.resources import things
from tests.support.server import database_of_tests

pytestmark = pytest.mark.django_db(transaction=True)


def filled() -> set[str]:
    tables = [*emptying.KEPT, *(each for part in emptying.tables() for each in part)]
    return {each for each in tables if emptying.ask(f"SELECT FROM {each} LIMIT 1")}


@pytest.mark.slow
def test_all_tables_are_emptied_except_content_types_and_permissions(alices, bobs, supervisor):
    things(alices, bobs)
    guarded, others = emptying.tables()
    assert {"wallets_hold", "wallets_movement"} <= filled() & {*guarded}
    assert {"auth_user", "users_client", "users_user", "wallets_wallet"} <= filled() & {*others}
    assert {*emptying.KEPT, *guarded, *others} == {
        *connection.introspection.django_table_names(only_existing=True, include_views=False)
    }
    emptying.empty()
    assert filled() == {*emptying.KEPT}


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"name": "Another"}, None], ids=["changed", "deleted"])
def test_permission_that_a_test_changed_is_restored(change):
    permissions = Permission.objects.filter(codename="add_client")
    before = set(Permission.objects.values_list("codename", "name"))
    if change:
        permissions.update(**change)
    else:
        permissions.delete()
    emptying.empty()
    assert set(Permission.objects.values_list("codename", "name")) == before


def test_open_transaction_is_waited_for():
    with psycopg.connect(database_of_tests()) as other, connection.cursor() as cursor:
        other.execute("SELECT FROM users_client")
        cursor.execute("SET lock_timeout = '10ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            emptying.empty()
        cursor.execute("SET lock_timeout = '60s'")
