"""What KYC_LIMITS may say: nobody starts with limits that somebody did not mean."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

from iocash.settings import BASE_DIR
from wallets.books import limits

GOOD = {"balance": "150", "cashIn": "150.00", "cashOut": None}


@pytest.mark.parametrize(
    "configured",
    [{}, {"EUR": {}}, {"EUR": {"0": GOOD, "1": GOOD}}, {"JPY": {"0": GOOD | {"cashIn": 7}}}],
)
def test_valid_limits_are_accepted(configured: Any) -> None:
    assert list(limits.wrong_settings(configured)) == []


def test_limits_of_the_settings_are_valid() -> None:
    assert list(limits.wrong_settings(settings.KYC_LIMITS)) == []


LEVEL = "KYC_LIMITS, EUR, level 0: "


@pytest.mark.parametrize(
    ("configured", "words"),
    [
        ([], ["KYC_LIMITS must be an object: a currency, its levels, and their limits."]),
        ({"EUX": {"0": GOOD}}, ["KYC_LIMITS names an unknown currency: EUX."]),
        ({"XAU": {"0": GOOD}}, ["KYC_LIMITS names an unknown currency: XAU."]),
        ({"EUR": "150"}, ["KYC_LIMITS, EUR: an object of levels is needed."]),
        ({"EUR": {"2": GOOD}}, ["KYC_LIMITS, EUR, level 2: only levels below 2 have limits."]),
        ({"EUR": {"O": GOOD}}, ["KYC_LIMITS, EUR, level O: only levels below 2 have limits."]),
        ({"EUR": {"0": "150"}}, [LEVEL + "an object of limits is needed."]),
    ],
)
def test_invalid_structure_is_reported(configured: Any, words: list[str]) -> None:
    assert list(limits.wrong_settings(configured)) == words


def test_misspelt_limit_is_reported_as_unknown_and_missing() -> None:
    wrong = {"balance": "150", "cashIn": "150", "cash_out": "150"}
    assert list(limits.wrong_settings({"EUR": {"0": wrong}})) == [
        LEVEL + "there is no limit 'cash_out', only balance, cashIn, cashOut.",
        LEVEL + "cashOut is missing; null means no limit.",
    ]


@pytest.mark.parametrize("amount", ["a lot", "-1", "1.005", "1" * 16, "NaN", "", 1.5, True, [], {}])
def test_invalid_amount_is_reported(amount: Any) -> None:
    configured = {"EUR": {"0": GOOD | {"balance": amount}}}
    words = LEVEL + f"balance is no amount of EUR: {amount!r}."
    assert list(limits.wrong_settings(configured)) == [words]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{'EUR'", "KYC_LIMITS must be JSON"),
        (json.dumps({"EUR": {"0": {"balanse": "1"}}}), "there is no limit 'balanse'"),
    ],
)
def test_server_does_not_start_with_invalid_limits(given: str, words: str) -> None:
    environment = os.environ | {"KYC_LIMITS": given, "DJANGO_SETTINGS_MODULE": "iocash.settings"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("ioCash can't start: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
