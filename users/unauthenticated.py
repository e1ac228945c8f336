"""Rate limit of refused requests, by client address."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from iocash import errors
from users.throttling import Buckets

PREFIX = 64
"""The prefix length of a site's IPv6 addresses."""

BUCKETS = Buckets()


def ip_address_of(request: HttpRequest) -> str:
    """The address of who asks, as the outermost of our own proxies saw it.

    Each proxy appends an address to `X-Forwarded-For`. Addresses to the left of those of our
    proxies are not trusted, because the client can invent them.
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
    """The client's IPv4 address (also of a mapped one), or the /64 of its IPv6 address."""
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
