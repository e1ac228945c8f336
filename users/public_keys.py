"""Checks of the RSA public keys that verify clients' tokens.

The checks are those of NIST SP 800-89, 5.3.3, and two more: the modulus is not a prime, and its
two primes are not close to each other.
"""

from __future__ import annotations

import base64
import math
import re
from functools import cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from django.utils.translation import gettext

SMALLEST: Final = 2048
LARGEST: Final = 4096
"""Bits; verification with larger keys is too slow."""

EXPONENTS: Final = range(65537, 1 << 256, 2)
SMALL_PRIMES_BELOW: Final = 10_000
FERMAT_STEPS: Final = 100
FORMATS: Final = (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
BODY: Final = re.compile(r"\s*-----BEGIN [A-Z ]+-----([A-Za-z0-9+/=\s]+)-----END [A-Z ]+-----\s*")


class Unfit(ValueError):
    """The key is not accepted; the message contains the reason, in the active language."""


def read_public_key(pem: str) -> RSAPublicKey:
    """Read an RSA public key from PEM.

    Raises:
        Unfit: it is not an RSA key, private, too small, too large or weak.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unfit(gettext("Must be an RSA public key in PEM format.")) from error
    if not isinstance(key, RSAPublicKey):
        raise Unfit(gettext("Must be an RSA public key in PEM format."))
    require_plain(key, pem)
    require_size(key)
    numbers = key.public_numbers()
    require_strong(numbers.n, numbers.e)
    return key


def require_plain(key: RSAPublicKey, pem: str) -> None:
    """Refuse an RSA-PSS key: RS256 must not use it, but the library loads it as a plain key."""
    body = BODY.fullmatch(pem)
    der = base64.b64decode("".join(body[1].split())) if body else b""
    if der not in {key.public_bytes(Encoding.DER, each) for each in FORMATS}:
        raise Unfit(gettext("Must be a plain RSA key, not RSA-PSS, without other text."))


def require_size(key: RSAPublicKey) -> None:
    if not SMALLEST <= key.key_size <= LARGEST:
        sizes = {"smallest": SMALLEST, "largest": LARGEST, "size": key.key_size}
        text = gettext("Must have %(smallest)s to %(largest)s bits; the key has %(size)s bits.")
        raise Unfit(text % sizes)


def require_strong(modulus: int, exponent: int) -> None:
    if exponent not in EXPONENTS:
        raise Unfit(gettext("The public exponent must be odd, and 65537 or more."))
    if math.gcd(modulus, small_primes()) != 1 or is_probably_prime(modulus):
        raise Unfit(gettext("The modulus is not a product of two large primes."))
    if is_nearly_square(modulus):
        raise Unfit(gettext("The two primes of the modulus are too close to each other."))


@cache
def small_primes() -> int:
    """The product of all primes below 10,000."""
    sieve = bytearray([1]) * SMALL_PRIMES_BELOW
    for number in range(2, math.isqrt(SMALL_PRIMES_BELOW) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(sieve[number * number :: number]))
    return math.prod(number for number in range(2, SMALL_PRIMES_BELOW) if sieve[number])


def is_probably_prime(number: int) -> bool:
    """Fermat's test to base 2. A product of two random large primes fails it."""
    return pow(2, number - 1, number) == 1


def is_nearly_square(number: int) -> bool:
    """Whether Fermat's factorisation finds the factors in a few steps (a square in one)."""
    root = math.isqrt(number)
    root += root * root < number
    for step in range(FERMAT_STEPS):
        rest = (root + step) ** 2 - number
        if math.isqrt(rest) ** 2 == rest:
            return True
    return False
