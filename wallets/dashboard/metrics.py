"""`/metrics`: what Prometheus reads of the database and of the processes of this server."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from iocash import errors, metrics
from iocash.db import groups
from iocash.metrics.text import CONTENT_TYPE, Family, Sample, exposition
from users.unauthenticated import count_refusal, ip_address_of, require_few_refusals
from wallets.dashboard import families, figures

NEAR: Final = [
    *map(
        ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"),
    )
]
"""Without METRICS_TOKEN, only callers on these networks read the metrics."""
CLOCK: Final = "iocash_database_clock_seconds"
GROUP: Final = "group"
DIFFERENCE: Final = "iocash_clock_difference_seconds"


@csrf_exempt
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Answer all metrics, in the text format of Prometheus.

    The figures of the database are left out, but for `iocash_database_up 0`, when it does not
    answer.

    Raises:
        MethodNotAllowed: it is no GET.
        NotAuthenticated, InvalidCredentials: METRICS_TOKEN is set, and not the bearer token.
        PermissionDenied: it is not set, and the caller is not on a private network.
        RateLimited: the caller was refused too often.
    """
    if request.method != "GET":
        raise errors.MethodNotAllowed(method=request.method, allow="GET")
    require_access(request)
    every = (*families_of_groups(), *metrics.FAMILIES)
    text = exposition(every, every_sample())
    return HttpResponse(text, content_type=CONTENT_TYPE)


def families_of_groups() -> tuple[Family, ...]:
    """What databases say; the first label is the group, where there are several."""
    if not groups.are_several():
        return families.FAMILIES
    return tuple(each._replace(labels=(GROUP, *each.labels)) for each in families.FAMILIES)


def every_sample() -> Iterator[Sample]:
    if not groups.are_several():
        yield from samples_of_database()
    else:
        for name in groups.names():
            with groups.entered(name):
                found = [*samples_of_database()]
            yield from (each._replace(labels=(name, *each.labels)) for each in found)
    yield from metrics.counted_samples()


def samples_of_database() -> Iterator[Sample]:
    for sample in figures.read_figures():
        yield sample
        if sample.name == CLOCK:
            yield Sample(DIFFERENCE, (), (sample.values[0] - time.time(),))
    yield from figures.ages_of_anchors()
    yield from figures.room_of_folders()


def require_access(request: HttpRequest) -> None:
    """Refuse callers without the token; without a token in the settings, those from outside."""
    require_few_refusals(request)
    if settings.METRICS_TOKEN:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer" and has_digest_of(token.strip(), settings.METRICS_TOKEN):
            return
        count_refusal(request)
        raise errors.InvalidCredentials() if token else errors.NotAuthenticated()
    passed = request.META.get("HTTP_X_FORWARDED_FOR")
    callers = [ip_address_of(request), *(passed.split(",") if passed is not None else ())]
    if not all(is_near(caller.strip()) for caller in callers):
        raise errors.PermissionDenied()


def has_digest_of(given: str, token: str) -> bool:
    """Compare two texts in a time that depends on neither of them."""
    one, other = (
        hashlib.sha256(each.encode("utf-8", "surrogatepass")).digest() for each in (given, token)
    )
    return hmac.compare_digest(one, other)


def is_near(address: str) -> bool:
    """Whether an address is of this machine or of a private network."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in network for network in NEAR)
