"""Events as clients read them: in order, complete, filtered, and with the balances."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iocash.http import pages
from iocash.http.cursors import Cursor, HiddenCursor
from tests.support import barrier, people, sandbox
from tests.support.cash_outs import a_cash_out
from tests.support.ibans import IBAN
from tests.support.people import Api
from tests.support.statements import captured
from tests.support.times import stamp
from users import demo_documents, kyc
from users.models import Event
from users.models.barrier import release_events
from users.models.events import EventKind, position_since
from users.serializers.event_bodies import DESCRIPTIONS
from wallets import posting
from wallets.models import Wallet
from wallets.orders.cash_outs import CancelCashOut
from wallets.orders.external_accounts import AddExternalAccount
from wallets.orders.holds import ReleaseHold
from wallets.orders.users import BlockUser
from wallets.orders.wallets import BlockWallet

pytestmark = pytest.mark.django_db


def get(api: Api, query: str = "") -> Any:
    answer = api.get(query if query.startswith("http") else f"events?{query}".rstrip("?"))
    assert answer.status == 200, answer.json
    return answer.json


def events(page: Any) -> list[Any]:
    return list(page["_embedded"]["events"])


def kinds(page: Any) -> list[str]:
    return [each["kind"] for each in events(page)]


def href(page: Any, rel: str) -> str:
    return str(page["_links"][rel]["href"])


def everything(api: Api, query: str = "") -> list[Any]:
    page = get(api, query)
    found = events(page)
    while "next" in page["_links"]:
        page = get(api, href(page, "next"))
        found += events(page)
    return found


# --- One event -----------------------------------------------------------------------------------


def test_settled_movement_is_an_event_with_the_money_of_its_wallet(api, alices, bobs):
    people.transfer(alices, bobs, 12_50, concept="Lunch", reference="INV-7")
    movement = people.movements(alices)[-1]
    (event,) = events(get(api, f"subjectId={movement.id}"))
    wallet = f"http://testserver/api/v1/wallets/{alices.id}"
    operation = f"http://testserver/api/v1/operations/{movement.operation_id}"
    assert event == {
        "id": event["id"],
        "kind": "movement.settled",
        "version": 1,
        "createdAt": event["createdAt"],
        "subject": "movement",
        "subjectId": str(movement.id),
        "walletId": str(alices.id),
        "operationId": str(movement.operation_id),
        "actor": "system",
        "requestId": "test",
        "data": {
            "currency": "EUR",
            "balance": "87.50",
            "heldBalance": "0.00",
            "seq": 2,
            "type": "TRANSFER",
            "direction": "OUT",
            "amount": "12.50",
            "counterpartyWalletId": str(bobs.id),
            "holdId": None,
            "reversalOf": None,
            "externalAccountId": None,
        },
        "_links": {
            "self": {"href": f"http://testserver/api/v1/events/{event['id']}"},
            "wallet": {"href": wallet},
            "movement": {"href": f"{wallet}/movements/{movement.id}"},
            "operation": {"href": operation},
        },
    }
    assert api.get(href(event, "self")).json == event
    for rel in ("wallet", "movement", "operation"):
        assert api.get(href(event, rel)).status == 200


def test_event_of_a_partly_executed_hold_says_what_is_left(api, alices, bobs):
    hold = people.place(alices, bobs, 30_00)
    posting.submit(people.an_execution(hold, 10_00, keep_open=True))
    posting.submit(ReleaseHold(**people.about(alices), hold_id=hold.id))
    placed, executed, released = events(get(api, "subject=hold"))
    assert [each["kind"] for each in (placed, executed, released)] == [
        "hold.placed",
        "hold.partly_executed",
        "hold.released",
    ]
    left = [each["data"]["remainingAmount"] for each in (placed, executed, released)]
    assert left == ["30.00", "20.00", "0.00"]
    held = [each["data"]["heldBalance"] for each in (placed, executed, released)]
    assert held == ["30.00", "20.00", "0.00"]
    assert placed["data"]["targetWalletId"] == str(bobs.id)
    assert placed["data"]["expiration"] is None
    assert api.get(href(placed, "hold")).status == 200


def test_expiration_of_a_hold_is_that_after_the_change(api, alices, bobs):
    until = datetime(2099, 12, 31, 12, tzinfo=UTC)
    people.place(alices, bobs, 1_00, expires_at=until)
    (placed,) = events(get(api, "kind=hold.placed"))
    assert placed["data"]["expiration"] == "2099-12-31T12:00:00.000Z"


def test_event_before_bodies_had_balances_is_shown_without_them(api, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    Event.objects.filter(subject="movement").update(data={})
    (first, *_) = events(get(api, "kind=movement.settled"))
    money = [first["data"][name] for name in ("balance", "heldBalance", "seq")]
    assert money == [None, None, None]
    assert first["data"]["amount"] == "100.00"


@pytest.mark.parametrize(
    ("actor", "shown"),
    [
        ("key:01980000-0000-7000-8000-000000000001", "key:01980000-0000-7000-8000-000000000001"),
        ("provider:stripe", "provider:stripe"),
        ("staff:7", "staff"),
        ("system:erase_user:alice", "system"),
    ],
)
def test_actor_names_no_member_of_staff(api, alice, actor, shown):
    Event.objects.about(alice.id).update(actor=actor)
    assert {each["actor"] for each in events(get(api, "subject=user"))} == {shown}


def test_events_of_users_have_ids_and_codes_only(api, alices):
    user = alices.user
    demo_documents.send_samples(user, kyc.NEEDED["NATURAL"][1], people.BY)
    posting.submit(
        BlockUser(client_id=user.client_id, by=people.BY, user_id=user.id, reason="OTHER")
    )
    shown = events(get(api, f"userId={user.id}&subject=user"))
    sent = [each["data"] for each in shown if each["kind"] == "user.kyc_document_sent"]
    assert {each["document"] for each in sent} == {str(kind) for kind in kyc.NEEDED["NATURAL"][1]}
    assert shown[-1]["data"] == {"reason": "OTHER"}
    assert [each["kind"] for each in shown[:2]] == ["user.created", "user.phone_verified"]
    assert shown[0]["data"] == {}
    assert api.get(href(shown[0], "user")).status == 200


def test_every_kind_has_a_body():
    assert {*DESCRIPTIONS} == {*EventKind}


def test_event_of_another_client_is_not_found(api, alices):
    other = people.first_wallet(people.a_user(people.a_client("Third"), people.BOB))
    event = Event.objects.get(kind="wallet.opened", subject_id=other.id)
    assert api.get(f"events/{event.id}").status == 404
    assert str(other.id) not in str(everything(api))


# --- A copy of every balance ---------------------------------------------------------------------


def test_listener_keeps_a_correct_copy_of_every_balance(api, alices, bobs):
    about = people.about(alices)
    people.transfer(alices, bobs, 10_00)
    hold = people.place(alices, bobs, 30_00)
    posting.submit(people.an_execution(hold, 10_00, keep_open=True))
    posting.submit(people.an_execution(hold, 5_00))
    a_cash_out(alices, 7_00)
    cash_out = a_cash_out(alices, 2_00)
    posting.submit(CancelCashOut(**about, movement_id=cash_out.id))
    people.reverse(people.movements(bobs)[0], 3_00)
    posting.submit(AddExternalAccount(**about, iban=IBAN))
    people.place(bobs, alices, 1_00)
    posting.submit(BlockWallet(**people.about(bobs), reason="OTHER"))
    copies: dict[str, Any] = {}
    for event in everything(api, "size=3"):
        if wallet_id := event["walletId"]:
            before = copies.get(wallet_id, {"seq": 0})
            settled = event["kind"] == "movement.settled"
            assert event["data"]["seq"] == before["seq"] + settled
            copies[wallet_id] = event["data"]
    for wallet in Wallet.objects.all():
        shown = api.get(f"wallets/{wallet.id}").json
        copy = copies[str(wallet.id)]
        for name in ("balance", "heldBalance", "currency"):
            assert copy[name] == shown[name]
        assert copy["seq"] == wallet.seq


# --- Pages ---------------------------------------------------------------------------------------


def test_events_are_read_from_old_to_new(api, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    found = everything(api, "size=2")
    expected = [
        str(each) for each in Event.objects.order_by("position").values_list("id", flat=True)
    ]
    assert [each["id"] for each in found] == expected
    newest = everything(api, "size=3&sort=createdAt,desc")
    assert [each["id"] for each in newest] == expected[::-1]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_resume_leads_to_what_comes_afterwards(api, alices, bobs):
    until, last = time.monotonic() + 120, Event.objects.latest("position").position
    while release_events() < last:  # other tests may be writing in the same cluster
        assert time.monotonic() < until
    page = get(api)
    assert "next" not in page["_links"]
    following = get(api, href(page, "resume"))
    assert events(following) == []
    assert href(following, "resume") == href(page, "resume")
    people.transfer(alices, bobs, 1_00)
    found = get(api, f"{href(following, 'resume')}&wait=20")
    assert kinds(found) == ["movement.settled"] * 2
    assert events(get(api, href(found, "resume"))) == []


def test_resume_of_a_page_with_more_is_its_next(api, alices):
    page = get(api, "size=1")
    assert href(page, "resume") == href(page, "next")
    assert "resume" not in get(api, "sort=createdAt,desc")["_links"]


def test_pages_can_be_read_backwards(api, alices, bobs):
    found = everything(api)
    last = get(api, href(get(api, "size=2"), "last"))
    assert events(last) == found[-2:]
    assert events(get(api, href(last, "prev"))) == found[-4:-2]
    assert events(get(api, href(last, "resume"))) == []


def test_list_ends_at_the_released_position(api, alices, bobs):
    positions = Event.objects.order_by("position").values_list("position", flat=True)
    barrier.put_position(positions[2])
    page = get(api)
    assert len(events(page)) == 3
    assert len(events(get(api, "sort=createdAt,desc"))) == len(positions)
    barrier.put(barrier.ALWAYS)
    assert len(events(get(api, href(page, "resume")))) == len(positions) - 3


def test_cursor_betrays_no_position(api, alices):
    one, other = (
        HiddenCursor(pages.NEXT, pages.OLDEST_FIRST, place) for place in (7, 123_456_789_012)
    )
    assert len(one.token()) == len(other.token())
    assert HiddenCursor.read(one.token()) == one
    page = get(api, "size=1")
    token = href(page, "next").rpartition("cursor=")[2]
    place = HiddenCursor.read(token).place
    assert place == Event.objects.earliest("position").position
    token = other.token()
    assert b"123456789012" not in urlsafe_b64decode(token + "=" * (-len(token) % 4))


def test_cursor_of_another_list_is_refused(api, alices, bobs):
    signed = Cursor(pages.NEXT, pages.OLDEST_FIRST, 7, str(alices.id)).token()
    hidden = HiddenCursor(pages.NEXT, pages.OLDEST_FIRST, 7).token()
    for token in (signed, hidden[:-2] + "AA", "b3BhcXVl"):
        answer = api.get(f"events?cursor={token}")
        assert (answer.status, answer.wrong) == (400, {"cursor": "invalid"})
    assert api.get(f"movements?sort=createdAt,asc&cursor={hidden}").status == 400


# --- Filters -------------------------------------------------------------------------------------


def test_filters_by_kind_subject_and_wallet(api, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    hold = people.place(alices, bobs, 1_00)
    assert kinds(get(api, "kind=hold.placed,movement.pending")) == ["hold.placed"]
    assert kinds(get(api, "subject=hold,wallet&size=100")).count("wallet.opened") == 2
    assert kinds(get(api, "subject=hold&kind=movement.settled")) == []
    assert kinds(get(api, f"walletId={bobs.id}")) == ["wallet.opened", "movement.settled"]
    both = get(api, f"walletId={bobs.id},{alices.id}&subject=movement")
    assert kinds(both) == ["movement.settled"] * 3
    assert kinds(get(api, f"subjectId={hold.id},{bobs.id}")) == ["wallet.opened", "hold.placed"]


def test_filter_by_user_finds_the_events_of_its_wallets(api, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    found = everything(api, f"userId={bobs.user_id}&size=2")
    assert {each["walletId"] for each in found} == {None, str(bobs.id)}
    assert {each["subjectId"] for each in found if not each["walletId"]} == {str(bobs.user_id)}
    assert found[-1]["kind"] == "movement.settled"
    assert kinds(get(api, f"userId={bobs.user_id}&walletId={alices.id}")) == []


def test_start_date_is_included(api, alices, bobs):
    sandbox.make()
    sandbox.set_clock(datetime(2031, 5, 1, tzinfo=UTC))
    people.transfer(alices, bobs, 1_00)
    sandbox.set_clock(datetime(2031, 5, 3, tzinfo=UTC))
    hold = people.place(alices, bobs, 1_00)
    assert kinds(get(api, "startDate=2031-05-02")) == ["hold.placed"]
    at = Event.objects.get(subject_id=hold.id).created_at
    assert kinds(get(api, f"startDate={stamp(at)}")) == ["hold.placed"]
    assert kinds(get(api, f"startDate={stamp(at + timedelta(milliseconds=1))}")) == []
    everything_since = get(api, "startDate=2031-05-01")
    assert kinds(everything_since) == ["movement.settled"] * 2 + ["hold.placed"]
    assert kinds(get(api, href(get(api, "startDate=2031-05-01&size=1"), "next"))) == [
        "movement.settled"
    ]


def test_late_start_date_is_found_by_binary_search(api, alices, bobs):
    sandbox.make()
    for day in range(1, 9):
        sandbox.set_clock(datetime(2031, 5, day, tzinfo=UTC))
        people.transfer(alices, bobs, 1)
    for day in (1, 4, 8):
        start = datetime(2031, 5, day, tzinfo=UTC)
        since = position_since(alices.client_id, start)
        assert Event.objects.filter(position__gte=since).count() == 2 * (9 - day)
    since = position_since(alices.client_id, datetime(2032, 1, 1, tzinfo=UTC))
    assert not Event.objects.filter(position__gte=since).exists()


def test_rare_events_are_found_in_bounded_pages(api, alices, bobs, monkeypatch):
    monkeypatch.setattr(pages, "SCANNED", 4)
    people.place(alices, bobs, 1_00)
    first = get(api, "kind=hold.placed")
    assert kinds(first) == []
    assert href(first, "resume") == href(first, "next")
    assert [each["kind"] for each in everything(api, "kind=hold.placed")] == ["hold.placed"]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("kind=movement.*", "kind", "invalid_choice"),
        ("kind=user.evidence_sent", "kind", "invalid_choice"),
        ("subject=account", "subject", "invalid_choice"),
        ("walletId=1", "walletId", "invalid"),
        ("startDate=tomorrow", "startDate", "invalid"),
        ("wait=21", "wait", "max_value"),
        ("wait=1&sort=createdAt,desc", "wait", "oldest_first"),
    ],
)
def test_wrong_parameter_is_named(api, query, field, code):
    answer = api.get(f"events?{query}")
    assert (answer.status, answer.wrong) == (400, {field: code})


def test_number_of_statements_does_not_depend_on_the_page(api, alices, bobs):
    for number in range(5):
        people.transfer(alices, bobs, 1 + number)
        people.place(alices, bobs, 1)
    everything(api)
    sizes = []
    for size in (16, 22):
        with captured() as asked:
            get(api, f"size={size}")
        sizes.append(len(asked))
    assert sizes[0] == sizes[1]


def test_key_without_the_scope_reads_no_events(client_demo):
    answer = Api(people.a_key(client_demo, "movements:read")).get("events")
    assert (answer.status, answer.code) == (403, "insufficient_scope")
