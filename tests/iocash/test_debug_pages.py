"""With DEBUG on, an error shows neither settings nor code, to any Host."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client as Browser
from django.urls import path

from iocash.urls import urlpatterns as served


def crash(request: Any) -> Any:
    secret = configured.SECRET_KEY
    raise RuntimeError(f"crashed with {secret}")


urlpatterns = [path("admin/crash", crash), path("crash", crash), *served]
handler400 = "iocash.http.problems.bad_request"


@pytest.fixture
def browser(settings: Any) -> Browser:
    settings.DEBUG = True
    settings.ROOT_URLCONF = __name__
    return Browser(raise_request_exception=False, headers={"Accept": "text/html"})


PATHS = ["/", "/admin/login/", "/crash", "/admin/crash", "/nowhere", "/admin/nowhere/"]


@pytest.mark.django_db
@pytest.mark.parametrize("at", [*PATHS, "/api/v1", "/livez"])
@pytest.mark.parametrize("host", ["localhost", "attacker.example", "a b"])
def test_error_page_contains_no_server_details(browser, at, host):
    answer = browser.get(at, headers={"Host": host})
    text = answer.text
    for word in ("SECRET_KEY", configured.SECRET_KEY, "Traceback", "DATABASES", "urlpatterns"):
        assert word not in text
    assert str(configured.BASE_DIR) not in text
    if host != "localhost":
        assert answer.status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("at", ["/crash", "/admin/crash"])
def test_crash_of_a_page_is_logged_and_answered_without_details(browser, caplog, at):
    answer = browser.get(at)
    assert (answer.status_code, "internal_error" in answer.text) == (500, True)
    assert "RuntimeError" in caplog.text


def test_development_serves_local_hosts_only():
    from iocash import settings

    assert settings.ALLOWED_HOSTS == ["localhost", "127.0.0.1", "[::1]"]
