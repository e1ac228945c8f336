"""Which URLs and which addresses webhooks may be sent to.

A client chooses the URL, and this server sends the request: without these rules a client could
reach the network of the server (SSRF). The networks are those of IANA's registries of special
addresses (RFC 6890), and the address of Azure's host agent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS: Final = frozenset({443, 8443})
LONGEST_URL: Final = 500
URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(:(?P<port>[0-9]{1,5}))?(?P<target>[/?][A-Za-z0-9\-._~:/?@!$&'()*+,;=%]*)?"
)
"""An absolute URL without user information and fragment. Every parser finds the same host in it."""
NAME: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z][A-Za-z0-9-]*")
"""A name whose last label begins with a letter: `127.1`, `0x7f.1` and `2130706433` are none."""

LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
UNICAST: Final = ip_network("2000::/3")
"""The only IPv6 addresses that are assigned to hosts. `::1`, `fc00::/7`, `fe80::/10`, `ff00::/8`,
`::ffff:0:0/96` (mapped), `64:ff9b::/96` and `64:ff9b:1::/48` (NAT64) are outside."""
SPECIAL: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local; metadata of clouds
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",
            "168.63.129.16/32",  # Azure's host agent
            "2001::/23",  # Teredo, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",
            "3fff::/20",  # documentation
        ),
    )
)


class WrongUrl(ValueError):
    """Webhooks can't be sent to this URL. Its text says why, to the client."""


class RefusedAddress(ValueError):
    """Webhooks are not sent to this address. Its text says why, to the client."""


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL that webhooks are sent to."""

    scheme: str
    host: str
    """A name in lower case, or an address without brackets."""
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Read a URL.

        Raises:
            WrongUrl: it is none, or webhooks can't be sent to it whatever its name resolves to.
        """
        found = URL.fullmatch(url)
        if found is None or len(url) > LONGEST_URL:
            raise WrongUrl("Must be an https URL without credentials and fragment.")
        host = found["host"].strip("[]").lower()
        if literal_address(host) is None and not NAME.fullmatch(host):
            raise WrongUrl("The host must be a name or an address.")
        scheme, path = found["scheme"], found["target"] or "/"
        port = int(found["port"] or (443 if scheme == "https" else 80))
        target = cls(scheme, host, port, path if path.startswith("/") else f"/{path}")
        target.require_possible()
        return target

    @property
    def netloc(self) -> str:
        """The value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"

    def require_possible(self) -> None:
        """Refuse (WrongUrl) what no resolution of the name can make right."""
        if self.scheme == "http" and not settings.WEBHOOK_LOOPBACK:
            raise WrongUrl("Must begin with https://.")
        if not 0 < self.port < 65536:
            raise WrongUrl("The port does not exist.")
        address = literal_address(self.host)
        if address is not None:
            try:
                self.require_allowed([address])
            except RefusedAddress as refused:
                raise WrongUrl(str(refused)) from None
        elif self.port not in PORTS and not (settings.WEBHOOK_LOOPBACK or own_networks()):
            raise WrongUrl("The port must be 443 or 8443.")

    def require_allowed(self, addresses: Sequence[Address]) -> None:
        """Refuse (RefusedAddress) unless webhooks may be sent to all these addresses.

        One of several that is not allowed is enough: it could be the one that is connected to.
        """
        for address in addresses:
            is_loopback = settings.WEBHOOK_LOOPBACK and is_in(address, LOOPBACK)
            is_own = is_loopback or is_in(address, own_networks())
            if not is_own and not is_public(address):
                raise RefusedAddress("The address is not public.")
            if not is_own and self.port not in PORTS:
                raise RefusedAddress("The port must be 443 or 8443.")
            if self.scheme == "http" and not is_loopback:
                raise RefusedAddress("Must begin with https://.")


def literal_address(host: str) -> Address | None:
    """The address that a host is; None: it is a name. Other notations of IPv4 are no addresses."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Tell whether a host of the internet can have the address."""
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    return not is_in(address, SPECIAL)


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def own_networks() -> tuple[Network, ...]:
    """The networks of the operator that webhooks may be sent to."""
    return _networks(tuple(settings.WEBHOOK_NETWORKS))


@cache
def _networks(names: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(map(ip_network, names))
