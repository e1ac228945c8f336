"""Serializers whose fields are bound once per class, instead of once per request.

DRF copies and binds every field for every request and every answer. Here this is done once for each
class. Therefore fields have no state, and never use the context of their serializer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from functools import cache, cached_property
from inspect import cleandoc
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, NamedTuple, NoReturn

from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.drainage import set_override
from rest_framework import serializers as drf
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import empty, get_error_detail
from rest_framework.utils.serializer_helpers import BindingDict

from iocash.errors import Message
from iocash.http.naming import camel

MOST_ERRORS = 100
"""The most unknown fields that an error names."""

Getter = Callable[[Any], Any]
Ask = Callable[["Serializer", Any], Any]
"""Writes a value of an answer, by the serializer of the request and the thing."""


def text_of(documented: Any) -> str:
    """A docstring, or that of a class, as the OpenAPI document has it: a line a paragraph."""
    text = documented if isinstance(documented, str) else documented.__doc__ or ""
    paragraphs = cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def picker(source: str) -> Getter:
    """A function that reads `source` (with dots) from an object, or a key from a dict."""
    get = attrgetter(source)
    return lambda thing: thing[source] if isinstance(thing, dict) else get(thing)


def tuple_picker(sources: Sequence[str]) -> Getter:
    """A function that reads all `sources`, as `picker` reads one."""
    if len(sources) < 2:  # the functions of `operator` return a tuple for several names only
        pickers = [*map(picker, sources)]
        return lambda thing: tuple(pick(thing) for pick in pickers)
    of_object, of_dict = attrgetter(*sources), itemgetter(*sources)
    return lambda thing: of_dict(thing) if isinstance(thing, dict) else of_object(thing)


class Reason(str):
    """The code of a wrong value, with the message about it.

    DRF copies the details of errors on their way out of nested serializers. It keeps their text
    and code, and nothing else, so the code carries the message.
    """

    message: Message

    def __new__(cls, code: str, message: Message) -> Reason:
        reason = super().__new__(cls, code)
        reason.message = message
        return reason


def error_detail(code: str, message: Message) -> ErrorDetail:
    """The detail of a wrong value, whose message can be translated."""
    return ErrorDetail(message, code=Reason(code, message))


class Explaining:
    """Mixed into fields and serializers, so that their errors can be translated."""

    error_messages: dict[str, Any]

    def explain(self, code: str, **values: Any) -> ErrorDetail:
        """The detail of an error in `default_error_messages`."""
        return error_detail(code, Message(str(self.error_messages[code]), **values))

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        raise drf.ValidationError([self.explain(key, **kwargs)])


class Field(Explaining, drf.Field[Any, Any, Any, Any]):
    """A field with exactly one JSON type and its OpenAPI schema."""

    default_error_messages = {
        "required": "This field is required.",
        "null": "Must not be null.",
    }
    example: Any = ""
    component = ""
    """The name of its schema in the OpenAPI document; blank: the schema has none, and is repeated.

    Beside a reference to a named schema a field has no description and no default of its own.
    """

    def __init__(self, *, example: Any = None, component: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.example = self.example if example is None else example
        self.component = self.component if component is None else component
        set_override(self, "field", {**self.schema(), "examples": [self.get_initial()]})
        set_override(self, "field_component_name", self.component)

    def schema(self) -> dict[str, Any]:
        """The OpenAPI schema of this field."""
        raise NotImplementedError

    def get_initial(self) -> Any:
        return self.example

    def asker(self) -> Ask | None:
        """What writes this field for an answer if one value of the thing is not enough."""
        return None

    def to_representation(self, value: Any) -> Any:
        return value


class Writable(NamedTuple):
    """A field of a body."""

    name: str
    field: Any
    source: str
    check: str | None
    """The serializer's `validate_…` method of this field."""
    may_be_left_out: bool
    """Whether a body without it has no value of it either: it has no default."""


class Shape:
    """The bound fields of a serializer class."""

    def __init__(self, kind: type[Serializer]) -> None:
        prototype = kind()
        self.fields = BindingDict(prototype)
        self.writable: list[Writable] = []
        picked: dict[str, str] = {}
        self.shown: list[tuple[str, Getter]] = []
        """Fields of an answer whose values are converted, and how."""
        self.asked: list[tuple[str, Ask]] = []
        """Fields of an answer that need more than one value."""
        for declared, field in prototype.get_fields().items():
            self._add(kind, declared, field, picked)
        self.known = frozenset(writable.name for writable in self.writable)
        self.picked = tuple(picked)
        """Fields of an answer that are values of the thing; `pick` reads them all at once."""
        self.pick = tuple_picker([*picked.values()])
        readable = [name for name, field in self.fields.items() if not field.write_only]
        self.blank = dict.fromkeys(readable)
        """An answer without values: its names, in order."""

    def _add(
        self, kind: type[Serializer], declared: str, field: Any, picked: dict[str, str]
    ) -> None:
        name = camel(declared)
        if isinstance(field, drf.SerializerMethodField):
            field.method_name = field.method_name or f"get_{declared}"
        elif name != declared and field.source is None:
            field.source = declared
        self.fields[name] = field
        if not field.read_only:
            check = f"validate_{declared}"
            found = check if hasattr(kind, check) else None
            left_out = not field.required and field.default is empty
            self.writable.append(Writable(name, field, field.source, found, left_out))
        if field.write_only:
            return
        if ask := _asker(kind, field):
            self.asked.append((name, ask))
            return
        picked[name] = field.source
        if type(field).to_representation is not Field.to_representation:
            self.shown.append((name, field.to_representation))


def _asker(kind: type[Serializer], field: Any) -> Ask | None:
    if isinstance(field, drf.SerializerMethodField):
        ask: Ask = getattr(kind, str(field.method_name))
        return ask
    if isinstance(field, drf.BaseSerializer):
        return _nested(field)
    return field.asker() if isinstance(field, Field) else None


def _nested(field: Any) -> Ask:
    many = isinstance(field, drf.ListSerializer)
    kind, pick = type(field.child if many else field), picker(field.source)

    def ask(serializer: Serializer, thing: Any) -> Any:
        value = pick(thing)
        if value is None:
            return None
        return kind(value, many=many, context=serializer.context).data

    return ask


@cache
def shape_of(kind: type[Serializer]) -> Shape:
    return Shape(kind)


class Variant(NamedTuple):
    """One of the forms of a body, which a field of it tells apart."""

    name: str
    """Of its schema in the OpenAPI document."""
    text: str
    own: tuple[str, ...] = ()
    """The fields that other variants don't have, in camelCase."""
    required: tuple[str, ...] = ()
    """Those of its own that are required."""


class Serializer(Explaining, drf.Serializer[Any]):
    """Fields have snake_case names in Python and camelCase in JSON. All wrong fields are reported.

    Unknown fields are wrong too. `validated_data` has snake_case keys.
    Methods of `SerializerMethodField` and `validate_<name>` are called on the serializer of the
    request, with its context.
    """

    together: ClassVar[dict[str, Any]] = {}
    """JSON Schema about combinations of fields, for the OpenAPI document."""
    told_apart_by: ClassVar[str] = ""
    """The field whose value says which of the `variants` a body is."""
    variants: ClassVar[dict[str, Variant]] = {}
    """The forms that a body has, by that value, for the OpenAPI document; none: it has one form."""

    default_error_messages = {
        "required": "This field is required.",
        "null": "Must not be null.",
        "invalid": "Must be an object.",
        "unknown_field": "Unknown field.",
        "read_only": "This field is read-only.",
    }

    @cached_property
    def fields(self) -> BindingDict:
        """The shared fields of the class. Never change them on an instance."""
        return shape_of(type(self)).fields

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        values: dict[str, Any] = {}
        wrong: dict[str, Any] = {}
        shape = shape_of(type(self))
        for writable in shape.writable:
            if writable.name not in data and (self.partial or writable.may_be_left_out):
                continue
            try:
                values[writable.source] = self._read(writable, data)
            except (drf.ValidationError, DjangoValidationError) as exc:
                wrong[writable.name] = _detail(exc)
        wrong.update(self._unknown(data))
        given = {writable.source for writable in shape.writable if writable.name in data}
        for name, code in self.across(values, given).items():
            wrong.setdefault(camel(name), [self.explain(code)])
        if wrong:
            raise drf.ValidationError(wrong)
        return values

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        """Say which fields are wrong beside the others: their names in snake_case, and codes.

        Asked whatever else is wrong, so that every wrong field is named at once; `values` holds
        the fields that are right, `given` the names of all that came. A code has its words in
        `default_error_messages`.
        """
        return {}

    def _read(self, writable: Writable, data: Mapping[str, Any]) -> Any:
        field = writable.field
        given = data.get(writable.name, empty)
        value = self._default(field) if given is empty else field.run_validation(given)
        return getattr(self, writable.check)(value) if writable.check else value

    def _default(self, field: Any) -> Any:
        if field.required:
            field.fail("required")
        return field.get_default()

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, list[ErrorDetail]]:
        shape = shape_of(type(self))
        extra = islice((name for name in data if name not in shape.known), MOST_ERRORS)
        return {name: [self._unknown_detail(name in shape.fields)] for name in extra}

    def _unknown_detail(self, read_only: bool) -> ErrorDetail:
        words = self.error_messages["read_only" if read_only else "unknown_field"]
        return error_detail("unknown_field", Message(words))

    def _read_only_defaults(self) -> dict[str, Any]:
        return {}

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shape = shape_of(type(self))
        answer = shape.blank.copy()
        answer.update(zip(shape.picked, shape.pick(instance), strict=True))
        for name, show in shape.shown:
            if (value := answer[name]) is not None:
                answer[name] = show(value)
        for name, ask in shape.asked:
            answer[name] = ask(self, instance)
        return answer

    def get_initial(self) -> dict[str, Any]:
        """An example of a body: the required fields or, without any, all fields."""
        writable = shape_of(type(self)).writable
        needed = [entry for entry in writable if entry.field.required]
        return {entry.name: entry.field.get_initial() for entry in needed or writable}


class Items(Explaining, drf.ListSerializer[Any]):
    """A list of objects in a body."""

    max_length: int | None

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        if not data and not self.allow_empty:
            self.fail("empty")
        if self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        values: list[Any] = []
        wrong: dict[Any, Any] = {}
        for index, item in enumerate(data):
            try:
                values.append(self.run_child_validation(item))
            except drf.ValidationError as exc:
                wrong[index] = exc.detail
        if wrong:
            raise drf.ValidationError(wrong)
        return values


def _detail(exc: drf.ValidationError | DjangoValidationError) -> Any:
    return exc.detail if isinstance(exc, drf.ValidationError) else get_error_detail(exc)


@cache
def reader(kind: type[Serializer], is_partial: bool = False) -> Serializer:
    """The shared serializer that validates bodies, without context and state."""
    return kind(partial=is_partial)


def writer(kind: Any, context: Mapping[str, Any]) -> Serializer:
    """A serializer that renders answers, with the context of a request.

    It is a copy of a cached one, because a new one for every answer is slow.
    """
    copy: Serializer = object.__new__(kind)
    vars(copy).update(vars(reader(kind)), _context=context)
    return copy
