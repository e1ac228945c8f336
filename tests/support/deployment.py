"""The deployment files, as the tests read them: `compose.yaml`, the Dockerfile and its kin."""

from __future__ import annotations

import yaml

import dev

COMPOSE = yaml.safe_load((dev.ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (dev.ROOT / "Dockerfile").read_text()


def config(name: str) -> str:
    """A file that stands in compose.yaml, as a container sees it."""
    text: str = COMPOSE["configs"][name]["content"]
    return text.replace("$$", "$")
