"""Middleware for people in browsers. A caller of the API with credentials of its own passes by.

Such a caller has no session and no messages. Its cookies, if it has any, mean
nothing: who it is stands in `Authorization`, or nowhere.
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
    """Mixed into middleware that others need not pass through."""

    def __call__(self, request: HttpRequest) -> Any:
        passes = request.passes_by  # type: ignore[attr-defined]  # set by `headers`
        return self.get_response(request) if passes else super().__call__(request)


class Sessions(ForBrowsers, SessionMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        if request.session.accessed:
            request.session.note_use()  # type: ignore[attr-defined]  # of our own engine
        return super().process_response(request, response)  # type: ignore[arg-type]


class Common(ForBrowsers, CommonMiddleware):
    """Redirects, and the length of answers: those of the API are measured by `headers`."""


class Authentication(ForBrowsers, AuthenticationMiddleware): ...


class SecondFactor(ForBrowsers, OTPMiddleware): ...  # type: ignore[misc]


class Messages(ForBrowsers, MessageMiddleware): ...
