"""The cache of Django's content types, kept by groups of clients: their ids differ."""

from __future__ import annotations

from typing import Any

from django.contrib.contenttypes.models import ContentType

from iocash.db import groups


class ContentTypesByGroup(dict[str, Any]):
    """What the manager looks up by the alias of a database is looked up by the group too."""

    def __getitem__(self, alias: str) -> Any:
        return super().__getitem__(f"{alias} {groups.current()}")

    def setdefault(self, alias: str, default: Any = None) -> Any:
        return super().setdefault(f"{alias} {groups.current()}", default)


def keep_content_types_by_group() -> None:
    manager: Any = ContentType.objects
    manager._cache = ContentTypesByGroup()
