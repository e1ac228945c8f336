"""Who calls: whoever knows the word."""

from __future__ import annotations

import os

from rest_framework import authentication, exceptions
from rest_framework.request import Request


class Caller:
    """What DRF takes for a user."""

    is_authenticated = True


class OneWord(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Caller, None]:
        if request.META.get("HTTP_AUTHORIZATION") != f"Bearer {os.environ['BENCH_WORD']}":
            raise exceptions.AuthenticationFailed()
        return Caller(), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
