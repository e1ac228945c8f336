"""A client that moves between two servers while its callers pay."""

from __future__ import annotations

import json
import logging
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.group_servers import Payers, TwoGroups, two_groups

log = logging.getLogger(__name__)

LONGEST_STOP = 5.0
WRITE = """
import json, os, sys
level = dict.fromkeys(("balance", "cashIn", "cashOut"))
os.environ["KYC_LIMITS"] = json.dumps({"EUR": {"0": level, "1": level}})
import django
django.setup()
from tests.support import people
from wallets.posting import group
client = people.a_client("Moving")
wallets = []
for number in range(20):
    person = people.ALICE | {"user_name": f"user{number}", "mobile_phone": f"+346001{number:05}"}
    wallets.append(people.first_wallet(people.a_user(client, person)))
for wallet in wallets:
    group.post([people.a_cash_in(wallet, 100_000_00)])
for number in range(int(sys.argv[1])):
    pairs = [(wallets[each % 20], wallets[(each + 1 + number) % 20]) for each in range(500)]
    orders = [
        people.a_transfer(*pair, 1_00, concept="Lunch", key=f"{number} {each}")
        for each, pair in enumerate(pairs) if pair[0] != pair[1]
    ]
    group.post(orders)
others = people.first_wallet(people.a_user(people.a_client("Others"), people.ALICE))
people.cash_in(others, 5_00)
print(json.dumps({
    "client": str(client.id), "key": people.a_key(client),
    "wallets": [str(wallet.id) for wallet in wallets],
}))
"""


@pytest.fixture
def groups(tmp_path: Path) -> Iterator[TwoGroups]:
    with two_groups(tmp_path) as both:
        yield both


def written(groups: TwoGroups, rounds: int) -> dict[str, Any]:
    """Write a client with `rounds` times some 950 movements; how it is called."""
    facts: dict[str, Any] = json.loads(groups.home.run("-c", WRITE, str(rounds)).splitlines()[-1])
    return facts


def ask(server: Any, question: str, values: Any = None) -> Any:
    with psycopg.connect(server.address("postgres")) as raw:
        row = raw.execute(question.encode(), values).fetchone()
    return row and row[0]


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(4, marks=pytest.mark.ci, id="4 thousand"),
        pytest.param(110, marks=pytest.mark.long, id="100 thousand"),
    ],
)
def test_nothing_acknowledged_is_lost_or_doubled(groups, tmp_path, rounds):
    """Takes 60 s; with 100,000 movements 4 minutes."""
    facts = written(groups, rounds)
    with groups.served(tmp_path / "server.log") as server:
        payers = Payers(server.port, facts["key"], facts["wallets"])
        with payers.paying(4):
            time.sleep(2)
            moved = groups.manage("move_client", "Moving", "--to", "west")
            assert moved.returncode == 0, moved.stdout + moved.stderr
            time.sleep(2)
        assert payers.unexpected == []
        assert groups.statuses(facts["client"]) == ("MOVED", "ACTIVE")
        check_replays(payers)
    log.info("%d payments; %s; stop %.2f s", len(payers.paid), moved.stdout, payers.longest_stop)
    check_movements(groups, facts, payers)
    groups.audit()
    assert 0 < payers.longest_stop <= LONGEST_STOP


def check_replays(payers: Payers) -> None:
    """Old and new keys get the answers that they got before."""
    for key, (source, target, body) in [*payers.paid.items()][:: max(1, len(payers.paid) // 200)]:
        status, again = payers.send(key, source, target)
        assert (status, again["id"]) == (201, body["id"])


def check_movements(groups: TwoGroups, facts: dict[str, Any], payers: Payers) -> None:
    """Each key has made one payment, and no other was made."""
    of_payers = "client_id = %s AND length(key) = 32 AND key !~ ' '"
    keys = f"SELECT count(*) FROM users_key WHERE {of_payers}"
    assert ask(groups.west, keys, [facts["client"]]) == len(payers.paid)
    paid = "SELECT count(*) FROM wallets_movement WHERE client_id = %s AND amount = -1"
    assert ask(groups.west, paid, [facts["client"]]) == len(payers.paid)
    known = {body["id"] for _, _, body in payers.paid.values()}
    made = "SELECT array_agg(id::text) FROM wallets_movement WHERE client_id = %s AND amount = -1"
    assert {*ask(groups.west, made, [facts["client"]])} == known
    here = "SELECT count(*) FROM wallets_movement WHERE client_id = %s AND amount = -1"
    assert ask(groups.home, here, [facts["client"]]) < len(payers.paid)


@pytest.mark.long
def test_client_is_active_in_one_group_after_30_kills(groups, tmp_path):
    """Takes 5 minutes."""
    facts = written(groups, 4)
    draw = random.Random(1)
    kills = rounds = 0
    with groups.served(tmp_path / "server.log") as server:
        payers = Payers(server.port, facts["key"], facts["wallets"])
        with payers.paying(2):
            while kills < 30:
                rounds += 1
                name = ("west", "home")[groups.statuses(facts["client"])[1] == "ACTIVE"]
                kills += killed_move(groups, facts, name, draw)
        assert payers.unexpected == []
        check_replays(payers)
    assert sorted(groups.statuses(facts["client"])) == ["ACTIVE", "MOVED"]
    log.info("%d kills in %d moves, %d payments", kills, rounds, len(payers.paid))
    groups.audit()


def killed_move(groups: TwoGroups, facts: dict[str, Any], name: str, draw: random.Random) -> int:
    """Move the client, killed at random instants until a run ends; return the number of kills."""
    kills = 0
    while True:
        process = groups.start("move_client", "Moving", "--to", name)
        until = time.monotonic() + draw.uniform(0.8, 6.0)
        while process.poll() is None and time.monotonic() < until:
            assert groups.statuses(facts["client"]).count("ACTIVE") <= 1
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            assert groups.statuses(facts["client"]).count("ACTIVE") <= 1
            continue
        said, _ = process.communicate()
        has_ended = f"is in {name} already" in said  # the former run was killed at its end
        assert process.returncode == 0 or has_ended, said
        return kills
