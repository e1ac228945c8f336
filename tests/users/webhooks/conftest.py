"""What tests of webhooks share: receivers, certificates, an endpoint and a worker."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.receivers import NAME, Authority, Receiver
from tests.support.webhooks import Worker, an_endpoint, to
from users.models import WebhookEndpoint
from wallets.models import Wallet


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.ours()


@pytest.fixture(scope="session")
def certificates(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `good.pem`-like files, and with `authority.pem`."""
    folder = tmp_path_factory.mktemp("certificates")
    authority.write(folder, NAME, "127.0.0.1")
    authority.write(folder, NAME, expired=True)
    authority.write(folder, "another.example")
    authority.bundle(folder)
    return folder


@pytest.fixture(scope="session")
def trusting(certificates: Path) -> ssl.SSLContext:
    """TLS that trusts our authority."""
    return ssl.create_default_context(cafile=str(certificates / "authority.pem"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver without TLS, which answers 200."""
    with Receiver() as running:
        yield running


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.close()


@pytest.fixture
def endpoint(alices: Wallet, bobs: Wallet, receiver: Receiver) -> WebhookEndpoint:
    """An enabled endpoint of the Demo client, which gets what happens to Alice and Bob from now."""
    return an_endpoint(alices.client, to(receiver))
