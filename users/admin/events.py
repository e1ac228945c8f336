"""The pages of events and of the access log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from users.actions import ReadOnly, Searched
from users.change_lists import recent
from users.change_lists.columns import link_to
from users.history import actor_name, name_actors
from users.models import Access, Event, User
from users.models.ids import as_id
from users.templatetags.office import shortened
from users.templatetags.words import code_in_words, details_in_words


@admin.register(Event)
class EventAdmin(Searched, ReadOnly):
    list_display = ("created_at", "kind_in_words", "subject_link", "who", "request_id")
    search_fields = ("id",)
    search_help_text = _("The id of what changed, or a request id of the last 100,000 changes.")
    csv_columns = (
        ("created_at", "created_at"),
        ("kind", "kind"),
        ("subject", "subject"),
        ("subject_id", "subject_id"),
        ("wallet_id", "wallet_id"),
        ("about", lambda event: event.about.display_name if event.about else ""),
        ("who", lambda event: actor_name(event, event.actor)),
        ("request_id", "request_id"),
        ("details", lambda event: details_in_words(event.data)),
    )
    fields = (
        "client",
        "kind",
        "subject_link",
        "subject_id",
        "wallet_id",
        "who",
        "request_id",
        "created_at",
        "details",
    )
    ordering = ("-position", "-id")

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows)
        users = User.objects.in_bulk({row.subject_id for row in rows if row.subject == "user"})
        for row in rows:
            row.about = users.get(row.subject_id)

    @admin.display(description=_("about"))
    def subject_link(self, event: Event) -> Any:
        """The name of the user that it is about, and the id of what has changed."""
        if not hasattr(event, "about"):
            self.prepare([event])
        about: Any = event.about  # type: ignore[attr-defined]
        name = link_to(about) if about else code_in_words(event.subject)
        return format_html("{} {}", name, shortened(event.subject_id))

    @admin.display(description=_("who"))
    def who(self, event: Event) -> str:
        return actor_name(event, event.actor)

    @admin.display(description=_("details"))
    def details(self, event: Event) -> str:
        return details_in_words(event.data)

    def named(self, queryset: Any, words: str) -> Any:
        if found := as_id(words):
            return queryset.filter(subject_id=found)
        return recent(queryset).filter(Q(actor=words) | Q(request_id=words))


@admin.register(Access)
class AccessAdmin(Searched, ReadOnly):
    list_display = ("created_at", "what_seen", "document", "person", "who", "request_id")
    list_filter = ("what",)
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = _("A user's id, or a request id of the last 100,000 entries.")
    fields = ("client", "user", "what", "document", "who", "request_id", "created_at")
    csv_columns = (
        ("created_at", "created_at"),
        ("what", "what"),
        ("kind", "kind"),
        ("user_id", "user_id"),
        ("user", "user.display_name"),
        ("who", lambda access: actor_name(access, access.actor)),
        ("request_id", "request_id"),
    )
    ordering = ("-id",)

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows)

    @admin.display(description=_("what"))
    def what_seen(self, access: Access) -> Any:
        return code_in_words(access.what)

    @admin.display(description=_("document"))
    def document(self, access: Access) -> Any:
        return code_in_words(access.kind) if access.kind else ""

    @admin.display(description=_("who"))
    def who(self, access: Access) -> str:
        return actor_name(access, access.actor)

    def named(self, queryset: Any, words: str) -> Any:
        if found := as_id(words):
            return queryset.filter(user=found)
        return recent(queryset).filter(Q(actor=words) | Q(request_id=words))
