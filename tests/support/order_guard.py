"""Watches every order of every test: a refusal that its class does not declare fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from iocash import errors
from wallets import orders
from wallets.orders.base import Order

RULES = ("check_shape", "apply", "explain")
"""The methods of an order that refuse it: they raise a refusal, or return one."""

findings: list[str] = []
"""What orders were refused with since the last test, and do not declare."""


def concrete() -> list[type[Order]]:
    """Every order that can be submitted, from all modules of `wallets.orders`."""
    names = (f"{orders.__name__}.{each.name}" for each in iter_modules(orders.__path__))
    defined = (each for name in names for each in vars(import_module(name)).values())
    kinds = {each for each in defined if isinstance(each, type) and issubclass(each, Order)}
    submitted = (kind for kind in kinds if kind.apply is not Order.apply)
    return sorted(submitted, key=lambda kind: kind.__name__)


def watch() -> None:
    """Watch the rules of all orders, those that they inherit included."""
    for kind in {base for each in concrete() for base in own(each)}:
        for name in vars(kind).keys() & {*RULES}:
            setattr(kind, name, watched(vars(kind)[name]))


def own(kind: type[Order]) -> Iterator[type]:
    yield from (base for base in kind.__mro__ if base.__module__.startswith("wallets.orders"))


def watched(rule: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(rule)
    def asked(order: Order, *args: Any) -> Any:
        try:
            answer = rule(order, *args)
        except errors.Refused as refusal:
            note(order, refusal)
            raise
        if isinstance(answer, errors.Refused):
            note(order, answer)
        return answer

    return asked


def note(order: Order, refusal: errors.Refused) -> None:
    if type(refusal) not in order.refuses:
        findings.append(f"{type(order).__name__} does not declare {type(refusal).__name__}")
