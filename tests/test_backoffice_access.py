"""Which lists of the back office each group of staff may view: all but those named here."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from tests.support.staff import OPERATOR, SUPERVISOR, VIEWER, somebody

pytestmark = pytest.mark.django_db

MODELS = {model._meta.label_lower: model for model in admin.site._registry}
FOR_SUPERUSERS = {"auth.group", "auth.user", "users.otp"}
"""Staff, their groups, and one-time passwords, of which only the digests are stored."""
HIDDEN = {
    VIEWER: {
        *FOR_SUPERUSERS,
        "users.access",
        "users.review",
        "users.reviewassignment",
        "users.rejectionreason",
    },
    OPERATOR: {*FOR_SUPERUSERS, "users.access"},
    SUPERVISOR: FOR_SUPERUSERS,
}


@pytest.mark.parametrize("group", HIDDEN)
def test_group_views_every_model_that_is_not_hidden_from_it(group):
    browser = somebody(group)
    statuses = {
        label: browser.get(reverse(f"admin:{label.replace('.', '_')}_changelist")).status_code
        for label in MODELS
    }
    assert statuses == {label: 403 if label in HIDDEN[group] else 200 for label in MODELS}
