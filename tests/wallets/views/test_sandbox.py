"""The operations of sandboxes, and that they exist nowhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from iocash import errors
from iocash.db import clock
from iocash.db.sandbox import note_sandbox
from iocash.times import moment
from tests.support import bank, bank_files, people, sandbox
from tests.support.cash_outs import a_cash_out, money_of
from tests.support.ibans import IBAN
from tests.support.identity import a_verification
from tests.support.people import Api
from tests.support.user_bodies import ALICE
from users import demo_documents, kyc, otp
from users.models import Otp, Sandbox, User
from users.models.clients import SANDBOX_SCOPE, SCOPES
from wallets.models import BankOutcome, BankReport, Movement

pytestmark = pytest.mark.django_db

OPERATIONS = {
    ("POST", "sandbox/clock"): {"advance": "P1D"},
    ("GET", "sandbox/clock"): None,
    ("GET", "sandbox/users/{user}/last-otp"): None,
    ("POST", "sandbox/users/{user}/simulate-identity-verification"): {"status": "APPROVED"},
    ("POST", "sandbox/wallets/{wallet}/movements/{cash_out}/settle"): {},
    ("POST", "sandbox/wallets/{wallet}/movements/{cash_out}/reject"): {},
    ("POST", "sandbox/wallets/{wallet}/bank-transfer-in"): {"amount": "5.00"},
}
BELOW = [each for each in OPERATIONS if "{" in each[1]]


@pytest.fixture
def tester(client_demo) -> Api:
    """A client of a sandbox, with every scope."""
    sandbox.make()
    return Api(people.a_key(client_demo, *SCOPES, SANDBOX_SCOPE))


@pytest.fixture
def paths(alices) -> dict[str, Any]:
    return {"user": alices.user_id, "wallet": alices.id, "cash_out": people.unknown_id()}


# --- Who may call them ---------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_operation_is_unknown_outside_of_sandboxes(method, path, api, nobody, paths):
    for caller in (api, nobody):
        unknown = caller.call(method, "sandbox/unknown", OPERATIONS[method, path])
        answer = caller.call(method, path.format(**paths), OPERATIONS[method, path])
        names = "status", "code", "title", "detail", "type"
        assert answer.status == 404
        assert [answer.json[each] for each in names] == [unknown.json[each] for each in names]
        assert "WWW-Authenticate" not in answer.headers
        assert "X-Sandbox" not in answer.headers


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_request_without_a_key_gets_401(method, path, tester, nobody, paths):
    answer = nobody.call(method, path.format(**paths), OPERATIONS[method, path])
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert 'scope="sandbox:write"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_key_without_the_scope_gets_403(method, path, tester, api, paths):
    answer = api.call(method, path.format(**paths), OPERATIONS[method, path])
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert "sandbox:write" in answer.json["detail"]


@pytest.mark.parametrize(("method", "path"), BELOW)
def test_another_client_gets_404(method, path, tester, paths):
    other = Api(people.a_key(people.a_client("Another"), SANDBOX_SCOPE))
    answer = other.call(method, path.format(**paths), OPERATIONS[method, path])
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_wrong_method_gets_400_with_allow(method, path, tester, paths):
    answer = tester.call("PATCH", path.format(**paths), {})
    assert (answer.status, answer.code) == (400, "method_not_allowed")
    assert method in answer.headers["Allow"]


def test_staff_use_the_back_office_instead(tester, staff, paths):
    browser = Browser()
    browser.force_login(staff)
    for (method, path), body in OPERATIONS.items():
        address = f"/api/v1/{path.format(**paths)}"
        answer = browser.generic(method, address, people.dump(body), "application/json")
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


# --- Every answer --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/docs", "/api/schema", "/readyz", "/", "/x"])
def test_every_answer_of_a_sandbox_says_so(path, tester, client):
    assert client.get(path).headers["X-Sandbox"] == "true"


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/docs", "/"])
def test_no_answer_elsewhere_says_so(path, client):
    assert "X-Sandbox" not in client.get(path).headers


def test_caller_of_a_sandbox_reads_its_mode(tester):
    assert tester.get("me").json["mode"] == "SANDBOX"


# --- The clock -----------------------------------------------------------------------------------


def test_clock_advances_by_a_month(tester):
    before = clock.now()
    answer = tester.post("sandbox/clock", {"advance": "P1M"})
    assert answer.status == 200, answer.json
    assert timedelta(days=28) <= clock.now() - before <= timedelta(days=32)
    assert answer.json["remaining"] is None
    assert answer.json["offset"].startswith("P")
    assert Sandbox.objects.get().clock_offset > timedelta(days=27)


@pytest.mark.parametrize(
    ("advance", "code"),
    [
        ("P0D", "min_value"),
        ("PT0S", "min_value"),
        ("P13M", "max_value"),
        ("P1Y1D", "max_value"),
        ("P9999D", "max_value"),
        ("P", "invalid"),
        ("-P1D", "invalid"),
        ("PT", "invalid"),
        ("1 month", "invalid"),
        (30, "invalid"),
    ],
)
def test_wrong_duration_gets_400(advance, code, tester):
    answer = tester.post("sandbox/clock", {"advance": advance})
    assert (answer.status, answer.json["errors"][0]["code"]) == (400, code)
    assert Sandbox.objects.get().clock_offset == timedelta(0)


@pytest.mark.parametrize(("ahead", "offset"), [(0, "PT0S"), (31, "P31D"), (-1, "-P1D")])
def test_clock_is_read(ahead, offset, tester):
    with sandbox.unguarded():
        Sandbox.objects.update(clock_offset=timedelta(days=ahead))
    before = clock.now()
    answer = tester.get("sandbox/clock")
    assert answer.status == 200, answer.json
    assert (answer.json["offset"], answer.json["remaining"]) == (offset, None)
    assert moment(before) <= answer.json["now"] <= moment(clock.now())


def test_reading_the_clock_advances_nothing(tester):
    tester.post("sandbox/clock", {"advance": "P1D"})
    offset = Sandbox.objects.get().clock_offset
    assert tester.get("sandbox/clock").json["offset"] == "P1D"
    assert Sandbox.objects.get().clock_offset == offset


# --- One-time passwords --------------------------------------------------------------------------


def test_last_code_verifies_the_number(tester):
    made = tester.post("users", ALICE).json
    answer = tester.get(f"sandbox/users/{made['id']}/last-otp")
    assert answer.status == 200, answer.json
    assert answer.json["mobilePhone"] == ALICE["mobilePhone"]
    body = {"otp": answer.json["otp"]}
    verified = tester.post(f"users/{made['id']}/validate-otp", body)
    assert (verified.status, verified.json["status"]) == (200, "ACTIVATED")
    assert tester.get(f"sandbox/users/{made['id']}/last-otp").status == 404


def test_expired_code_is_not_shown(tester):
    made = tester.post("users", ALICE).json
    sandbox.set_clock(clock.now() + timedelta(seconds=Otp.LIFETIME_SECONDS))
    assert tester.get(f"sandbox/users/{made['id']}/last-otp").status == 404


def test_code_outside_of_sandboxes_can_not_be_calculated(api):
    made = api.post("users", ALICE).json
    user, found = User.objects.get(id=made["id"]), Otp.objects.get()
    guess = otp.sandbox_code(user.id, found.mobile_phone, found.sent_at)
    assert otp.code_digest(user.id, found.mobile_phone, guess) != bytes(found.digest or b"")
    with pytest.raises(errors.NotFound):
        otp.last_code(user)
    note_sandbox(True)
    with pytest.raises(errors.NotFound):
        otp.last_code(user)


# --- Identity verifications ----------------------------------------------------------------------


@pytest.mark.parametrize(("status", "level"), [("APPROVED", 1), ("REJECTED", 0)])
def test_simulated_decision_ends_the_verification(status, level, tester, alice):
    User.objects.filter(id=alice.id).update(kyc_level=0)
    demo_documents.send_samples(alice, kyc.IDENTITY, people.BY)
    path = f"sandbox/users/{alice.id}/simulate-identity-verification"
    assert tester.post(path, {"status": status}).status == 404
    a_verification(alice)
    answer = tester.post(path, {"status": status})
    assert (answer.status, answer.json["status"]) == (200, status)
    assert tester.get(f"users/{alice.id}/compliance").json["kycLevel"] == level
    assert tester.post(path, {"status": status}).status == 200
    other = tester.post(path, {"status": "EXPIRED"})
    assert (other.status, other.code) == (409, "invalid_transition")


# --- What banks do -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "status", "left"), [("settle", "SUCCESS", 90), ("reject", "ERROR", 100)]
)
def test_cash_out_in_no_file_ends_as_the_bank_says(verb, status, left, tester, alices):
    moved = a_cash_out(alices, 10_00)
    path = f"sandbox/wallets/{alices.id}/movements/{moved.id}/{verb}"
    answer = tester.post(path)
    assert (answer.status, answer.json["status"]) == (200, status), answer.json
    assert money_of(alices) == (left * 100, 0)
    again = tester.post(path)
    assert (again.status, again.code) == (409, "movement_not_pending")


@pytest.mark.parametrize(
    ("concept", "status", "reason", "left"),
    [
        ("sandbox:settle", "SUCCESS", None, 90),
        ("sandbox:reject", "ERROR", "Rejected by the bank.", 100),
        ("sandbox:reject:AC04", "ERROR", "AC04: The account is closed.", 100),
        ("sandbox:reject:ZZ99", "ERROR", "ZZ99", 100),
        ("sandbox:reject:TOOLONG", "PENDING", None, 100),
        ("Sandbox:settle", "PENDING", None, 100),
    ],
)
def test_cash_out_ends_as_its_concept_asks_for(concept, status, reason, left, tester, alices):
    body = {"type": "CASH_OUT", "amount": "10.00", "iban": IBAN, "concept": concept}
    path = f"wallets/{alices.id}/movements"
    for _ in range(2):
        accepted = tester.post(path, body, key="pay-out")
        assert accepted.status == 202
    found = tester.get(f"{path}/{accepted.json['id']}").json
    assert (found["status"], found["reason"]) == (status, reason)
    assert money_of(alices)[0] == left * 100


def test_concept_ends_no_cash_out_outside_of_sandboxes_nor_in_a_dry_run(api, tester, alices):
    body = {"type": "CASH_OUT", "amount": "10.00", "iban": IBAN, "concept": "sandbox:settle"}
    path = f"wallets/{alices.id}/movements"
    assert tester.post(f"{path}?dryRun=true", body).status == 200
    note_sandbox(False)
    accepted = api.post(path, body)
    assert api.get(f"{path}/{accepted.json['id']}").json["status"] == "PENDING"


def test_cash_out_in_a_file_ends_by_an_answer_of_the_bank(tester, client_demo, alices):
    builder, approver = bank_files.two_members()
    moved = bank_files.some_cash_outs(alices, 10_00, 20_00)
    file = bank_files.build(bank_files.an_account(client_demo), moved, builder)
    paths = [f"sandbox/wallets/{alices.id}/movements/{each.id}" for each in moved]
    early = tester.post(f"{paths[0]}/settle")
    assert (early.status, early.code) == (409, "cash_out_in_file")
    bank_files.send(file, approver)
    settled = tester.post(f"{paths[0]}/settle").json
    rejected = tester.post(f"{paths[1]}/reject", {"reasonCode": "AC04"}).json
    assert (settled["status"], rejected["status"]) == ("SUCCESS", "ERROR")
    assert rejected["reason"].startswith("AC04")
    assert BankReport.objects.filter(file=file, actor="system:bank").count() == 2


def test_transfer_from_a_bank_is_a_cash_in(tester, alices):
    path = f"sandbox/wallets/{alices.id}/bank-transfer-in"
    answer = tester.post(path, {"amount": "5.00", "concept": "Salary"})
    assert (answer.status, answer.json["status"]) == (200, "BOOKED"), answer.json
    movement = Movement.objects.get(id=answer.json["movementId"])
    assert (movement.type, movement.amount, movement.concept) == ("CASH_IN", 5_00, "Salary")
    assert tester.post(path, {"amount": "0"}).json["errors"][0]["field"] == "amount"


def test_transfer_from_a_bank_comes_by_a_statement(tester, client_demo, alices):
    bank.an_account(client_demo)
    path = f"sandbox/wallets/{alices.id}/bank-transfer-in"
    lost = tester.post(path, {"amount": "5.00"}).json
    assert (lost["status"], lost["reason"], lost["movementId"]) == ("SUSPENSE", "no_wallet", None)
    bank.an_iban(alices)
    answer = tester.post(path, {"amount": "7.50", "concept": "A & B"})
    assert (answer.status, answer.json["status"]) == (200, "BOOKED"), answer.json
    outcome = BankOutcome.objects.get(movement_id=answer.json["movementId"])
    assert outcome.line
    assert (outcome.line.amount, outcome.line.remittance) == (7_50, "A & B")
    wrong = tester.post(path, {"amount": "7.505"})
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (400, "amount")


def test_client_without_a_bank_account_gets_no_transfer(tester, client_demo, alices):
    bank.agree_to_source(client_demo, "BANK")
    answer = tester.post(f"sandbox/wallets/{alices.id}/bank-transfer-in", {"amount": "5.00"})
    assert (answer.status, answer.code) == (403, "cash_ins_from_bank")
