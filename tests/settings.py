"""The project's settings, with tests connecting as the owner: they make and empty tables."""

import os

os.environ.setdefault("DEBUG", "1")

from iocash.settings import *  # noqa: F403
from iocash.settings import DATABASES

DATABASES["default"] = {name: value for name, value in DATABASES["owner"].items() if name != "TEST"}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick, and seen by nobody
WHITENOISE_AUTOREFRESH = True  # else each test's first request reads every static file
