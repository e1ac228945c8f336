"""The HTTP client of webhooks, against real servers of this machine."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from tests.support.receivers import NAME, Receiver
from users.webhooks.sending import LARGEST, Failure, Reply, Sender, SendingFailed

BODY = b'{"kind":"movement.settled"}'


def to_this_machine(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
def receiver(certificates: Path):
    with Receiver(certificates / f"{NAME}.pem") as running:
        yield running


@pytest.fixture
def sender(receiver: Receiver, trusting: ssl.SSLContext):
    made = Sender(f"https://{NAME}:{receiver.port}/hooks", to_this_machine, trusting, patience=5)
    yield made
    made.close()


def failure_of(sender: Sender, **headers: str) -> SendingFailed:
    with pytest.raises(SendingFailed) as failed:
        sender.post(headers, BODY)
    return failed.value


def post(sender: Sender, **headers: str) -> Reply:
    return sender.post(headers, BODY)


def test_request_arrives_whole(sender, receiver):
    answer = sender.post({"webhook-id": "1", "Content-Type": "application/json"}, BODY)
    assert answer.is_success
    (received,) = receiver.received
    assert (received.path, received.body) == ("/hooks", BODY)
    assert received.headers["webhook-id"] == "1"
    assert received.headers["host"] == f"{NAME}:{receiver.port}"


def test_connection_is_kept_open(sender, receiver):
    for _ in range(3):
        post(sender)
    assert len({each.connection for each in receiver.received}) == 1


def test_connection_that_the_receiver_closed_is_made_anew(sender, receiver):
    post(sender)
    closing = sender.sock
    closing.shutdown(socket.SHUT_WR)
    assert post(sender).status == 200
    assert len({each.connection for each in receiver.received}) == 2


def test_connection_ends_if_the_receiver_says_so(sender, receiver):
    receiver.answering = lambda handler, _: handler.answer(200, Connection="close")
    post(sender)
    assert sender.sock is None


def test_name_is_resolved_once_for_a_connection(receiver, trusting):
    """A name that changes between look-up and connection is not asked for the second time."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    sender = Sender(f"https://{NAME}:{receiver.port}/", rebinding, trusting, patience=5)
    assert post(sender).status == 200
    assert asked == [NAME]
    sender.close()
    assert failure_of(sender).failure == Failure.ADDRESS_REFUSED
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1", "10.0.0.1"], ["fe80::1%lo"], ["::ffff:127.0.0.1"], ["0.0.0.0"]]
)
def test_name_with_a_private_address_is_never_connected_to(receiver, trusting, addresses):
    sender = Sender(f"https://{NAME}:{receiver.port}/", lambda *_: addresses, trusting)
    assert failure_of(sender).failure == Failure.ADDRESS_REFUSED
    assert receiver.received == []


def test_loopback_is_refused_in_production(receiver, trusting, settings):
    settings.WEBHOOK_LOOPBACK, settings.WEBHOOK_NETWORKS = False, ["10.0.0.0/8"]
    sender = Sender(f"https://{NAME}:{receiver.port}/", to_this_machine, trusting)
    assert failure_of(sender).failure == Failure.ADDRESS_REFUSED
    assert receiver.received == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (f"{NAME}-expired.pem", "certificate has expired"),
        ("another.example.pem", f"Hostname mismatch, certificate is not valid for '{NAME}'."),
    ],
)
def test_wrong_certificate_is_a_failure_with_its_reason(certificates, trusting, file, text):
    with Receiver(certificates / file) as receiver:
        sender = Sender(f"https://{NAME}:{receiver.port}/", to_this_machine, trusting, patience=5)
        failed = failure_of(sender)
        assert (failed.failure, str(failed)) == (Failure.CERTIFICATE_INVALID, text)
        assert receiver.received == []


def test_certificate_of_an_unknown_authority_is_a_failure(receiver):
    sender = Sender(f"https://{NAME}:{receiver.port}/", to_this_machine, patience=5)
    assert failure_of(sender).failure == Failure.CERTIFICATE_INVALID


def test_server_without_tls_is_a_failure(trusting):
    with Receiver() as receiver:
        sender = Sender(f"https://{NAME}:{receiver.port}/", to_this_machine, trusting, patience=5)
        assert failure_of(sender).failure == Failure.TLS_FAILED


def test_loopback_works_without_tls_in_development():
    with Receiver() as receiver:
        sender = Sender(f"http://127.0.0.1:{receiver.port}/")
        assert post(sender).status == 200
        sender.close()


def test_redirect_is_not_followed(sender, receiver):
    location = f"https://{NAME}:{receiver.port}/other"
    receiver.answering = lambda handler, _: handler.answer(302, Location=location)
    answer = post(sender)
    assert (answer.status, answer.is_success) == (302, False)
    assert len(receiver.received) == 1


def test_retry_after_is_read(sender, receiver):
    receiver.answering = lambda handler, _: handler.answer(503, Retry_After="120")
    assert post(sender) == Reply(503, b"", "120")


def test_answer_is_read_to_its_limit_only(sender, receiver):
    receiver.answering = lambda handler, _: handler.answer(200, b"a" * 1_000_000)
    answer = post(sender)
    assert (answer.status, answer.body) == (200, b"a" * LARGEST)
    assert sender.sock is None


def test_answer_is_not_decompressed(sender, receiver):
    bomb = gzip.compress(b"a" * 10_000_000)
    receiver.answering = lambda handler, _: handler.answer(200, bomb, Content_Encoding="gzip")
    assert post(sender).body == bomb
    assert receiver.received[0].headers["accept-encoding"] == "identity"


def test_endless_headers_are_a_failure(sender, receiver):
    def endless(handler, _):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100_000):
            handler.wfile.write(b"X-%d: %s\r\n" % (number, b"a" * 1000))

    receiver.answering = endless
    assert failure_of(sender).failure == Failure.ANSWER_INVALID


@pytest.mark.parametrize("answer", [b"hello\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_answer_that_is_no_http_is_a_failure(sender, receiver, answer):
    receiver.answering = lambda handler, _: handler.wfile.write(answer)
    assert failure_of(sender).failure == Failure.ANSWER_INVALID


def test_attempt_ends_in_time_although_bytes_keep_coming(sender, receiver):
    """Each read is quick, and all together would take minutes."""
    ended = threading.Event()

    def dripping(handler, _):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not ended.wait(0.02):
            handler.wfile.write(b"a")

    receiver.answering = dripping
    sender.patience = 0.4
    begun = time.monotonic()
    assert failure_of(sender).failure == Failure.TIMEOUT
    assert time.monotonic() - begun < 2
    ended.set()


def test_receiver_that_never_answers_is_a_timeout(sender, receiver):
    ended = threading.Event()
    receiver.answering = lambda *_: ended.wait(10)
    sender.patience = 0.3
    assert failure_of(sender).failure == Failure.TIMEOUT
    ended.set()


def test_slow_resolver_causes_a_timeout(trusting):
    ended = threading.Event()

    def waiting(host: str, port: int) -> list[str]:
        ended.wait(10)
        return []

    sender = Sender(f"https://{NAME}/", waiting, trusting, patience=0.2)
    assert failure_of(sender).failure == Failure.TIMEOUT
    ended.set()


def test_unknown_name_is_a_failure(trusting):
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror

    sender = Sender(f"https://{NAME}/", unknown, trusting)
    assert failure_of(sender).failure == Failure.NAME_NOT_FOUND


def test_closed_port_is_a_failure(trusting):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sender = Sender(f"https://{NAME}:{port}/", to_this_machine, trusting, patience=5)
    failed = failure_of(sender)
    assert (failed.failure, str(failed)) == (Failure.CONNECTION_FAILED, "Connection refused")


def test_second_address_is_used_if_the_first_refuses(certificates, trusting):
    with Receiver(certificates / f"{NAME}.pem", "127.0.0.2") as receiver:
        both = ["127.0.0.1", "127.0.0.2"]
        sender = Sender(f"https://{NAME}:{receiver.port}/", lambda *_: both, trusting, patience=5)
        assert post(sender).status == 200
        sender.close()
