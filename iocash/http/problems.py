"""Converts exceptions to error responses. Only this module creates error bodies."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from http import HTTPStatus
from itertools import islice
from typing import Any

import psycopg
from django.conf import settings
from django.core import exceptions as core
from django.core.signals import got_request_exception
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponsePermanentRedirect,
)
from django.http.request import UnreadablePostError
from django.shortcuts import render
from django.urls import resolve
from django.utils.encoding import escape_uri_path, iri_to_uri
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions as drf
from rest_framework import serializers

from iocash import errors, logs, metrics
from iocash.db import groups
from iocash.http.languages import VARY, language_headers, preferred_language, translator
from iocash.http.naming import camel
from iocash.http.rendering import JSON, Response, dump, prefers_html
from iocash.http.serializers import Reason
from iocash.times import moment

logger = logging.getLogger(__name__)

DOCUMENTED_AT = "/api/docs/errors"

WEB_PATHS = ("/admin", "/static")
"""Below these paths, and at `/`, errors are HTML pages."""

BACK_OFFICE = "/admin/"


def body(refused: errors.Refused, request: Any) -> dict[str, Any]:
    """The body of a refusal: the members of RFC 9457 and `code`, which is also logged.

    Its texts are in the language that the caller prefers.
    """
    translate = translator(preferred_language(request))
    getattr(request, "_request", request).error_code = refused.code
    content = {
        "type": f"{origin(request)}{DOCUMENTED_AT}#{refused.code}",
        "status": refused.status,
        "code": refused.code,
        "title": translate(refused.title()),
        "detail": errors.translated(refused.words, translate),
        "instance": request.path,
        "requestId": getattr(request, "request_id", None),
    }
    if isinstance(refused, errors.InvalidFields):
        content["errors"] = [
            {**error._asdict(), "detail": errors.translated(error.detail, translate)}
            for error in refused.errors
        ]
    if refused.status == HTTPStatus.CONFLICT:
        content["conflict"] = camelized(refused.facts, translate)
    return content


def camelized(facts: Any, translate: errors.Translate = str) -> Any:
    """Convert names and times of facts, at any depth, to the format of the API."""
    if isinstance(facts, Mapping):
        return {camel(name): camelized(value, translate) for name, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [camelized(item, translate) for item in facts]
    if isinstance(facts, errors.Message):
        return errors.translated(facts, translate)
    return moment(facts) if isinstance(facts, datetime) else facts


def headers(refused: errors.Refused) -> dict[str, str]:
    """The headers that belong to the status."""
    if isinstance(refused, errors.Unauthorized | errors.InsufficientScope):
        return {"WWW-Authenticate": challenge(refused)}
    if isinstance(refused, errors.Unavailable):
        return {"Retry-After": str(refused.facts.get("retry_after", refused.retry_after))}
    if isinstance(refused, errors.Conflict) and refused.retry_after is not None:
        return {"Retry-After": str(refused.retry_after)}
    if isinstance(refused, errors.MethodNotAllowed):
        return {"Allow": str(refused.facts.get("allow", ""))}
    return {}


def challenge(refused: errors.Unauthorized | errors.Forbidden) -> str:
    """The value of `WWW-Authenticate` (RFC 6750, 3): the error, and the scope that is needed."""
    scope = refused.facts.get("scope", "")
    values = {"realm": "ioCash", "error": refused.challenge, "scope": scope}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in values.items() if value)


def answer(refused: errors.Refused, request: HttpRequest) -> HttpResponse:
    """The error response, outside of DRF."""
    return HttpResponse(
        dump(body(refused, request)),
        content_type=JSON,
        status=refused.status,
        headers=headers(refused) | language_headers(preferred_language(request)),
    )


class ErrorResponse(Response):
    """An error of a view."""

    vary = VARY


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """The error response to an exception of a view; DRF's EXCEPTION_HANDLER."""
    request = context["request"]
    refused = refusal(exc, request)
    spoken = language_headers(preferred_language(request))
    return ErrorResponse(
        body(refused, request), status=refused.status, headers=headers(refused) | spoken
    )


def refusal(exc: Exception, request: Any) -> errors.Refused:
    """Convert an exception to a refusal. Unexpected ones are logged and become InternalError."""
    if isinstance(exc, errors.Refused):
        noted(exc, exc, request)
        return exc
    known = noted(database_trouble(exc), exc, request) or _known(exc)
    return known or _crash(exc, request)


def noted(refused: errors.Refused | None, exc: Exception, request: Any) -> errors.Refused | None:
    """Log and count the database's error behind a 503."""
    if isinstance(refused, errors.Unavailable):
        request_id = getattr(request, "request_id", None)
        if sqlstate := logs.database_error(exc, code=refused.code, request_id=request_id):
            metrics.count_database_error(sqlstate)
    return refused


def _crash(exc: Exception, request: Any) -> errors.Refused:
    request_id = getattr(request, "request_id", None)
    logger.error(
        "%s %s crashed", request.method, request.path, exc_info=exc, extra={"requestId": request_id}
    )
    got_request_exception.send(sender=None, request=request)
    return errors.InternalError()


def origin(request: Any) -> str:
    """The scheme and host that the caller used, found once per request; blank for a bad host."""
    wrapped: Any = getattr(request, "_request", request)
    if not hasattr(wrapped, "origin"):
        try:
            wrapped.origin = f"{request.scheme}://{request.get_host()}"
        except core.DisallowedHost:
            wrapped.origin = ""
    return str(wrapped.origin)


# Exceptions of Django and DRF

MOST_ERRORS = 1_000
"""The most wrong fields that an error names, to limit the size of responses."""


@cache
def _translations() -> dict[type[Exception], type[errors.Refused]]:
    """Exceptions with a fixed refusal."""
    return {
        Http404: errors.NotFound,
        drf.NotFound: errors.NotFound,
        core.ObjectDoesNotExist: errors.NotFound,
        core.DisallowedHost: errors.InvalidHost,
        core.PermissionDenied: errors.PermissionDenied,
        drf.NotAuthenticated: errors.NotAuthenticated,
        drf.AuthenticationFailed: errors.InvalidCredentials,
        drf.NotAcceptable: errors.NotAcceptable,
        drf.UnsupportedMediaType: errors.UnsupportedMediaType,
        drf.Throttled: errors.RateLimited,
        UnreadablePostError: errors.BodyInterrupted,
    }


def _known(exc: Exception) -> errors.Refused | None:
    match exc:
        case drf.ValidationError():
            return errors.InvalidFields(*islice(flatten(exc.detail), MOST_ERRORS))
        case core.ValidationError():
            return errors.InvalidFields(*flatten(serializers.as_serializer_error(exc)))
        case drf.ParseError():
            return errors.InvalidJson(str(exc.detail))
        case drf.MethodNotAllowed():
            return errors.MethodNotAllowed(str(exc.detail))
        case drf.PermissionDenied():
            forged = str(exc.detail).startswith("CSRF")
            return errors.CsrfFailed() if forged else errors.PermissionDenied()
        case core.RequestDataTooBig():
            return errors.BodyTooLarge(limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        case core.TooManyFieldsSent():
            words = errors.Message("Too many parameters.")
            return errors.InvalidParameters(errors.FieldError("", "too_many", words))
        case _:
            return _renamed(exc)


def _renamed(exc: Exception) -> errors.Refused | None:
    for kind in type(exc).__mro__:
        if refused := _translations().get(kind):
            return refused()
    if isinstance(exc, core.SuspiciousOperation | core.BadRequest):
        return errors.InvalidHeader("The request is malformed.")
    return None


def flatten(detail: Any, path: str = "") -> Iterator[errors.FieldError]:
    """Name every wrong field of DRF's nested details: `iban.accountNumber`, `movements[3].amount`.

    What concerns a whole object is named by the object's own path.
    """
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from flatten(inner, _joined(path, key))
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            # A list contains either errors, or items with their own details.
            where = _joined(path, index) if isinstance(inner, Mapping) else path
            yield from flatten(inner, where)
    else:
        code = getattr(detail, "code", None) or "invalid"
        words = code.message if isinstance(code, Reason) else str(detail)
        yield errors.FieldError(path, str(code), words)


def _joined(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not path or not key:
        return path or key
    return f"{path}.{key}"


# Exceptions of the database

LOST = ("08", "25006", "25P03", "25P04", "57P0")
"""SQLSTATEs of an unusable connection: lost, read-only, or closed by the server."""

BUSY = ("40001", "40P01", "53")


def database_trouble(exc: Exception) -> errors.Refused | None:
    """The 503 for a database error; None for other errors."""
    if not isinstance(exc, DatabaseError | psycopg.Error):
        return None
    state = _sqlstate(exc)
    if state == "55P03":
        return errors.LockTimeout()
    if state == "57014":
        return errors.StatementTimeout()
    broken = state.startswith(LOST) if state else _is_operational(exc)
    if broken:
        if not state:
            groups.note_away()
        _close_connections()
    if broken or state.startswith(BUSY):
        return errors.DatabaseUnavailable()
    return None


def _sqlstate(exc: Exception) -> str:
    """The SQLSTATE of psycopg's exception, which is the cause of Django's."""
    return next((s for e in (exc, exc.__cause__) if (s := getattr(e, "sqlstate", None))), "")


def _is_operational(exc: Exception) -> bool:
    kinds = OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError
    return isinstance(exc, kinds)


def _close_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


# Django's error handlers, and unknown paths


def is_api(path: str) -> bool:
    """Whether a path belongs to the API."""
    return path.startswith(settings.API_PREFIXES) or path == "/api"


def _wants_page(request: HttpRequest) -> bool:
    path = request.path
    if is_api(path):
        return False
    if path == "/" or path.startswith(WEB_PATHS):
        return True
    return prefers_html(request.META.get("HTTP_ACCEPT"))


def say(refused: errors.Refused, request: HttpRequest) -> HttpResponse:
    """The error as a page for browsers on web pages, and as JSON otherwise."""
    if not _wants_page(request):
        return answer(refused, request)
    request.error_code = refused.code  # type: ignore[attr-defined]
    response = back_office_page(refused, request)
    if response is None:
        context = {"refused": refused, "title": refused.title()}
        response = render(request, "refused.html", context, status=refused.status)
    for name, value in headers(refused).items():
        response.headers[name] = value
    return response


def back_office_page(refused: errors.Refused, request: HttpRequest) -> HttpResponse | None:
    """The error as a page of the back office; None outside of it."""
    if not request.path.startswith(BACK_OFFICE):
        return None
    page: HttpResponse | None = import_string(settings.BACK_OFFICE_REFUSAL)(request, refused)
    return page


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    refused = _known(exception) or errors.InvalidHeader("The request is malformed.")
    return say(refused, request)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return say(errors.PermissionDenied(), request)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return say(errors.NotFound(), request)


def server_error(request: HttpRequest) -> HttpResponse:
    return say(errors.InternalError(), request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return say(errors.CsrfFailed(), request)


class Reporter(ExceptionReporter):
    """What stands on Django's own pages of errors when DEBUG is on: nothing but ours.

    Django's would show the settings and the code to whoever provokes an error, with any Host.
    """

    def get_traceback_html(self) -> SafeString:
        return mark_safe(say(self.refused(), self.request).text if self.request else "")  # noqa: S308  # our own page

    def get_traceback_text(self) -> SafeString:
        return mark_safe(self.refused().words)  # noqa: S308  # sent as plain text

    def refused(self) -> errors.Refused:
        known = _known(self.exc_value) if isinstance(self.exc_value, Exception) else None
        return known or errors.InternalError()


@csrf_exempt
def unknown_path(request: HttpRequest) -> HttpResponse:
    """The last pattern of the URL map: with DEBUG on, Django would answer with its own page."""
    return page_without_slash(request) or not_found(request)


class PageWithoutSlash(HttpResponsePermanentRedirect):
    """Leads a browser to the page of the API whose address has no final slash."""


def page_without_slash(request: HttpRequest) -> PageWithoutSlash | None:
    """The redirect of a browser that reads an address with a final slash; None for all others.

    Programs get no redirects: to them the address is unknown.
    """
    is_read = request.method in {"GET", "HEAD"} and request.path.endswith("/")
    if not (is_read and is_api(request.path) and prefers_html(request.META.get("HTTP_ACCEPT"))):
        return None
    if resolve(request.path_info.removesuffix("/")).func is unknown_path:
        return None
    address = escape_uri_path(request.path.removesuffix("/"))
    query = request.META.get("QUERY_STRING", "")
    headers = {"Vary": "Accept"}
    return PageWithoutSlash(iri_to_uri(f"{address}?{query}" if query else address), headers=headers)
