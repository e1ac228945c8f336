"""Facts of approvals on pages: amounts are grouped, and texts of others are shown as they are."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.support import people, staff
from tests.support.approvals import a_request, ask
from tests.support.payments_out import words_of
from users.models.approvals import ApprovalKind
from wallets.admin.approvals.money import asked_about
from wallets.models import Movement

pytestmark = pytest.mark.django_db


def reversal_with_reference(payer: Any, payee: Any, asker: Any, reference: str) -> Any:
    paid = people.transfer(payer, payee, 1_00, reference=reference)
    return ask(asked_about(Movement.objects.get(id=paid.id), ApprovalKind.REVERSAL, 1_00), asker)


@pytest.mark.parametrize("page", ["queue", "one", "confirm"])
@pytest.mark.parametrize("reference", ["2024 INV", "4711 EUR", "007 EUR"])
def test_pages_show_a_reference_as_it_is(page, reference, asker, second, alices, bobs):
    asked = reversal_with_reference(alices, bobs, asker, reference)
    browser = staff.browser_of(second)
    if page == "queue":
        answer = browser.get(reverse("admin:approvals"))
    elif page == "one":
        answer = browser.get(reverse("admin:users_approval_change", args=[asked.pk]))
    else:
        answer = browser.post(reverse("admin:approvals-confirm"), {"item": [str(asked.pk)]})
    assert answer.status_code == 200
    assert reference in words_of(answer)


def test_page_groups_the_amounts_of_facts(asker, second, alices):
    asked = a_request(alices, 4321_00, asker)
    page = staff.browser_of(second).get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert "4,421.00 EUR" in words_of(page)
