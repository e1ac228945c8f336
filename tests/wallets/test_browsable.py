"""The API in a browser: what people see beside the answer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import URLPattern, get_resolver
from rest_framework.views import APIView

from tests.support import backoffice, people
from tests.support.people import Api
from wallets.models import Movement

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


def keys_on(shown: str) -> list[str]:
    return re.findall(r'data-key="([^"]*)"', shown)


def test_each_form_that_creates_has_a_key_of_its_own(browser, alices):
    keys = [*keys_on(page(browser, f"wallets/{alices.id}/movements"))]
    keys += keys_on(page(browser, f"wallets/{alices.id}/movements"))
    assert all(re.fullmatch(r"[0-9a-f-]{36}", key) for key in keys)
    assert len(set(keys)) == 2


def test_form_of_an_operation_without_a_key_has_none(browser, alice):
    answer = browser.get(f"/api/v1/users/{alice.id}/request-otp")
    assert keys_on(answer.text) == [""]


@pytest.mark.usefixtures("one_person_acts")
def test_answer_has_a_form_with_a_new_key(browser, alices, bobs):
    """The script sends the key as a header; a program does the same."""
    path = f"/api/v1/wallets/{bobs.id}/movements"
    (key,) = keys_on(browser.get(path).text)
    body = {"type": "CASH_IN", "amount": "1.00"}
    sent = [
        browser.post(path, body, "application/json", headers={"Idempotency-Key": key})
        for _ in range(2)
    ]
    assert [each.status_code for each in sent] == [201, 201]
    assert Movement.objects.filter(wallet=bobs.id).count() == 1
    assert len({key, *keys_on(sent[0].text), *keys_on(sent[1].text)}) == 3


def test_key_in_a_form_field_is_refused(browser, alices, bobs):
    """Bodies are JSON, and a key is a header: for browsers too."""
    path = f"/api/v1/wallets/{alices.id}/movements"
    assert browser.post(path, {"_content": "{}", "_key": "a"}).status_code == 400
    body = {"type": "TRANSFER", "targetWalletId": str(bobs.id), "amount": "1.00"}
    answer = browser.post(path, body | {"idempotencyKey": "a"}, "application/json")
    assert answer.status_code == 400


def views_of(patterns: Any) -> set[Any]:
    """The views of the API, from the URL map."""
    found = set()
    for each in patterns:
        if not isinstance(each, URLPattern):
            found |= views_of(each.url_patterns)
        elif issubclass(getattr(each.callback, "cls", type), APIView):
            found.add(each.callback.cls)  # type: ignore[attr-defined]
    return found


def test_every_page_is_titled_in_words():
    views = {
        view
        for view in views_of(get_resolver().url_patterns)
        if "iocash.docs" not in view.__module__
    }
    assert len(views) > 50
    assert {
        view.__name__ for view in views if not re.fullmatch(r"[A-Zi][\w -]{2,40}", view.title)
    } == set()


def test_title_and_breadcrumbs_are_words(browser, alices):
    shown = page(browser, f"wallets/{alices.id}/movements")
    assert "<title>Movements of a wallet | ioCash API</title>" in shown
    assert "<h1>Movements of a wallet</h1>" in shown
    trail = shown[shown.index('class="breadcrumb"') : shown.index("<main")]
    assert re.findall(r">([^<>]+)</a>", trail) == [
        "ioCash API",
        "Wallets",
        "Wallet",
        "Movements of a wallet",
    ]


def test_json_response_has_no_movements(api, alices):
    assert "movements" not in api.get(f"wallets/{alices.id}").json
