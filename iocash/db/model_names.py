"""The names of models, fields and choices in the language of the back office.

Models have Django's own names, made of those in the code: "created at". Here they become texts of
the catalogue, once, when all models are loaded. Migrations don't see it: no model changes.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models import Field, Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy


def translate_names(app: AppConfig) -> None:
    """Let the admin show the models of an app in the language of each member of staff."""
    for model in app.get_models():
        options = model._meta
        options.verbose_name_plural = lazily(plural_of(model))
        options.verbose_name = lazily(options.verbose_name)
        for field in own_fields(model):
            translate_field(field)


def plural_of(model: type[Model]) -> Any:
    """The plural that the model has; Django's own, with an s, as the text that it is made of."""
    options = model._meta
    if "verbose_name_plural" in options.original_attrs:
        return options.verbose_name_plural
    return f"{options.verbose_name_raw}s"


def own_fields(model: type[Model]) -> list[Field[Any, Any]]:
    """The fields of a model; a proxy has those of its model."""
    return [] if model._meta.proxy else [*model._meta.local_fields]


def translate_field(field: Field[Any, Any]) -> None:
    field.verbose_name = lazily(field.verbose_name)
    field.help_text = lazily(field.help_text)
    if field.choices:
        field.choices = [(value, lazily(label)) for value, label in field.flatchoices]


def lazily(text: Any) -> Any:
    """A text that is translated when it is shown; no text stays none."""
    return text if isinstance(text, Promise) or not text else gettext_lazy(text)
