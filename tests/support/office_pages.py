"""Every page that people see, from the registries: the lists, rows, forms and pages of the back
office, its manual, the browsable API and the documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.urls import reverse

from iocash.docs.guides import GUIDES
from iocash.urls import api
from tests.support import freezes, many_rows, people
from tests.support.backoffice import list_of, page_of
from tests.support.cash_outs import a_cash_out
from tests.support.kyc import send
from tests.support.signed_tokens import PRIVATE, pem
from tests.support.statement_files import a_file
from users import pages
from users.actions import WithActions
from users.kyc import Kind
from users.manual import MANUAL
from users.models import Event, RejectionReason, SigningKey, WebhookEndpoint
from wallets.admin.tabs import TABS
from wallets.models import Audit, ExternalAccount, Hold, Movement, ScheduledRun, Wallet

POSTED = frozenset(
    {
        *("approvals-confirm", "approvals-decide", "bank-file-build"),
        *("payments-out-action", "payments-out-confirm"),
    }
)
"""Pages that are shown after a form only."""
FILES = frozenset({"bank-file-download", "export", "statement-file"})
LOST = "/admin/nowhere/"

Rows = dict[str, Model]


def fill(source: Wallet, target: Wallet) -> Rows:
    """A row of each model that the back office lists, by its label."""
    many_rows.one_of_each(source, target)
    people.transfer(source, target, 1_00, concept="Rent of the room in March")
    freezes.freeze(source, 1_00)
    people.place(source, target, 2_00, concept="Deposit")
    a_cash_out(source, 3_00)
    send(source.user, Kind.IDENTITY, Kind.DOCUMENT_IDENTITY_FRONT, Kind.OCCUPATION)
    people.a_key(source.client)
    signing = {"label": "Shop", "kid": "demo-1", "scopes": [], "public_key": pem(PRIVATE)}
    SigningKey.objects.create(client=source.client, **signing)
    RejectionReason.objects.create(text="The picture is blurred.")
    Audit.objects.create(started_at=source.created_at, movements=22_144)
    get_user_model().objects.create_user("colleague", is_staff=True)
    return {
        model._meta.label_lower: row
        for model in admin.site._registry
        if (row := model._default_manager.order_by("pk").last()) is not None
    } | {"users.user": source.user, "wallets.wallet": source}


def of_models(rows: Rows) -> Iterator[str]:
    """The list of each model, the page of a row, the form to add one, and each action."""
    for model, registered in admin.site._registry.items():
        label, options = model._meta.label_lower, model._meta
        yield list_of(model)
        yield f"{list_of(model)}?q=nothing-is-called-this"
        yield reverse(f"admin:{options.app_label}_{options.model_name}_add")
        if label not in rows:
            continue
        row = rows[label]
        yield page_of(row)
        for action in registered.page_actions if isinstance(registered, WithActions) else ():
            name = f"admin:{options.app_label}_{options.model_name}_action"
            yield reverse(name, args=[row.pk, action.name])


def own_pages(colleague: Any) -> Iterator[str]:
    args: dict[str, list[Any]] = {"staff-activity": [colleague.pk]}
    for name in pages.OWN.registered.keys() - POSTED - FILES - {"help-chapter"}:
        yield reverse(f"admin:{name}", args=args.get(name, []))
    yield from (chapter.address for chapter in MANUAL.chapters.values())


def of_freezes() -> Iterator[str]:
    """The page of a freeze, the form that lifts it, and the page of its case with its form."""
    for each in Hold.objects.frozen().select_related("case")[:1]:
        assert each.case
        yield page_of(each)
        yield reverse("admin:wallets_hold_action", args=[each.pk, "lift"])
        yield page_of(each.case)
        yield reverse("admin:users_case_action", args=[each.case.pk, "freeze"])


def of_the_office(rows: Rows) -> list[str]:
    user = page_of(rows["users.user"])
    return [
        "/admin/",
        "/admin/search/?q=example",
        "/admin/search/?q=nothing-is-called-this",
        "/admin/second-factor/",
        "/admin/password_change/",
        LOST,
        *of_models(rows),
        *own_pages(rows["auth.user"]),
        *(f"{user}?tab={tab.name}" for tab in TABS),
        *of_freezes(),
    ]


def of_the_api(rows: Rows) -> list[str]:
    """Each address of our own API; a parameter without a row fails.

    What sandboxes alone have is no page here: this database is none.
    """
    wallet = rows["wallets.wallet"]
    assert isinstance(wallet, Wallet)
    movement = Movement.objects.filter(wallet=wallet).order_by("id").last()
    hold = Hold.objects.promised().filter(wallet=wallet).order_by("id").last()
    account = ExternalAccount.objects.filter(wallet=wallet).order_by("id").last()
    run = ScheduledRun.objects.filter(wallet=wallet).order_by("id").last()
    event = Event.objects.filter(client=wallet.client).order_by("position").last()
    endpoint = WebhookEndpoint.objects.filter(client=wallet.client).order_by("id").last()
    assert movement is not None
    assert hold is not None
    assert account is not None
    assert run is not None
    assert event is not None
    assert endpoint is not None
    known: dict[str, UUID | str] = {
        "user_id": wallet.user_id,
        "wallet_id": wallet.id,
        "movement_id": movement.id,
        "operation_id": movement.operation_id,
        "hold_id": hold.id,
        "account_id": account.id,
        "schedule_id": run.schedule_id,
        "execution_id": run.id,
        "event_id": event.id,
        "endpoint_id": endpoint.id,
        "file_id": a_file(wallet).id,
        "kind": "identity-front",
    }
    return [
        reverse(each.name, kwargs={name: known[name] for name in each.pattern.converters})
        for each in api
        if each.name and "sandbox/" not in str(each.pattern)
    ]


def of_the_documentation() -> list[str]:
    guides = (f"/api/docs/{each.slug}" for each in GUIDES)
    return ["/", "/api/docs/errors", "/api/docs/calls", *guides]
