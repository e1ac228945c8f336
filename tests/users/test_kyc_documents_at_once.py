"""What is sent and decided by several callers at the same instant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from iocash import errors
from tests.support import openapi, people, threads
from tests.support.kyc import BLOCKS, document, review, send_one, stored
from tests.support.people import Answer, Api
from tests.support.user_actions import kinds
from users import kyc
from users.kyc import Kind
from users.models import Key, KycDocument, User
from users.models.ids import new_id
from users.models.kyc_documents import file_storage
from wallets import posting
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def caller(transactional_db: None) -> Api:
    """A client that has a user, Alice. What its answers are held against is made by one thread."""
    openapi.document()
    client = people.a_client()
    people.a_user(client, people.ALICE)
    return Api(people.a_key(client))


@pytest.fixture
def user(caller: Api) -> User:
    return User.objects.get()


def all_at_once(api: Api, calls: Sequence[tuple[str, str, Any, str | None]]) -> list[Answer]:
    """Make all calls from threads of their own; what is no answer fails."""

    def make(method: str, path: str, body: Any, key: str | None) -> Answer:
        return Api(api.secret).call(method, path, body, key=key)

    answers = threads.at_once(*[lambda call=call: make(*call) for call in calls])
    assert all(isinstance(answer, Answer) for answer in answers), answers
    return answers


def counted(answers: list[Answer]) -> Counter[tuple[int, str]]:
    return Counter((each.status, each.json.get("code", "")) for each in answers)


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKS)
def test_concurrent_posts_of_a_block_create_one(caller, user, name):
    call = ("POST", f"users/{user.id}/{name}", BLOCKS[name], None)
    answers = all_at_once(caller, [call] * 20)
    assert counted(answers) == {(201, ""): 1, (409, "already_exists"): 19}
    assert len(stored(user)) == 1
    assert kinds(user).count("user.kyc_document_sent") == 1


@pytest.mark.slow
def test_concurrent_posts_of_a_document_create_one_and_keep_one_file(caller, user):
    call = ("POST", f"users/{user.id}/documents/income-tax", document(), None)
    answers = all_at_once(caller, [call] * 20)
    assert counted(answers) == {(201, ""): 1, (409, "already_exists"): 19}
    assert len(list(Path(file_storage().path(str(user.id))).iterdir())) == 1


@pytest.mark.slow
def test_concurrent_posts_with_one_key_create_one_document(caller, user):
    call = ("POST", f"users/{user.id}/documents/income-tax", document(), "k")
    answers = all_at_once(caller, [call] * 20)
    assert counted(answers) == {(201, ""): 20}
    assert len({str(answer.json) for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 19
    assert (len(stored(user)), Key.objects.count()) == (1, 1)
    assert len(list(Path(file_storage().path(str(user.id))).iterdir())) == 1


def test_concurrent_posts_with_one_key_and_many_bodies_accept_one(caller, user):
    path = f"users/{user.id}/occupation"
    calls = [("POST", path, {"occupationCode": f"25{number}"}, "k") for number in range(10, 20)]
    answers = all_at_once(caller, calls)
    assert counted(answers) == {(201, ""): 1, (409, "idempotency_key_reused"): 9}
    assert len(stored(user)) == 1


@pytest.mark.slow
def test_concurrent_puts_are_all_accepted_and_leave_one_pending(caller, user):
    path = f"users/{user.id}/occupation"
    calls = [("PUT", path, {"occupationCode": f"25{number}"}, None) for number in range(10, 20)]
    answers = all_at_once(caller, calls)
    assert counted(answers) == {(201, ""): 1, (200, ""): 9}
    states = Counter(status for _, status in stored(user))
    assert states == {"REPLACED": 9, "PENDING": 1}
    shown = caller.get(path).json["occupationCode"]
    assert KycDocument.objects.get(status="PENDING").facts == {"occupation_code": shown}


def test_concurrent_identical_puts_create_one_block(caller, user):
    call = ("PUT", f"users/{user.id}/occupation", BLOCKS["occupation"], None)
    answers = all_at_once(caller, [call] * 10)
    assert counted(answers) == {(201, ""): 1, (200, ""): 9}
    assert stored(user) == [("OCCUPATION", "PENDING")]


def test_concurrent_posts_of_all_blocks_are_accepted(caller, user):
    calls = [("POST", f"users/{user.id}/{name}", body, name) for name, body in BLOCKS.items()]
    assert counted(all_at_once(caller, calls)) == {(201, ""): 5}
    assert [status for _, status in stored(user)] == ["PENDING"] * 5


# --- Sending and deciding -------------------------------------------------------------------------


def another(user: User) -> KycDocument:
    return send_one(user, Kind.OCCUPATION, occupation_code="9999")


def test_approval_before_a_put_approves_the_older_block(user):
    seen = send_one(user, Kind.OCCUPATION)
    with threads.Two() as two:
        (approved, sent), waited = two.one_waits(lambda: review(user, seen), lambda: another(user))
    assert waited
    assert (isinstance(approved, User), sent.facts["occupation_code"]) == (True, "9999")
    assert stored(user) == [("OCCUPATION", "APPROVED"), ("OCCUPATION", "PENDING")]


def test_approval_after_a_put_is_refused(user):
    seen = send_one(user, Kind.OCCUPATION)
    with threads.Two() as two:
        (sent, refused), waited = two.one_waits(lambda: another(user), lambda: review(user, seen))
    assert waited
    assert (refused.code, refused.facts["status"]) == ("invalid_transition", "REPLACED")
    assert stored(user) == [("OCCUPATION", "REPLACED"), ("OCCUPATION", "PENDING")]
    assert (sent.status, User.objects.get().kyc_level) == ("PENDING", 0)


@pytest.mark.slow
def test_concurrent_approval_and_put_never_approve_the_newer_block(user):
    """In any order, only the block that the reviewer saw can be approved."""
    with threads.Two() as two:
        for number in range(20):
            seen = send_one(user, Kind.OCCUPATION, occupation_code=f"1{number:03d}")
            decide, replace = partial(review, user, seen), partial(another, user)
            [(decided, sent)] = two.at_once([decide], [replace])
            assert isinstance(decided, User | errors.InvalidTransition)
            assert KycDocument.objects.get(id=sent.id).status == "PENDING"
            seen.refresh_from_db()
            assert seen.status == ("APPROVED" if isinstance(decided, User) else "REPLACED")


def test_concurrent_decisions_accept_one(user):
    seen = send_one(user, Kind.OCCUPATION)
    calls = [lambda: review(user, seen), lambda: review(user, seen, reason="Blurred")]
    answers = threads.at_once(*calls * 4)
    assert Counter(type(each) for each in answers) == {User: 1, errors.InvalidTransition: 7}
    decided = [kind for kind in kinds(user) if kind.startswith("user.kyc_document_")]
    assert len(decided) == 2


def test_document_is_refused_when_the_user_unsubscribes_concurrently(user):
    end = UnsubscribeUser(client_id=user.client_id, by=people.BY, user_id=user.id)
    with threads.Two() as two:
        (_, refused), waited = two.one_waits(
            lambda: posting.submit(end), lambda: send_one(user, Kind.DOCUMENT_INCOME_TAX)
        )
    assert waited
    assert isinstance(refused, errors.UserNotActive)
    assert stored(user) == []


def test_block_that_waited_for_an_approval_is_the_current_one(user, monkeypatch):
    """Its id was created before it waited, so it is older than the approved block's id."""
    early, late = sorted(new_id() for _ in range(2))
    monkeypatch.setattr(kyc, "new_id", lambda: late)
    review(user, send_one(user, Kind.OCCUPATION))
    monkeypatch.setattr(kyc, "new_id", lambda: early)
    sent = another(user)
    assert kyc.current_documents(user) == {Kind.OCCUPATION: sent}
    review(user, sent, reason="Blurred")
    assert kyc.current_documents(user)[Kind.OCCUPATION].status == "REJECTED"
