"""Serve the demo on this machine, and print how to use it. For `dev.py run`."""

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

from iocash.postgres import CHECKOUT, STATE
from iocash.postgres.cluster import ending_with_parent

GRANIAN = (
    "--interface wsgi --host 127.0.0.1 --workers 2 --blocking-threads 16"
    " --respawn-failed-workers --workers-kill-timeout 30 --log-level error"
    " --static-path-route /livez --static-path-mount iocash/health"
    " --static-path-dir-to-file livez.json --static-path-expires 0"
)
PATIENCE = 10.0  # seconds for running requests
WELCOME = """
API          {url}/api/v1    key {apiKey}
Docs         {url}/api/docs/quick-start
Back office  {url}/admin/    user {staffUser}    password {staffPassword}
{members}
Variables for the examples in the docs:
{exports}

Create a user:
curl {send} {url}/api/v1/users -d '{user}'

Read a wallet:
curl {send} {url}/api/v1/wallets/{aliceWalletId}

Make a transfer:
curl {send} -H 'Idempotency-Key: {key}' {url}/api/v1/wallets/{aliceWalletId}/movements -d '{transfer}'

Press Ctrl-C to stop the server and PostgreSQL.
"""  # noqa: E501 (lines to copy must not be broken)


def serve(port: int) -> NoReturn:
    """Serve, with a worker, until this process is stopped; stop all child processes."""
    granian = ["-m", "granian", *GRANIAN.split(), "--port", str(port), "iocash.wsgi:application"]
    children = {"web server": _start(granian), "worker": _start(["manage.py", "work"])}
    try:
        while not (stopped := _stopped(children)) and not _answers(port):
            time.sleep(0.05)
        if not stopped:
            sys.stdout.write(welcome(f"http://127.0.0.1:{port}"))
            sys.stdout.flush()
        while not (stopped := _stopped(children)):
            time.sleep(0.1)
        sys.exit(f"dev.py: stopped unexpectedly: {', '.join(stopped)}.")
    finally:
        _end([*children.values()])


def welcome(url: str) -> str:
    demo = json.loads((STATE / "demo.json").read_text())
    return WELCOME.format(
        url=url,
        exports="\n".join(f"export {name}={value}" for name, value in values(url, demo).items()),
        send=f"-H 'Authorization: Bearer {demo['apiKey']}' -H 'Content-Type: application/json'",
        user=json.dumps(_new_user()),
        transfer=json.dumps(_transfer(demo["bobWalletId"])),
        members="".join(map(_log_in, demo.get("staffOfInstitution", []))),
        key=secrets.token_hex(8),
        **demo,
    )


def values(url: str, demo: dict[str, Any]) -> dict[str, str]:
    """Return the shell variables that the guides use."""
    return {
        "API": f"{url}/api/v1",
        "KEY": demo["apiKey"],
        "ALICE": demo["aliceWalletId"],
        "BOB": demo["bobWalletId"],
    }


def _log_in(member: dict[str, str]) -> str:
    return "             as {role}    user {user}    password {password}\n".format(**member)


def _new_user() -> dict[str, str]:
    digits = f"{secrets.randbelow(10**8):08}"  # new at each start, because numbers are unique
    return {
        "kind": "NATURAL",
        "userName": f"newcomer{digits}",
        "firstName": "New",
        "lastName": "Comer",
        "mobilePhone": f"+346{digits}",
    }


def _transfer(wallet: str) -> dict[str, str]:
    return {"type": "TRANSFER", "targetWalletId": wallet, "amount": "1.00", "concept": "Lunch"}


def _start(program: list[str]) -> subprocess.Popen[bytes]:
    """Start a Python program; this process handles Ctrl-C for it."""
    return subprocess.Popen(
        [sys.executable, *program],
        cwd=CHECKOUT,
        start_new_session=True,
        preexec_fn=ending_with_parent(signal.SIGTERM),  # noqa: PLW1509 (there are no threads)
    )


def _stopped(children: dict[str, subprocess.Popen[bytes]]) -> list[str]:
    """The children that have ended, with their exit codes."""
    codes = {name: child.poll() for name, child in children.items()}
    return [f"{name} with code {code}" for name, code in codes.items() if code is not None]


def _answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/livez")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the clean-up
    for child in children:
        child.terminate()
    until = time.monotonic() + PATIENCE
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, until - time.monotonic()))
        with suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)  # granian's workers survive a killed parent
        child.wait()
