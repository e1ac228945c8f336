"""The project's settings, with tests connecting as the owner: they make and empty tables."""

import os
import tempfile

os.environ.setdefault("DEBUG", "1")
if (worker := os.environ.get("PYTEST_XDIST_WORKER", "gw0")) != "gw0":
    # A server of its own: events are released when all earlier transactions of a server have ended.
    os.environ["EMBEDDED_POSTGRES"] = worker

from iocash import money
from iocash.settings import *  # noqa: F403
from iocash.settings import DATABASES, MIDDLEWARE, STORAGES

DATABASES["default"] = {name: value for name, value in DATABASES["owner"].items() if name != "TEST"}
DATABASES["default"]["OPTIONS"] |= {
    "options": "-c lock_timeout=60s -c statement_timeout=600s"
    " -c idle_in_transaction_session_timeout=600s"
}
DATABASE_PATIENCE = 3600.0
"""Others may be using the processor: tests that wait for the database wait long."""

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick, and seen by nobody
WHITENOISE_AUTOREFRESH = True  # else each test's first request reads every static file

RATE_LIMIT_REFUSED = 0  # tests are refused faster than strangers may be

MIDDLEWARE.insert(0, "tests.support.answer_guard.Guard")

DOCUMENTS = tempfile.TemporaryDirectory(prefix="iocash-documents-")  # it goes with the process
STORAGES["documents"]["OPTIONS"] |= {"location": DOCUMENTS.name}

ANYTHING = {"balance": None, "cashIn": None, "cashOut": None}
KYC_LIMITS = {currency: {"0": ANYTHING, "1": ANYTHING} for currency in money.currencies()}
"""Alice and Bob have more money than strangers may; the tests of limits set real ones."""
