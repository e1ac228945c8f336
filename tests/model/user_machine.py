"""Lives at random: what clients and staff do to three users, held against what is known of them."""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from iocash import errors
from tests.model.user_state import (
    MOST_CODES,
    MOST_TRIES,
    CashOut,
    Code,
    Hold,
    Person,
    Phone,
    Shown,
    Wallet,
    today,
)
from tests.support import audited
from tests.support.backoffice import Office, page_of
from tests.support.people import Answer, Api
from users import demo_documents, kyc
from users.models import Event, KycDocument, User
from users.models.events import By
from users.models.ids import new_id
from users.users import TRANSITIONS
from wallets import models, posting
from wallets.orders.base import Order

PEOPLE = {
    "alice": ("demo", "NATURAL", {"firstName": "Alice", "lastName": "Example"}),
    "bob": ("demo", "NATURAL", {"firstName": "Bob", "lastName": "Example"}),
    "company": ("another", "JURIDICAL", {"companyName": "Example Ltd"}),
}
BLOCKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "identity": (
        {
            "identityType": "DNI",
            "identityNumber": "12345678Z",
            "nationality": "ES",
            "issueDate": "2024-03-01",
            "birthDate": "1990-05-17",
            "expiryDate": (today() + timedelta(days=400)).isoformat(),
        },
        {"expiryDate": (today() + timedelta(days=800)).isoformat()},
    ),
    "home-address": (
        {
            "address": "Calle Mayor 1",
            "city": "Madrid",
            "countryCode": "ES",
            "postalCode": "28013",
            "province": "Madrid",
        },
        {"address": "Calle Mayor 2"},
    ),
    "external-iban": (
        {"externalIban": "ES9121000418450200051332"},
        {"externalIban": "DE89370400440532013000"},
    ),
    "financial-information": ({"incomeLevel": "A"}, {"incomeLevel": "B"}),
    "occupation": ({"occupationCode": "2511"}, {"occupationCode": "2512"}),
}
BECOMES = {
    "user.created": "CREATED",
    "user.verified": "VERIFIED",
    "user.activated": "ACTIVATED",
    "user.blocked": "BLOCKED",
    "user.unblocked": "ACTIVATED",
    "user.unsubscribed": "UNSUBSCRIBED",
}
Turn = TypeVar("Turn", bound=Callable[..., None])
DECK: list[str] = []
TURNS: dict[str, st.SearchStrategy[dict[str, Any]]] = {}


def turn(times: int, /, **values: Any) -> Callable[[Turn], Turn]:
    """Add a turn to the deck `times` times, with the strategies of its arguments."""

    def put(method: Turn) -> Turn:
        DECK.extend([method.__name__] * times)
        TURNS[method.__name__] = st.fixed_dictionaries(values)
        return method

    return put


@cache
def body_of(path: str, variant: int) -> dict[str, Any]:
    """Return the body of a KYC document of this kind, in two variants."""
    if path in BLOCKS:
        first, other = BLOCKS[path]
        return first | other if variant else first
    content = demo_documents.draw_pdf(f"{path} {variant}").content
    return {"content": base64.b64encode(content).decode()}


class Lives(RuleBasedStateMachine):
    """Two clients, their users and staff; each step is predicted, executed and compared."""

    apis: ClassVar[dict[str, Api]]
    clients: ClassVar[dict[str, UUID]]
    staff: ClassVar[Any]
    codes: ClassVar[list[Any]]
    clock: ClassVar[Any]
    steps: ClassVar[int] = 0
    tally: ClassVar[Counter[tuple[str, str]]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.undo.enter_context(undone())
        self.office = Office(self.staff)
        self.people = {name: Person(name, *PEOPLE[name][:2]) for name in PEOPLE}
        self.gone: list[Person] = []
        self.codes_seen = len(self.codes)
        self.phones: dict[tuple[str, str], Phone] = defaultdict(Phone)
        self.holds: list[Hold] = []
        self.cash_outs: list[CashOut] = []
        self.statuses: dict[UUID, str] = {}
        self.minutes = 0
        last = Event.objects.order_by("position").last()
        self.last_event = last.position if last else 0
        self.told: Counter[str] = Counter()
        self.actor = ""

    def teardown(self) -> None:
        with self.undo:
            self.look_into_the_books()

    @rule(data=st.data())
    def take_turn(self, data: st.DataObject) -> None:
        """Draw a turn from the deck, so that each game has all turns."""
        name = data.draw(st.sampled_from(DECK))
        getattr(self, name)(**data.draw(TURNS[name], label=name))

    # --- Doing ------------------------------------------------------------------------------------

    def do(
        self,
        call: Callable[[], Answer],
        refusal: str,
        status: int,
        told: list[str],
        *,
        name: str,
    ) -> Answer | None:
        """Call, and compare the answer with the prediction; return None for a refusal."""
        type(self).steps += 1
        answer = call()
        said = answer.code if answer.status >= 400 else ""
        assert said == refusal, f"{name}: {answer.json}, not {refusal or status}"
        self.tally[name, said or "done"] += 1
        if refusal:
            return None
        assert answer.status == status, f"{name}: {answer.status}, not {status}"
        self.told.update(told)
        return answer

    def api(self, client: str, is_stranger: bool = False) -> Api:
        self.actor = "key:"
        other = {"demo": "another", "another": "demo"}
        return self.apis[other[client] if is_stranger else client]

    @property
    def by(self) -> By:
        self.actor = "staff:"
        return By(f"staff:{self.staff.pk}", "test")

    def do_action(self, thing: Any, name: str, **values: Any) -> Answer:
        """Submit a staff action in the back office."""
        self.actor = "staff:"
        address = page_of(thing).replace("change/", f"action/{name}/")
        status = self.office.status("post", address, {"key": new_id()} | values)
        return Answer(200 if status == 302 else 500, {}, {"code": "no_redirect"})

    # --- Codes ------------------------------------------------------------------------------------

    def phone(self, client: str, phone: str) -> Phone:
        """Return the client's use of this number; its counts restart each day."""
        used, today = self.phones[client, phone], self.clock.now().date()
        if used.day != today:
            used.day, used.asked, used.sent, used.tries = today, 0, 0, 0
        return used

    def pause(self, person: Person, phone: str) -> bool:
        """Return whether no code can be sent to this number at the moment."""
        used = self.phone(person.client, phone)
        return used.asked_at == self.minutes or used.asked == MOST_CODES

    def sent(self, person: Person, phone: str) -> None:
        self.void(person)
        used, is_withheld = self.phone(person.client, phone), self.is_used_up(phone)
        used.asked_at, used.asked = self.minutes, used.asked + 1
        is_sent = len(self.codes) > self.codes_seen
        self.codes_seen = len(self.codes)
        assert is_sent != is_withheld, "a code was sent" if is_withheld else "no code was sent"
        if is_withheld:
            person.codes[phone] = Code(self.minutes, "000000", is_withheld=True)
            return
        assert self.codes[-1][:2] == (person.id, phone), "it went to somebody else"
        used.sent_at, used.sent = self.minutes, used.sent + 1
        person.codes[phone] = Code(self.minutes, self.codes[-1].code)

    def is_used_up(self, phone: str) -> bool:
        """Return whether both clients together have reached the limit of the number."""
        uses = [self.phone(client, phone) for client in ("demo", "another")]
        return (
            any(used.sent_at == self.minutes for used in uses)
            or sum(used.sent for used in uses) >= MOST_CODES
            or sum(used.tries for used in uses) >= MOST_TRIES
        )

    def void(self, person: Person) -> None:
        person.old_codes += [code.text for code in person.codes.values() if code.text]
        for code in person.codes.values():
            code.text = None

    def is_taken(self, person: Person, field: str, value: str) -> bool:
        return any(
            other.status and not other.is_erased and other.values[field] == value
            for other in self.people.values()
            if other is not person and other.client == person.client
        )

    # --- Comparing --------------------------------------------------------------------------------

    @invariant()
    def stored_state_matches_the_model(self) -> None:
        known = [each for each in (*self.people.values(), *self.gone) if each.status]
        fields = "id", "status", "user_name", "mobile_phone", "unverified_phone"
        stored = User.objects.values_list(*fields, "kyc_level", "kyc_until")
        assert set(stored) == {person.row for person in known}
        wallets = {
            (each.id, each.status, each.balance, each.held)
            for person in known
            for each in person.wallets
        }
        rows = models.Wallet.objects.values_list("id", "status", "balance", "held")
        assert set(rows) == wallets
        approved = {(person.id, path) for person in known for path in person.approved}
        assert {(each.user_id, each.path) for each in KycDocument.objects.approved()} == approved

    @invariant()
    def each_change_has_one_event_with_its_actor(self) -> None:
        events = list(Event.objects.filter(position__gt=self.last_event).order_by("position"))
        for event in events:
            self.last_event = event.position
            assert event.actor.startswith(self.actor), (event, event.actor)
            if event.kind in BECOMES:
                self.become(event.subject_id, BECOMES[event.kind])
        found = Counter(each.kind for each in events if each.subject in {"user", "wallet"})
        assert found == self.told, f"told {dict(found)}, not {dict(self.told)}"
        self.told.clear()
        stored = dict(User.objects.values_list("id", "status"))
        assert stored == self.statuses, "a status was reached that nobody was told of"

    def become(self, user_id: UUID, status: str) -> None:
        before = self.statuses.get(user_id)
        assert before is None if status == "CREATED" else status in TRANSITIONS[str(before)]
        self.statuses[user_id] = status

    def look_into_the_books(self) -> None:
        wrong = audited.wrong()
        assert not wrong, "\n".join(wrong)

    # --- What more than one action does -----------------------------------------------------------

    def find_wallets(self, person: Person) -> None:
        """Read the ids of newly opened wallets."""
        known = {wallet.id for wallet in person.wallets}
        ids = models.Wallet.objects.filter(user=person.id).values_list("id", flat=True)
        person.wallets += [Wallet(person, each) for each in ids if each not in known]

    def waiting(self, person: Person) -> dict[str, UUID]:
        """Return the ids of the pending KYC documents by kind."""
        assert person.id
        found = KycDocument.objects.filter(user=person.id).waiting()
        ids = {each.path: each.id for each in found}
        known = {path for path, each in person.shown.items() if each.status == "PENDING"}
        assert ids.keys() == known
        return ids

    def decided(self, person: Person, paths: list[str], status: str) -> list[str]:
        """Apply the decisions of staff to the model; return the expected events."""
        for path in paths:
            shown = person.shown[path] = Shown(person.shown[path].variant, status)
            if status == "APPROVED":
                person.approved[path] = shown.variant
        if status == "APPROVED" and "identity" in paths:
            person.expires_on = today() + timedelta(days=[400, 800][person.approved["identity"]])
        told = [f"user.kyc_document_{status.lower()}"] * len(paths)
        before = person.level, person.until
        person.level, person.until = person.worth()
        return told + ["user.level_changed"] * ((person.level, person.until) != before)


@contextmanager
def undone() -> Iterator[None]:
    """Open a savepoint in the test's transaction and roll it back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def submitted(order: Order) -> Answer:
    return heard(lambda: posting.submit(order))


def heard(call: Callable[[], Any]) -> Answer:
    """Return an answer in the form of the API's."""
    try:
        call()
    except errors.Refused as refused:
        return Answer(int(refused.status), {}, {"code": refused.code})
    return Answer(200, {}, {})


def run(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def review(person: Person, ids: list[UUID], by: By, reason: str) -> Answer:
    assert person.id
    user = User.objects.get(id=person.id)
    about: dict[str, Any] = {"client_id": user.client_id, "user_id": user.id, "by": by}
    return heard(lambda: kyc.review(**about, document_ids=ids, reason=reason))


AMOUNTS = st.sampled_from([5_00, 20_00, 20_00, 45_00, 45_00, 60_00, 100_00])
NAMES = st.sampled_from(["alice", "alice", "bob", "bob", "company"])
