"""The API in a browser: what people see beside the answer."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from tests.support import backoffice, people
from tests.support.people import Api

pytestmark = pytest.mark.django_db

HTML = {"Accept": "text/html"}


@pytest.fixture
def browser(staff: Any) -> Browser:
    browser = Browser(headers=HTML)
    browser.force_login(staff)
    return browser


def page(browser: Browser, path: str) -> str:
    answer = browser.get(f"/api/v1/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_page_of_a_wallet_has_its_balances_and_last_movements(browser, alices, bobs):
    for _ in range(12):
        people.transfer(alices, bobs, 1_00)
    people.place(alices, bobs, 5_00)
    shown = page(browser, f"wallets/{alices.id}")
    for words in ("88.00 EUR", "5.00 EUR", "83.00 EUR"):
        assert f"<dd>{words}</dd>" in shown
    assert shown.count("<td>TRANSFER</td>") == 10
    assert "\N{MINUS SIGN}1.00" in shown


def test_page_of_a_wallet_hides_movements_without_the_permission(alices):
    viewer = Browser(headers=HTML)
    person = backoffice.worker()
    person.user_permissions.add(Permission.objects.get(codename="view_wallet"))
    viewer.force_login(person)
    shown = page(viewer, f"wallets/{alices.id}")
    assert "<dd>100.00 EUR</dd>" in shown
    assert "Last movements" not in shown


@pytest.mark.parametrize(("scope", "seen"), [("movements:read", True), ("users:read", False)])
def test_page_of_a_wallet_hides_movements_without_the_scope(client_demo, alices, scope, seen):
    api = Api(people.a_key(client_demo, "wallets:read", scope))
    answer = api.browser.get(
        f"/api/v1/wallets/{alices.id}", headers=HTML | {"Authorization": f"Bearer {api.secret}"}
    )
    assert ("Last movements" in answer.content.decode()) is seen


def test_page_of_a_list_has_a_filter_form(browser, alices):
    shown = page(browser, f"wallets/{alices.id}/movements?type=CASH_IN&size=5")
    assert '<form class="filters" method="get"' in shown
    assert "<option selected>CASH_IN</option>" in shown
    assert 'name="size" value="5"' in shown
    assert 'name="cursor"' not in shown


def test_several_values_of_a_filter_stay_in_the_form(browser, alices):
    shown = page(browser, f"wallets/{alices.id}/movements?type=CASH_IN,CASH_OUT")
    assert 'name="type" value="CASH_IN,CASH_OUT"' in shown


def test_invalid_filter_value_stays_in_the_form(browser, alices):
    answer = browser.get(f"/api/v1/wallets/{alices.id}/movements?holdId=<b>")
    assert answer.status_code == 400
    assert 'name="holdId" value="&lt;b&gt;"' in answer.content.decode()


def test_page_without_parameters_has_no_filter_form(browser, alices):
    assert 'class="filters"' not in page(browser, f"wallets/{alices.id}")


def test_json_response_has_no_movements(api, alices):
    assert "movements" not in api.get(f"wallets/{alices.id}").json
