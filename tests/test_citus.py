"""The API with the keys that Citus needs, and on a real Citus.

Citus itself is AGPL-3 and not installed for tests. Whoever has one names its coordinator in
`CITUS_URL`, with a superuser, who may create databases: `postgresql://postgres@localhost/postgres`.
"""

from __future__ import annotations

import os

import pytest

from tests.support import distributed

pytestmark = pytest.mark.ci

URL = os.environ.get("CITUS_URL", "")


def test_api_works_with_the_keys_of_citus():
    """Takes 120 s. The one failure shows that the keys were changed."""
    found = distributed.failed_tests(DISTRIBUTED=distributed.KEYS, EMBEDDED_POSTGRES="citus")
    assert found == {distributed.FAILING}


@pytest.mark.skipif(not URL, reason="CITUS_URL names no coordinator of Citus")
def test_api_works_on_citus():
    """Takes minutes; needs a coordinator of Citus 13 or newer."""
    environment = {"DATABASE_URL": URL, "DATABASE_OWNER_URL": URL, "GROUP_COMMIT": "off"}
    found = distributed.failed_tests(DISTRIBUTED=distributed.CITUS, **environment)
    assert found == {distributed.FAILING}
