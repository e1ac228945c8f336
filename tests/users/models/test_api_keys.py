"""What is stored of an API key, and when it applies."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.support import people
from users.models import ApiKey
from users.models.clients import SCOPES

pytestmark = pytest.mark.django_db


def test_api_key_is_stored_as_a_digest_only(client_demo):
    _, secret = ApiKey.issue(client=client_demo, label="tests", scopes=["users:read"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(users_apikey)::text, digest FROM users_apikey")
        row, digest = cursor.fetchone()
    assert bytes(digest) == hashlib.sha256(secret.encode()).digest()
    assert secret not in row
    assert secret[12:] not in row


def test_api_key_is_long_unique_and_recognisable(client_demo):
    secrets = {people.a_key(client_demo) for _ in range(50)}
    assert len(secrets) == 50
    assert all(secret.startswith("iocash_") and len(secret) == 47 for secret in secrets)


def test_api_key_prints_its_prefix_and_not_its_secret(client_demo):
    key, secret = ApiKey.issue(client=client_demo, label="tests", scopes=["users:read"])
    assert str(key) == f"{secret[:12]}…"


def test_scopes_are_stored_sorted_without_duplicates(client_demo):
    scopes = ["wallets:read", "users:read", "wallets:read"]
    key, _ = ApiKey.issue(client=client_demo, label="tests", scopes=scopes)
    assert key.scopes == ["users:read", "wallets:read"]


def test_secret_matches_only_its_own_key(client_demo):
    key, secret = ApiKey.issue(client=client_demo, label="tests", scopes=list(SCOPES))
    people.a_key(client_demo)
    assert list(ApiKey.objects.matching(secret)) == [key]
    assert not ApiKey.objects.matching(key.prefix).exists()


@pytest.mark.parametrize("name", ["expires_at", "revoked_at"])
def test_expiry_and_revocation_apply_from_their_instant(name, client_demo):
    now = timezone.now()
    asked = "is_expired" if name == "expires_at" else "is_revoked"
    for moment, ended in ((None, False), (now, True), (now + timedelta(hours=1), False)):
        assert getattr(ApiKey(**{name: moment}), asked) is ended
