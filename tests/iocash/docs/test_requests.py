"""A request that a guide writes once is shown in curl, Python and TypeScript."""

from __future__ import annotations

import pytest

from iocash.docs import client_calls
from iocash.docs.guides import GUIDES
from iocash.docs.layout import WIDTH as CODE_WIDTH
from iocash.docs.reference import OWN
from iocash.docs.requests import WIDTH, calls_of, written_requests
from tests.support import guide_examples

TRANSFER = """
PAID = lunch.id    # the id, from the response
paid = POST /wallets/$ALICE/movements
Idempotency-Key: lunch-7
{"type": "TRANSFER", "targetWalletId": "$BOB", "amount": "1.00", "metadata": {"to": "$5"}}
"""


def curl(text: str, *, show_headers: bool = False) -> str:
    return "\n".join(each.curl(show_headers=show_headers) for each in written_requests(text))


def python(text: str, *, show_headers: bool = False) -> str:
    several = written_requests(text)
    pairs = zip(several, calls_of(several) or [], strict=True)
    return "\n".join(each.python(call, show_headers=show_headers) for each, call in pairs)


def typescript(text: str, *, show_headers: bool = False) -> str:
    several = written_requests(text)
    pairs = zip(several, calls_of(several) or [], strict=True)
    return "\n".join(each.typescript(call, show_headers=show_headers) for each, call in pairs)


def test_post_in_curl_has_key_body_and_variables():
    assert curl(TRANSFER) == (
        "PAID=0198…    # the id, from the response\n"
        "api $API/wallets/$ALICE/movements -H 'Idempotency-Key: lunch-7' \\\n"
        """    -d '{"type": "TRANSFER", "targetWalletId": "'$BOB'", "amount": "1.00",\n"""
        """         "metadata": {"to": "$5"}}'"""
    )


def test_post_in_the_clients_has_key_body_and_variables():
    assert python(TRANSFER) == (
        "paid_id = lunch.id\n"
        "paid = client.create_movement(\n"
        "    alice,\n"
        '    models.TransferBody(target_wallet_id=bob, amount="1.00", metadata={"to": "$5"}),\n'
        '    key="lunch-7",\n'
        ")"
    )
    assert typescript(TRANSFER) == (
        "const paidId = lunch.id;\n"
        "const paid = await client.createMovement(\n"
        "  alice,\n"
        '  { type: "TRANSFER", targetWalletId: bob, amount: "1.00", metadata: { to: "$5" } },\n'
        '  { key: "lunch-7" },\n'
        ");"
    )


def test_list_is_read_to_its_end_unless_it_has_a_size():
    text = "GET /wallets?userId=$OWNER"
    assert curl(f"{text}&size=1", show_headers=True) == 'api -i "$API/wallets?userId=$OWNER&size=1"'
    assert python(text) == (
        "for wallet in client.list_wallets(user_id=[owner_id]):\n    print(wallet)"
    )
    assert python(f"{text}&size=1") == (
        "print(client.list_wallets(user_id=[owner_id], size=1).page().items)"
    )
    assert typescript(text) == (
        "for await (const wallet of client.listWallets({ userId: [ownerId] })) {\n"
        "  console.log(wallet);\n}"
    )
    assert typescript(f"{text}&size=1") == (
        "console.log((await client.listWallets({ userId: [ownerId], size: 1 }).page()).items);"
    )


def test_brackets_tell_curl_to_keep_them_and_are_an_object_in_the_clients():
    text = "GET /movements?metadata[order]=17&size=1"
    assert curl(text) == 'api -g "$API/movements?metadata[order]=17&size=1"'
    assert 'metadata={"order": "17"}' in python(text)
    assert 'metadata: { order: "17" }' in typescript(text)


def test_patch_names_its_method_and_null():
    text = 'PATCH /wallets/$ALICE\n{"alias": null}'
    assert curl(text) == """api -X PATCH $API/wallets/$ALICE -d '{"alias": null}'"""
    assert python(text) == "print(client.update_wallet(alice, models.WalletChange(alias=None)))"
    assert typescript(text) == "console.log(await client.updateWallet(alice, { alias: null }));"


def test_refused_request_shows_the_class_of_its_code():
    text = "POST /wallets/$ALICE/holds/$HOLD/executions -> hold_not_open\n{}"
    assert curl(text) == "api $API/wallets/$ALICE/holds/$HOLD/executions -d '{}'"
    assert python(text) == (
        "try:\n    client.execute_hold(alice, hold_id, models.ExecutionBody())\n"
        "except errors.HoldNotOpen as error:\n    print(error.detail)"
    )
    assert "if (!(error instanceof errors.HoldNotOpen)) throw error;" in typescript(text)


def test_dry_run_and_headers_have_their_own_words():
    text = 'POST /wallets/$ALICE/holds?dryRun=true\n{"targetWalletId": "$BOB", "amount": "1.00"}'
    body = 'models.HoldBody(target_wallet_id=bob, amount="1.00")'
    assert python(text) == f"print(client.create_hold_dry_run(\n    alice, {body}\n))"
    assert "(await client.createHoldDryRun(" in typescript(text, show_headers=True)
    assert python("GET /me", show_headers=True) == "print(client.get_me().meta)"


def test_times_are_objects_in_python():
    text = 'PATCH /wallets/$ALICE/holds/$HOLD\n{"expiration": "2035-01-31T12:00:00Z"}'
    assert "expiration=datetime(2035, 1, 31, 12, tzinfo=UTC)" in python(text)
    assert "at=date(2026, 1, 1)" in python("GET /wallets/$ALICE/balance?at=2026-01-01")


def test_variables_get_nested_fields_and_one_time_passwords():
    text = "WALLET = wallets.0.userId\nOTP = console    # from the console\nGET /me"
    assert python(text).startswith(
        'wallet_id = wallets[0].user_id\notp = "123456"    # from the console\n'
    )
    assert typescript(text).startswith(
        'const walletId = wallets[0].userId;\nconst otp = "123456";    // from the console\n'
    )
    assert curl(text).startswith("WALLET=0198…\nOTP=123456    # from the console\n")


@pytest.mark.parametrize(
    "text",
    [
        "GET /public/wallets/$ALICE",
        "GET /wallets?stauts=READY",
        "GET /wallets/$ALICE\nX-Request-Id: 7",
        'PATCH /wallets/$ALICE\n{"alais": "x"}',
        'POST /wallets\n{"userId": 7}',
        'POST /wallets/$ALICE/movements\n{"type": "OTHER"}',
        'PATCH /wallets/$ALICE/movements/$PAID\n{"metadata": {"order": 7}}',
        "POST /wallets/$ALICE/create-iban?dryRun=true\n{}",
    ],
)
def test_request_that_the_clients_cannot_send_has_no_call(text):
    assert calls_of(written_requests(text)) is None


CURL_ALONE = {
    "error-handling": ["POST /wallets/$ALICE/movements"],  # a field that does not exist
    "pagination": ["GET /wallets?stauts=READY"],  # a filter that does not exist
    "published-paths": ["POST /public/wallets/$ALICE/transfer"] * 2,  # of no client
    "references": ["POST /wallets/$ALICE/movements"],  # a number in metadata
    "testing": ["GET /wallets/$ALICE"],  # a header that no client sends
    "versions": ["GET /public/wallets/$ALICE"],  # of no client
}
"""The examples without tabs, by guide: requests that the typed clients can't send."""


def test_only_these_examples_are_in_curl_alone():
    found = {
        guide.slug: [
            f"{each.method} {each.target}"
            for _, several in guide_examples.written_in(guide.slug)
            if calls_of(several) is None
            for each in several
        ]
        for guide in GUIDES
    }
    assert {slug: several for slug, several in found.items() if several} == CURL_ALONE


def test_facts_of_the_clients_equal_the_document():
    text = client_calls.facts_text(OWN.whole())
    assert client_calls.FILE.read_text() == text, "run manage.py write_docs"


@pytest.mark.slow
def test_lines_of_examples_fit_the_page():
    texts = [text for guide in GUIDES for text in guide_examples.by_python_text(guide.slug)]
    texts += [each.typescript for each in guide_examples.examples_of_calls().values()]
    long = [line for text in texts for line in text.splitlines() if len(line) > CODE_WIDTH]
    wrong = [line for line in long if max(map(len, line.split())) < 60]  # no word is broken
    assert wrong == []


def test_blank_lines_separate_requests():
    first, second = written_requests("GET /users\n\nGET /wallets\n")
    assert (first.target, second.target) == ("/users", "/wallets")


def test_long_lists_have_an_item_a_line():
    transfers = ", ".join(['{"sourceWalletId": "$ALICE", "amount": "1.00", "concept": "Tea"}'] * 3)
    lines = curl(f'POST /operations\n{{"transfers": [{transfers}]}}').splitlines()
    assert [line.count("Tea") for line in lines] == [0, 0, 1, 1, 1]
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize(
    "text", ["POST", "POST /users\n{", "Key: x\nGET /users", "GET /a b c", "paid = GET"]
)
def test_text_that_is_no_request_is_refused(text):
    with pytest.raises(ValueError, match=r"no request|Expecting"):
        written_requests(text)
