"""Which models and columns belong to a client: each of them is in exactly one list."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection, models

from iocash.errors import Inconsistent
from users.models import Client
from wallets.exports import tables

COLUMNS = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'
"""


UNUSED = {"users_event": {"transaction_id"}}
"""Columns of former releases that nothing reads any more."""


def labels() -> set[str]:
    known = apps.get_models(include_auto_created=True)
    return {model._meta.label for model in known if not model._meta.proxy}


def test_every_model_is_exported_or_listed_as_staying():
    exported = {model._meta.label for model in tables.exported_models()}
    assert exported | tables.KEPT == labels()
    assert not exported & tables.KEPT
    assert tables.RULES.keys() <= exported
    assert tables.ORDER.keys() <= exported


def test_model_in_no_list_is_an_error():
    class Unlisted(models.Model):  # noqa: DJ008
        class Meta:
            app_label = "auth"
            managed = False

    try:
        with pytest.raises(Inconsistent, match=r"auth\.Unlisted is in no list"):
            tables.exported_models()
    finally:
        apps.all_models["auth"].pop("unlisted")
        apps.clear_cache()


def test_every_model_with_a_client_is_exported():
    with_client = {
        model
        for model in apps.get_models()
        if any(field.related_model is Client for field in model._meta.local_fields)
    }
    assert len(with_client) > 25
    assert with_client <= {*tables.exported_models()}


def test_table_is_exported_after_its_references():
    seen: set[type[models.Model]] = set()
    for model in tables.exported_models():
        seen.add(model)
        others = set(tables.models_named_by(model))
        assert {other for other in others if other._meta.label not in tables.KEPT} <= seen


def test_every_column_of_the_database_is_exported(db):
    with connection.cursor() as cursor:
        for table in tables.exported_tables():
            cursor.execute(COLUMNS, [table.name])
            stored = {name for (name,) in cursor.fetchall()}
            exported = {column.name for column in table.columns}
            assert stored - exported == UNUSED.get(table.name, set())
            assert exported <= stored
