"""The pages of identity verifications, of the terms, and of their signatures."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from users import documents
from users.actions import ReadOnly, Searched
from users.admin import pictures
from users.admin.searched import SEARCHED
from users.history import actor_name, name_actors
from users.models import IdentityVerification, Terms, TermsSignature, User
from users.models.ids import as_id

MOST_USERS = 100


class OfAUser(Searched, ReadOnly):
    """What is searched by its own id, or by its user."""

    list_select_related: ClassVar[tuple[str, ...]] = ("user",)
    search_fields = ("id",)
    search_help_text = SEARCHED
    ordering = ("-id",)

    def named(self, queryset: Any, words: str) -> Any:
        users = [user.id for user in User.objects.named(words)[:MOST_USERS]]
        own = Q(id=found) if (found := as_id(words)) else Q()
        return queryset.filter(own | Q(user__in=users))


@admin.register(IdentityVerification)
class IdentityVerificationAdmin(OfAUser):
    list_display = ("created_at", "person", "provider", "state", "reason", "decided_at")
    list_filter = ("status",)
    csv_columns = (
        ("id", "id"),
        ("user_id", "user_id"),
        ("user", "user.display_name"),
        ("provider", "provider"),
        ("status", "status"),
        ("reason", "reason"),
        ("created_at", "created_at"),
        ("expires_at", "expires_at"),
        ("decided_at", "decided_at"),
    )
    fields = (
        "client",
        "user",
        "provider",
        "reference",
        "status",
        "reason",
        "created_at",
        "expires_at",
        "decided_at",
    )


@admin.register(TermsSignature)
class TermsSignatureAdmin(OfAUser):
    list_display = ("signed_at", "person", "terms")
    list_select_related = ("user", "terms")
    csv_columns = (
        ("id", "id"),
        ("user_id", "user_id"),
        ("user", "user.display_name"),
        ("terms_version", "terms.version"),
        ("sha256", lambda signature: bytes(signature.sha256).hex()),
        ("signed_at", "signed_at"),
    )
    fields = (
        "client",
        "user",
        "terms",
        "hash_of",
        "signed_at",
        "otp_id",
        "otp_sent_at",
        "actor",
        "request_id",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("terms__content")

    @admin.display(description="SHA-256")
    def hash_of(self, signature: TermsSignature) -> str:
        return bytes(signature.sha256).hex()


@admin.register(Terms)
class TermsAdmin(Searched, ReadOnly):
    list_display = ("version", "hash_of", "size", "publisher", "created_at")
    search_fields = ("id",)
    search_help_text = _("An id, or the number of a version.")
    fields = ("version", "hash_of", "size", "publisher", "created_at")
    readonly_fields = ("hash_of",)
    csv_columns = (
        ("id", "id"),
        ("version", "version"),
        ("sha256", "digest"),
        ("size", "size"),
        ("published_by", lambda terms: actor_name(terms, terms.published_by)),
        ("created_at", "created_at"),
    )
    ordering = ("-id",)
    change_form_template = "admin/terms.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("content")

    def named(self, queryset: Any, words: str) -> Any:
        if found := as_id(words):
            return queryset.filter(id=found)
        return queryset.filter(version=int(words)) if words.isdecimal() else queryset.none()

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows, "published_by")

    @admin.display(description=_("published by"))
    def publisher(self, terms: Terms) -> str:
        return actor_name(terms, terms.published_by)

    @admin.display(description="SHA-256")
    def hash_of(self, terms: Terms) -> str:
        return terms.digest

    def get_urls(self) -> list[URLPattern]:
        file = path(
            "<uuid:terms_id>/file/",
            self.admin_site.admin_view(self.file),
            name="users_terms_file",
        )
        return [file, *super().get_urls()]

    def file(self, request: HttpRequest, terms_id: UUID) -> HttpResponseBase:
        """The PDF, as a download."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        terms = Terms.objects.filter(id=terms_id).first()
        if terms is None:
            raise Http404
        response = HttpResponse(bytes(terms.content), content_type=documents.PDF)
        name = f"terms-{terms.version}.pdf"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return pictures.guarded(response)
