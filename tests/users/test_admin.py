"""The back office of clients, users and what they did."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from uuid_utils.compat import uuid7

from tests.support import backoffice, people
from tests.support.backoffice import Office, page_of
from tests.support.identity import a_signature, a_verification, some_terms
from tests.support.lossy_wire import cut_at_commit
from tests.support.people import Api
from tests.support.signed_tokens import PRIVATE, pem, signed
from users import demo_documents, kyc, users
from users.kyc import looks
from users.models import (
    Access,
    ApiKey,
    Barrier,
    CaseEntry,
    CaseSubject,
    Client,
    DutyState,
    Event,
    IdentityVerification,
    Key,
    KycDocument,
    Otp,
    PhoneUse,
    Preferences,
    RecoveryCode,
    Review,
    Sandbox,
    SigningKey,
    TaskChange,
    Terms,
    TermsSignature,
    Threshold,
    User,
    WebhookStream,
)
from users.models.clients import MONEY_SCOPES

pytestmark = pytest.mark.django_db

MODELS = [
    Client,
    ApiKey,
    SigningKey,
    User,
    Otp,
    Event,
    Access,
    Review,
    IdentityVerification,
    Terms,
    TermsSignature,
]
# Key has a composite primary key; KYC documents are in reviews; PhoneUse contains no number.
# Recovery codes are counted on the page of their member.
NO_PAGE = {
    Barrier,
    CaseEntry,
    CaseSubject,
    DutyState,
    Key,
    KycDocument,
    PhoneUse,
    Preferences,
    RecoveryCode,
    Sandbox,
    TaskChange,
    Threshold,
    WebhookStream,
}


@pytest.fixture
def office(staff: Any) -> Office:
    return Office(staff)


@pytest.fixture
def secret(client_demo: Client, alice: User, newcomer_bob: User) -> str:
    """A key, beside two users, their codes, their KYC documents and their events."""
    for user in (alice, newcomer_bob):
        demo_documents.send_samples(user, kyc.NEEDED["NATURAL"][1], people.BY)
        looks.record_access(user, Access.What.REVIEW, people.BY)
        a_verification(user)
        some_terms(user.user_name)
        a_signature(user)
    SigningKey.objects.create(client=client_demo, label="Shop", kid="demo-1", scopes=["users:read"])
    return people.a_key(client_demo)


@pytest.fixture
def newcomer_bob(client_demo: Client) -> User:
    return users.create(client_id=client_demo.id, values=people.BOB, by=people.BY).user


def test_every_model_has_its_pages():
    models = {*apps.get_app_config("users").get_models()}
    assert models - set(admin.site._registry) == NO_PAGE


def test_front_page_opens(office):
    assert "ioCash" in office.get(reverse("admin:index"))
    assert "ioCash" in office.get(reverse("admin:app_list", args=["users"]))


def test_log_in_page_needs_no_session():
    assert "ioCash" in Office(None).get(reverse("admin:login"))


def test_client_form_asks_for_the_name_only(office):
    page = office.get(reverse("admin:users_client_add"))
    assert "id_name" in page
    assert "object at 0x" not in page
    assert "Created at" not in page


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_lists_searches_filters_and_row_pages_open(model, office, secret):
    backoffice.opens(office, model)


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_row_pages_need_the_view_permission(model, secret):
    row = model._default_manager.first()
    for address in (backoffice.list_of(model), backoffice.page_of(row)):
        assert Office(None).status("get", address) == 302
    person = Office(backoffice.worker())
    for address in (backoffice.list_of(model), backoffice.page_of(row)):
        assert person.status("get", address) == 403


@pytest.mark.slow
@pytest.mark.parametrize("model", [ApiKey, User, Otp, Event])
def test_records_are_read_only(model, office, secret):
    backoffice.assert_read_only(office, model._default_manager.first())


def suspend(office: Office, client: Client) -> int:
    address = reverse("admin:users_client_action", args=[client.pk, "suspend"])
    return office.status("post", address, {"key": str(uuid4())})


def test_client_is_created_and_suspended_but_never_deleted(office, client_demo):
    values = {"name": "Another", "status": "ACTIVE"}
    assert office.status("post", backoffice.adding(Client), values) == 302
    assert suspend(office, client_demo) == 302
    assert office.status("post", backoffice.page_of(client_demo, "delete"), {"post": "yes"}) == 403
    stored = sorted(Client.objects.values_list("name", "status"))
    assert stored == [("Another", "ACTIVE"), ("Demo", "SUSPENDED")]


def test_client_suspended_in_the_back_office_is_refused_by_the_api(office, client_demo):
    api = Api(people.a_key(client_demo))
    suspend(office, client_demo)
    assert api.get("users").code == "client_suspended"


def test_second_suspension_records_no_second_event(office, client_demo):
    for _ in range(2):
        assert suspend(office, client_demo) == 302
    kinds = [event.kind for event in Event.objects.about(client_demo.id)]
    assert kinds == ["client.suspended"]


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_no_page_shows_a_secret(model, office, secret):
    digests = [*ApiKey.objects.values_list("digest", flat=True)]
    digests += [digest for digest in Otp.objects.values_list("digest", flat=True) if digest]
    pages = [office.get(backoffice.list_of(model))]
    pages += [office.get(backoffice.page_of(row)) for row in model._default_manager.all()]
    shown = "".join(pages)
    assert secret[12:] not in shown
    assert not any(bytes(digest).hex() in shown for digest in digests)
    assert "digest" not in shown.lower()


@pytest.mark.parametrize("model", MODELS)
def test_list_runs_the_same_number_of_queries_for_few_and_many_rows(model, office, client_demo):
    populate(client_demo, 0)
    few = backoffice.queries(office, model)
    populate(client_demo, 3)
    assert backoffice.queries(office, model) == few


def populate(client: Client, count: int) -> None:
    """Make one thing of each, and `count` more."""
    for number in range(count, 2 * count + 1):
        names = {"user_name": f"user{number}", "mobile_phone": f"+3460000{number:04d}"}
        user = people.a_user(client, people.ALICE | names)
        demo_documents.send_samples(user, frozenset({kyc.Kind.OCCUPATION}), people.BY)
        looks.record_access(user, Access.What.REVIEW, people.BY)
        people.a_key(client)
        SigningKey.objects.create(client=client, kid=f"key{number}", scopes=[])
        people.a_client(f"Another {number}")


# --- Public keys ---------------------------------------------------------------------------------


def register(office: Office, client: Client, **values: Any) -> int:
    address = reverse("admin:users_client_action", args=[client.pk, "register-key"])
    given = {"key": str(uuid4()), "label": "Shop", "scopes": ["users:read"], **values}
    return office.status("post", address, given)


def test_public_key_is_registered_and_used_and_revoked(office, client_demo):
    assert register(office, client_demo, kid="shop-1", public_key=pem(PRIVATE)) == 302
    api = Api(signed(header={"kid": "shop-1"}))
    assert api.get("users").status == 200
    key = SigningKey.objects.get()
    revoking = reverse("admin:users_signingkey_action", args=[key.pk, "revoke"])
    assert office.status("post", revoking, {"key": str(uuid4())}) == 302
    assert api.get("users").code == "credentials_revoked"
    kinds = Event.objects.about(key.id).values_list("kind", flat=True)
    assert [*kinds] == ["public_key.registered", "public_key.revoked"]


@pytest.mark.parametrize("scope", MONEY_SCOPES)
def test_public_key_is_not_registered_with_a_scope_about_money(office, client_demo, scope):
    given = {"kid": "shop-1", "public_key": pem(PRIVATE), "scopes": [scope]}
    assert register(office, client_demo, **given) == 200
    assert not SigningKey.objects.exists()


def test_key_id_is_generated_when_left_blank(office, client_demo):
    assert register(office, client_demo, public_key=pem(PRIVATE)) == 302
    assert len(SigningKey.objects.get().kid) >= 12


@pytest.mark.parametrize(
    "values",
    [
        {"public_key": "Alice"},
        {"public_key": PRIVATE.as_pem(private=True).decode()},
        {"public_key": pem(PRIVATE), "kid": "with spaces"},
        {"public_key": pem(PRIVATE), "kid": "taken"},
    ],
    ids=["no key", "a private key", "no name", "a name that is taken"],
)
def test_invalid_or_duplicate_public_key_is_not_registered(office, client_demo, values):
    SigningKey.objects.create(client=client_demo, kid="taken", scopes=[])
    assert register(office, client_demo, **values) == 200
    assert SigningKey.objects.count() == 1


@pytest.mark.parametrize("over", ["revoked_at", "expires_at"])
def test_revoked_or_expired_key_is_not_rotated(office, client_demo, over):
    secret = people.a_key(client_demo)
    key = ApiKey.objects.get()
    ApiKey.objects.update(**{over: timezone.now()})
    before = ApiKey.objects.get()
    answer = office.browser.post(
        f"{page_of(key)[:-7]}action/rotate/", {"key": str(uuid7())}, follow=True
    )
    assert "Issue a new one" in answer.text
    assert (ApiKey.objects.get().expires_at, secret) == (before.expires_at, secret)


def test_second_revocation_changes_nothing(office, client_demo):
    people.a_key(client_demo)
    key = ApiKey.objects.get()
    for _ in range(2):
        office.browser.post(f"{page_of(key)[:-7]}action/revoke/", {"key": str(uuid7())})
    assert [event.kind for event in Event.objects.about(key.id)] == ["api_key.revoked"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_revocation_is_reported_when_the_answer_to_commit_is_lost(office, client_demo):
    """Otherwise staff would believe that the key still works, or revoke it again."""
    people.a_key(client_demo)
    key = ApiKey.objects.get()
    with cut_at_commit(is_done=True):
        answer = office.browser.post(
            f"{page_of(key)[:-7]}action/revoke/", {"key": str(uuid7())}, follow=True
        )
    assert " revoked." in answer.text
    assert ApiKey.objects.get().is_revoked
