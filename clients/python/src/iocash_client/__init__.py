"""The Python client of ioCash. Start with `Client`; `models` has bodies and answers."""

from iocash_client import errors, models
from iocash_client.calls import VERSION
from iocash_client.client import Client
from iocash_client.credentials import SignedTokens
from iocash_client.engine import Retries, new_key
from iocash_client.money import Amount, Money
from iocash_client.pages import Page, Pages
from iocash_client.problems import (
    ApiError,
    IoCashError,
    NoAnswer,
    StillPending,
    UnexpectedAnswer,
)
from iocash_client.sandbox import Sandbox
from iocash_client.shapes import UNSET, Unset, WrongShape
from iocash_client.waiting import wait_until
from iocash_client.webhooks import NotVerified, Webhook

__version__ = VERSION

__all__ = [
    "UNSET",
    "Amount",
    "ApiError",
    "Client",
    "IoCashError",
    "Money",
    "NoAnswer",
    "NotVerified",
    "Page",
    "Pages",
    "Retries",
    "Sandbox",
    "SignedTokens",
    "StillPending",
    "UnexpectedAnswer",
    "Unset",
    "Webhook",
    "WrongShape",
    "__version__",
    "errors",
    "models",
    "new_key",
    "wait_until",
]
