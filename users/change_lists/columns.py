"""How lists and pages show people and ids: names first, ids shortened with a button that copies.

Each module that registers pages of a model adds to `LINKS` how a link to a row of it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from django.contrib import admin
from django.db.models import Field, ForeignKey, Model, UUIDField
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from users.models import User
from users.templatetags.office import shortened
from users.templatetags.words import WORDS, code_in_words

NAMES: Final[dict[str, Callable[[Any], Any]]] = {
    "users.user": lambda user: user.display_name,
    "users.review": lambda user: user.display_name,
    "users.webhookendpoint": lambda endpoint: endpoint.url,
}
"""What people call a row, by the label of its model: the text of links and titles."""


def name_of(row: Model) -> Any:
    """What people call a row: its name, or the end of its id."""
    if name := NAMES.get(row._meta.label_lower):
        return name(row)
    return f"…{str(row.pk)[-8:]}" if isinstance(row._meta.pk, UUIDField) else str(row)


def link_to(row: Model | None) -> SafeString:
    """A link to the page of a row; empty for None."""
    if row is None:
        return SafeString("")
    options = row._meta
    has_name = options.label_lower in NAMES or str(row) == str(row.pk)
    name = name_of(row) if has_name else str(row)
    try:
        address = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return format_html("{}", name)
    return format_html('<a href="{}">{}</a>', address, name)


def linked_user(user: User | None) -> SafeString:
    """The name of a user as a link to its page; empty for None."""
    if user is None:
        return SafeString("")
    address = reverse("admin:users_user_change", args=[user.pk])
    return format_html('<a class="person" href="{}">{}</a>', address, user.display_name)


class Columns:
    """Columns that lists share."""

    @admin.display(description=_("id"))
    def short(self, row: Any) -> SafeString:
        return shortened(row.pk)

    @admin.display(description=_("status"))
    def state(self, row: Any) -> Any:
        return code_in_words(row.status)

    @admin.display(description=_("kind"))
    def kind_in_words(self, row: Any) -> Any:
        return code_in_words(row.kind)

    @admin.display(description=_("user"))
    def person(self, row: Any) -> SafeString:
        return linked_user(row.user)

    @admin.display(description=_("owner"))
    def owner(self, row: Any) -> SafeString:
        """The owner of the row's wallet."""
        return linked_user(row.wallet.user)


class WordsFilter(admin.ChoicesFieldListFilter):
    """A filter of a column with codes, which are shown in words; others by their labels."""

    def choices(self, changelist: Any) -> Any:
        unfiltered, *others = super().choices(changelist)
        yield unfiltered
        for (code, label), choice in zip(self.field.flatchoices, others, strict=True):
            yield {**choice, "display": WORDS.get(code, label)}


def filters_in_words(model: type[Model], filters: Iterable[Any]) -> list[Any]:
    """The filters of a list; columns with codes have `WordsFilter`."""
    fields = model._meta.concrete_fields
    coded = {field.name for field in fields if field.choices and field.name in CODES}
    return [(each, WordsFilter) if each in coded else each for each in filters]


# --- The fields of a page -------------------------------------------------------------------------


def readable(model: type[Model], names: Iterable[Any]) -> list[Any]:
    """The fields of a page; ids and foreign keys are replaced by what people can read."""
    known = {field.name: field for field in model._meta.concrete_fields}
    return [readable_field(known[name]) if name in known else name for name in names]


def readable_field(field: Field[Any, Any]) -> Any:
    """A function that shows a field, or its name if Django shows it well."""
    if isinstance(field, ForeignKey):
        return display(field, lambda row: link_to(getattr(row, field.name)))
    if isinstance(field, UUIDField):
        return display(field, lambda row: shortened(getattr(row, field.name)))
    if field.name in CODES:
        return display(field, lambda row: code_in_words(getattr(row, field.name) or ""))
    return field.name


CODES: Final = frozenset({"status", "kind", "type", "what"})
"""Columns with codes: they are shown in words."""


def display(field: Field[Any, Any], show: Callable[[Any], Any]) -> Callable[[Any], Any]:
    show.__name__ = field.name
    show.short_description = field.verbose_name  # type: ignore[attr-defined]
    return show
