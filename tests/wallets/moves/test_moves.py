"""A client that moves to another group: everything goes on there, and nothing here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command

from tests.support import people
from tests.support.people import Api
from tests.support.second_group import inside, moving, owner_conninfo, second_group
from users.models import Client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ci]


@pytest.fixture
def west() -> Iterator[str]:
    with second_group() as conninfo:
        yield conninfo


def test_client_goes_on_in_the_other_group(client_demo, alices, bobs, west):
    api = Api(people.a_key(client_demo))
    paid = api.post(f"wallets/{alices.id}/movements", people.to(bobs, "10.00"), key="paid")
    assert paid.status == 201
    with moving(owner_conninfo(), west, client_demo.id) as move:
        move.forward()
    assert Client.objects.get(id=client_demo.id).status == "MOVED"
    with inside(west):
        assert Client.objects.get(id=client_demo.id).status == "ACTIVE"
        again = api.post(f"wallets/{alices.id}/movements", people.to(bobs, "10.00"), key="paid")
        assert again.json == paid.json
        people.transfer(alices, bobs, 1_00)
        call_command("audit")
    call_command("audit")
