"""Middleware: request ids, one log line per request, the API's own errors; sessions of browsers."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

import uuid_utils
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.deprecation import MiddlewareMixin
from django.utils.encoding import escape_uri_path
from django_otp.middleware import OTPMiddleware

from iocash import errors, metrics, traces
from iocash.db import groups
from iocash.http import problems
from iocash.http.parsing import content_length
from iocash.http.rendering import JSON
from iocash.http.unread import MOST_UPLOADED

if TYPE_CHECKING:
    Base = MiddlewareMixin
else:
    Base = object

access = logging.getLogger("iocash.access")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestMiddleware:
    """Give every request an id and a log line, and see that the API answers as the API.

    The outermost of ours: what other middleware and the URL map do wrong is seen here too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; a group of clients that is entered meanwhile is left, however it ends."""
        with groups.entered(groups.own()):
            return self.answer(request)

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        metrics.begin_request()
        if not request.path_info.startswith("/"):  # OPTIONS *: no pattern would see it
            request.path_info = f"/{request.path_info}"
        drop_double_slash(request)
        request.trace = traces.accepted(request.META.get("HTTP_TRACEPARENT"))  # type: ignore[attr-defined]
        request.request_id = request_id(request)  # type: ignore[attr-defined]
        response = self._answer(request)
        policy = settings.CONTENT_SECURITY_POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        # Django logs every refusal as a warning and every 503 as an error; here they are a line.
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response

    @traces.spanned("request")
    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request, count it and log it."""
        started = perf_counter()
        is_api = problems.is_api(request.path)
        request.passes_by = is_api and "HTTP_AUTHORIZATION" in request.META  # type: ignore[attr-defined]
        response = self._api_answer(request) if is_api else self.get_response(request)
        seconds = perf_counter() - started
        _observe(request, response.status_code, seconds)
        _log(request, response.status_code, seconds)
        return response

    def _api_answer(self, request: HttpRequest) -> HttpResponseBase:
        if problems.origin(request):
            response = self.get_response(request)
        else:
            response = problems.answer(errors.InvalidHost(), request)
        if _is_foreign(response):
            response = problems.answer(_translated(response.status_code), request)
        response.headers["Cache-Control"] = "no-store"
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponseBase | None:
        """Refuse a body of a browser that is too large, before anything reads it.

        Django would write its files to the disk, and only then ask who sends them.
        """
        if problems.is_api(request.path) or content_length(request) <= MOST_UPLOADED:
            return None
        words = "All files together can have {limit} MiB."
        message = errors.Message(words, limit=MOST_UPLOADED // 2**20)
        return problems.say(errors.BodyTooLarge(message, limit=MOST_UPLOADED), request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase:
        """Answer crashes outside of DRF's handler: in a renderer, or in a plain view."""
        return problems.say(problems.refusal(exception, request), request)


def drop_double_slash(request: HttpRequest) -> None:
    """Take `//` at the head of a published path as `/`.

    ioCash's own request collection sends it: its base URL ends with a slash.
    """
    if request.path_info.startswith("//"):
        path = request.path_info[1:]
        if path.startswith(settings.PUBLISHED_PREFIXES):
            request.path = request.path_info = path


def _is_foreign(response: HttpResponseBase) -> bool:
    """Tell an error page, or a redirect, of Django or of other middleware from our answers."""
    if response.status_code < 300 or response.headers.get("Content-Type") == JSON:
        return False
    if isinstance(response, problems.PageWithoutSlash):
        return False
    return not hasattr(response, "accepted_renderer")


def _translated(status: int) -> errors.Refused:
    if status == 404:
        return errors.NotFound()
    if status >= 500:
        return errors.InternalError()
    return errors.InvalidHeader("The request is malformed.")


def _observe(request: HttpRequest, status: int, seconds: float) -> None:
    """Count the request for `/metrics`, by names that no caller chooses."""
    code: str | None = getattr(request, "error_code", None)
    route, method = "unknown", request.method or ""
    if match := request.resolver_match:
        is_published = "/public/" in match.route
        route = "admin" if match.namespaces else match.url_name or route
        route = "published" if is_published else route
    if code:
        metrics.count_error(code, status)
    if route == "unknown" or code == errors.MethodNotAllowed.code or method not in METHODS:
        method = "other"
    request.metered = method, route  # type: ignore[attr-defined]
    metrics.end_request(route, method, status, seconds)


def _log(request: HttpRequest, status: int, seconds: float) -> None:
    """Write the access line: no query, no header, no body, so no key, no OTP and no name."""
    path, code = escape_uri_path(request.path), getattr(request, "error_code", None)
    milliseconds = round(seconds * 1000, 2)
    facts = {
        "requestId": request.request_id,  # type: ignore[attr-defined]
        "client": getattr(request, "client_id", None),
        "method": request.method,
        "path": path,
        "status": status,
        "code": code,
        "durationMs": milliseconds,
    }
    if trace := request.trace:  # type: ignore[attr-defined]
        facts["traceId"] = traces.id_of(trace)
    access.info("%s %s %s %s ms", request.method, path, status, milliseconds, extra=facts)


def request_id(request: HttpRequest) -> str:
    """Take the caller's id for this request when it is well-formed, else make one."""
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid_utils.uuid7())


# --- For browsers ------------------------------------------------------------------------------


class ForBrowsers(Base):
    """Mixed into middleware for people in browsers: requests with `Authorization` pass by.

    Such a caller has no session and no messages. Its cookies, if it has any, mean nothing: who it
    is stands in `Authorization`, or nowhere.
    """

    def __call__(self, request: HttpRequest) -> Any:
        passes = request.passes_by  # type: ignore[attr-defined]  # set above
        return self.get_response(request) if passes else super().__call__(request)


class Sessions(ForBrowsers, SessionMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        if request.session.accessed:
            request.session.note_use()  # type: ignore[attr-defined]  # of our own engine
        return super().process_response(request, response)  # type: ignore[arg-type]


class Common(ForBrowsers, CommonMiddleware):
    """Redirects, and the length of answers: `RequestMiddleware` measures those of the API."""


class Authentication(ForBrowsers, AuthenticationMiddleware): ...


class SecondFactor(ForBrowsers, OTPMiddleware): ...  # type: ignore[misc]


class Messages(ForBrowsers, MessageMiddleware): ...
