"""The files of our pages, served as in production: found when the process starts, then kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client


@pytest.mark.parametrize("path", ["iocash/manual/en/block.png", "admin/css/base.css"])
def test_application_serves_static_files(path: str, settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = False
    answer = Client().get(f"/static/{path}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "max-age=60, public"
    assert answer.getvalue()
