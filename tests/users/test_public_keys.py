"""Which public keys are registered, and which never: they would let others sign."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from users import public_keys

PRIVATE = generate_private_key(65537, 2048)
NUMBERS = PRIVATE.public_key().public_numbers()
PRIMES = PRIVATE.private_numbers()


def pem(key: Any, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    return str(key.public_bytes(Encoding.PEM, form).decode())


def made_of(modulus: int, exponent: int = 65537) -> str:
    """A key of these numbers, as another tool would write it: cryptography checks some."""
    body = der(0x30, der_integer(modulus) + der_integer(exponent))
    return armoured(der(0x30, PLAIN + der(0x03, b"\0" + body)))


PLAIN = bytes.fromhex("300d06092a864886f70d0101010500")
FOR_PSS = bytes.fromhex("300b06092a864886f70d01010a")


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def der_integer(number: int) -> bytes:
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def armoured(content: bytes) -> str:
    lines = base64.encodebytes(content).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n"


def for_pss() -> str:
    body = der(0x30, der_integer(NUMBERS.n) + der_integer(NUMBERS.e))
    return armoured(der(0x30, FOR_PSS + der(0x03, b"\0" + body)))


def on_an_odd_curve() -> str:
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    raw = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    curve = der(0x30, bytes.fromhex("06072a8648ce3d0201") + bytes.fromhex("06052b81040009"))
    return armoured(der(0x30, curve + der(0x03, b"\0" + raw)))


def two_close_primes() -> int:
    """The product of the two largest primes of 1,024 bits: they differ in their last bits only."""
    return ((1 << 1024) - 105) * ((1 << 1024) - 179)


def private() -> str:
    return PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


WEAK: dict[str, tuple[str, Callable[[], str]]] = {
    "nothing": ("Must be an RSA", lambda: ""),
    "no key": ("Must be an RSA", lambda: "Alice"),
    "no Latin letters": ("Must be an RSA", lambda: "Ключ"),
    "a private key": ("Must be an RSA", private),
    "a key of 1,024 bits": (
        "1024 bits",
        lambda: pem(generate_private_key(65537, 1024).public_key()),
    ),
    "a key of 8,192 bits": ("8192 bits", lambda: made_of((1 << 8191) + 1)),
    "an exponent of 1": ("Must be an RSA", lambda: made_of(NUMBERS.n, 1)),
    "an exponent of 3": ("exponent", lambda: made_of(NUMBERS.n, 3)),
    "an even exponent": ("Must be an RSA", lambda: made_of(NUMBERS.n, 65538)),
    "a huge exponent": ("exponent", lambda: made_of(NUMBERS.n, (1 << 300) + 1)),
    "an even modulus": ("two large primes", lambda: made_of(NUMBERS.n + 1)),
    "a modulus with a small factor": ("two large primes", lambda: made_of(9_973 * NUMBERS.n)),
    "a modulus that is a prime": ("two large primes", lambda: made_of((1 << 2203) - 1)),
    "a modulus that is a square": ("close", lambda: made_of(PRIMES.p**2)),
    "two primes that are close": ("close", lambda: made_of(two_close_primes())),
    "a key for RSA-PSS": ("RSA-PSS", for_pss),
    "a key on a curve": (
        "Must be an RSA",
        lambda: pem(ec.generate_private_key(ec.SECP256R1()).public_key()),
    ),
    "a key on an odd curve": ("Must be an RSA", on_an_odd_curve),
    "an Ed25519 key": (
        "Must be an RSA",
        lambda: pem(ed25519.Ed25519PrivateKey.generate().public_key()),
    ),
    "two keys": ("plain RSA key", lambda: pem(PRIVATE.public_key()) * 2),
}


@pytest.mark.parametrize("name", WEAK)
def test_weak_key_is_refused(name):
    words, make = WEAK[name]
    with pytest.raises(public_keys.Unfit, match=words):
        public_keys.read_public_key(make())


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_usual_key_is_accepted(bits):
    key = generate_private_key(65537, bits).public_key()
    assert public_keys.read_public_key(pem(key)).public_numbers() == key.public_numbers()


def test_pkcs1_key_is_accepted():
    assert public_keys.read_public_key(pem(PRIVATE.public_key(), PublicFormat.PKCS1))


def test_key_built_from_numbers_equals_the_librarys():
    assert public_keys.read_public_key(made_of(NUMBERS.n)).public_numbers() == NUMBERS


def test_small_primes_are_the_primes_below_ten_thousand():
    primes = [n for n in range(2, 10_000) if all(n % d for d in range(2, math.isqrt(n) + 1))]
    assert public_keys.small_primes() == math.prod(primes)
