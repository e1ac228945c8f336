"""Payments out under attack: forms sent twice, reused keys, crafted ids and forms."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.urls import reverse

from iocash import errors
from tests.support import people
from tests.support.cash_outs import a_cash_out, money_of
from tests.support.payments_out import (
    choose,
    confirm,
    form_on,
    ids_on,
    queue,
    send,
    states,
    words_of,
)
from tests.support.staff import SUPERVISOR, a_member, allow, browser_of, somebody
from users.models import Event
from wallets import posting
from wallets.admin import queue as queues
from wallets.models import Movement

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_person_acts")]


@pytest.fixture
def browser():
    return somebody(SUPERVISOR)


@pytest.fixture
def three(alices):
    return [a_cash_out(alices, amount) for amount in (10_00, 20_00, 1_50)]


@pytest.mark.slow
def test_form_sent_twice_acts_once(browser, alices, three):
    form = form_on(choose(browser, "send", three))
    for _ in range(2):
        assert "3 payments marked as sent." in send(browser, form).text
    assert Event.objects.filter(kind="movement.sent").count() == 3


@pytest.mark.slow
def test_key_used_again_for_another_action_or_reason_changes_nothing(browser, alices, three):
    form = form_on(choose(browser, "reject", three[:1])) | {"reason": "Closed"}
    send(browser, form)
    for changed in ({"reason": "Open"}, {"action": "send"}):
        assert "This form was sent before with other values" in send(browser, form | changed).text
    assert states(three) == ["ERROR", "PENDING", "PENDING"]


@pytest.mark.slow
def test_key_used_again_with_other_items_acts_on_each_item_once(browser, three):
    form = form_on(choose(browser, "send", three[:2]))
    send(browser, form)
    other = form_on(choose(browser, "send", three[2:]))
    answer = send(browser, other | {"key": form["key"], "item": form["item"] + other["item"]})
    assert "3 payments marked as sent." in answer.text
    assert Event.objects.filter(kind="movement.sent").count() == 3


@pytest.mark.slow
def test_item_named_twice_is_one_item(browser, three):
    form = form_on(choose(browser, "send", three[:1]))
    item = form["item"][0]
    twice = form | {"item": [item, item.upper()]}
    assert "1 payment marked as sent." in send(browser, twice).text
    ticked = choose(browser, "send", [three[1].id, str(three[1].id).upper()])
    assert len(form_on(ticked)["item"]) == 1


def test_ids_of_other_things_are_not_acted_on(browser, alices, bobs, three):
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 1_00).id)
    hold = people.place(alices, bobs, 1_00)
    crafted = [paid.id, hold.id, alices.id, uuid4()]
    assert "4 of the selected are no payments out." in words_of(choose(browser, "send", crafted))
    form = {"action": "reject", "key": str(uuid4()), "reason": "x", "item": [*map(str, crafted)]}
    assert "4 of 4 could not be changed." in words_of(send(browser, form))
    assert money_of(alices) == (99_00, 32_50)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "steal"},
        {"action": ""},
        {"item": "x"},
        {"item": []},
        {"queue": "state=x"},
        {"item": [str(uuid4()) for _ in range(queues.MOST + 1)]},
    ],
    ids=["action", "no-action", "id", "no-items", "queue", "501"],
)
def test_crafted_form_gets_400(browser, three, wrong):
    form = form_on(choose(browser, "send", three)) | wrong
    assert send(browser, form).status_code == 400
    assert states(three) == ["PENDING"] * 3


@pytest.mark.slow
def test_form_without_a_key_changes_nothing(browser, three):
    form = form_on(choose(browser, "send", three)) | {"key": "x"}
    assert "Enter a valid UUID." in send(browser, form).text
    assert states(three) == ["PENDING"] * 3


@pytest.mark.slow
def test_more_than_500_ticked_are_refused_in_words(browser, three):
    body = {"action": "send", "item": [str(uuid4()) for _ in range(501)]}
    answer = browser.post(reverse("admin:payments-out-confirm"), body, follow=True)
    assert "Select at most 500 payments at a time." in answer.text


@pytest.mark.slow
def test_clients_key_never_meets_the_key_of_an_item(browser, api, alices, three):
    form = form_on(choose(browser, "send", three[:1]))
    key = f"staff-{form['key'][0]}-{three[0].id}"
    answer = api.post(f"wallets/{alices.id}/movements", people.cash("1.00"), key=key)
    assert answer.status == 201
    assert "1 payment marked as sent." in send(browser, form).text


def test_answer_of_get_is_the_queue(browser):
    for name in ("payments-out-confirm", "payments-out-action"):
        assert browser.get(reverse(f"admin:{name}")).status_code == 302


def test_unknown_outcome_can_be_sent_again_without_harm(browser, three, monkeypatch):
    page = choose(browser, "send", three[:1])
    with monkeypatch.context() as patch:
        patch.setattr(posting, "submit_each", lambda orders: [errors.OutcomeUnknown()])
        answer = confirm(browser, page)
    assert "it is done only once" in answer.text
    assert "1 payment marked as sent." in confirm(browser, answer).text


@pytest.mark.slow
def test_queue_without_view_user_hides_names_and_is_not_searched_by_them(alices, three):
    member = allow(a_member(name="clerk"), "wallets.view_movement", "wallets.send_cash_out")
    browser = browser_of(member)
    assert ids_on(queue(browser, q="alice")) == []
    assert ids_on(queue(browser, q=three[0].iban)) == [str(each.id) for each in three]
    whole = queue(browser)
    confirmation = choose(browser, "send", three)
    assert len(ids_on(whole)) == 3
    assert "Alice" not in whole.text + confirmation.text
    answer = choose(browser, "send", scope="all", queue="q=alice")
    assert answer.status_code == 302
