"""What a user's life does to wallets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.utils import timezone

from iocash import errors
from tests.support import people
from users import users
from users.models import Event, Otp, PhoneUse, User
from wallets import posting
from wallets.models import Wallet
from wallets.orders.base import Outcome
from wallets.orders.users import ActivateUser, UnsubscribeUser
from wallets.orders.wallets import ChangeWallet, OpenWallet, PutWallet

pytestmark = pytest.mark.django_db

PHONE, NEW_PHONE = people.ALICE["mobile_phone"], "+34600000009"


@pytest.fixture
def newcomer(client_demo):
    """A user who has not yet verified the phone."""
    return users.create(client_id=client_demo.id, values=people.ALICE, by=people.BY).user


def about(user: User, **values: Any) -> dict[str, Any]:
    return {"client_id": user.client_id, "by": people.BY, "user_id": user.id, **values}


def activate(user: User, phone: str = PHONE) -> Outcome:
    return posting.submit(ActivateUser(**about(user, phone=phone)))


def unsubscribe(user: User) -> Outcome:
    return posting.submit(UnsubscribeUser(**about(user)))


def open_wallet(user: User, **values: Any) -> Wallet:
    made = posting.submit(OpenWallet(**about(user, **values)))
    return Wallet.objects.get(id=made.id)


def put_wallet(user: User, wallet_id: UUID, **values: Any) -> Outcome:
    return posting.submit(PutWallet(**about(user, wallet_id=wallet_id, **values)))


def change_wallet(wallet: Wallet, **values: Any) -> Outcome:
    order = ChangeWallet(client_id=wallet.client_id, by=people.BY, wallet_id=wallet.id, **values)
    return posting.submit(order)


def kinds(subject_id: UUID) -> list[str]:
    return [event.kind for event in Event.objects.about(subject_id)]


def read(thing: Any) -> Any:
    thing.refresh_from_db()
    return thing


# --- Activate ------------------------------------------------------------------------------------


def test_a_verified_phone_activates_a_new_user_and_opens_the_first_wallet(newcomer):
    outcome = activate(newcomer)
    assert (outcome.made, outcome.id, outcome.status) == ("user", newcomer.id, 200)
    assert read(newcomer).status == "ACTIVATED"
    wallet = Wallet.objects.get(user=newcomer)
    assert (wallet.currency, wallet.status, wallet.balance, wallet.seq) == ("EUR", "READY", 0, 0)
    assert wallet.client_id == newcomer.client_id


def test_the_first_wallet_has_the_dlt_address_of_its_user(client_demo):
    values = people.ALICE | {"dlt_address": "0xabc", "dlt_network": "ALASTRIA"}
    wallet = people.first_wallet(people.a_user(client_demo, values))
    assert (wallet.dlt_address, wallet.dlt_network) == ("0xabc", "ALASTRIA")


def test_each_step_of_the_activation_has_an_event(newcomer):
    activate(newcomer)
    assert kinds(newcomer.id) == [
        "user.created",
        "user.phone_verified",
        "user.verified",
        "user.activated",
    ]
    assert kinds(Wallet.objects.get().id) == ["wallet.opened"]


def test_activation_consumes_the_one_time_password(newcomer):
    activate(newcomer)
    assert not Otp.objects.exclude(digest=None).exists()


def test_a_phone_is_verified_once(newcomer):
    activate(newcomer)
    with pytest.raises(errors.AlreadyVerified) as refused:
        activate(newcomer)
    assert refused.value.facts == {"user_id": newcomer.id, "status": "ACTIVATED"}
    assert Wallet.objects.count() == 1


def test_replaced_phone_cannot_be_verified(newcomer):
    with pytest.raises(errors.OtpExpired):
        activate(newcomer, NEW_PHONE)
    assert read(newcomer).status == "CREATED"
    assert not Wallet.objects.exists()


def change_phone(user: User) -> None:
    users.update(
        client_id=user.client_id, user_id=user.id, values={"mobile_phone": NEW_PHONE}, by=people.BY
    )


def test_verified_new_phone_replaces_the_old_one(alice):
    change_phone(alice)
    assert (read(alice).mobile_phone, alice.unverified_phone) == (PHONE, NEW_PHONE)
    activate(alice, NEW_PHONE)
    assert (read(alice).mobile_phone, alice.unverified_phone) == (NEW_PHONE, "")
    assert alice.status == "ACTIVATED"
    assert Wallet.objects.count() == 1


def test_blocked_user_stays_blocked_when_a_phone_is_verified(alice):
    change_phone(alice)
    people.block(alice)
    activate(alice, NEW_PHONE)
    assert read(alice).status == "BLOCKED"


@pytest.mark.django_db(transaction=True)
def test_second_user_with_one_phone_gets_already_exists(alice, bob):
    change_phone(alice)
    PhoneUse.objects.update(asked_at=None)  # a minute passes
    change_phone(bob)
    activate(bob, NEW_PHONE)
    with pytest.raises(errors.AlreadyExists) as refused:
        activate(alice, NEW_PHONE)
    assert refused.value.facts == {"field": "mobilePhone", "user_id": bob.id}
    assert read(alice).mobile_phone == PHONE


# --- Unsubscribe ---------------------------------------------------------------------------------


def test_unsubscribed_user_has_all_wallets_closed(alice):
    people.a_wallet(alice)
    unsubscribe(alice)
    assert read(alice).status == "UNSUBSCRIBED"
    assert set(Wallet.objects.values_list("status", flat=True)) == {"UNSUBSCRIBED"}
    assert kinds(alice.id)[-1] == "user.unsubscribed"
    assert kinds(people.first_wallet(alice).id) == ["wallet.opened", "wallet.unsubscribed"]


def test_user_with_money_in_any_wallet_is_not_unsubscribed(alice, alices):
    people.a_wallet(alice)
    with pytest.raises(errors.WalletNotEmpty) as refused:
        unsubscribe(alice)
    assert refused.value.facts == {"wallet_id": alices.id, "balance": "100.00", "currency": "EUR"}
    assert read(alice).status == "ACTIVATED"
    assert set(Wallet.objects.values_list("status", flat=True)) == {"READY"}


def test_second_unsubscription_changes_nothing(alice):
    unsubscribe(alice)
    before = Event.objects.count()
    unsubscribe(alice)
    assert Event.objects.count() == before


def test_unverified_user_can_be_unsubscribed(newcomer):
    unsubscribe(newcomer)
    assert read(newcomer).status == "UNSUBSCRIBED"
    assert not Otp.objects.exclude(digest=None).exists()


def test_blocked_user_can_be_unsubscribed(alice):
    people.block(alice)
    unsubscribe(alice)
    assert read(alice).status == "UNSUBSCRIBED"


def test_unsubscription_keeps_other_users_wallets_open(alice, bobs):
    unsubscribe(alice)
    assert read(bobs).status == "READY"


# --- Opening wallets -----------------------------------------------------------------------------


def test_an_active_user_may_open_a_wallet_in_any_currency(alice):
    wallet = open_wallet(alice, currency="JPY", alias="Trips")
    assert (wallet.user_id, wallet.currency, wallet.alias) == (alice.id, "JPY", "Trips")
    assert (wallet.balance, wallet.held, wallet.seq, wallet.settled_at) == (0, 0, 0, None)
    assert kinds(wallet.id) == ["wallet.opened"]


def test_a_user_has_at_most_five_wallets(alice):
    limit = settings.MAX_WALLETS_PER_USER
    assert limit == 5
    for _ in range(limit - 1):
        open_wallet(alice)
    with pytest.raises(errors.WalletLimitReached) as refused:
        open_wallet(alice)
    assert refused.value.facts == {"max_wallets": 5, "open": 5, "user_id": alice.id}
    assert str(refused.value) == "The user has 5 open wallets; the limit is 5 per user."
    with pytest.raises(errors.WalletLimitReached):
        put_wallet(alice, people.unknown_id())
    assert Wallet.objects.count() == limit


def test_closed_wallet_does_not_count_towards_the_five(alice):
    for _ in range(4):
        open_wallet(alice)
    people.close(people.first_wallet(alice))
    open_wallet(alice)


def test_another_users_wallets_do_not_count(alice, bob):
    for _ in range(4):
        open_wallet(alice)
    open_wallet(bob)


@pytest.mark.parametrize("status", ["CREATED", "VERIFIED", "BLOCKED", "UNSUBSCRIBED"])
def test_only_an_active_user_opens_wallets(alice, status):
    ended = timezone.now() if status == "UNSUBSCRIBED" else None
    User.objects.filter(id=alice.id).update(status=status, unsubscribed_at=ended)
    for order in (open_wallet, lambda user: put_wallet(user, people.unknown_id())):
        with pytest.raises(errors.UserNotActive) as refused:
            order(alice)
        assert refused.value.facts == {"user_id": alice.id, "status": status}


def test_the_same_key_opens_one_wallet(alice):
    assert open_wallet(alice, key="k").id == open_wallet(alice, key="k").id
    with pytest.raises(errors.IdempotencyKeyReused):
        open_wallet(alice, key="k", currency="USD")


# --- Putting wallets -----------------------------------------------------------------------------


def test_put_wallet_creates_it_under_an_unused_id(alice):
    outcome = put_wallet(alice, people.unknown_id(), currency="USD", alias="Trips")
    assert (outcome.id, outcome.status) == (people.unknown_id(), 201)
    wallet = Wallet.objects.get(id=people.unknown_id())
    assert (wallet.user_id, wallet.currency, wallet.alias) == (alice.id, "USD", "Trips")


def test_second_put_replaces_the_changeable_fields(alice):
    values = {"alias": "Trips", "dlt_address": "0xabc", "dlt_network": "ALASTRIA"}
    put_wallet(alice, people.unknown_id(), **values)
    outcome = put_wallet(alice, people.unknown_id(), alias="Travel")
    wallet = Wallet.objects.get(id=people.unknown_id())
    assert outcome.status == 200
    assert (wallet.alias, wallet.dlt_address, wallet.dlt_network) == ("Travel", "", "")
    assert kinds(wallet.id) == ["wallet.opened", "wallet.changed"]


def test_put_wallet_moves_no_money(alice, alices):
    put_wallet(alice, alices.id, alias="Trips")
    assert people.balances(alices) == [100_00]


def test_the_user_and_the_currency_of_a_wallet_never_change(alice, bob, alices):
    with pytest.raises(errors.Immutable) as refused:
        put_wallet(bob, alices.id)
    assert refused.value.facts == {"field": "userId", "wallet_id": alices.id}
    with pytest.raises(errors.Immutable) as refused:
        put_wallet(alice, alices.id, currency="USD")
    assert refused.value.facts == {"field": "currency", "wallet_id": alices.id}


def test_put_of_a_closed_wallet_is_refused(alice):
    wallet = people.first_wallet(alice)
    people.close(wallet)
    with pytest.raises(errors.WalletNotReady):
        put_wallet(alice, wallet.id, alias="Trips")


# --- Changing wallets ----------------------------------------------------------------------------


def test_alias_can_be_set_and_cleared(alices):
    change_wallet(alices, alias="Trips")
    assert read(alices).alias == "Trips"
    change_wallet(alices)
    assert read(alices).alias == "Trips"
    change_wallet(alices, alias="")
    assert read(alices).alias == ""


def test_an_empty_wallet_may_be_closed_and_closed_again(bobs):
    people.close(bobs)
    assert read(bobs).status == "UNSUBSCRIBED"
    people.close(bobs)
    assert kinds(bobs.id) == ["wallet.opened", "wallet.unsubscribed"]


def test_an_emptied_wallet_may_be_closed(alices, bobs):
    people.transfer(alices, bobs, 100_00)
    people.close(alices)
    assert read(alices).status == "UNSUBSCRIBED"


def test_a_blocked_wallet_may_be_closed(bobs):
    people.block(bobs)
    people.close(bobs)
    assert read(bobs).status == "UNSUBSCRIBED"


def test_refused_closing_does_not_rename_the_wallet(alices):
    with pytest.raises(errors.WalletNotEmpty):
        change_wallet(alices, alias="Trips", closing=True)
    assert (read(alices).status, alices.alias) == ("READY", "")
    assert kinds(alices.id) == ["wallet.opened"]


def test_wallet_can_be_renamed_while_closing_but_not_afterwards(bobs):
    change_wallet(bobs, alias="Trips", closing=True)
    assert (read(bobs).status, bobs.alias) == ("UNSUBSCRIBED", "Trips")
    with pytest.raises(errors.WalletNotReady):
        change_wallet(bobs, alias="Travel")


# --- Other clients -------------------------------------------------------------------------------


def test_users_and_wallets_of_another_client_are_not_found(alice, client_demo):
    another = people.a_client("Another")
    theirs = people.a_user(another, people.BOB)
    their_wallet = people.first_wallet(theirs)
    common = {"client_id": client_demo.id, "by": people.BY}
    refusals = [
        (ActivateUser(user_id=theirs.id, phone=theirs.mobile_phone, **common), errors.NotFound),
        (UnsubscribeUser(user_id=theirs.id, **common), errors.NotFound),
        (OpenWallet(user_id=theirs.id, **common), errors.UserNotFound),
        (
            PutWallet(user_id=theirs.id, wallet_id=people.unknown_id(), **common),
            errors.UserNotFound,
        ),
        (PutWallet(user_id=alice.id, wallet_id=their_wallet.id, **common), errors.NotFound),
        (ChangeWallet(wallet_id=their_wallet.id, closing=True, **common), errors.NotFound),
    ]
    for order, refusal in refusals:
        with pytest.raises(refusal):
            posting.submit(order)
    assert read(their_wallet).status == "READY"
