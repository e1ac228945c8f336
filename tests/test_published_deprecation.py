"""Every response of a published path says that the path is deprecated; those of ours do not."""

from __future__ import annotations

from typing import Any

import pytest

from iocash.published import urls as published
from tests.support import people

pytestmark = pytest.mark.django_db

ROUTES: dict[str, Any] = {str(entry.pattern): entry.callback for entry in published.patterns}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_response_of_a_published_path_has_its_deprecation(api, version, alice, alices):
    expected = f"@{int(published.SINCE.timestamp())}"
    found = {"alice": alice.id, "alices": alices.id, "unknown": people.unknown_id()}
    for path, status in (
        (f"users/{found['alice']}", 200),
        (f"users/{found['alice']}/compliance", 200),
        (f"wallets/{found['alices']}", 200),
        (f"wallets/{found['alices']}/movements", 200),
        (f"wallets/{found['alices']}/movements?x=1", 400),
        (f"wallets/{found['unknown']}", 404),
    ):
        answer = api.get(f"/api/{version}/public/{path}")
        assert (answer.status, answer.headers.get("Deprecation")) == (status, expected)
        assert 'rel="deprecation"' in answer.headers["Link"]
        assert "Sunset" not in answer.headers


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
def test_every_operation_of_a_published_path_is_deprecated(route):
    view = ROUTES[route].view_class(**ROUTES[route].view_initkwargs)
    assert view.operations.keys() == type(view).operations.keys()
    assert all(each.deprecated == published.SINCE for each in view.operations.values())


def test_our_own_paths_are_not_deprecated(api, alice, alices):
    for path in (f"users/{alice.id}", f"wallets/{alices.id}", f"wallets/{alices.id}/movements"):
        answer = api.get(path)
        assert answer.status == 200
        assert not {"Deprecation", "Sunset"} & answer.headers.keys()
