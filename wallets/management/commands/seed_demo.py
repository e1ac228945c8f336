"""`manage.py seed_demo`: create a client, staff and three users with movements.

In a sandbox whose clock is behind, a second client comes first: an institution with more than two
hundred users and ninety days of movements. Then the clock is set to the real time.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from users import deliveries, demo_documents, users
from users.kyc import NEEDED, identity, terms
from users.kyc.providers import PROVIDERS
from users.models import ApiKey, Client, Otp, Sandbox, User
from users.models.clients import scopes_here
from users.models.events import By
from users.models.sandbox import advance_clock, make_sandbox
from wallets import posting
from wallets.management.demo import (
    approvals,
    bank_days,
    bank_files,
    dormant,
    history,
    tasks,
    webhooks,
)
from wallets.management.demo.plan import Planner
from wallets.models import Wallet
from wallets.orders.cash_outs import CashOut
from wallets.orders.holds import PlaceHold
from wallets.orders.payments import CashIn, Transfer
from wallets.orders.users import ActivateUser

BY = By("system:seed_demo")
CLIENT, STAFF = "Demo", "staff"
INSTITUTION = "Example Pay"
MEMBERS = {"alice": "supervisor", "bob": "operator"}
"""The staff of the institution, with their roles."""
DAYS, DAYS_BEHIND = 90, 400
"""The days of the history; and how far the clock is behind, for those who were there long before.
"""
SEED = 7
IBAN = "ES9121000418450200051332"
ADDRESSES = identity.Addresses(
    "http://localhost:3000/verified", "http://localhost:3000/not-verified", "http://localhost:8000"
)
PEOPLE: dict[str, dict[str, str]] = {
    "alice": {
        "kind": "NATURAL",
        "user_name": "alice",
        "first_name": "Alice",
        "last_name": "Example",
        "mobile_phone": "+34600000001",
    },
    "bob": {
        "kind": "NATURAL",
        "user_name": "bob",
        "first_name": "Bob",
        "last_name": "Example",
        "mobile_phone": "+34600000002",
    },
    "company": {
        "kind": "JURIDICAL",
        "user_name": "example-ltd",
        "company_name": "Example Ltd",
        "mobile_phone": "+34600000003",
    },
}


class Command(BaseCommand):
    help = (
        "Create the demo, if it doesn't exist: a client, staff, and three users with money; in a "
        "new sandbox, also an institution with ninety days of movements. The API key and the "
        "passwords are written to .iocash/demo.json."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--migrate",
            action="store_true",
            help="Run migrate first, and make a sandbox of an empty database.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo is for development only. Set DEBUG=1.")
        if options["migrate"]:
            call_command("migrate", verbosity=0)
            if not Client.objects.exists():
                make_sandbox(clock_offset=-timedelta(days=DAYS_BEHIND))
        file = settings.STATE / "demo.json"
        if file.exists() and Client.objects.filter(name=CLIENT).exists():
            self.stdout.write("The demo already exists.")
            return
        with undelivered():
            institution = seed_institution()
            with transaction.atomic():
                facts = institution | seed()
                write_private(file, json.dumps(facts, indent=2))
        if institution:
            call_command("audit", "--json", stdout=StringIO())
        self.stdout.write(f"Demo created. Its API key and passwords are in {file}.")


@contextmanager
def undelivered() -> Iterator[None]:
    """Deliver no one-time passwords until the end of the block: nobody waits for them."""
    backend, settings.OTP_BACKEND = settings.OTP_BACKEND, "nowhere"
    deliveries.BACKENDS["nowhere"] = lambda user, phone, code: None
    try:
        yield
    finally:
        settings.OTP_BACKEND = backend
        del deliveries.BACKENDS["nowhere"]


def seed_institution() -> dict[str, Any]:
    """Create the institution's client, staff, users and movements, if the clock is behind.

    Afterwards the clock is right. If it was interrupted, what there is remains, and the clock is
    set. Returns the log-ins of the staff, whose passwords are new each time.
    """
    client = Client.objects.filter(name=INSTITUTION).first()
    sandbox = Sandbox.objects.filter(clock_offset__lt=timedelta(0)).first()
    if not (client or sandbox):
        return {}
    members = {name: make_member(name, role) for name, role in MEMBERS.items()}
    if sandbox and client is None:
        approvals.let_staff_settle(members["alice"], the_superuser())
        make_history([By(f"staff:{person.pk}") for person in members.values()])
    elif sandbox:
        advance_clock(-sandbox.clock_offset)
    approvals.ask_for_some(Client.objects.get(name=INSTITUTION).id, members)
    log_ins = [
        {"user": name, "role": MEMBERS[name], "password": set_new_password(person)}
        for name, person in members.items()
    ]
    return {"staffOfInstitution": log_ins}


def make_member(name: str, role: str) -> Any:
    """Create a member of staff with a role; an existing one gets the role again."""
    values = {"is_staff": True, "first_name": name.title(), "last_name": "Example"}
    person, _ = get_user_model().objects.get_or_create(username=name, defaults=values)
    person.groups.set(Group.objects.filter(name=role))
    return person


def set_new_password(person: Any) -> str:
    password = secrets.token_urlsafe(12)
    person.set_password(password)
    person.save(update_fields=["password"])
    return password


def make_history(staff: list[By]) -> None:
    """Create the institution, and execute its ninety days."""
    client = Client.objects.create(name=INSTITUTION)
    key, _ = ApiKey.issue(client=client, label="Server", scopes=scopes_here())
    by = By(f"key:{key.id}")
    with unsynchronised():
        dormant.join_and_leave(client.id, by)
        advance_clock(timedelta(days=DAYS_BEHIND - DAYS))
        made = history.begun(client.id, by, staff, SEED)
        bank_days.add_account([client, Client.objects.create(name=CLIENT)])
        Planner.of(made).plan()
        made.run()
        tasks.add_tasks(client.id, staff)
        bank_files.make_bank_files(client.id, staff)
        bank_days.upload_last_day(staff[0])
    webhooks.add_endpoint(client.id, by)  # it closes the connection while it waits for the receiver


@contextmanager
def unsynchronised() -> Iterator[None]:
    """Wait for no disk at COMMIT until the end of the block: it can be done again."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        try:
            yield
        finally:
            cursor.execute("RESET synchronous_commit")


def seed() -> dict[str, str]:
    """Create what is missing: an interrupted run may have created a part of the demo."""
    client, _ = Client.objects.get_or_create(name=CLIENT)
    _, api_key = ApiKey.issue(client=client, label="demo", scopes=scopes_here())
    facts = {"apiKey": api_key, **make_staff()}
    wallets: dict[str, Wallet] = {}
    for name, values in PEOPLE.items():
        user = make_user(client.id, values)
        wallets[name] = Wallet.objects.get(user=user)
        if not user.kyc_level:
            send_documents(user)
        facts |= {f"{name}UserId": str(user.id), f"{name}WalletId": str(wallets[name].id)}
    publish_terms(client.id)
    if not wallets["alice"].seq:
        move_money(client.id, {name: wallet.id for name, wallet in wallets.items()})
    return facts


def the_superuser() -> Any:
    values = {"is_staff": True, "is_superuser": True}
    return get_user_model().objects.get_or_create(username=STAFF, defaults=values)[0]


def make_staff() -> dict[str, str]:
    return {"staffUser": STAFF, "staffPassword": set_new_password(the_superuser())}


def make_user(client_id: UUID, values: dict[str, str]) -> User:
    known = User.objects.filter(client=client_id, user_name=values["user_name"]).first()
    if known:
        return known
    user = users.create(client_id=client_id, values=values, by=BY).user
    posting.submit(
        ActivateUser(client_id=client_id, by=BY, user_id=user.id, phone=user.mobile_phone)
    )
    return user


def send_documents(user: User) -> None:
    """Approve the documents that the demo's amounts need; leave others of Alice pending."""
    first, *others = sorted(NEEDED[user.kind])
    demo_documents.approve(user, first, BY)
    if user.user_name == "alice":
        demo_documents.send_samples(
            user, NEEDED[user.kind][others[0]] - NEEDED[user.kind][first], BY
        )


def publish_terms(client_id: UUID) -> None:
    """Publish the terms. Alice signs them; in a sandbox, her identity is verified too."""
    current = terms.publish(demo_documents.draw_pdf("Terms").content, BY)
    alice = User.objects.get(client=client_id, user_name="alice")
    used = Otp.objects.filter(client=client_id, user=alice).first()
    if terms.unsigned(alice) and used:
        terms.store_signature(alice, current, used, BY)
    if Sandbox.objects.exists() and identity.latest(alice) is None:
        verification = identity.at_provider(alice, ADDRESSES, PROVIDERS["demo"])
        identity.store_pending(alice, verification, BY)
        identity.decide(
            provider=verification.provider, verification_id=verification.id, status="APPROVED"
        )


def move_money(client_id: UUID, wallets: dict[str, UUID]) -> None:
    def order(name: str, amount: str, concept: str) -> dict[str, Any]:
        about = {"client_id": client_id, "by": BY, "wallet_id": wallets[name]}
        return about | {"amount": Decimal(amount), "concept": concept}

    def cash_in(name: str, amount: str, concept: str) -> None:
        posting.submit(CashIn(**order(name, amount, concept)))

    def pay(name: str, target: str, amount: str, concept: str) -> None:
        posting.submit(Transfer(**order(name, amount, concept), target_id=wallets[target]))

    cash_in("alice", "500.00", "Card")
    cash_in("bob", "250.00", "Card")
    cash_in("company", "1000.00", "Opening balance")
    pay("alice", "bob", "12.50", "Lunch")
    pay("bob", "company", "39.90", "Order 1001")
    pay("alice", "company", "85.00", "Order 1002")
    pay("company", "alice", "20.00", "Voucher")
    guarantee = order("bob", "60.00", "Guarantee for order 1003")
    posting.submit(PlaceHold(**guarantee, target_id=wallets["company"]))
    posting.submit(CashOut(**order("company", "300.00", "To the bank"), iban=IBAN))


def write_private(path: Path, text: str) -> None:
    """Write a file atomically, readable by its owner only."""
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
