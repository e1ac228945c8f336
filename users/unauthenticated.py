"""Callers who were not let in: where they are, and how often each of them may try."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from iocash import errors
from users.buckets import Buckets

PREFIX = 64
"""Of an IPv6 address, the bits that name a site: one site has all addresses below it."""

BUCKETS = Buckets()


def ip_address_of(request: HttpRequest) -> str:
    """The address of who asks, as the outermost of our own proxies saw it.

    Each proxy adds to the right of `X-Forwarded-For`; what stands further left than ours have
    written is the caller's to invent, and is not read.
    """
    peer: str = request.META.get("REMOTE_ADDR", "")
    passed = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    count = settings.TRUSTED_PROXIES
    if not 0 < count <= len(passed):
        return peer
    try:
        return str(ip_address(passed[-count].strip().partition("%")[0]))
    except ValueError:
        return peer


def network_of(request: HttpRequest) -> str | None:
    """The address of who asks; of an IPv6 address its /64, of a mapped one the IPv4 address."""
    try:
        address = ip_address(ip_address_of(request).partition("%")[0])
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, PREFIX), strict=False).network_address)


def require_few_refusals(request: HttpRequest) -> None:
    """Refuse who was refused too often (RateLimited), before anything is looked up."""
    rate = settings.RATE_LIMIT_REFUSED
    if rate and (wait := BUCKETS.wait(network_of(request), rate)):
        raise errors.RateLimited(retry_after=Buckets.whole(wait))


def count_refusal(request: Any) -> None:
    """Count a request that was refused; the one that is too many becomes RateLimited."""
    rate = settings.RATE_LIMIT_REFUSED
    if not rate:
        return
    taken = BUCKETS.take(network_of(request), rate)
    if not taken.allowed:
        raise errors.RateLimited(retry_after=Buckets.whole(taken.wait))
