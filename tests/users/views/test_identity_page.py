"""The page of the demo's identity provider."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from tests.support import sandbox
from tests.support.identity import FAILURE, SUCCESS, a_verification, decided
from users.models import IdentityVerification
from users.models.sandbox import advance_clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def verification(alice: Any) -> Iterator[IdentityVerification]:
    with sandbox.made():
        yield a_verification(alice, provider="demo")


def address(verification: IdentityVerification) -> str:
    return f"/identity/{verification.id}"


def status(verification: IdentityVerification) -> str:
    return IdentityVerification.objects.get(id=verification.id).status


def test_page_offers_both_outcomes_and_tells_nothing_of_the_user(client, verification):
    answer = client.get(address(verification))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count('name="outcome"') == 2
    assert "Alice" not in page
    assert answer.headers["Cache-Control"] == "no-store"


def test_policy_allows_forms_to_lead_back_and_no_inline_script(client, verification):
    policy = client.get(address(verification)).headers["Content-Security-Policy"]
    assert "form-action 'self' https://app.example;" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("outcome", "url", "expected"),
    [("approve", SUCCESS, "APPROVED"), ("reject", FAILURE, "REJECTED")],
)
def test_outcome_is_recorded_and_the_user_sent_back(outcome, url, expected, client, verification):
    answer = client.post(address(verification), {"outcome": outcome})
    assert (answer.status_code, answer.headers["Location"]) == (303, url)
    assert status(verification) == expected


@pytest.mark.parametrize("outcome", ["", "APPROVED", "https://evil.example/"])
def test_other_outcome_shows_the_page_again(outcome, client, verification):
    answer = client.post(address(verification), {"outcome": outcome, "next": "https://e.example/"})
    assert answer.status_code == 200
    assert status(verification) == "PENDING"


def test_second_outcome_changes_nothing(client, verification):
    client.post(address(verification), {"outcome": "reject"})
    answer = client.post(address(verification), {"outcome": "approve"})
    assert (answer.status_code, b"has ended" in answer.content) == (200, True)
    assert status(verification) == "REJECTED"


def test_overdue_verification_has_ended(client, verification):
    advance_clock(timedelta(days=1))
    answer = client.get(address(verification))
    assert b"has ended" in answer.content
    client.post(address(verification), {"outcome": "approve"})
    assert status(verification) == "PENDING"


def test_form_without_the_token_is_refused(verification):
    careless = Browser(enforce_csrf_checks=True)
    answer = careless.post(address(verification), {"outcome": "approve"})
    assert answer.status_code == 403
    assert status(verification) == "PENDING"


def test_other_method_is_refused(client, verification):
    assert client.put(address(verification)).status_code == 400


def test_page_exists_in_sandboxes_only(client, alice):
    verification = a_verification(alice, provider="demo")
    assert client.get(address(verification)).status_code == 404
    assert client.post(address(verification), {"outcome": "approve"}).status_code == 404
    assert status(verification) == "PENDING"


def test_verification_of_another_provider_has_no_page(client, alice, verification):
    other = a_verification(alice)
    assert client.get(address(other)).status_code == 404


def test_unknown_verification_has_no_page(client, verification):
    assert client.get("/identity/01980000-0000-7000-8000-000000000000").status_code == 404
    assert client.get("/identity/1").status_code == 404


def test_decided_verification_shows_no_form(client, verification):
    decided(verification)
    assert b"<form" not in client.get(address(verification)).content
