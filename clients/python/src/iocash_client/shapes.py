"""The base of all bodies and answers: typed fields, read from JSON and written to JSON.

The fields of a class are its annotations. They are evaluated when the class is first used, so that
importing the package stays fast.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum, StrEnum
from types import NoneType, UnionType
from typing import (
    Any,
    Final,
    Literal,
    NamedTuple,
    NoReturn,
    Self,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID

from iocash_client.money import Money


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""A field that is not sent. `None` is sent as null, which has a meaning of its own."""

Id = str | UUID
"""An id in a call. Answers have strings, in lower case."""


class OpenEnum(StrEnum):
    """Strings of which a newer server may know more: those are members too, without a name."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


class WrongShape(ValueError):
    """JSON of the server is not what the OpenAPI document says."""

    key: str | None = None
    """The `Idempotency-Key` of the call, which was executed."""


Decoder = Callable[[Any], Any]


class Field(NamedTuple):
    """A field of a shape: its names in Python and in JSON, and how it is read."""

    name: str
    json: str
    decode: Decoder
    has_default: bool


class Meta(NamedTuple):
    """What the headers of a response say."""

    status: int
    etag: str | None = None
    """The version of the resource, for `if_match`."""
    location: str | None = None
    request_id: str | None = None
    is_replayed: bool = False
    """The key was used before: this is what the first request created, as it is now."""
    as_of: dt.datetime | None = None
    """A replica answered, and shows what was created before this time. None: the primary did."""
    is_sandbox: bool = False
    """A sandbox answered: its money is not real."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Shape:  # noqa: PLW1641 (no hash: metadata is a dict)
    """An immutable object with named fields."""

    def __init__(self, **values: Any) -> None:
        fields = {field.name: field for field in fields_of(type(self))}
        if unknown := values.keys() - fields.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        given = {name for name, field in fields.items() if not field.has_default}
        if missing := given - values.keys():
            raise TypeError(f"{type(self).__name__} needs {', '.join(sorted(missing))}")
        for name, value in values.items():
            if isinstance(value, float):
                raise TypeError(f"{name}: a float is not exact; give a Decimal or a string")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} can't be changed")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __repr__(self) -> str:
        shown = (
            f"{name}={value!r}" for name, value in self._values().items() if value is not UNSET
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def _values(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields_of(type(self))}


class Body(Shape):
    """What a call sends."""


class Answer(Shape):
    """What a call returns."""

    @property
    def meta(self) -> Meta:
        """The headers of the response.

        Raises:
            AttributeError: the object is a part of an answer, or an item of a page.
        """
        try:
            meta: Meta = self.__dict__["_meta"]
        except KeyError:
            raise AttributeError("only the answer of a call has headers") from None
        return meta


S = TypeVar("S", bound=Shape)


FIELDS: Final[dict[type[Shape], tuple[Field, ...]]] = {}


def fields_of(shape: type[Shape]) -> tuple[Field, ...]:
    """The fields of a class, in their order; evaluated once."""
    if shape not in FIELDS:
        FIELDS[shape] = tuple(
            Field(name, json_name(name), decoder(hint), hasattr(shape, name))
            for name, hint in get_type_hints(shape).items()
        )
    return FIELDS[shape]


def json_name(name: str) -> str:
    """`wallet_id` is `walletId` in JSON, and `links` is `_links`."""
    if name == "links":
        return "_links"
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


def decode(shape: type[S], data: object, meta: Meta | None = None) -> S:
    """Read a shape from JSON. Fields that it does not have are ignored.

    Raises:
        WrongShape: a field is missing, or has another type.
    """
    if not isinstance(data, Mapping):
        raise WrongShape(f"{shape.__name__}: not an object")
    if isinstance(embedded := data.get("_embedded"), Mapping):
        data = {**data, **embedded}
    made = shape.__new__(shape)
    values = made.__dict__
    for name, key, convert, has_default in fields_of(shape):
        if key in data:
            try:
                values[name] = convert(data[key])
            except (TypeError, ValueError, LookupError, ArithmeticError) as error:
                raise WrongShape(f"{shape.__name__}.{name}: {error}") from error
        elif key == "_links":
            values[name] = {}  # events in webhooks have none
        elif not has_default:
            raise WrongShape(f"{shape.__name__}.{name} is missing")
    if meta is not None:
        values["_meta"] = meta
    return made


def decoder(hint: Any) -> Decoder:
    """How a value of this type is read from JSON."""
    if hint is Any:
        return unchanged
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return optional([each for each in get_args(hint) if each not in (NoneType, Unset)], hint)
    if origin is Literal:
        return checked(str)
    if origin is list:
        item = decoder(get_args(hint)[0])
        return lambda value: [item(each) for each in checked(list)(value)]
    if origin is dict:
        member = decoder(get_args(hint)[1])
        return lambda value: {key: member(each) for key, each in checked(dict)(value).items()}
    if isinstance(hint, type):
        return decoder_of_class(hint)
    return unchanged


def optional(choices: list[Any], hint: Any) -> Decoder:
    """A type that may be null. Bodies have several types, and are not read from JSON."""
    convert = decoder(choices[0]) if len(choices) == 1 else unchanged
    if NoneType not in get_args(hint):
        return convert
    return lambda value: None if value is None else convert(value)


def decoder_of_class(class_: type) -> Decoder:
    if issubclass(class_, Shape):
        return lambda value: decode(class_, value)
    if issubclass(class_, OpenEnum):
        return class_
    return CONVERTERS.get(class_) or checked(class_)


def checked(class_: type) -> Decoder:
    def check(value: Any) -> Any:
        if not isinstance(value, class_) or (class_ is int and isinstance(value, bool)):
            raise TypeError(f"{class_.__name__} expected, not {type(value).__name__}")
        return value

    return check


def unchanged(value: Any) -> Any:
    return value


class Link(str):
    """A URL of the server, from `_links`."""

    __slots__ = ()

    @classmethod
    def read(cls, value: Any) -> Self:
        return cls(value["href"])


CONVERTERS: Final[dict[type, Decoder]] = {
    Decimal: lambda value: Decimal(checked(str)(value)),
    dt.datetime: lambda value: dt.datetime.fromisoformat(checked(str)(value)).astimezone(dt.UTC),
    dt.date: lambda value: dt.date.fromisoformat(checked(str)(value)),
    Link: Link.read,
}


def encode(value: Any) -> Any:
    """Write a body as JSON.

    Raises:
        TypeError: a value can't be sent, for example a float.
        ValueError: a time without a time zone, or an amount in another currency than the body's.
    """
    if isinstance(value, Shape):
        return encoded_fields(value)
    if isinstance(value, Mapping):
        return {str(key): encode(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [encode(each) for each in value]
    if value is None or isinstance(value, bool | int):
        return value
    return text(value)


def encoded_fields(shape: Shape) -> dict[str, Any]:
    values = {field: getattr(shape, field.name) for field in fields_of(type(shape))}
    sent = {field.json: encode(value) for field, value in values.items() if value is not UNSET}
    for value in values.values():
        is_named = isinstance(value, Money) and hasattr(shape, "currency")
        if is_named and sent.setdefault("currency", value.currency) != value.currency:
            raise ValueError(f"{value} is not in {sent['currency']}")
    return sent


def text(value: Any) -> str:
    """A value of a path, of a query or of a body as a string."""
    if isinstance(value, Money):
        value = value.amount
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not an amount")
        return f"{value:f}"
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} can't be sent")
