"""Writers of events in a process of its own.

`python -m tests.faults.webhook_writers stage URL WALLETS` makes a client with wallets and an
enabled endpoint, and prints its id. `… write ENDPOINT WRITERS TRANSFERS` moves money between the
wallets in threads. Some transactions are rolled back after they have taken positions.
"""

from __future__ import annotations

import random
import sys
from threading import Thread
from typing import Any
from uuid import UUID

import django

django.setup()

from django.db import connections, transaction  # noqa: E402

from iocash.errors import Refused  # noqa: E402
from tests.support import people  # noqa: E402
from tests.support.people import BY  # noqa: E402
from users.models import WebhookEndpoint, events  # noqa: E402
from users.models.events import EventKind, Fact  # noqa: E402
from users.webhooks import endpoints  # noqa: E402
from wallets.models import Wallet  # noqa: E402

ROLLED_BACK = 0.1
"""How many transactions are rolled back."""


def stage(url: str, wallets: int, ordering: str = "WALLET") -> UUID:
    """Make a client with wallets that have money, and an endpoint that gets what comes then."""
    client = people.a_client(f"Webhooks of {url}")
    for number in range(wallets):
        names = {"user_name": f"user-{number}", "mobile_phone": f"+34600{number:06}"}
        user = people.a_user(client, people.ALICE | names)
        people.cash_in(people.first_wallet(user), 1_000_00)
    about = {"url": url, "kinds": ["movement.*"], "ordering": ordering, "description": ""}
    endpoint = endpoints.create_endpoint(client_id=client.id, values=about, by=BY).endpoint
    WebhookEndpoint.objects.filter(id=endpoint.id).update(
        status="ENABLED", verified_at=endpoint.created_at
    )
    return endpoint.id


def write(endpoint_id: UUID, writers: int, transfers: int) -> None:
    """Move money in threads, `transfers` times in each."""
    client_id = WebhookEndpoint.objects.get(id=endpoint_id).client_id
    wallets = list(Wallet.objects.filter(client=client_id))
    threads = [Thread(target=move, args=(wallets, transfers)) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def move(wallets: list[Wallet], transfers: int) -> None:
    for _ in range(transfers):
        source, target = random.sample(wallets, 2)
        if random.random() < ROLLED_BACK:
            roll_back(source)
        try:
            people.transfer(source, target, random.randint(1, 10))
        except Refused:
            continue
    connections.close_all()


def roll_back(wallet: Wallet) -> None:
    """Take a position among the events, and never commit."""
    with transaction.atomic():
        fact = Fact(
            wallet.client_id, "wallet", wallet.id, EventKind.WALLET_BLOCKED, BY, wallet.id, {}
        )
        events.record_facts(fact)
        transaction.set_rollback(True)


def main(task: str, *words: str) -> Any:
    if task == "stage":
        print(stage(words[0], int(words[1]), *words[2:]))  # noqa: T201
    else:
        write(UUID(words[0]), int(words[1]), int(words[2]))


if __name__ == "__main__":
    main(*sys.argv[1:])
