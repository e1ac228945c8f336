"""The back office of money: to be looked at, for only the ledger moves it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.utils import timezone

from tests.support import backoffice, people
from tests.support.backoffice import Office
from tests.support.resources import MADE, MODELS, make_each
from wallets.models import (
    AuditProgress,
    BankOutcome,
    BankPayment,
    BankReport,
    BankStatementFile,
    ClientMove,
    ClosingPayment,
    DormancyNotice,
    Hold,
    Movement,
    SafeguardingSignature,
    StatementFile,
    UnexplainedMovement,
    Wallet,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(staff: Any) -> Office:
    return Office(staff)


@pytest.fixture
def alices(alices: Wallet, bobs: Wallet) -> Wallet:
    """Alice's wallet, with one of everything that a wallet has."""
    make_each(alices, bobs, 1_00)
    return alices


def test_every_model_has_its_pages():
    models = {*apps.get_app_config("wallets").get_models()}
    assert models - {*admin.site._registry} == {
        AuditProgress,
        ClientMove,
        BankOutcome,
        BankPayment,
        BankReport,
        BankStatementFile,
        ClosingPayment,
        DormancyNotice,
        SafeguardingSignature,
        StatementFile,
        UnexplainedMovement,
    }


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_lists_searches_filters_and_rows_are_rendered(model, office, alices, bobs):
    people.transfer(alices, bobs, 10_00, concept="Lunch", metadata={"order": "1"})
    backoffice.opens(office, model)


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_rows_require_the_view_permission(model, alices):
    person = Office(backoffice.worker())
    for address in (backoffice.list_of(model), backoffice.page_of(model.objects.first())):
        assert Office(None).status("get", address) == 302
        assert person.status("get", address) == 403


@pytest.mark.parametrize("model", MODELS)
def test_money_is_read_only(model, office, alices):
    backoffice.assert_read_only(office, model.objects.first())


def test_money_has_the_decimals_of_its_currency(office, alices):
    yen = people.a_wallet(alices.user, "JPY")
    people.cash_in(yen, 1_234)
    assert "100.00" in office.get(backoffice.list_of(Wallet))
    assert ">1234<" in office.get(backoffice.list_of(Wallet))
    assert "100.00" in office.get(backoffice.page_of(alices))
    (movement,) = people.movements(yen)
    assert "1234" in office.get(backoffice.page_of(movement))


def test_a_wallet_is_found_by_its_id_and_by_its_user(office, alices, bobs):
    for term in (str(alices.id), str(alices.user_id), "alice"):
        shown = office.get(backoffice.list_of(Wallet), q=term)
        assert str(alices.id) in shown
        assert str(bobs.id) not in shown


def test_a_movement_is_found_by_its_operation_and_by_its_wallet(office, alices, bobs):
    people.transfer(alices, bobs, 10_00)
    moved = people.movements(bobs)[0]
    for term in (str(moved.id), str(moved.operation_id), str(bobs.id)):
        assert backoffice.page_of(moved) in office.get(backoffice.list_of(Movement), q=term)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_query_count_of_a_list_does_not_grow_with_its_rows(model, office, alices, bobs):
    few = backoffice.queries(office, model)
    for currency in ("USD", "GBP", "JPY"):
        source, target = (people.a_wallet(wallet.user, currency) for wallet in (alices, bobs))
        people.cash_in(source, 10_00)
        people.transfer(source, target, 5_00)
        make_each(source, target, 1_00)
    assert backoffice.queries(office, model) == few


def test_post_only_endpoint_renders_its_form_in_a_browser(office, alices):
    """The answer to GET is a refusal, but for people it has the form."""
    page = office.browser.get(
        f"/api/v1/wallets/{alices.id}/movements/batch", headers={"Accept": "text/html"}
    )
    assert page.status_code == 400
    text = page.content.decode()
    assert "method_not_allowed" in text
    assert "&quot;movements&quot;" in text
    assert "POST</button>" in text.replace(" ", "").replace("\n", "")


@pytest.mark.slow
def test_page_of_a_wallet_lists_only_its_open_holds(office, alices, bobs):
    (hold,) = Hold.objects.all()
    soon = people.place(alices, bobs, 2_00, expires_at=timezone.now() + timedelta(hours=1))
    page = office.get(backoffice.page_of(alices))
    assert page.index(str(hold.id)) < page.index(str(soon.id))
    assert "no end" in page
    people.pass_time(timedelta(hours=2))
    page = office.get(backoffice.page_of(alices))
    assert str(hold.id) in page
    assert str(soon.id) not in page
    assert "Expired" in office.get(backoffice.page_of(soon))
    for status, there in (("OPEN", hold), ("EXPIRED", soon)):
        listed = office.get(backoffice.list_of(Hold), status=status)
        assert [str(each.id) in listed for each in (hold, soon)] == [there is hold, there is soon]


@pytest.mark.slow
@pytest.mark.parametrize("model", MADE)
def test_rows_of_a_wallet_are_found_by_its_id(model, office, alices, bobs):
    (row,) = model.objects.all()
    for term in {str(row.id), str(alices.id), getattr(row, "iban", str(row.id))}:
        assert backoffice.page_of(row) in office.get(backoffice.list_of(model), q=term)
    assert backoffice.page_of(row) not in office.get(backoffice.list_of(model), q=str(bobs.id))
