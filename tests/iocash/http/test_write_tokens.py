"""`X-Write-Token` and `X-Read-After`."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import RequestFactory

from iocash import errors
from iocash.db import replica
from iocash.db.replica import Written
from iocash.http.write_tokens import read_after, write_token

WRITTEN = Written(datetime(2026, 6, 30, 10, 15, 30, 123456, tzinfo=UTC), 4_294_967_301)


def sent(token: str) -> Written | bool:
    return read_after(RequestFactory().get("/", HTTP_X_READ_AFTER=token))


def test_token_names_the_time_and_the_number_of_the_transaction():
    assert sent(write_token(WRITTEN)) == WRITTEN


def test_request_without_a_token_reads_after_nothing():
    assert read_after(RequestFactory().get("/")) is False


@pytest.mark.parametrize("token", ["", "x", "A" * 31, "A" * 33, "A" * 31 + "=", "A" * 31 + "é"])
def test_malformed_token_is_refused(token):
    with pytest.raises(errors.InvalidHeader):
        sent(token)


@pytest.mark.parametrize("token", ["A" * 32, "_" * 32])
def test_token_without_our_signature_is_of_another_installation(token):
    assert sent(token) is True


def test_token_of_another_key_is_of_another_installation(settings):
    token = write_token(WRITTEN)
    settings.SECRET_KEY = "another" * 8
    assert sent(token) is True


def test_malformed_token_is_refused_without_a_replica_too(api):
    answer = api.get("wallets", headers={"X-Read-After": "x"})
    assert (answer.status, answer.code) == (400, "invalid_header")
    assert "X-Read-After" in answer.json["detail"]


def test_server_without_a_replica_has_no_such_headers(api, alices):
    assert not replica.is_configured()
    paid = api.post(
        f"wallets/{alices.id}/movements", {"type": "CASH_IN", "amount": "1.00"}, key="k"
    )
    assert paid.status == 201
    listed = api.get("movements")
    for answer in (paid, listed):
        assert not {"X-As-Of", "X-Write-Token"} & {*answer.headers}
