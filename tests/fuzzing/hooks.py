"""What schemathesis is told: whose things there are, and what no document can say.

Every check is on. Loaded by its own process, in which there is no Django.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, NamedTuple
from uuid import UUID

import schemathesis
from schemathesis.core.failures import Failure

REAL: dict[str, list[str]] = json.loads(os.environ.get("IOCASH_REAL", "{}"))
"""By the name of a field or of a parameter: values that exist, or that are right."""

IBAN = "[A-Z]{2}[0-9]{2}[A-Z0-9 ]{11,40}"
FORMS = {
    "iban": IBAN,
    "accountNumber": IBAN,
    "externalIban": IBAN,
    "mobilePhone": r"\+[0-9 ().-]{6,30}",
    "content": "([A-Za-z0-9+/]{4})+",
}
"""Well-formed by the document: a right value may stand for it, and what is wrong stays wrong."""

Json = Any


class Beyond(NamedTuple):
    """Why a request that the document allows may still be refused with 400."""

    codes: frozenset[str]
    because: str


NEW_ONES = "a new value must not break a generated client, so the values are not closed"
ONE_OF_TWO = "which of two fields there is, a generator would not understand"

BEYOND = {
    **dict.fromkeys(
        (
            *("status", "type", "kind", "subject", "direction", "groupBy", "identityType"),
            *("frequency", "missedRuns", "ordering", "format"),
        ),
        Beyond(frozenset({"invalid_choice"}), NEW_ONES),
    ),
    "externalAccountId": Beyond(frozenset({"one_only"}), ONE_OF_TWO),
    "cursor": Beyond(frozenset({"invalid"}), "a cursor is sealed by the server"),
    "iban": Beyond(frozenset({"invalid", "required"}), f"an IBAN has check digits; {ONE_OF_TWO}"),
    "holderName": Beyond(frozenset({"with_iban_only"}), ONE_OF_TWO),
    "accountNumber": Beyond(frozenset({"invalid"}), "an IBAN has check digits"),
    "externalIban": Beyond(frozenset({"invalid"}), "an IBAN has check digits"),
    "mobilePhone": Beyond(
        frozenset({"invalid", "not_personal"}), "each country has its own numbers"
    ),
    "currency": Beyond(
        frozenset({"invalid_choice", "required"}),
        "160 codes would drown the document; amounts across wallets need one",
    ),
    "countryCode": Beyond(frozenset({"invalid_choice"}), "249 codes would drown the document"),
    "nationality": Beyond(
        frozenset({"invalid_choice", "not_a_national"}), "the list, and the type of the document"
    ),
    "identityNumber": Beyond(frozenset({"invalid_number"}), "a DNI ends in a letter of control"),
    "birthDate": Beyond(frozenset({"too_young", "in_the_future"}), "today is not in a document"),
    "issueDate": Beyond(frozenset({"in_the_future", "before_birth"}), "it depends on other days"),
    "expiryDate": Beyond(frozenset({"expired", "not_after"}), "it depends on other days"),
    "content": Beyond(
        frozenset({"unknown_type", "damaged", "trailing_data", "too_complex"}),
        "the type is what the bytes say",
    ),
    "mediaType": Beyond(
        frozenset({"other_type", "invalid_choice"}), "the type is what the bytes say"
    ),
    "startDate": Beyond(
        frozenset(
            {"invalid", "in_the_future", "in_the_past", "too_late", "required", "max_period"}
            | {"one_only"}
        ),
        "not every month has a 30th; it depends on other parameters",
    ),
    "endDate": Beyond(
        frozenset({"invalid", "invalid_range", "in_the_future", "one_only"}),
        "it depends on the start",
    ),
    "at": Beyond(frozenset({"in_the_future"}), "today is not in a document"),
    "expiration": Beyond(frozenset({"invalid", "not_in_the_future"}), "today is not in a document"),
    "targetWalletId": Beyond(frozenset({"same_wallet"}), "it depends on the path"),
    "targetWallet": Beyond(frozenset({"same_wallet"}), "it depends on the path"),
    "wait": Beyond(frozenset({"oldest_first"}), "it depends on the sort order"),
    "maxAmount": Beyond(frozenset({"invalid_range"}), "it depends on the minimum"),
    "amount": Beyond(
        frozenset({"max_decimal_places", "required"}),
        f"how many decimals there are is the currency's; {ONE_OF_TWO}",
    ),
    **dict.fromkeys(
        ("alertBelow", "target"),
        Beyond(
            frozenset({"max_decimal_places", "max_digits"}),
            "how many decimals there are is the currency's, and 15 digits count them",
        ),
    ),
    **dict.fromkeys(
        ("schedule", "trigger", "fromEvent", "fromTime"),
        Beyond(frozenset({"required", "one_only"}), ONE_OF_TWO),
    ),
    "account": Beyond(
        frozenset({"no_wallet", "no_account", "same_wallet"}), "what it names is its type's"
    ),
    "duration": Beyond(frozenset({"required"}), "it depends on the frequency"),
    "value": Beyond(
        frozenset(
            {"required", "invalid", "no_number", "no_date", "no_value", "before_start", "once"}
        ),
        "what it is depends on its type",
    ),
    "retryUntil": Beyond(frozenset({"too_early"}), "the hour of executions is a setting"),
    "timeZone": Beyond(frozenset({"invalid_choice"}), "600 zones would drown the document"),
    "kinds": Beyond(frozenset({"invalid"}), NEW_ONES),
    "until": Beyond(frozenset({"invalid_range"}), "it depends on the begin"),
    "firstName": Beyond(frozenset({"unknown_field"}), "the stored user is of the other kind"),
    "lastName": Beyond(frozenset({"unknown_field"}), "the stored user is of the other kind"),
    "companyName": Beyond(frozenset({"unknown_field"}), "the stored user is of the other kind"),
}
"""By the name of a field: what a JSON Schema has no words for."""

INVISIBLE = {"invisible", "blank"}
"""Which characters nobody sees is in Unicode's tables, and no portable pattern names them."""

NUMBERS = {"amount", "minAmount", "maxAmount"}
"""A number with an exponent is refused, and no schema sees how a number is written."""


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: Json) -> None:
    """Tell what a dry run answers, which the document keeps apart for generators of clients."""
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            if "x-dry-run" in operation:
                operation["responses"]["200"] = operation["x-dry-run"]


@schemathesis.hook
def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
    """Keep a failure, unless the document could not have said better."""
    if response is None or response.status_code != 400:
        return True
    error = response.json()
    if "undeclared method" in failure.title:
        # The tool knows 405 alone; the contract's ten statuses have 400 with Allow instead.
        return error["code"] != "method_not_allowed" or not response.headers.get("allow")
    if "Schema-valid request rejected" not in failure.title:
        return True
    if error["code"] == "invalid_otp":
        return False  # which code is right is known to one phone
    if _is_of_the_tool(case):
        return False
    wrong = error.get("errors", [])
    return not wrong or not all(_is_beyond(each, case.body) for each in wrong)


def _is_of_the_tool(case: Any) -> bool:
    """Tell whether it sent a bare 0: what it sends where it can't make a value for a pattern."""
    return "0" in (str(case.body), *map(case.headers.get, ("If-Match", "If-None-Match")))


def _is_beyond(wrong: dict[str, str], body: Json) -> bool:
    name = wrong["field"].rpartition(".")[2]
    if wrong["code"] in INVISIBLE:
        return True
    if name in NUMBERS and wrong["code"] in {"invalid", "max_digits", "max_decimal_places"}:
        return not isinstance(_at(body, wrong["field"]), str) or wrong["code"] not in {"invalid"}
    return name in BEYOND and wrong["code"] in BEYOND[name].codes


def _at(body: Json, path: str) -> Json:
    for name, index in re.findall(r"(\w+)(?:\[(\d+)\])?", path):
        body = body.get(name) if isinstance(body, dict) else None
        if index and isinstance(body, list):
            body = body[int(index)]
    return body


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> Any:
    """Half of what is well-formed names what exists."""
    return _with_real(path_parameters)


@schemathesis.hook
def map_query(context: Any, query: dict[str, Any] | None) -> Any:
    """The same; and none waits for long."""
    found = _with_real(query)
    if isinstance(found, dict) and re.fullmatch("[1-9]|1[0-9]|20", str(found.get("wait"))):
        found["wait"] = 1
    return found


@schemathesis.hook
def map_body(context: Any, body: Json) -> Json:
    return _with_real(body)


def _with_real(value: Json) -> Json:
    if isinstance(value, list):
        return [_with_real(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _real(name, each) for name, each in value.items()}


def _real(name: str, value: Json) -> Json:
    known = REAL.get(name)
    if not isinstance(value, str) or not known:
        return _with_real(value)
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value):
        number = UUID(value).int
        return known[number // 2 % len(known)] if number % 2 else value
    well_formed = re.fullmatch(FORMS.get(name, ""), value)
    return known[len(value) % len(known)] if well_formed else value
