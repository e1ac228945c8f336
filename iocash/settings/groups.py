"""The databases of the groups of clients, as the environment names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

HOME: Final = "home"
"""The group whose database is DATABASE_URL. Sessions and staff are kept there."""
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,15}")

Database = dict[str, Any]
Group = dict[str, Database]
"""The databases of a group by their aliases: `default` and `owner`."""


def group_urls(text: str) -> dict[str, str]:
    """Read `west=postgresql://… east=postgresql://…`. The error quotes no URL: it has a password.

    Raises:
        ImproperlyConfigured: a name is malformed, is there twice, or is `home`.
    """
    found: dict[str, str] = {}
    for word in text.split():
        name, is_named, url = word.partition("=")
        if not (is_named and url and NAME.fullmatch(name)) or name == HOME or name in found:
            raise ImproperlyConfigured(
                "DATABASE_GROUPS and DATABASE_OWNER_GROUPS must be like"
                " west=postgresql://role@host/name, with a name of a-z, 0-9 and _ for each group,"
                " 16 letters at most, each once and none of them home."
            )
        found[name] = url
    return found


def databases_of_groups(
    home: Group,
    urls: Mapping[str, str],
    owner_urls: Mapping[str, str],
    parse: Callable[[str, str], Database],
) -> dict[str, Group]:
    """Return the databases of all groups, home first. `parse` takes a URL and a role.

    Raises:
        ImproperlyConfigured: an owner's URL belongs to no group.
    """
    if unknown := sorted(owner_urls.keys() - urls.keys()):
        words = "DATABASE_OWNER_GROUPS names what DATABASE_GROUPS does not: "
        raise ImproperlyConfigured(words + ", ".join(unknown))
    others = {
        name: {
            "default": parse(url, "iocash_app"),
            "owner": parse(owner_urls.get(name, url), "iocash_owner"),
        }
        for name, url in urls.items()
    }
    return {HOME: home, **others}


def own_group(groups: Mapping[str, Group], name: str) -> Group:
    """Return the databases of the group of this process.

    Raises:
        ImproperlyConfigured: there is no such group.
    """
    if name not in groups:
        raise ImproperlyConfigured(f"GROUP must be one of {', '.join(groups)}, not {name!r}.")
    return groups[name]
