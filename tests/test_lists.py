"""A list asks the same number of questions however long it is."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import cast
from tests.wallets.test_cash_outs import a_cash_out

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["users", "wallets", "wallets/{wallet}/movements"])
def test_a_list_of_the_api_asks_as_much_for_many_as_for_few(api, client_demo, alices, path):
    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            page = api.get(f"{path.format(wallet=alices.id)}?size=100")
        assert page.status == 200
        return len(asked)

    few = questions()
    for number in range(4):
        names = {"user_name": f"alice{number}", "mobile_phone": f"+3460000001{number}"}
        cast.a_user(client_demo, cast.ALICE | names)
        cast.a_wallet(alices.user)
        a_cash_out(alices, 1_00)
    assert questions() == few <= 3
