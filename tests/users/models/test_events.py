"""The kinds of events: a closed list."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.resources import MODELS, subject_of
from tests.support.source_code import modules
from users.models.events import EventKind

SUBJECTS = {
    *("api_key", "client", "public_key", "scheduled_execution", "user", "webhook_endpoint"),
    *(subject_of(model) for model in MODELS),
}


@pytest.mark.parametrize("kind", EventKind)
def test_event_kind_names_its_subject_and_its_verb(kind):
    subject, _, happened = kind.partition(".")
    assert subject in SUBJECTS
    assert re.fullmatch("[a-z_]+", happened)
    assert kind.name == kind.replace(".", "_").upper()


IN_WORDS = (
    "users/history.py",
    "users/serializers/event_bodies.py",
    "wallets/admin/",
    "wallets/serializers/event_bodies.py",
)
"""Where kinds of events are only shown."""


def test_every_kind_of_event_is_recorded_somewhere():
    """By its name, or by the status that what it is about has now."""
    named = {
        node.attr
        for path, tree in modules().items()
        if not path.startswith(IN_WORDS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "EventKind"
    }
    by_status = {
        *("API_KEY_REVOKED", "PUBLIC_KEY_REVOKED", "USER_VERIFIED", "USER_ACTIVATED"),
        *(
            "USER_KYC_DOCUMENT_APPROVED",
            "USER_KYC_DOCUMENT_REJECTED",
            "USER_IDENTITY_APPROVED",
            "USER_IDENTITY_EXPIRED",
            "USER_IDENTITY_REJECTED",
            "MOVEMENT_ERROR",
            "MOVEMENT_CANCELLED",
        ),
        *("HOLD_EXECUTED", "HOLD_RELEASED", "HOLD_EXPIRED", "SCHEDULED_OPERATION_COMPLETED"),
    }
    assert named | by_status == set(EventKind.__members__)
    assert not named & by_status
