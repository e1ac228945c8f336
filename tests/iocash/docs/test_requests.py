"""A request that a guide writes once is shown in curl and in Python."""

from __future__ import annotations

import pytest

from iocash.docs.requests import WIDTH, written_requests

TRANSFER = """
PAID = id    # the id, from the response
POST /wallets/$ALICE/movements
Idempotency-Key: lunch-7
{"type": "TRANSFER", "targetWalletId": "$BOB", "amount": "1.00", "metadata": {"to": "$5"}}
"""


def curl(text: str, *, show_headers: bool = False) -> str:
    return "\n".join(each.curl(show_headers=show_headers) for each in written_requests(text))


def python(text: str) -> str:
    return "\n".join(each.python() for each in written_requests(text))


def test_post_in_curl_has_key_body_and_variables():
    assert curl(TRANSFER) == (
        "PAID=0198…    # the id, from the response\n"
        "api $API/wallets/$ALICE/movements -H 'Idempotency-Key: lunch-7' \\\n"
        """    -d '{"type": "TRANSFER", "targetWalletId": "'$BOB'", "amount": "1.00",\n"""
        """         "metadata": {"to": "$5"}}'"""
    )


def test_post_in_python_has_key_body_and_variables():
    assert python(TRANSFER) == (
        'paid = answer["id"]\n'
        'body = {"type": "TRANSFER", "targetWalletId": bob, "amount": "1.00",\n'
        '        "metadata": {"to": "$5"}}\n'
        'status, answer = call("POST", f"/wallets/{alice}/movements", body, key="lunch-7")'
    )


def test_get_with_a_query_is_quoted_for_the_shell():
    text = "GET /wallets?userId=$OWNER&size=1"
    assert curl(text, show_headers=True) == 'api -i "$API/wallets?userId=$OWNER&size=1"'
    assert python(text) == 'status, answer = call("GET", f"/wallets?userId={owner}&size=1")'


def test_get_with_brackets_tells_curl_to_keep_them():
    text = "GET /movements?metadata[order]=17"
    assert curl(text) == 'api -g "$API/movements?metadata[order]=17"'
    assert python(text) == 'status, answer = call("GET", "/movements?metadata[order]=17")'


def test_patch_names_its_method():
    text = 'PATCH /wallets/$ALICE\n{"alias": null, "open": true}'
    assert curl(text) == """api -X PATCH $API/wallets/$ALICE -d '{"alias": null, "open": true}'"""
    assert python(text).startswith('body = {"alias": None, "open": True}\n')


def test_variables_get_nested_fields_and_one_time_passwords():
    text = "WALLET = _embedded.wallets.0.id\nOTP = console    # from the console\nGET /users"
    assert python(text).startswith(
        'wallet = answer["_embedded"]["wallets"][0]["id"]\notp = "123456"    # from the console\n'
    )
    assert curl(text).startswith("WALLET=0198…\nOTP=123456    # from the console\n")


def test_blank_lines_separate_requests():
    first, second = written_requests("GET /users\n\nGET /wallets\n")
    assert (first.target, second.target) == ("/users", "/wallets")


def test_long_lists_have_an_item_a_line():
    transfers = ", ".join(['{"sourceWalletId": "$ALICE", "amount": "1.00", "concept": "Tea"}'] * 3)
    lines = curl(f'POST /operations\n{{"transfers": [{transfers}]}}').splitlines()
    assert [line.count("Tea") for line in lines] == [0, 0, 1, 1, 1]
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("text", ["POST", "POST /users\n{", "Key: x\nGET /users", "GET /a b c"])
def test_text_that_is_no_request_is_refused(text):
    with pytest.raises(ValueError, match=r"unpack|Expecting"):
        written_requests(text)
