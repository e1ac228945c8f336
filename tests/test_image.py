"""The Dockerfile's steps by hand: what it copies is enough for the command that it ends with.

Takes seconds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import IO

import pytest

import dev
from iocash.postgres import CHECKOUT
from tests.support.deployment import DOCKERFILE
from tests.support.server import Served

pytestmark = pytest.mark.ci

STEPS = re.findall(r"^COPY (.+) (\S+)$", DOCKERFILE, re.MULTILINE)
COMMAND = json.loads(re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)[0])


def copied(folder: Path) -> Path:
    """Do what each COPY does, without what .dockerignore leaves out."""
    for names, target in STEPS:
        if target.endswith("/"):
            (folder / target).mkdir(exist_ok=True)
        for name in names.split():
            source = CHECKOUT / name
            if source.is_dir():
                left_out = shutil.ignore_patterns("__pycache__", "*.py[cod]")
                shutil.copytree(source, folder / target, ignore=left_out)
            else:
                shutil.copy(source, folder / target)
    return folder


class Image(Served):
    """The image's command, in a folder that has what the image has; only the port is ours."""

    folder: Path

    def _popen(self, log: IO[bytes]) -> Popen[bytes]:
        words = [str(self.port) if word == "8000" else word for word in COMMAND]
        words = ["127.0.0.1" if word == "0.0.0.0" else word for word in words]
        environment = dev.PRODUCTION | {
            "PATH": os.defpath,
            "PYTHONDONTWRITEBYTECODE": "1",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": self.environment["DATABASE_URL"],
            "DOCUMENTS_DIR": self.environment["DOCUMENTS_DIR"],
        }
        return Popen(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env=environment,
            stdin=DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def test_image_contains_everything_needed_to_serve(postgres, demo, tmp_path):
    (tmp_path / "image").mkdir()
    folder = copied(tmp_path / "image")
    assert not (folder / "tests").exists()
    image = Image(postgres.address(), tmp_path / "server.log")
    image.folder = folder
    before = {*folder.rglob("*")}
    with image as server:
        secure = {"X_Forwarded_Proto": "https"}
        assert server.call("GET", "/readyz")[0] == 200
        wallet = f"/api/v1/wallets/{demo['aliceWalletId']}"
        assert server.call("GET", wallet, secret=demo["apiKey"], **secure)[0] == 200
        assert server.call("GET", "/api/schema", Accept="application/json", **secure)[0] == 200
        moved = {"type": "CASH_IN", "amount": "1.00"}
        done = server.call("POST", f"{wallet}/movements", moved, demo["apiKey"], **secure)
        assert done[0] == 201
        status, headers, _ = server.call("GET", "/unknown")
        assert (status, headers["content-type"]) == (404, "application/json")
    assert {*folder.rglob("*")} == before
