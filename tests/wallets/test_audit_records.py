"""The audit compares the events of every kind of object."""

from __future__ import annotations

from django.apps import apps

from wallets.audit.records import RECORDED
from wallets.models import (
    BankDecision,
    BankOutcome,
    BankPayment,
    Closing,
    StatementFile,
    UnexplainedMovement,
)


def test_every_table_of_clients_is_compared_with_its_events():
    """A closing is staff's, and those of the bank the institution's: their orders have events. A
    statement file changes nothing, and an equation of its own verifies the list of unexplained
    movements."""
    models = apps.get_app_config("wallets").get_models()
    tables = {
        model._meta.db_table
        for model in models
        if any(field.name == "client" for field in model._meta.get_fields())
        and model
        not in {BankDecision, BankOutcome, BankPayment, Closing, StatementFile, UnexplainedMovement}
    }
    assert {each.table for each in RECORDED} == tables | {"users_user", "users_webhookendpoint"}
