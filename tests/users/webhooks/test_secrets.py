"""Secrets of endpoints are encrypted in the database; replacing SECRET_KEY loses none."""

from __future__ import annotations

from importlib import import_module

import pytest
from cryptography.fernet import InvalidToken
from django.apps import apps
from django.conf import settings as configured
from django.db import connection
from standardwebhooks import Webhook

from tests.support.webhooks import an_endpoint, pay
from users.duties.webhooks import ResealSecrets
from users.models import WebhookEndpoint
from users.webhooks.secrets import SEAL, sealed, valid_secrets

pytestmark = pytest.mark.django_db

NEW = "another secret of fifty characters, as settings demand"
MIGRATION = import_module("users.migrations.0019_encrypt_secrets_and_keep_a_column")


@pytest.fixture
def plain(client_demo):
    """A secret as the first development versions stored it."""
    secret = valid_secrets(an_endpoint(client_demo))[0]
    WebhookEndpoint.objects.update(secrets=[secret])
    return secret


def stored() -> list[str]:
    secrets: list[str] = WebhookEndpoint.objects.get().secrets
    return secrets


def test_database_does_not_show_a_secret(client_demo):
    secret = valid_secrets(an_endpoint(client_demo))[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT endpoint::text FROM users_webhookendpoint AS endpoint")
        row = cursor.fetchone()[0]
    assert secret not in row
    assert secret.removeprefix("whsec_")[:20] not in row


def test_replaced_key_of_the_server_signs_with_the_same_secret(
    settings, alices, bobs, endpoint, receiver, worker
):
    secret = valid_secrets(endpoint)[0]
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [configured.SECRET_KEY], NEW
    pay(alices, bobs)
    worker.run()
    Webhook(secret).verify(receiver.received[0].body, receiver.received[0].headers)


def test_worker_seals_secrets_again_so_that_the_former_key_can_go(settings, client_demo):
    secret = valid_secrets(an_endpoint(client_demo))[0]
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [configured.SECRET_KEY], NEW
    assert (ResealSecrets().perform(), ResealSecrets().perform()) == (1, 0)
    settings.SECRET_KEY_FALLBACKS = []
    assert valid_secrets(WebhookEndpoint.objects.get()) == [secret]


def test_secret_of_another_server_can_not_be_read(settings):
    (secret,) = sealed("whsec_x")
    settings.SECRET_KEY = NEW
    with pytest.raises(InvalidToken):
        SEAL.open(secret)


def test_migration_encrypts_secrets_and_back(plain):
    editor = connection.schema_editor()
    MIGRATION.encrypt(apps, editor)
    assert stored() != [plain]
    assert valid_secrets(WebhookEndpoint.objects.get()) == [plain]
    MIGRATION.decrypt(apps, editor)
    assert stored() == [plain]
