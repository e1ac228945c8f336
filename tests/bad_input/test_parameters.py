"""Query parameters that are unknown, repeated, blank or wrong."""

from __future__ import annotations

import pytest

from tests.support.refusals import refused, refused_everywhere
from tests.support.resources import LISTS

pytestmark = pytest.mark.django_db

ID = "01980000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("color=red", {"color": "unknown_parameter"}),
        ("format=json", {"format": "unknown_parameter"}),
        ("page=1", {"page": "unknown_parameter"}),
        ("limit=1&offset=2", {"limit": "unknown_parameter", "offset": "unknown_parameter"}),
        ("Size=1", {"Size": "unknown_parameter"}),
        ("=1", {"": "unknown_parameter"}),
        ("size", {"size": "blank"}),
        ("size=", {"size": "blank"}),
        ("size=%20", {"size": "blank"}),
        ("size=1&size=1", {"size": "repeated_parameter"}),
        ("size=1&size=", {"size": "repeated_parameter"}),
        ("size=1.0", {"size": "invalid"}),
        ("size=1e1", {"size": "invalid"}),
        ("size=%EF%BC%91", {"size": "invalid"}),
        ("size=0", {"size": "min_value"}),
        ("size=101", {"size": "max_value"}),
        ("size=" + "9" * 5000, {"size": "invalid"}),
        ("size=%00", {"size": "invalid"}),
        ("size=%FF", {"size": "invalid"}),
        ("sort=createdAt", {"sort": "invalid_choice"}),
        ("sort=createdAt,DESC", {"sort": "invalid_choice"}),
        ("sort=balance,asc", {"sort": "invalid_choice"}),
        ("cursor=x", {"cursor": "invalid"}),
        ("cursor=%00", {"cursor": "invalid"}),
        ("cursor=" + "x" * 5000, {"cursor": "max_length"}),
        ("color=1&size=0", {"color": "unknown_parameter", "size": "min_value"}),
    ],
)
def test_wrong_parameter_of_a_list_is_refused(query, errors, api, alices):
    assert len(LISTS) >= 12
    there = {"wallet": alices.id, "user": alices.user_id, "schedule": ID}
    for address in LISTS:
        asked = f"{address.format(**there)}?{query}"
        answer = refused(api.get(asked), 400, "invalid_parameters")
        assert answer.wrong == errors


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("dryRun", {"dryRun": "blank"}),
        ("dryRun=", {"dryRun": "blank"}),
        ("dryRun=1", {"dryRun": "invalid"}),
        ("dryRun=True", {"dryRun": "invalid"}),
        ("dryRun=true%20", {"dryRun": "invalid"}),
        ("dryRun=true&dryRun=true", {"dryRun": "repeated_parameter"}),
        ("dryrun=true", {"dryrun": "unknown_parameter"}),
        ("dryRun=true&size=1", {"size": "unknown_parameter"}),
    ],
)
def test_wrong_parameter_of_a_dry_run_is_refused(query, errors, api, there, order):
    wallet = f"wallets/{there['wallet']}"
    for address, body in (
        (f"{wallet}/movements", order),
        (f"{wallet}/movements/batch", {"movements": [order]}),
        (f"{wallet}/movements/{there['movement']}/reversal", {}),
        (f"{wallet}/holds", {"targetWalletId": order["targetWalletId"], "amount": "1.00"}),
        (f"{wallet}/holds/{there['hold']}/executions", {}),
        ("operations", {"transfers": []}),
    ):
        answer = refused(api.post(f"{address}?{query}", body), 400, "invalid_parameters")
        assert answer.wrong == errors


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("type=transfer", {"type": "invalid_choice"}),
        ("status=DONE", {"status": "invalid_choice"}),
        ("direction=OUTWARDS", {"direction": "invalid_choice"}),
        ("startDate=2026-1-1", {"startDate": "invalid"}),
        ("startDate=20260101", {"startDate": "invalid"}),
        ("startDate=yesterday", {"startDate": "invalid"}),
        ("startDate=2026-02-30T00:00:00Z", {"startDate": "invalid"}),
        ("startDate=2026-01-01T00:00:00", {"startDate": "invalid"}),
        ("startDate=0001-01-01T00:00:00%2B23:59", {"startDate": "invalid"}),
        (
            "startDate=2026-02-01T00:00:00Z&endDate=2026-01-01T00:00:00Z",
            {"endDate": "invalid_range"},
        ),
        ("startDate=2026-02-01&endDate=2026-02-01", {"endDate": "invalid_range"}),
        ("minAmount=-1", {"minAmount": "invalid"}),
        ("minAmount=1e2", {"minAmount": "invalid"}),
        ("minAmount=0", {"minAmount": "min_value"}),
        ("maxAmount=0.001", {"maxAmount": "max_decimal_places"}),
        ("minAmount=2&maxAmount=1", {"maxAmount": "invalid_range"}),
        ("operationId=1", {"operationId": "invalid"}),
        ("walletId=1", {"walletId": "unknown_parameter"}),
        ("idempotencyKey=", {"idempotencyKey": "blank"}),
    ],
)
def test_wrong_filter_of_movements_is_refused(query, errors, api, path):
    answer = refused(api.get(f"{path}?{query}"), 400, "invalid_parameters")
    assert answer.wrong == errors


TIMES = [
    "2026-01",
    "2026-02-30",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T24:00:01Z",
    "2026-01-01T00:00:00%2B25:00",
    "2026-01-01 00:00",
    "0001-01-01T00:00:00%2B23:59",
    "9999-12-31T23:59:59-23:59",
    "1767225600",
    "now",
    "null",
]


@pytest.mark.parametrize("text", TIMES)
def test_invalid_time_is_refused(text, api, alices):
    here = f"wallets/{alices.id}"
    for name in ("movements", "holds", "statement"):
        answer = api.get(f"{here}/{name}?startDate={text}&endDate={text}")
        refused(answer, 400, "invalid_parameters")
        assert answer.wrong == {"startDate": "invalid", "endDate": "invalid"}
    answer = refused(api.get(f"{here}/balance?at={text}"), 400, "invalid_parameters")
    assert answer.wrong == {"at": "invalid"}


@pytest.mark.parametrize(
    ("address", "errors"),
    [
        ("holds?status=open", {"status": "invalid_choice"}),
        (
            "holds?type=TRANSFER&direction=OUT",
            dict.fromkeys(("type", "direction"), "unknown_parameter"),
        ),
        ("holds?idempotencyKey=%20", {"idempotencyKey": "blank"}),
        ("external-accounts?status=OPEN", {"status": "invalid_choice"}),
        ("external-accounts?iban=ES00", {"iban": "invalid"}),
        ("external-accounts?startDate=now", {"startDate": "unknown_parameter"}),
        (
            "balance?startDate=now&cursor=x",
            dict.fromkeys(("startDate", "cursor"), "unknown_parameter"),
        ),
        ("balance?at=2999-01-01T00:00:00Z", {"at": "in_the_future"}),
        ("statement?status=SUCCESS", {"status": "unknown_parameter"}),
        ("statement?sort=settledAt", {"sort": "invalid_choice"}),
        ("statement?endDate=2999-01-01T00:00:00Z", {"endDate": "in_the_future"}),
        ("statement?startDate=2999-01-01T00:00:00Z", {"startDate": "in_the_future"}),
    ],
)
def test_wrong_filter_of_other_lists_is_refused(address, errors, api, alices):
    answer = refused(api.get(f"wallets/{alices.id}/{address}"), 400, "invalid_parameters")
    assert answer.wrong == errors


@pytest.mark.parametrize(
    ("address", "errors"),
    [
        ("wallets?status=OPEN", {"status": "invalid_choice"}),
        ("wallets?userId=1", {"userId": "unknown_parameter"}),
        ("documents?kind=identity-front", {"kind": "unknown_parameter"}),
    ],
)
def test_wrong_filter_of_lists_of_a_user_is_refused(address, errors, api, alices):
    answer = refused(api.get(f"users/{alices.user_id}/{address}"), 400, "invalid_parameters")
    assert answer.wrong == errors


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("walletId=1", {"walletId": "invalid"}),
        (f"walletId={ID},,{ID}", {"walletId": "invalid"}),
        (f"userId={ID},", {"userId": "invalid"}),
        ("userId=,", {"userId": "invalid"}),
        (f"userId={','.join([ID] * 21)}", {"userId": "max_values"}),
        (f"walletId={ID}%20,{ID}", {"walletId": "invalid"}),
        ("reference=" + "x" * 65, {"reference": "max_length"}),
        ("minAmount=1", {"currency": "required"}),
        ("maxAmount=1&minAmount=2&currency=EUR", {"maxAmount": "invalid_range"}),
        ("minAmount=1.5&currency=JPY", {"minAmount": "max_decimal_places"}),
        ("currency=eur", {"currency": "invalid_choice"}),
        ("metadata=1", {"metadata": "invalid"}),
        ("metadata[a][b]=1", {"metadata[a][b]": "unknown_parameter"}),
        ("reference[order]=1", {"reference[order]": "unknown_parameter"}),
    ],
)
@pytest.mark.parametrize("path", ["movements", "holds"])
def test_wrong_filter_across_wallets_is_refused(path, query, errors, api):
    answer = refused(api.get(f"{path}?{query}"), 400, "invalid_parameters")
    assert answer.wrong == errors


@pytest.mark.parametrize(
    ("address", "errors"),
    [
        ("movements?type=TRANSFER,GIFT", {"type": "invalid_choice"}),
        ("movements?status=PENDING,DONE", {"status": "invalid_choice"}),
        ("movements?direction=IN,OUT", {"direction": "invalid_choice"}),
        ("movements?reversalOf=1", {"reversalOf": "invalid"}),
        ("movements?counterpartyWalletId=1", {"counterpartyWalletId": "invalid"}),
        ("movements?iban=ES00", {"iban": "invalid"}),
        ("movements?expand=user", {"expand": "invalid_choice"}),
        ("movements?targetWalletId=1", {"targetWalletId": "unknown_parameter"}),
        ("holds?status=OPEN,GONE", {"status": "invalid_choice"}),
        ("holds?targetWalletId=1", {"targetWalletId": "invalid"}),
        ("holds?expand=counterparty", {"expand": "unknown_parameter"}),
        ("external-accounts?status=ACTIVE,GONE", {"status": "invalid_choice"}),
        ("external-accounts?iban=ES00", {"iban": "invalid"}),
        ("external-accounts?userId=1", {"userId": "invalid"}),
    ],
)
def test_wrong_filter_of_one_list_across_wallets_is_refused(address, errors, api):
    answer = refused(api.get(address), 400, "invalid_parameters")
    assert answer.wrong == errors


@pytest.mark.parametrize(
    "address", ["movements/{movement}", "wallets/{wallet}/movements/{movement}"]
)
def test_wrong_expansion_of_a_movement_is_refused(address, api, there):
    answer = refused(api.get(f"{address.format(**there)}?expand=user"), 400, "invalid_parameters")
    assert answer.wrong == {"expand": "invalid_choice"}


def test_thousands_of_parameters_are_refused(api, path):
    query = "&".join(f"p{number}=1" for number in range(5_000))
    refused(api.get(f"{path}?{query}"), 400, "invalid_parameters")


@pytest.mark.parametrize("query", ["dry_run=true", "format=json", "amount=1", "size=5", "=", "x="])
def test_change_with_parameters_is_refused(query, api, doors):
    asked = [(method, f"{address}?{query}", body) for method, address, body in doors]
    refused_everywhere(api, asked, None, "invalid_parameters")
