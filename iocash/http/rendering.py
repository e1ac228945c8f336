"""Renderers, content negotiation, and the names of fields in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any
from uuid import uuid4

import orjson
from django import forms
from django.utils.functional import Promise
from rest_framework import response as drf
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer
from rest_framework.request import Request, override_method

from iocash import errors

JSON = "application/json"
HTML = "text/html"

LONGEST_ON_A_PAGE = 10_000
"""Characters of one text. What is longer is a file, and is not for reading on a page."""

LONGEST_ACCEPT = 4096
"""Of a longer Accept header only the beginning counts."""


def _other(value: Any) -> Any:
    if isinstance(value, Promise):  # a lazy string
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dump(data: Any, *, indent: bool = False) -> bytes:
    """Encode `data` as JSON in UTF-8."""
    return orjson.dumps(data, _other, orjson.OPT_INDENT_2 if indent else 0)


def dump_lines(value: Any) -> str:
    """Write JSON for version control, with one member a line. What has no object in it is one line.

    No line has spaces around its members: indentation alone would be a fifth of a large document.
    """
    if isinstance(value, dict) and (len(value) > 1 or has_parts(value.values())):
        members = (f"{dump_lines(name)}:{dump_lines(each)}" for name, each in value.items())
        return "{\n" + ",\n".join(members) + "\n}"
    if isinstance(value, list) and has_parts(value):
        return "[\n" + ",\n".join(map(dump_lines, value)) + "\n]"
    return dump(value).decode()


def has_parts(values: Iterable[Any]) -> bool:
    return any(isinstance(each, dict | list) for each in values)


class Response(drf.Response):
    """An answer of the API. Its text is UTF-8, so nobody looks for that in its headers."""

    vary = "Accept"
    """The request headers that it depends on."""

    charset = "utf-8"


class JSONRenderer(BaseRenderer):
    """Whatever Accept says about JSON, the media type is exactly `application/json`."""

    media_type = JSON
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if isinstance(data, bytes):  # already rendered; it is too large to copy
            return data
        return dump(data, indent=bool(renderer_context and renderer_context.get("indent")))


class RawForm(forms.Form):
    """The one form of the browsable API: a JSON body, sent by its script as it stands.

    `key` is the Idempotency-Key that the script sends: sent twice, a form is one order. It is blank
    if the operation reads none.
    """

    def __init__(self, method: str, media_type: str, content: str, *, keyed: bool) -> None:
        super().__init__(auto_id=f"id_{method.lower()}%s")
        self.key = str(uuid4()) if keyed else ""
        override = {"data-override": "content-type"}
        self.fields["_content_type"] = forms.ChoiceField(
            label="Media type",
            choices=[(media_type, media_type)],
            initial=media_type,
            widget=forms.Select(attrs=override),
        )
        self.fields["_content"] = forms.CharField(
            label="Content",
            initial=content,
            required=False,
            widget=forms.Textarea(attrs={"data-override": "content"}),
        )


class BrowsableAPI(BrowsableAPIRenderer):
    """The API in a browser: the same resources, links to click, and a form for a raw JSON body."""

    def get_context(self, data: Any, media_type: Any, renderer_context: Any) -> Any:
        """Find out who asks before the forms do: they ask as if they were sent, without a token.

        Neither the page nor its forms see a text that is as long as a file; they see ids and words
        as JSON has them.
        """
        data = abridged(data if isinstance(data, bytes) else orjson.loads(dump(data)))
        with suppress(errors.Refused):
            renderer_context["request"].user  # noqa: B018
        context = super().get_context(data, media_type, renderer_context)
        view, request = renderer_context["view"], renderer_context["request"]
        beside = view.beside(data) if hasattr(view, "beside") and isinstance(data, dict) else {}
        return {**context, "filters": filters(view, request), **beside}

    def show_form_for_method(self, view: Any, method: str, request: Request, obj: Any) -> bool:
        try:
            return bool(super().show_form_for_method(view, method, request, obj))
        except errors.Refused:  # the view's permissions refuse this caller
            return False

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Request) -> Any:
        """Bodies are JSON, so there is no form of HTML inputs; only OPTIONS has a button."""
        return method == "OPTIONS" and self.show_form_for_method(view, method, request, None)

    def get_raw_data_form(
        self, data: Any, view: Any, method: str, request: Request
    ) -> RawForm | None:
        """Offer the fields that a body may carry: read-only ones would be refused as unknown."""
        with override_method(view, request, method) as overridden:
            if not self.show_form_for_method(view, method, overridden, None):
                return None
            body = view.body_example(method, data if isinstance(data, dict) else {})
            keyed = view.operations[method].keyed
            return RawForm(method, JSON, dump(body, indent=True).decode(), keyed=keyed)


def abridged(data: Any) -> Any:
    """The same data, in which texts longer than `LONGEST_ON_A_PAGE` say only how long they are."""
    if isinstance(data, str) and len(data) > LONGEST_ON_A_PAGE:
        return f"({len(data):,} characters: ask for {JSON})"
    if isinstance(data, Mapping):
        return {name: abridged(value) for name, value in data.items()}
    return [abridged(each) for each in data] if isinstance(data, list | tuple) else data


def filters(view: Any, request: Request) -> list[dict[str, Any]]:
    """The parameters of a view, for a form: a cursor is a link's to give, and pairs have keys."""
    declared = view.operations.get("GET")
    if request.method != "GET" or declared is None or declared.query is None:
        return []
    given = request.query_params
    return [
        {"name": name, "value": value, "choices": choices if value in ("", *choices) else []}
        for name, field in declared.query().fields.items()
        if name not in NOT_IN_FORMS
        for value, choices in [(given.get(name, ""), choices_of(field))]
    ]


NOT_IN_FORMS = frozenset({"cursor", "metadata"})


def choices_of(field: Any) -> list[str]:
    """The words that a parameter may be, or one of several; empty: it may be anything."""
    return list(getattr(getattr(field, "child", field), "members", ()))


class Negotiation(BaseContentNegotiation):
    """JSON unless the caller prefers HTML and the view has it; a refusal when JSON is excluded."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        return next(iter(parsers), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        offered = {renderer.media_type or "": renderer for renderer in renderers}
        chosen = preferred(request.META.get("HTTP_ACCEPT"), tuple(offered))
        if chosen is None:
            raise errors.NotAcceptable()
        return offered[chosen], chosen


def preferred(accept: str | None, offered: tuple[str, ...]) -> str | None:
    """Choose what an Accept header likes best; None when it excludes all that is offered.

    Of equals the one that is named wins, and then the one offered first: `*/*` means JSON.
    """
    if not accept or accept == "*/*":
        return offered[0]
    return _preferred(accept[:LONGEST_ACCEPT], offered)


def prefers_html(accept: str | None) -> bool:
    """Whether the caller prefers HTML, as browsers do."""
    return preferred(accept, (JSON, HTML)) == HTML


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip; without one the caller may not know it."""
    ranges = [_media_range(part) for part in accept_encoding[:LONGEST_ACCEPT].split(",")]
    weights = {coding: weight for coding, weight in ranges if coding in {"gzip", "*"}}
    return bool(weights.get("gzip", weights.get("*", 0)))


@lru_cache(maxsize=512)
def _preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()]
    named = {media_range for media_range, _ in ranges}
    best, best_weight = None, (0.0, False)
    for media_type in offered:
        weight = _quality(media_type, ranges), media_type in named
        if weight[0] and weight > best_weight:
            best, best_weight = media_type, weight
    return best


def _media_range(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return media_range, _weight(value.strip())
    return media_range, 1.0


def _weight(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.[0-9]{0,3})?", text) else 1.0


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The weight of the most specific range that matches: so `json;q=0, */*` excludes JSON."""
    kind = media_type.partition("/")[0]
    for pattern in (media_type, f"{kind}/*", "*/*"):
        weights = [weight for media_range, weight in ranges if media_range == pattern]
        if weights:
            return min(max(weights), 1.0)
    return 0.0
