"""Middleware for browsers. Requests with an Authorization header skip sessions and messages.

Cookies of such requests are ignored: only the header identifies the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.deprecation import MiddlewareMixin
from django_otp.middleware import OTPMiddleware

if TYPE_CHECKING:
    Base = MiddlewareMixin
else:
    Base = object


class ForBrowsers(Base):
    """Mixin for middleware that other requests skip."""

    def __call__(self, request: HttpRequest) -> Any:
        passes = request.passes_by  # type: ignore[attr-defined]  # set by `headers`
        return self.get_response(request) if passes else super().__call__(request)


class Sessions(ForBrowsers, SessionMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        if request.session.accessed:
            request.session.note_use()  # type: ignore[attr-defined]  # of our own engine
        return super().process_response(request, response)  # type: ignore[arg-type]


class Common(ForBrowsers, CommonMiddleware):
    """Redirects and Content-Length; responses of the API get it from `headers`."""


class Authentication(ForBrowsers, AuthenticationMiddleware): ...


class SecondFactor(ForBrowsers, OTPMiddleware): ...  # type: ignore[misc]


class Messages(ForBrowsers, MessageMiddleware): ...
