"""Every operation and every model of `wallets` has a line in the tables of resources."""

from __future__ import annotations

import re

import pytest
from django.apps import apps

from tests.support.api_operations import ALL, EXPECTED, Operation
from tests.support.resources import ENDPOINTS, MODELS, things
from wallets.models import (
    Audit,
    AuditProgress,
    BankAccount,
    BankDecision,
    BankFile,
    BankLine,
    BankOutcome,
    BankPayment,
    BankReport,
    BankStatement,
    BankStatementFile,
    BankUpload,
    ClientMove,
    Closing,
    ClosingPayment,
    DormancyNotice,
    SafeguardingReport,
    SafeguardingSignature,
    StatementFile,
    UnexplainedMovement,
)

OF_CLIENTS = [each for each in ALL if "/public/" not in each.route and each.route != "api/v1"]
"""Without ioCash's own addresses, which repeat these, and the root."""


def test_every_operation_has_a_line():
    assert {str(each) for each in OF_CLIENTS if not each.expected} == set()
    assert len(OF_CLIENTS) == len(EXPECTED) == len(ENDPOINTS)


def test_every_model_of_wallets_has_a_line():
    assert {
        *MODELS,
        Audit,
        AuditProgress,
        ClientMove,
        BankAccount,
        BankDecision,
        BankFile,
        BankLine,
        BankOutcome,
        BankPayment,
        BankReport,
        BankStatement,
        BankStatementFile,
        BankUpload,
        Closing,
        ClosingPayment,
        DormancyNotice,
        SafeguardingReport,
        SafeguardingSignature,
        StatementFile,
        UnexplainedMovement,
    } == {*apps.get_app_config("wallets").get_models()}


@pytest.mark.parametrize("operation", OF_CLIENTS, ids=str)
def test_view_declares_the_expected_scope(operation: Operation) -> None:
    assert operation.declared_scope == operation.scope


@pytest.mark.parametrize("operation", OF_CLIENTS, ids=str)
def test_endpoint_has_a_body_if_its_view_takes_one(operation: Operation) -> None:
    declared = operation.view.view_class.operations[operation.method.upper()]
    expected = operation.expected
    assert expected
    if expected.path.startswith("wallets") or expected.body is not None:
        assert (expected.body is not None) is (declared.body is not None)
        assert expected.is_body_optional is declared.body_optional


@pytest.mark.django_db
def test_every_id_of_a_path_is_there(alices, bobs):
    named = {name for each in OF_CLIENTS for name in re.findall(r":(\w+?)(?:_id)?>", each.route)}
    assert named - {*things(alices, bobs)} == set()
