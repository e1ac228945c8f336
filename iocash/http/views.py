"""What every view of the API shares, and the views that know nothing of wallets."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, ClassVar, Never, cast

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema_field
from rest_framework import response as drf
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request as AnyRequest
from rest_framework.serializers import SerializerMethodField

from iocash import errors
from iocash.db.sandbox import FORCED
from iocash.db.transactions import Statement, fetch_each
from iocash.http import fields, forced, pages, parsing, problems, queries, serializers
from iocash.http.links import LINKS, location
from iocash.http.naming import camel
from iocash.http.operations import Operation, declared, operation
from iocash.http.rendering import Response


class View(GenericAPIView[Any]):
    """A view of the API: it refuses what its request may not be before any handler runs.

    In this order: method, Accept, credentials, scope, query parameters, body. Each handler declares
    what it takes with `@operation`; it finds what was asked in `self.query`, and asks `self.body()`
    for what was sent.
    """

    http_method_names = ["get", "post", "put", "patch", "head", "options"]
    title: ClassVar[str] = ""
    """The heading of its page in the browsable API."""
    operations: ClassVar[dict[str, Operation]] = {}
    """What its handlers declare, by method."""
    collection = ""
    """What a page embeds: `wallets`."""
    versioned = False
    """Whether it answers one thing with its ETag, and changes it only `If-Match`."""

    path_fields: ClassVar[dict[str, fields.Field]] = {}
    """What stands in its path, for the OpenAPI document."""

    query: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.operations = declared(cls, View.http_method_names)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> AnyRequest:
        wrapping = parsing.Request(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )
        # What is asked for often need not be looked for in two places each time.
        wrapping.method, wrapping.META = request.method, request.META
        return wrapping

    def initial(self, request: AnyRequest, *args: Any, **kwargs: Any) -> None:
        name = (request.method or "").lower()
        if name not in self.http_method_names or not hasattr(self, name):
            self.format_kwarg = None  # so that a browser gets a page that says so, with its forms
            self.http_method_not_allowed(request)
        super().initial(request, *args, **kwargs)
        self.query = queries.check_query(request, self.operation.parameters)
        if request.method in parsing.BODIES:
            request.data  # noqa: B018  # the body is read, or refused, here
            self.refuse_if_asked()

    def refuse_if_asked(self) -> None:
        """Refuse a request whose body asks a sandbox for it.

        Raises:
            Refused: it does.
        """
        body: Any = self.request.data
        if (field := forced_field(body)) is not None:
            forced.refuse_body(self, field, body[field])

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        allow = ", ".join(self.allowed_methods)
        raise errors.MethodNotAllowed(method=request.method, allow=allow)

    @operation()
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        methods = self.allowed_methods
        return Response({"methods": methods}, headers={"Allow": ", ".join(methods)})

    @property
    def operation(self) -> Operation:
        """What the handler of this request declares."""
        return self.operations[self.request.method or ""]

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def throttled(self, request: Any, wait: float | None) -> Never:
        raise errors.RateLimited(retry_after=math.ceil(wait or 1))

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        wrapped = getattr(request, "_request", request)
        declared = self.operations.get(request.method or "")
        life = declared.life_headers if declared and declared.deprecated else {}
        rate = getattr(wrapped, "rate_headers", {})
        for name, value in {"Vary": getattr(response, "vary", "Accept"), **rate, **life}.items():
            response.headers[name] = value
        if isinstance(response, drf.Response):
            response.add_post_render_callback(break_cycles)
        return response

    def get_view_name(self) -> str:
        return self.title

    # What handlers ask and answer

    def body(self, *, partial: bool | None = None) -> dict[str, Any]:
        """What was sent, validated, with snake_case keys; of a PATCH only what it carries.

        Raises:
            ValidationError: it names every wrong field.
        """
        method, kind = self.request.method, self.operation.body
        if kind is None:
            raise errors.Inconsistent("the handler declares no body")
        is_partial = method == "PATCH" if partial is None else partial
        reader = serializers.reader(kind, is_partial)
        validated: dict[str, Any] = reader.run_validation(self.request.data)
        return validated

    def body_example(self, method: str, shown: dict[str, Any]) -> dict[str, Any]:
        """What the browsable API's form begins with: what is shown already, or an example."""
        kind = self.operations[method].body
        if kind is None:
            return {}
        body: Any = kind()
        example: dict[str, Any] = body.get_initial()
        if method == "POST":
            return example
        return {
            name: shown[name] for name in body.fields if _can_take(body, name, shown)
        } or example

    def show(self, instance: Any) -> dict[str, Any]:
        """Write `instance` as an answer."""
        return self.writer().to_representation(instance)

    def show_dry_run(self, instance: Any) -> Response:
        """Answer what a dry run would create."""
        kind = self.operation.dry_run
        if kind is None:
            raise errors.Inconsistent("the handler declares no dry run")
        writer = serializers.writer(kind, self.get_serializer_context())
        return Response(writer.to_representation(instance))

    def writer(self) -> fields.Serializer:
        return serializers.writer(self.get_serializer_class(), self.get_serializer_context())

    def beside(self, shown: dict[str, Any]) -> dict[str, Any]:
        """What a page for people shows beside the answer: names that its template knows."""
        return {}

    def tag(self, thing: Any) -> dict[str, str]:
        """The header that says which state of a thing is shown."""
        return {"ETag": f'"{thing.version}"'}

    def fetch(self, *questions: Statement) -> list[list[Any]]:
        """Execute queries of the answer in one trip."""
        return fetch_each(*questions)

    def page(self, listing: QuerySet[Any] | pages.Listing) -> Response:
        """Answer one page of a list."""
        serializer = self.writer()
        found = self.paginate_queryset(listing) or ()
        rows = [serializer.to_representation(self.page_row(row)) for row in found]
        return cast(Response, self.get_paginated_response(rows))

    def page_row(self, row: Any) -> Any:
        """What the serializer renders of a row of a page."""
        return row


def forced_field(body: dict[str, Any]) -> str | None:
    """The field of a body whose text asks a sandbox for a refusal; `concept` is of the order."""
    for name, value in body.items():
        if type(value) is str and value.startswith(FORCED) and name != "concept":
            return name
    return None


def break_cycles(response: Any) -> None:
    """Undo the circles of view, request and response, now that the answer is written.

    DRF has them name each other and themselves, so that only the garbage collector would free
    them: all threads wait for it, and longer than it takes without circles.
    """
    context = response.renderer_context
    for names in vars(context["view"]), context["request"].parser_context, context:
        names.clear()


def _can_take(body: fields.Serializer, name: str, shown: dict[str, Any]) -> bool:
    """Return whether a body may carry the field as an answer shows it."""
    field = body.fields[name]
    if field.read_only or shown.get(name) is None:
        return False
    try:
        field.run_validation(shown[name])
    except ValidationError:
        return False
    return True


class Created(Response):
    """201: a resource now exists, at `location`."""

    status_made = HTTPStatus.CREATED

    def __init__(self, data: Any, location: str, **kwargs: Any) -> None:
        headers = {"Location": location, **kwargs.pop("headers", {})}
        super().__init__(data, status=self.status_made, headers=headers, **kwargs)


class Accepted(Created):
    """202: begun and not finished; follow it at `location`."""

    status_made = HTTPStatus.ACCEPTED


class PublicView(View):
    """A view that asks for no credentials."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


# Doors


class RootAnswer(fields.Serializer):
    """The entry point of the API."""

    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, links: dict[str, str]) -> dict[str, Any]:
        return {rel: {"href": address} for rel, address in links.items()}


class RootView(View):
    """Links to all lists."""

    title = "ioCash API"
    serializer_class = RootAnswer
    lists: ClassVar[dict[str, str]] = {}
    """The name of each list, and of its view."""
    scope: ClassVar[str | None] = None
    """Any valid credentials are accepted."""

    @operation(name="get_root")
    def get(self, request: AnyRequest) -> Response:
        """Get the links to all lists.

        The entry point of the API. Use it to check credentials: any valid ones are accepted.
        """
        links = {name: location(request, view) for name, view in self.lists.items()}
        here = {"self": request.build_absolute_uri(request.path)}
        return Response(self.show(here | links))


Page = Callable[[HttpRequest], HttpResponse]


def page(view: Page) -> Page:
    """A web page that is read, and nothing else."""

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            refused = errors.MethodNotAllowed(method=request.method, allow="GET, HEAD")
            return problems.say(refused, request)
        return view(request)

    return guarded


@page
def back_office(request: HttpRequest) -> HttpResponse:
    """Redirect to the back office, whose address has a final slash."""
    return redirect("admin:index")


@page
def home(request: HttpRequest) -> HttpResponse:
    """The front page: where the API, its documentation and the back office are."""
    return render(request, "home.html")


@page
def error_codes(request: HttpRequest) -> HttpResponse:
    """All error codes: the page that the `type` of an error links to."""
    registered = errors.REGISTRY.values()
    entries = [
        {
            "code": kind.code,
            "status": kind.status,
            "sentence": marked(kind.__doc__ or ""),
            "carries": [camel(name) for name in kind.carries] if kind.status == 409 else [],
        }
        for kind in registered
    ]
    context = {"entries": sorted(entries, key=lambda entry: (entry["status"], entry["code"]))}
    return render(request, "errors.html", context)


def marked(text: str) -> SafeString:
    """Escape `text`; what stands between backticks in it is code."""
    pieces = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", it) if at % 2 else it,) for at, it in pieces)
    )
