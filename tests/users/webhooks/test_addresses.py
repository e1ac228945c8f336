"""Which URLs and addresses webhooks may be sent to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from users.webhooks.addresses import RefusedAddress, Target, WrongUrl, is_public

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]
WRONG = [
    "",
    "receiver.example",
    "//receiver.example/",
    "ftp://receiver.example/",
    "http://receiver.example/",
    "https://user@receiver.example/",
    "https://user:secret@receiver.example/",
    "https://receiver.example@evil.example/",
    "https://receiver.example\\@evil.example/",
    "https://receiver.example/#fragment",
    "https://receiver.example/ space",
    "https://receiver.example/\r\nHost: evil.example",
    "https://receiver.example:22/",
    "https://receiver.example:80/",
    "https://receiver.example:0/",
    "https://receiver.example:70000/",
    "https://-receiver.example/",
    "https://receiver..example/",
    "https://receiver.example./",
    "https://réceiver.example/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://8.8.8.8:22/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[fe80::1%25eth0]/",
    "https://[]/",
    f"https://receiver.example/{'a' * 500}",
]


@pytest.fixture(autouse=True)
def production(settings):
    settings.WEBHOOK_LOOPBACK = False


@pytest.mark.parametrize("address", PRIVATE)
def test_special_address_is_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_address_of_the_internet_is_public(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("url", WRONG)
def test_url_is_refused(url):
    with pytest.raises(WrongUrl):
        Target.of(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://receiver.example", ("receiver.example", 443, "/", "receiver.example")),
        (
            "https://Receiver.Example:8443/a/b?c=d",
            ("receiver.example", 8443, "/a/b?c=d", "receiver.example:8443"),
        ),
        ("https://receiver.example?c=d", ("receiver.example", 443, "/?c=d", "receiver.example")),
        ("https://8.8.8.8/hook", ("8.8.8.8", 443, "/hook", "8.8.8.8")),
        ("https://[2606:4700::1111]/", ("2606:4700::1111", 443, "/", "[2606:4700::1111]")),
        ("https://xn--nandu-oxa.example/", ("xn--nandu-oxa.example",) * 1 + (443, "/")),
    ],
)
def test_url_is_split(url, expected):
    target = Target.of(url)
    found = (target.host, target.port, target.path, target.netloc)
    assert found[: len(expected)] == expected


def test_one_private_address_of_several_is_enough_to_refuse():
    target = Target.of("https://receiver.example/")
    target.require_allowed([ip_address("8.8.8.8")])
    with pytest.raises(RefusedAddress):
        target.require_allowed([ip_address("8.8.8.8"), ip_address("10.0.0.1")])


def test_network_of_the_operator_is_allowed_with_any_port(settings):
    settings.WEBHOOK_NETWORKS = ["10.1.0.0/16"]
    Target.of("https://10.1.2.3:9000/")
    target = Target.of("https://receiver.example:9000/")
    target.require_allowed([ip_address("10.1.2.3")])
    for other in ("10.2.0.1", "8.8.8.8", "127.0.0.1", "::ffff:10.1.2.3"):
        with pytest.raises(RefusedAddress):
            target.require_allowed([ip_address(other)])
    with pytest.raises(WrongUrl):
        Target.of("http://10.1.2.3/")


def test_loopback_is_allowed_in_development_also_without_tls(settings):
    settings.WEBHOOK_LOOPBACK = True
    Target.of("http://127.0.0.1:8000/")
    target = Target.of("http://localhost:8000/")
    target.require_allowed([ip_address("127.0.0.1"), ip_address("::1")])
    for other in ("10.0.0.1", "8.8.8.8", "169.254.169.254"):
        with pytest.raises(RefusedAddress):
            target.require_allowed([ip_address(other)])
