"""The rules of the machine: what is done to users and their wallets, and what should come of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from tests.model.user_machine import (
    NAMES,
    PEOPLE,
    Lives,
    body_of,
    heard,
    review,
    run,
    submitted,
    turn,
)
from tests.model.user_state import KINDS, LEVELS, LIMITS, MOST_TRIES, Person, Shown, today
from tests.support.people import Answer
from users import kyc, names
from users.models import KycDocument, Review, User
from users.models.events import By
from users.models.ids import new_id
from wallets import erasure
from wallets.orders.users import BlockUser, UnblockUser

PHONES = {"alice": "+3460000001", "bob": "+3460000002", "company": "+3460000003"}
SELDOM = st.sampled_from([False] * 9 + [True])
TURN = st.sampled_from(range(1000))
ONE_OF = st.sampled_from([0, 1, 2, 2])


def values_of(name: str, user_name: int, phone: int) -> dict[str, str]:
    """Return a user name and a phone number; the last of each is shared by all users."""
    return {
        "userName": "shared" if user_name == 2 else f"{name}{user_name}",
        "mobilePhone": "+34600000099" if phone == 2 else f"{PHONES[name]}{phone}",
    }


BEGINS = ["", "new", "active", "active", "active", "1", "1", "2", "ended"]


class Machine(Lives):
    """All changes of a user, in any order."""

    @initialize(begins=st.tuples(*[st.sampled_from(BEGINS)] * 3))
    def begin(self, begins: tuple[str, ...]) -> None:
        """Choose the initial state of each user, from not created to approved."""
        for name, begin in zip(PEOPLE, begins, strict=True):
            if begin:
                self.step(Machine.create, name=name, phone=0, put=False)
            if begin in {"active", "1", "2", "ended"}:
                self.step(Machine.validate_otp, name=name, which="right")
            if begin in {"1", "2"}:
                self.step(Machine.show_all, name=name, level=int(begin), turn=1)
            if begin == "ended":
                self.step(Machine.unsubscribe, name=name)
        self.bring_money()

    def bring_money(self) -> None:
        """Give initial money to users that can receive it."""

    def step(self, what: Callable[..., None], **values: Any) -> None:
        what(self, **values)
        self.each_change_has_one_event_with_its_actor()

    # --- Being created, and changed ---------------------------------------------------------------

    @turn(1, name=NAMES, phone=ONE_OF, put=st.booleans())
    def create(self, name: str, phone: int, put: bool) -> None:
        """Create a user, or try a duplicate."""
        person = self.people[name]
        values = values_of(name, 0, phone)
        if there := bool(person.status and not person.is_erased):
            values = dict(person.values)
        new, client = new_id(), PEOPLE[name][0]
        body = {"kind": person.kind} | values | PEOPLE[name][2]
        fresh = Person(name, client, person.kind, new, "CREATED", values)
        taken = there or any(self.is_taken(fresh, field, values[field]) for field in values)
        api = self.api(client)
        call = partial(api.put, f"users/{new}", body) if put else partial(api.post, "users", body)
        told = ["user.created"]
        refusal = "already_exists" if taken else ""
        if not refusal and self.pause(fresh, fresh.phone):
            refusal = "otp_too_soon"
        answer = self.do(call, refusal, 202, told, name="create")
        if answer:
            fresh.id = UUID(answer.json["id"])
            self.gone += [person] * person.is_erased
            self.people[name] = fresh
            self.sent(fresh, fresh.phone)

    @turn(
        3,
        name=NAMES,
        fields=st.sampled_from(["userName", "mobilePhone", "both", "put"]),
        user_name=ONE_OF,
        phone=ONE_OF,
        stranger=SELDOM,
    )
    def change(self, name: str, fields: str, user_name: int, phone: int, stranger: bool) -> None:
        """Change the name, the number, both or the whole user."""
        person = self.people[name]
        if not person.status:
            return
        values = values_of(name, user_name, phone)
        body = dict(values) if fields in {"both", "put"} else {fields: values[fields]}
        api = self.api(person.client, stranger)
        if fields == "put":
            body |= {"kind": person.kind} | PEOPLE[name][2]
        changed = {} if person.is_erased else self.changed(person, body)
        refusal = self.refusal_of_change(person, body, changed)
        method = api.put if fields == "put" else api.patch
        told = ["user.changed"] * (changed != {})
        refusal = "not_found" if stranger else refusal
        call = partial(method, person.path, body)
        if not self.do(call, refusal, 200, told, name="change"):
            return
        person.values["userName"] = changed.get("userName", person.values["userName"])
        if "mobilePhone" in changed:
            self.take_number(person, changed["mobilePhone"])

    def changed(self, person: Person, body: dict[str, str]) -> dict[str, str]:
        """Return the fields of the body that change something."""
        phone = body.get("mobilePhone", person.unverified or person.phone)
        waits = person.unverified or person.phone
        changed = {} if phone == waits else {"mobilePhone": phone}
        name = body.get("userName", person.values["userName"])
        return changed | ({"userName": name} if name != person.values["userName"] else {})

    def refusal_of_change(
        self, person: Person, body: dict[str, str], changed: dict[str, str]
    ) -> str:
        differs = any(
            person.values[field] != body[field] for field in person.values if field in body
        )
        if person.status == "UNSUBSCRIBED" and (differs or person.is_erased):
            return "user_not_active"
        phone = changed.get("mobilePhone", person.phone)
        if phone != person.phone and self.is_taken(person, "mobilePhone", phone):
            return "already_exists"
        if phone != person.phone and self.pause(person, phone):
            return "otp_too_soon"
        user_name = changed.get("userName", person.values["userName"])
        return "already_exists" if self.is_taken(person, "userName", user_name) else ""

    def take_number(self, person: Person, phone: str) -> None:
        if phone == person.phone:
            self.void(person)
            person.unverified = ""
            return
        self.sent(person, phone)
        if person.status == "CREATED":
            person.values["mobilePhone"] = phone
        else:
            person.unverified = phone

    # --- Being verified ---------------------------------------------------------------------------

    @turn(2, name=NAMES)
    def request_otp(self, name: str) -> None:
        person = self.people[name]
        if not person.status:
            return
        phone, api = person.to_verify, self.api(person.client)
        refusal = "" if phone else "already_verified"
        if phone and self.pause(person, phone):
            refusal = "otp_too_soon"
        call = partial(api.post, f"{person.path}/request-otp")
        if self.do(call, refusal, 202, ["user.otp_sent"], name="request_otp"):
            self.sent(person, phone)

    @turn(3, name=NAMES, which=st.sampled_from(["right", "right", "right", "wrong", "old"]))
    def validate_otp(self, name: str, which: str) -> None:
        person = self.people[name]
        if not person.status:
            return
        code, api = person.codes.get(person.to_verify), self.api(person.client)
        right = (code and code.text) or "000000"
        guess = right
        if which == "wrong":
            guess = f"{(int(right) + 1) % 10**6:06d}"
        if which == "old" and person.old_codes:
            guess = person.old_codes[-1]
        refusal, is_new = self.refusal_of_code(person, guess), person.status == "CREATED"
        told = ["user.phone_verified"]
        told += ["user.verified", "user.activated", "wallet.opened"] * is_new
        call = partial(api.post, f"{person.path}/validate-otp", {"otp": guess})
        if self.do(call, refusal, 200, told, name="validate_otp"):
            person.values["mobilePhone"] = person.to_verify
            person.unverified = ""
            self.void(person)
            if is_new:
                person.status = "ACTIVATED"
                self.find_wallets(person)

    @turn(1, name=NAMES)
    def guess(self, name: str) -> None:
        """Send six wrong codes; five attempts are allowed."""
        for _ in range(6 if self.people[name].to_verify else 0):
            self.validate_otp(name, "wrong")

    def refusal_of_code(self, person: Person, guess: str) -> str:
        """Return the refusal of the code, and count an attempt if a code is active."""
        if not person.to_verify:
            return "already_verified"
        code, used = person.codes.get(person.to_verify), self.phone(person.client, person.to_verify)
        if used.tries == MOST_TRIES:
            return "otp_tried_out"
        if not code or not code.text or self.minutes - code.sent_at >= 10:
            return "otp_expired"
        if code.tries == 5:
            return "otp_tried_out"
        code.tries += 1
        used.tries += 1
        if code.is_withheld or guess != code.text:
            return "invalid_otp"
        taken = self.is_taken(person, "mobilePhone", person.to_verify)
        return "already_exists" if taken else ""

    @turn(2, minutes=st.sampled_from([1, 1, 1, 10]))
    def wait(self, minutes: int) -> None:
        self.minutes += minutes
        self.clock.go(61 * minutes)

    # --- Being stopped, and ended -----------------------------------------------------------------

    @turn(5, name=NAMES, unblocking=st.booleans(), turn=TURN)
    def block(self, name: str, unblocking: bool, turn: int) -> None:
        """Block or unblock a user, by an order or in the back office."""
        person = self.people[name]
        blocked = [each for each in self.people.values() if each.status == "BLOCKED"]
        if blocked and unblocking and turn % 5:
            person = blocked[turn % len(blocked)]
        if not person.status:
            return
        before, after = ("BLOCKED", "ACTIVATED") if unblocking else ("ACTIVATED", "BLOCKED")
        refusal = "" if person.status == before else "invalid_transition"
        verb = "unblock" if unblocking else "block"
        call = partial(self.blocked, person, verb, turn % 4 == 0 and not refusal)
        if self.do(call, refusal, 200, [f"user.{verb}ed"], name=verb):
            person.status = after

    def blocked(self, person: Person, verb: str, in_office: bool) -> Answer:
        assert person.id
        if in_office:
            return self.do_action(User.objects.get(id=person.id), verb, reason="OTHER")
        order = UnblockUser if verb == "unblock" else BlockUser
        about: dict[str, Any] = {"client_id": self.clients[person.client], "by": self.by}
        return submitted(order(**about, user_id=person.id, reason="OTHER"))

    @turn(1, name=NAMES)
    def unsubscribe(self, name: str) -> None:
        person = self.people[name]
        if not person.status:
            return
        refusal = "wallet_not_empty" if person.balance else ""
        is_new, api = person.status != "UNSUBSCRIBED", self.api(person.client)
        open_ = [wallet for wallet in person.wallets if wallet.status != "UNSUBSCRIBED"]
        told = ["wallet.unsubscribed"] * len(open_) + ["user.unsubscribed"] * is_new
        call = partial(api.patch, person.path, {"status": "UNSUBSCRIBED"})
        if self.do(call, refusal, 200, told, name="unsubscribe") and is_new:
            person.status, person.unverified = "UNSUBSCRIBED", ""
            self.void(person)
            for wallet in open_:
                wallet.status = "UNSUBSCRIBED"

    @turn(2, name=NAMES)
    def erase(self, name: str) -> None:
        person = self.people[name]
        if not person.status:
            return
        user_id, by = person.id, self.by
        assert user_id
        refusal = "" if person.status == "UNSUBSCRIBED" else "invalid_transition"
        told = ["user.erased"] * (not person.is_erased)
        call = partial(heard, partial(erasure.erase, user_id=user_id, by=by, reason="OTHER"))
        if self.do(call, refusal, 200, told, name="erase"):
            person.is_erased = True
            person.shown, person.approved, person.expires_on = {}, {}, None
            person.codes = {}

    # --- Showing who they are, and being looked at ------------------------------------------------

    @turn(3, name=NAMES, path=st.sampled_from(KINDS), variant=st.integers(0, 1), put=st.booleans())
    def send(self, name: str, path: str, variant: int, put: bool) -> None:
        person = self.people[name]
        if person.status:
            self.send_one(person, path, variant, put)

    def send_one(self, person: Person, path: str, variant: int, put: bool) -> None:
        last, api = person.shown.get(path), self.api(person.client)
        stands = last and last.status in {"PENDING", "APPROVED"} and last.variant == variant
        refusal = "user_not_active" if person.status == "UNSUBSCRIBED" else ""
        if last and not put:
            refusal = "already_exists"
        elif stands:
            refusal = ""
        told = [] if stands else ["user.kyc_document_sent"]
        method, body = (api.put if put else api.post), body_of(path, variant)
        status = 200 if last else 201
        call = partial(method, f"{person.path}/{path}", body)
        if self.do(call, refusal, status, told, name="send") and not stands:
            person.shown[path] = Shown(variant, "PENDING")

    @turn(2, name=NAMES, level=st.sampled_from([1, 1, 2]), turn=TURN)
    def show_all(self, name: str, level: int, turn: int) -> None:
        """Send and approve all KYC documents of a level."""
        person = self.people[name]
        if person.status in {"", "UNSUBSCRIBED"}:
            return
        kinds = LEVELS[person.kind].get(level, LEVELS[person.kind][2])
        for path in sorted(kinds - person.approved.keys()):
            self.send_one(person, path, 0, True)
            self.each_change_has_one_event_with_its_actor()
        self.review_all(person, turn, rejecting=False)

    @turn(3, name=NAMES, rejecting=st.booleans(), turn=TURN)
    def review(self, name: str, rejecting: bool, turn: int) -> None:
        """Review all pending KYC documents, or a part."""
        if self.people[name].status:
            self.review_all(self.people[name], turn, rejecting=rejecting)

    def review_all(self, person: Person, turn: int, *, rejecting: bool) -> None:
        waiting = self.waiting(person)
        chosen = sorted(waiting)[turn % 3 and turn % (len(waiting) + 1) :]
        if not chosen:
            return
        status, verb = ("REJECTED", "reject") if rejecting else ("APPROVED", "approve")
        ids, by, reason = [waiting[path] for path in chosen], self.by, "Blurred" * rejecting
        told: list[str] = []
        in_office = turn % 4 == 0 and person.status != "UNSUBSCRIBED"
        self.do(lambda: self.reviewed(person, ids, by, reason, in_office), "", 200, told, name=verb)
        self.told.update(self.decided(person, chosen, status))
        self.do(lambda: review(person, ids, by, reason), "invalid_transition", 409, [], name=verb)

    def reviewed(
        self, person: Person, ids: list[UUID], by: By, reason: str, in_office: bool
    ) -> Answer:
        if not in_office:
            return review(person, ids, by, reason)
        assert person.id
        thing = Review.objects.get(id=person.id)
        others = kyc.with_same_document(KycDocument.objects.filter(id__in=ids))
        values: dict[str, Any] = {"documents": ids, "names": names.seen(thing)}
        if not reason:
            values["same_document"] = [other.id for other in others]
        return self.do_action(thing, "reject" if reason else "approve", **values, reason=reason)

    @turn(1, name=NAMES)
    def expire(self, name: str) -> None:
        """Let the approved identity expire."""
        person = self.people[name]
        if "identity" not in person.approved:
            return
        person.expires_on = yesterday = today() - timedelta(days=1)
        about = "user_id = %s AND kind = 'IDENTITY' AND status = 'APPROVED'"
        run(f"UPDATE users_kycdocument SET expires_on = %s WHERE {about}", yesterday, person.id)
        if person.until:
            person.until = yesterday
            run("UPDATE users_user SET kyc_until = %s WHERE id = %s", yesterday, person.id)
        self.tally["expire", f"level {person.level}"] += 1

    @turn(2, name=NAMES, stranger=SELDOM)
    def look(self, name: str, stranger: bool) -> None:
        """Assert that compliance follows from the approved KYC documents."""
        person = self.people[name]
        if not person.status:
            return
        api = self.api(person.client, stranger)
        refusal = "not_found" if stranger else ""
        call = partial(api.get, f"{person.path}/compliance")
        if answer := self.do(call, refusal, 200, [], name="look"):
            said = answer.json
            assert said["kycLevel"] == person.level_now
            assert set(said["missing"]) == person.missing
            until = said["levelUntil"] and date.fromisoformat(said["levelUntil"])
            assert until == (person.until if person.level_now else None)
            for each in said["limits"]:
                self.look_at_limits(person, each)

    def look_at_limits(self, person: Person, said: dict[str, Any]) -> None:
        used = person.balance, *person.flows[1:]
        for index, name in enumerate(("balance", "cashIn", "cashOut")):
            most = LIMITS[person.level_now][index]
            limit = None if most is None else f"{most / 100:.2f}"
            assert said[name] == {"limit": limit, "used": f"{used[index] / 100:.2f}"}
