"""Forms that move money: they keep what was typed, ask for a confirmation, and act once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.db import OperationalError
from django.urls import reverse

from iocash import errors
from tests.support import people
from tests.support.cash_outs import a_cash_out, end, money_of
from tests.support.payments_out import words_of
from tests.support.staff import OPERATOR, SUPERVISOR, somebody
from users.actions import WithActions
from wallets import posting
from wallets.admin.refusals import TEXTS, explain_refusal
from wallets.models import Audit, Movement
from wallets.orders.cash_outs import CancelCashOut, MarkCashOutSent, RejectCashOut
from wallets.orders.payments import Reverse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_person_acts")]


@pytest.fixture
def browser():
    return somebody(SUPERVISOR)


def acting(thing: Any, name: str) -> str:
    options = thing._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_action", args=[thing.pk, name])


def adding(**values: str) -> dict[str, str]:
    return {"key": str(uuid4()), "kind": "CASH_IN", "amount": "5", "concept": "Card"} | values


# --- Refusals at the form -------------------------------------------------------------------------


@pytest.mark.slow
def test_refused_form_keeps_its_values_and_its_key(browser, alices):
    form = adding(kind="DOWN", amount="1 250,5", concept="Counted twice")
    page = browser.post(acting(alices, "add-movement"), form)
    assert page.status_code == 200
    shown = page.context["form"]
    text = "Available: 100.00 EUR; this needs 1,250.50 EUR."
    assert shown.errors == {"amount": [text]}
    for name, value in form.items():
        assert str(shown[name].value()) == value
    assert form["key"] in page.text
    assert "1 250,5" in page.text


@pytest.mark.slow
def test_refused_form_is_sent_again_with_another_amount_and_acts_once(browser, alices):
    """A refusal stores no key. A form whose outcome is unknown must not be executed twice."""
    form = adding(kind="DOWN", amount="100.01", confirmed="1")
    assert "Available: 100.00 EUR" in browser.post(acting(alices, "add-movement"), form).text
    for amount in ("100", "100"):
        changed = form | {"amount": amount}
        assert browser.post(acting(alices, "add-movement"), changed).status_code == 302
    assert money_of(alices) == (0, 0)
    page = browser.post(acting(alices, "add-movement"), form | {"amount": "1", "kind": "UP"})
    assert "This form was sent before with other values" in page.text
    assert money_of(alices) == (0, 0)


def test_wrong_decimals_are_reported_at_the_amount(browser, alices):
    page = browser.post(acting(alices, "add-movement"), adding(amount="0.001"))
    assert page.context["form"].errors == {"amount": ["At most 2 decimals for EUR."]}


def test_database_that_does_not_answer_keeps_the_form(browser, alices, monkeypatch):
    def fail(order):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(posting, "submit", fail)
    page = browser.post(acting(alices, "add-movement"), adding(confirmed="1"))
    assert page.status_code == 200
    assert (
        "The database is unavailable. Nothing was changed; retry. Send the form again."
        in (page.context["form"].errors["__all__"])
    )


def test_unknown_outcome_keeps_the_key(browser, alices, monkeypatch):
    form = adding(confirmed="1")
    with monkeypatch.context() as patch:

        def lose_answer(order, submit=posting.submit):
            submit(order)
            raise errors.OutcomeUnknown

        patch.setattr(posting, "submit", lose_answer)
        page = browser.post(acting(alices, "add-movement"), form)
    assert "it is done only once" in page.text
    assert form["key"] in page.text
    assert browser.post(acting(alices, "add-movement"), form).status_code == 302
    assert money_of(alices) == (105_00, 0)


FACTS: dict[str, Any] = {
    "available": "12.50",
    "required": "1020.00",
    "left": "1.00",
    "reversed": "1.00",
    "amount": "2.00",
    "requested": "2.00",
    "limit": "150.00",
    "used": "140.00",
    "currency": "EUR",
    "status": "BLOCKED",
}


def refusal(kind: type[errors.Refused], **facts: Any) -> errors.Refused:
    """A refusal with facts as the ledger gives them."""
    return kind(**{name: (FACTS | facts).get(name, "x") for name in kind.carries})


@pytest.mark.parametrize("kind", TEXTS)
def test_every_explained_refusal_has_a_text_without_any_fact_missing(kind):
    _, text = explain_refusal(refusal(kind, resets_at=None))
    assert text
    assert "{" not in text
    assert "%" not in text


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        (
            refusal(errors.InsufficientFunds),
            "Available: 12.50 EUR; this needs 1,020.00 EUR.",
        ),
        (refusal(errors.WalletNotReady), "The wallet is blocked. Unblock it first."),
        (refusal(errors.UserNotActive), "The owner is blocked. Unblock the user first."),
        (
            refusal(errors.MovementNotPending, status="CANCELLED"),
            "The client has cancelled it.",
        ),
        (refusal(errors.HoldNotOpen, status="EXPIRED"), "The hold has expired."),
        (
            refusal(errors.InvalidTransition, requested="BLOCKED"),
            "This has been done already.",
        ),
        (
            refusal(errors.LimitExceeded, resets_at=datetime(2027, 1, 2, 3, 4, tzinfo=UTC)),
            (
                "Limit exceeded: 150.00 EUR, 140.00 EUR already used, 2.00 EUR requested. "
                "It is possible from 2027-01-02 03:04 UTC on."
            ),
        ),
    ],
)
def test_refusal_names_units_and_the_way_out(refused, text):
    assert explain_refusal(refused)[1] == text


# --- Confirmation ---------------------------------------------------------------------------------


def test_cash_in_is_confirmed_with_the_amount_in_words_and_the_owner(browser, alices):
    form = adding(amount="9.000,00")
    page = browser.post(acting(alices, "add-movement"), form)
    text = words_of(page)
    for expected in (
        "Alice Example (alice)",
        "Balance 100.00 EUR Held 0.00 EUR Available 100.00 EUR",
        "Amount 9,000.00 EUR In words nine thousand euros",
        "Balance afterwards 9,100.00 EUR",
        "9,000.00 EUR will be created in the wallet of Alice Example.",
    ):
        assert expected in text
    assert money_of(alices) == (100_00, 0)
    for name, value in form.items():
        assert f'name="{name}" value="{value}"' in page.text


def test_first_page_says_continue_if_a_confirmation_follows(browser, alices):
    assert 'value="Continue"' in browser.get(acting(alices, "add-movement")).text
    page = browser.get(acting(alices, "block")).text
    assert 'value="Block" class="default harmful"' in page
    assert ">Alice Example, EUR</a>" in page


def test_change_leads_back_to_the_form_with_its_values(browser, alices):
    page = browser.post(acting(alices, "add-movement"), adding(amount="7", change="1"))
    assert not page.context["is_confirmation"]
    assert page.context["form"]["amount"].value() == "7"
    assert money_of(alices) == (100_00, 0)


def test_refusal_is_shown_before_the_confirmation(browser, alices, bobs):
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 10_00).id)
    people.transfer(bobs, alices, 5_00)
    page = browser.post(acting(paid, "reverse"), {"key": str(uuid4()), "amount": ""})
    assert page.context["form"].errors == {"amount": ["Available: 5.00 EUR; this needs 10.00 EUR."]}


def test_reversal_is_confirmed_with_payer_payee_and_the_rest(browser, alices, bobs):
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 10_00).id)
    posting.submit(
        Reverse(**people.about(alices), **without_wallet(paid.reversible), amount=people.decimal(1))
    )
    page = browser.post(acting(paid, "reverse"), {"key": str(uuid4()), "amount": ""})
    text = words_of(page)
    assert "9.99 EUR goes back from Bob Example to Alice Example." in text
    assert "nine euros and ninety-nine cents" in text


@pytest.mark.slow
def test_reversal_is_of_the_amount_that_was_confirmed(browser, alices, bobs):
    """What the client reversed meanwhile does not make the confirmed reversal smaller."""
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 10_00).id)
    page = browser.post(acting(paid, "reverse"), {"key": str(uuid4()), "amount": ""})
    assert page.context["form"]["amount"].value() == "10.00"
    ids = without_wallet(paid.reversible)
    posting.submit(Reverse(**people.about(alices), **ids, amount=people.decimal(1)))
    form = {name: page.context["form"][name].value() for name in ("key", "amount", "concept")}
    answer = browser.post(acting(paid, "reverse"), form | {"confirmed": "1"})
    assert answer.status_code == 200
    assert "amount" in answer.context["form"].errors
    assert money_of(alices) == (90_01, 0)


def test_payment_that_was_sent_meanwhile_is_not_rejected(browser, alices):
    movement = a_cash_out(alices, 30_00)
    form = browser.get(acting(movement, "reject")).context["form"]
    end(MarkCashOutSent, movement)
    sent = {"key": str(uuid4()), "reason": "Closed", "version": form["version"].value()}
    assert browser.post(acting(movement, "reject"), sent).status_code == 200
    assert Movement.objects.get(id=movement.id).status == "PENDING"
    again = browser.get(acting(movement, "reject")).context["form"]["version"].value()
    assert browser.post(acting(movement, "reject"), sent | {"version": again}).status_code == 302


def without_wallet(ids: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in ids.items() if name != "wallet_id"}


def test_add_page_confirms_the_wallet_that_was_entered(browser, alices):
    form = adding(wallet=str(alices.id))
    page = browser.post(reverse("admin:wallets_movement_add"), form)
    assert "5.00 EUR will be created in the wallet of Alice Example." in words_of(page)
    assert money_of(alices) == (100_00, 0)


def test_add_page_shows_the_form_again_with_its_key(browser, alices):
    for values in ({"change": "1"}, {"kind": "DOWN", "amount": "200", "confirmed": "1"}):
        form = adding(wallet=str(alices.id)) | values
        page = browser.post(reverse("admin:wallets_movement_add"), form)
        assert page.status_code == 200
        assert page.context["form"]["key"].value() == form["key"]
        assert "Alice Example" in words_of(page)
    assert money_of(alices) == (100_00, 0)


@pytest.mark.parametrize("name", ["block", "unblock"])
def test_blocking_shows_the_person_the_balances_and_the_effect(browser, alices, name):
    a_cash_out(alices, 30_00)
    for thing, effect in (
        (alices, "Alice Example can't pay from this wallet or receive in it; 100.00 EUR stays"),
        (alices.user, "The wallets of Alice Example can't pay or receive until you unblock."),
    ):
        if name == "unblock":
            browser.post(acting(thing, "block"), {"key": str(uuid4()), "reason": "OTHER"})
        shown = effect if name == "block" else "can pay"
        text = words_of(browser.get(acting(thing, name)))
        for expected in ("Alice Example (alice)", "100.00 EUR", "30.00 EUR", "70.00 EUR", shown):
            assert expected in text


def test_harmful_actions_have_a_red_button():
    harmful = {
        (model._meta.model_name, action.name)
        for model, registered in admin.site._registry.items()
        if isinstance(registered, WithActions)
        for action in registered.page_actions
        if action.is_harmful
    }
    assert harmful == {
        ("approval", "refuse"),
        ("user", "block"),
        ("user", "erase"),
        ("user", "pay-out"),
        ("closing", "stop"),
        ("case", "freeze"),
        ("wallet", "block"),
        ("wallet", "freeze"),
        ("hold", "lift"),
        ("scheduledoperation", "cancel"),
        ("movement", "reverse"),
        ("movement", "reject"),
        ("movement", "end-rejected"),
        ("bankaccount", "close"),
        ("bankdecision", "refuse"),
        ("bankfile", "discard"),
        ("bankfile", "take-back"),
        ("bankupload", "refuse"),
        ("hold", "release"),
    }


# --- Somebody was faster --------------------------------------------------------------------------


def test_second_member_sees_the_name_of_the_first(browser, alices):
    movement = a_cash_out(alices, 30_00)
    other = somebody(OPERATOR)
    other.post(acting(movement, "send"), {"key": str(uuid4())})
    for page in (
        browser.get(acting(movement, "send")),
        browser.post(acting(movement, "send"), {"key": str(uuid4())}),
    ):
        text = words_of(page)
        assert "This is not possible any more. operator marked it as sent just now." in text
        assert 'type="submit" value="Mark as sent"' not in page.text


def test_cancellation_names_the_client(browser, api, alices):
    movement = a_cash_out(alices, 30_00)
    path = f"wallets/{alices.id}/movements/{movement.id}"
    assert api.patch(path, {"status": "CANCELLED"}).status == 200
    text = words_of(browser.get(acting(movement, "reject")))
    assert "The client cancelled it just now." in text


def test_form_sent_twice_is_confirmed_twice_and_not_called_late(browser, alices):
    movement = a_cash_out(alices, 30_00)
    form = {"key": str(uuid4())}
    for _ in range(2):
        page = browser.post(acting(movement, "send"), form, follow=True)
        assert "Marked as sent." in page.text


# --- What is held, and states ---------------------------------------------------------------------


def test_wallet_page_lists_holds_and_pending_cash_outs(browser, alices, bobs):
    hold = people.place(alices, bobs, 7_00)
    movement = a_cash_out(alices, 30_00)
    end(CancelCashOut, a_cash_out(alices, 1_00))
    page = browser.get(reverse("admin:wallets_wallet_change", args=[alices.pk]))
    rows = page.context["held"].rows
    assert [(each.amount, each.target) for each in rows] == [
        (7_00, "Bob Example"),
        (30_00, movement.iban),
    ]
    for thing in (hold, movement):
        options = thing._meta
        address = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[thing.pk])
        assert f'href="{address}"' in page.text
    assert "Total held 37.00 EUR" in words_of(page)


@pytest.mark.slow
def test_states_of_cash_outs_are_words(browser, alices):
    ended = [
        (a_cash_out(alices, 1_00), "To send"),
        (end(MarkCashOutSent, a_cash_out(alices, 2_00)), "Sent, no answer"),
        (end(RejectCashOut, a_cash_out(alices, 3_00), reason="Closed"), "Rejected"),
        (end(CancelCashOut, a_cash_out(alices, 4_00)), "Cancelled"),
    ]
    listed = words_of(browser.get(reverse("admin:wallets_movement_changelist")))
    wallet = words_of(browser.get(reverse("admin:wallets_wallet_change", args=[alices.pk])))
    for movement, state in ended:
        page = words_of(browser.get(reverse("admin:wallets_movement_change", args=[movement.pk])))
        for text in (listed, wallet, page):
            assert state in text


def test_audit_says_when_and_how_much_was_proved(browser, alices):
    audit = Audit.objects.create(started_at=alices.created_at, movements=22_144)
    wrong = Audit.objects.create(started_at=alices.created_at, movements=7, finding="held: …")
    registered = admin.site._registry[Audit]
    assert "all equations hold for 22,144 movements" in registered.result(audit)  # type: ignore[attr-defined]
    assert f"Right on {audit.finished_at:%Y-%m-%d %H:%M}" in registered.result(audit)  # type: ignore[attr-defined]
    assert "Wrong on" in registered.result(wrong)  # type: ignore[attr-defined]
    assert "22,144 movements" in browser.get(reverse("admin:wallets_audit_changelist")).text
