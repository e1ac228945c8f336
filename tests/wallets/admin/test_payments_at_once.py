"""Two members of staff act on the same payments at the same moment, in two threads."""

from __future__ import annotations

from collections import Counter
from functools import partial
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.urls import reverse

from tests.support.cash_outs import a_cash_out, end, money_of
from tests.support.payments_out import choose, confirm, form_on, send, states, words_of
from tests.support.staff import OPERATOR, SUPERVISOR, somebody
from tests.support.threads import Caller, at_once, holding, wait_until_blocked
from users.models import Event
from users.models.events import By
from wallets.orders.cash_outs import CancelCashOut, MarkCashOutSent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_person_acts")]


@pytest.fixture
def members():
    return somebody(OPERATOR), somebody(SUPERVISOR)


def sent_by() -> Counter[str]:
    """How many payments each actor has sent."""
    return Counter(Event.objects.filter(kind="movement.sent").values_list("actor", flat=True))


@pytest.mark.slow
def test_two_members_send_the_same_payments_once_and_each_sees_what_the_other_did(alices, members):
    payments = [a_cash_out(alices, 1_00) for _ in range(60)]
    pages = [choose(member, "send", payments) for member in members]
    answers = at_once(*(partial(confirm, *both) for both in zip(members, pages, strict=True)))
    assert states(payments) == ["SENT"] * 60
    counts = sent_by()
    assert sum(counts.values()) == 60
    for answer, name, other in zip(
        answers, (OPERATOR, SUPERVISOR), (SUPERVISOR, OPERATOR), strict=True
    ):
        mine = counts.get(f"staff:{answer.wsgi_request.user.pk}", 0)
        text = words_of(answer)
        assert text.count(f"{other} marked it as sent just now.") == 60 - mine
        assert f"{name} marked it as sent" not in text
        assert mine == 0 or f"{mine} payment" in text


@pytest.mark.slow
def test_form_sent_twice_at_once_acts_once_and_both_answers_say_done(alices, members):
    payments = [a_cash_out(alices, 1_00) for _ in range(20)]
    twin = Browser()
    twin.cookies = members[0].cookies
    form = form_on(choose(members[0], "send", payments))
    answers = at_once(partial(send, members[0], form), partial(send, twin, form))
    for answer in answers:
        assert "20 payments marked as sent." in answer.text
    assert sum(sent_by().values()) == 20


@pytest.mark.slow
def test_one_settles_while_the_other_rejects_and_money_moves_once(alices, members):
    payments = [end(MarkCashOutSent, a_cash_out(alices, 1_00)) for _ in range(20)]
    supervisor = members[1]
    twin = Browser()
    twin.cookies = supervisor.cookies
    pages = choose(supervisor, "settle", payments), choose(twin, "reject", payments)
    at_once(
        partial(confirm, supervisor, pages[0]), partial(confirm, twin, pages[1], reason="Closed")
    )
    settled = states(payments).count("SUCCESS")
    assert settled + states(payments).count("ERROR") == 20
    assert money_of(alices) == (100_00 - settled * 1_00, 0)


@pytest.mark.slow
def test_client_cancels_while_a_member_sends(alices, members):
    """The member waits for the lock, and reads that the client was faster."""
    payments = [a_cash_out(alices, 1_00) for _ in range(3)]
    page = choose(members[0], "send", payments)
    cancel = CancelCashOut(
        client_id=alices.client_id,
        by=By("key:01980000-0000-7000-8000-000000000000"),
        wallet_id=alices.id,
        movement_id=payments[1].id,
    )
    with holding(cancel):
        member = Caller(partial(confirm, members[0], page))
        wait_until_blocked()
    text = words_of(member.answer)
    assert "2 payments marked as sent. 1 of 3 could not be changed." in text
    assert "The client cancelled it just now." in text
    assert states(payments) == ["SENT", "CANCELLED", "SENT"]


@pytest.mark.slow
def test_second_of_two_single_actions_names_the_faster_member(alices, members):
    movement = a_cash_out(alices, 30_00)
    address = reverse("admin:wallets_movement_action", args=[movement.pk, "send"])
    keys = [str(uuid4()) for _ in members]

    def do_action(member: Browser, key: str) -> str:
        return words_of(member.post(address, {"key": key}, follow=True))

    pages = at_once(*(partial(do_action, *both) for both in zip(members, keys, strict=True)))
    late = [page for page in pages if "This is not possible any more." in page]
    assert len(late) == 1
    other = SUPERVISOR if pages[0] is late[0] else OPERATOR
    assert f"{other} marked it as sent just now." in late[0]
