"""The pages of clients, and of their keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from users.acts import Act, ActForm, Acting, address_of, by, history
from users.models import ApiKey, Client, events
from users.models.clients import SCOPES
from users.models.events import Fact

OVERLAP = timedelta(hours=24)
"""How long a rotated key goes on working beside the new one."""


class KeyForm(ActForm):
    label = forms.CharField(max_length=100, help_text="What the client calls this key.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        widget=forms.CheckboxSelectMultiple,
        initial=[scope for scope in SCOPES if scope != "cash-in:write"],
        help_text="cash-in:write makes money: give it to few.",
    )
    days = forms.IntegerField(
        min_value=1, max_value=3650, required=False, help_text="Valid for so long; blank: for ever."
    )


def issue(request: HttpRequest, client: Client, values: dict[str, Any]) -> HttpResponse:
    days = values["days"]
    return issued(
        request,
        client=client,
        label=values["label"],
        scopes=values["scopes"],
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )


def issued(request: HttpRequest, **values: Any) -> HttpResponse:
    """Issue a key and show its secret, which is nowhere else and can't be shown again."""
    with transaction.atomic():
        key, secret = ApiKey.issue(**values)
        tell(request, key, "api_key.issued")
    context = {
        **admin.site.each_context(request),
        "title": "The new key",
        "key": key,
        "secret": secret,
        "back": address_of(key.client),
    }
    return TemplateResponse(request, "admin/secret.html", context)


def rotate(request: HttpRequest, key: ApiKey, values: dict[str, Any]) -> HttpResponse:
    """Issue another key with the same scopes; the old one works for a day yet."""
    end = timezone.now() + OVERLAP
    old_end = key.expires_at
    with transaction.atomic():
        if old_end is None or old_end > end:
            key.expires_at = end
            key.save(update_fields=["expires_at"])
        return issued(
            request, client=key.client, label=key.label, scopes=key.scopes, expires_at=old_end
        )


def revoke(request: HttpRequest, key: ApiKey, values: dict[str, Any]) -> str:
    with transaction.atomic():
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        tell(request, key, "api_key.revoked")
    return f"The key {key} is revoked."


def tell(request: HttpRequest, thing: ApiKey | Client, kind: str) -> None:
    client_id = thing.id if isinstance(thing, Client) else thing.client_id
    subject = kind.partition(".")[0]
    events.record(Fact(client_id, subject, thing.id, kind, by(request)))


def set_status(status: str, kind: str) -> Any:
    def act(request: HttpRequest, client: Client, values: dict[str, Any]) -> str:
        with transaction.atomic():
            client.status = status
            client.save(update_fields=["status"])
            tell(request, client, kind)
        return f"{client} is {client.get_status_display().lower()}."

    return act


@admin.register(Client)
class ClientAdmin(Acting):
    list_display = ("name", "status", "created_at")
    list_filter = ("status",)
    search_fields = ("name", "id")
    fields = ("name", "id", "status", "created_at")
    readonly_fields = ("id", "status", "created_at")
    change_form_template = "admin/client.html"
    acts = (
        Act(
            name="issue-key",
            label="Issue a key",
            permission="users.add_apikey",
            form=KeyForm,
            do=issue,
        ),
        Act(
            name="suspend",
            label="Suspend",
            permission="users.change_client",
            do=set_status(Client.Status.SUSPENDED, "client.suspended"),
            is_available=lambda client: client.status == Client.Status.ACTIVE,
            warning="None of the client's keys will work until it is active again.",
        ),
        Act(
            name="activate",
            label="Activate",
            permission="users.change_client",
            do=set_status(Client.Status.ACTIVE, "client.activated"),
            is_available=lambda client: client.status == Client.Status.SUSPENDED,
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Client | None = None) -> Any:
        return super().get_fields(request, obj) if obj else ("name",)

    def page(self, request: HttpRequest, thing: Any) -> dict[str, Any]:
        keys = ApiKey.objects.filter(client=thing).order_by("-created_at")
        return super().page(request, thing) | {"keys": keys, "events": history(thing, *keys)}


def is_working(key: ApiKey) -> bool:
    return not (key.is_revoked or key.is_expired)


@admin.register(ApiKey)
class ApiKeyAdmin(Acting):
    list_display = ("prefix", "client", "label", "created_at", "expires_at", "revoked_at")
    list_filter = ("client",)
    list_select_related = ("client",)
    search_fields = ("prefix", "label")
    fields = ("client", "label", "prefix", "scopes", "created_at", "expires_at", "revoked_at")
    acts = (
        Act(
            name="rotate",
            label="Rotate",
            permission="users.add_apikey",
            do=rotate,
            is_available=is_working,
            warning="Another key is issued with the same scopes; this one works for 24 hours yet.",
        ),
        Act(
            name="revoke",
            label="Revoke",
            permission="users.change_apikey",
            do=revoke,
            is_available=lambda key: not key.is_revoked,
            warning="The key stops working at once, and for ever.",
        ),
    )
