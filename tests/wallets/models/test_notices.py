"""What the database refuses of notices of dormancy."""

from __future__ import annotations

import pytest

from tests.support.constraints import refused_by
from tests.support.notices import a_notice
from wallets.models import DormancyNotice

pytestmark = pytest.mark.django_db


def test_channel_of_a_notice_is_known(alices):
    a_notice(alices)
    refused = refused_by("UPDATE wallets_dormancynotice SET channel = 'PIGEON'")
    assert refused == "dormancy_notice_channel_is_known"
    assert [each.name for each in DormancyNotice._meta.constraints] == [refused]
