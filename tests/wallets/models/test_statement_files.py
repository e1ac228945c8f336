"""What the database refuses of statement files."""

from __future__ import annotations

import pytest

from tests.support.constraints import refused_by
from tests.support.statement_files import a_file
from wallets.models import StatementFile

pytestmark = pytest.mark.django_db

BROKEN = [
    ("statement_file_format_is_known", "format = 'XLS'"),
    ("statement_file_status_is_known", "status = 'LOST', content = NULL, sha256 = NULL"),
    ("statement_file_period_is_not_empty", "ends_at = starts_at"),
    ("statement_file_has_a_content_while_it_is_ready", "content = NULL"),
    ("statement_file_has_a_content_while_it_is_ready", "sha256 = NULL"),
    ("statement_file_has_a_content_while_it_is_ready", "status = 'EXPIRED'"),
    ("statement_file_is_leased_only_while_it_is_pending", "lease = id, leased_until = now()"),
    (
        "statement_file_is_leased_only_while_it_is_pending",
        "status = 'PENDING', content = NULL, sha256 = NULL, lease = id",
    ),
]


@pytest.mark.parametrize(("name", "change"), BROKEN)
def test_wrong_file_violates_the_named_constraint(alices, name, change):
    a_file(alices)
    assert refused_by(f"UPDATE wallets_statementfile SET {change}") == name


def test_every_constraint_of_files_is_violated_above():
    assert {each.name for each in StatementFile._meta.constraints} == {name for name, _ in BROKEN}
