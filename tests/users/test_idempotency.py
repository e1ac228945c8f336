"""The rule of idempotency keys, for users' endpoints and orders alike; keys of the back office."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from uuid import UUID

import pytest
from django.http import HttpRequest
from hypothesis import given
from hypothesis import strategies as some

from iocash import errors
from iocash.http.headers import idempotency_key
from users.models.fingerprints import Asked, canonical_digest
from users.models.idempotency import STAFF, Key, UsedKey, claim, staff_key
from users.models.ids import new_id

CLIENT, MADE = new_id(), new_id()
ASKED, OTHER = (
    canonical_digest(Asked("Pay", {"amount": 1})),
    canonical_digest(Asked("Pay", {"amount": 2})),
)


def a_used_key() -> UsedKey:
    return UsedKey.of(CLIENT, "lunch", ASKED, made="movement", made_id=MADE, status=201)


def test_same_request_is_recognised_and_another_one_refused():
    used = a_used_key()
    used.require_same(ASKED)
    with pytest.raises(errors.IdempotencyKeyReused) as refusal:
        used.require_same(OTHER)
    facts = {"idempotency_key": "lunch", "resource": "movement", "id": MADE}
    assert refusal.value.facts == facts


def test_same_request_is_refused_after_the_salt_was_erased():
    with pytest.raises(errors.IdempotencyKeyReused):
        replace(a_used_key(), salt=None).require_same(ASKED)


def test_two_keys_of_one_request_have_different_fingerprints():
    assert a_used_key().fingerprint != a_used_key().fingerprint


@pytest.mark.django_db
def test_claimed_key_names_the_first_resource_of_its_request(alice):
    def again(made_id: UUID) -> UUID | None:
        return claim(alice.client_id, "lunch", request, made="user", made_id=made_id, status=202)

    request = Asked("Pay", {"amount": 1})
    assert again(alice.id) is None
    assert again(new_id()) == alice.id
    used = Key.objects.get().used
    assert used.is_of(ASKED)
    assert (used.client_id, used.key, used.made_id) == (alice.client_id, "lunch", alice.id)


# --- Keys of the back office ---------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{}", '"{}"', '"\\{}"', " {}", "\t{}", "\x1f{}"])
def test_no_header_gives_a_client_the_key_of_a_staff_form(form):
    wanted = staff_key(MADE)
    assert read(form.format(wanted)) != wanted


@given(some.text(some.characters(max_codepoint=0xFF)) | some.from_regex('"?\x1f?staff-1"?'))
def test_no_header_gives_a_client_a_key_of_the_back_office(header):
    key = read(header)
    assert key is None or not key.startswith(STAFF)


def read(header: str) -> str | None:
    """The key that a request with this header has; None if it is refused."""
    request = HttpRequest()
    request.META["HTTP_IDEMPOTENCY_KEY"] = header
    with contextlib.suppress(errors.InvalidHeader):
        return idempotency_key(request)
    return None
