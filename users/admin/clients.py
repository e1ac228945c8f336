"""The pages of clients and their keys."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db.transactions import single_transaction
from users import public_keys, tokens
from users.actions import Action, ActionForm, WithActions, address_of, by
from users.admin.approved_activations import ACTIVATE
from users.admin.approved_clients import CHANGE_CLIENT, CHANGE_SOURCE
from users.admin.approved_keys import GRANT_SCOPES
from users.history import history
from users.models import ApiKey, Client, SigningKey, events
from users.models.clients import ISSUED_SCOPES, scopes_here
from users.models.events import EventKind

ISSUE_KEY = "users.add_apikey"
OVERLAP = timedelta(hours=24)
"""The time for which the old key still works after a rotation."""


def issued_scopes() -> list[str]:
    """The scopes that one person gives a key of this server."""
    return scopes_here(ISSUED_SCOPES)


def offered_scopes() -> list[tuple[str, str]]:
    return [(scope, scope) for scope in issued_scopes()]


class CredentialForm(ActionForm):
    label = forms.CharField(
        label=_("Label"), max_length=100, help_text=_("The client's name for this key.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=offered_scopes,
        widget=forms.CheckboxSelectMultiple,
        initial=issued_scopes,
        help_text=_(
            "cash-in:write and movements:write, which create and move money, are granted "
            "afterwards on the page of the key, by two people."
        ),
    )
    days = forms.IntegerField(
        label=_("Days"),
        min_value=1,
        max_value=3650,
        required=False,
        help_text=_("Days until expiry; leave empty for no expiry."),
    )


class PublicKeyForm(CredentialForm):
    kid = forms.CharField(
        label=_("Key id"),
        max_length=64,
        required=False,
        help_text=_("Leave empty to generate one."),
    )
    public_key = forms.CharField(
        label=_("Public key"),
        widget=forms.Textarea(attrs={"rows": 9, "cols": 66, "spellcheck": "false"}),
        help_text=_("An RSA key of 2048 to 4096 bits, in PEM format. Never send the private key."),
    )

    def clean_kid(self) -> str:
        kid = self.cleaned_data["kid"] or secrets.token_urlsafe(12)
        if not tokens.KID.fullmatch(kid):
            raise forms.ValidationError(
                gettext("Letters, digits, dots, hyphens and underscores only.")
            )
        if SigningKey.objects.filter(kid=kid).exists():
            raise forms.ValidationError(gettext("A key with this id already exists."))
        return str(kid)

    def clean_public_key(self) -> str:
        pem: str = self.cleaned_data["public_key"].strip() + "\n"
        try:
            public_keys.read_public_key(pem)
        except public_keys.Unfit as unfit:
            raise forms.ValidationError(str(unfit)) from unfit
        return pem


def register(request: HttpRequest, client: Client, values: dict[str, Any]) -> str:
    with single_transaction():
        key = SigningKey.objects.create(
            client=client,
            label=values["label"],
            kid=values["kid"],
            public_key=values["public_key"],
            scopes=sorted(values["scopes"]),
            expires_at=end_of(values["days"]),
        )
        events.record_about_client(key, EventKind.PUBLIC_KEY_REGISTERED, by(request))
    return gettext("Key registered. Its tokens must have kid %(kid)s.") % {"kid": key.kid}


def end_of(days: int | None) -> datetime | None:
    return timezone.now() + timedelta(days=days) if days else None


def issue(request: HttpRequest, client: Client, values: dict[str, Any]) -> HttpResponse:
    return issued(
        request,
        client=client,
        label=values["label"],
        scopes=values["scopes"],
        expires_at=end_of(values["days"]),
    )


def issued(request: HttpRequest, **values: Any) -> HttpResponse:
    """Issue a key and show its secret once. The secret is not stored."""
    with single_transaction():
        key, secret = ApiKey.issue(**values)
        events.record_about_client(key, EventKind.API_KEY_ISSUED, by(request))
    context = {
        **admin.site.each_context(request),
        "title": gettext("New API key"),
        "key": key,
        "secret": secret,
        "back": address_of(key.client),
    }
    return TemplateResponse(request, "admin/secret.html", context)


def rotate(request: HttpRequest, key: ApiKey, values: dict[str, Any]) -> HttpResponse:
    """Issue another key with the same scopes; the old one works for `OVERLAP` more.

    The scopes that create and move money are left out: two people grant them to the new key.

    Raises:
        CredentialsRevoked: the key is revoked, so it can't be rotated.
        CredentialsExpired: the key has expired, so it can't be rotated.
    """
    end = timezone.now() + OVERLAP
    with single_transaction():
        key = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
        require_working(key)
        old_end = key.expires_at
        if old_end is None or old_end > end:
            key.expires_at = end
            key.save(update_fields=["expires_at"])
        scopes = [scope for scope in key.scopes if scope in issued_scopes()]
        return issued(
            request, client=key.client, label=key.label, scopes=scopes, expires_at=old_end
        )


def require_working(key: ApiKey) -> None:
    if key.is_revoked:
        raise errors.CredentialsRevoked("The key was revoked. Issue a new one.")
    if key.is_expired:
        raise errors.CredentialsExpired("The key has expired. Issue a new one.")


def revoke(kind: str) -> Any:
    def run(request: HttpRequest, key: ApiKey | SigningKey, values: dict[str, Any]) -> str:
        with single_transaction():
            unrevoked = type(key)._default_manager.filter(pk=key.pk, revoked_at=None)
            if unrevoked.update(revoked_at=timezone.now()):
                events.record_about_client(key, EventKind(f"{kind}.revoked"), by(request))
        return gettext("Key %(key)s revoked.") % {"key": key}

    return run


class ContactForm(ActionForm):
    contact = forms.EmailField(
        label=_("Contact"),
        required=False,
        help_text=_("Gets a mail when a webhook endpoint is disabled. Leave empty for none."),
    )

    def offer(self, obj: Any) -> None:
        self.fields["contact"].initial = obj.contact if obj else ""


def set_contact(request: HttpRequest, client: Client, values: dict[str, Any]) -> str:
    with single_transaction():
        Client.objects.filter(pk=client.pk).update(contact=values["contact"])
        events.record_about_client(client, EventKind.CLIENT_CHANGED, by(request))
    return gettext("Contact saved.")


def suspend(request: HttpRequest, client: Client, values: dict[str, Any]) -> str:
    with single_transaction():
        unchanged = Client.objects.filter(pk=client.pk, status=Client.Status.ACTIVE)
        if unchanged.update(status=Client.Status.SUSPENDED):
            events.record_about_client(client, EventKind.CLIENT_SUSPENDED, by(request))
    return gettext("%(client)s is suspended.") % {"client": client}


@admin.register(Client)
class ClientAdmin(WithActions):
    list_display = ("name", "state", "created_at", "short")
    list_filter = ("status",)
    search_fields = ("name", "id")
    fields = ("name", "id", "status", "contact", "cash_ins", "cash_ins_since", "created_at")
    readonly_fields = ("id", "status", "contact", "cash_ins", "cash_ins_since", "created_at")
    csv_columns = (
        ("id", "id"),
        ("name", "name"),
        ("status", "status"),
        ("created_at", "created_at"),
    )
    change_form_template = "admin/client.html"
    page_actions = (
        Action(
            name="issue-key",
            label=_("Issue a key"),
            permission=ISSUE_KEY,
            form=CredentialForm,
            do=issue,
        ),
        Action(
            name="register-key",
            label=_("Register a public key"),
            permission="users.add_signingkey",
            form=PublicKeyForm,
            do=register,
            warning=_("The owner of the private key can then sign tokens for this client."),
        ),
        Action(
            name="contact",
            label=_("Change contact"),
            permission=CHANGE_CLIENT,
            form=ContactForm,
            do=set_contact,
        ),
        CHANGE_SOURCE,
        Action(
            name="suspend",
            label=_("Suspend"),
            permission=CHANGE_CLIENT,
            do=suspend,
            is_available=lambda client: client.status == Client.Status.ACTIVE,
            warning=_(
                "Until you activate it again, all keys of the client stop working, its scheduled "
                "runs are skipped and its webhooks wait."
            ),
        ),
        ACTIVATE,
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Client | None = None) -> Any:
        return super().get_fields(request, obj) if obj else ("name",)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        keys = ApiKey.objects.filter(client=obj).order_by("-created_at")
        signing = SigningKey.objects.filter(client=obj).order_by("-created_at")
        return super().page(request, obj) | {
            "keys": keys,
            "signing_keys": signing,
            "events": history(obj, *keys, *signing),
        }


CREDENTIAL_CSV = (
    ("client", "client.name"),
    ("label", "label"),
    ("scopes", lambda key: " ".join(key.scopes)),
    ("created_at", "created_at"),
    ("expires_at", "expires_at"),
    ("revoked_at", "revoked_at"),
)
"""What API keys and public keys have in common as CSV."""


def is_working(key: ApiKey) -> bool:
    return not (key.is_revoked or key.is_expired)


@admin.register(ApiKey)
class ApiKeyAdmin(WithActions):
    list_display = ("prefix", "client", "label", "created_at", "expires_at", "revoked_at")
    list_filter = ("client",)
    list_select_related = ("client",)
    search_fields = ("prefix", "label")
    fields = ("client", "label", "prefix", "scopes", "created_at", "expires_at", "revoked_at")
    csv_columns = (("id", "id"), ("prefix", "prefix"), *CREDENTIAL_CSV)
    page_actions = (
        GRANT_SCOPES,
        Action(
            name="rotate",
            label=_("Rotate"),
            permission=ISSUE_KEY,
            do=rotate,
            is_available=is_working,
            warning=_(
                "A new key with the same scopes is issued. This key works for 24 more hours. "
                "cash-in:write and movements:write must be granted to the new key again, by two "
                "people."
            ),
        ),
        Action(
            name="revoke",
            label=_("Revoke"),
            permission="users.change_apikey",
            do=revoke("api_key"),
            is_available=lambda key: not key.is_revoked,
            warning=_("The key stops working immediately and permanently."),
        ),
    )


@admin.register(SigningKey)
class SigningKeyAdmin(WithActions):
    list_display = ("kid", "client", "label", "created_at", "expires_at", "revoked_at")
    list_filter = ("client",)
    list_select_related = ("client",)
    search_fields = ("kid", "label")
    csv_columns = (("id", "id"), ("kid", "kid"), *CREDENTIAL_CSV)
    fields = (
        "client",
        "label",
        "kid",
        "public_key",
        "scopes",
        "created_at",
        "expires_at",
        "revoked_at",
    )
    page_actions = (
        GRANT_SCOPES,
        Action(
            name="revoke",
            label=_("Revoke"),
            permission="users.change_signingkey",
            do=revoke("public_key"),
            is_available=lambda key: not key.is_revoked,
            warning=_("Tokens signed with this key stop working immediately and permanently."),
        ),
    )
