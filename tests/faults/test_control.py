"""The tests of faults notice a server that takes a broken COMMIT for one that was not done.

Takes seconds.
"""

from __future__ import annotations

import pytest

from tests.faults.attacks import Stage, wire
from tests.faults.callers import load, some_more
from tests.faults.commit_faults import BROKEN, LIES
from tests.faults.proof import falsehoods
from tests.faults.relay import Relay
from tests.support.server import Served

pytestmark = pytest.mark.ci


class Wrong(Served):
    application = "tests.faults.old_rule:application"


def test_proof_detects_a_double_payment_when_a_broken_commit_is_taken_for_undone(
    postgres, demo, tmp_path
):
    with Relay(postgres.address()) as relay, Wrong(relay.address, tmp_path / "log") as server:
        stage = Stage(postgres, server, demo, relay)
        with load(server, demo, stage.records, 6):
            for fault in [*BROKEN[-4:], *LIES[:4]]:
                wire(fault)(stage)
                some_more(stage.records, 5)
    found = [*falsehoods(postgres, stage.records)]
    assert [words for words in found if "acknowledged and is there 2 times" in words]
