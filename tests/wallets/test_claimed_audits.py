"""Who can write to the tables of audits can claim a proof; `audit --all` believes none of it."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from tests.support import people
from tests.support.audits import FLIP, forge
from wallets.audit import runs
from wallets.audit.proofs import ProgressStore
from wallets.models import AuditProgress, Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.spoils_the_books]


def test_audit_of_everything_ignores_a_claimed_progress(alices: Wallet, bobs: Wallet) -> None:
    people.transfer(alices, bobs, 1_00)
    forge(FLIP + "WHERE wallet_id = %s", bobs.id)
    claimed = runs.begin_run(ProgressStore("all"), is_whole=True)
    claimed.stage = len(runs.stages_of(claimed))
    ProgressStore("all").keep(claimed)
    with pytest.raises(CommandError, match="chain violated"):
        call_command("audit", "--all")


def test_audit_of_everything_goes_on_if_it_is_told_to(alices: Wallet, capsys) -> None:
    begun = runs.begin_run(ProgressStore("all"), is_whole=True)
    begun.stage = 1
    ProgressStore("all").keep(begun)
    call_command("audit", "--all", "--go-on")
    assert f"Going on with the audit that began at {begun.started_at}" in capsys.readouterr().err
    assert not AuditProgress.objects.exists()
