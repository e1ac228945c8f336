"""The group of clients that a member of staff has chosen, and the members' copies in it.

Sessions and members of staff are at home. Other groups have copies of the members with their
roles, because rows of a group name them. The copies have no passwords, and nobody logs in there.

A copy gives nobody anything: who a member is, and what it may do, is read at home by each request
(`enter_chosen`) and by each approval (`users.approvals.asking.member_now`). Copies are compared
with home before a page shows or chooses members, and each minute by the worker of the group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.contrib.auth.hashers import make_password
from django.db import connection
from django.http import HttpRequest, HttpResponseBase

from iocash.db import groups
from iocash.db.transactions import fetch, single_transaction
from users.searched_groups import look_in

SESSION_KEY: Final = "group"
"""In a session: the name of the chosen group."""
BACK_OFFICE: Final = "/admin/"
HOME_PAGES: Final = frozenset(
    {
        "account",
        "failed-log-ins",
        "group",
        "help",
        "help-chapter",
        "jsi18n",
        "log-out-everywhere",
        "login",
        "logout",
        "password_change",
        "password_change_done",
        "recovery-codes",
        "replace-second-factor",
        "roles",
        "second-factor",
        "set-password",
    }
)
"""Pages about the member itself, or about staff: what they show is at home."""
STAFF_APP: Final = "auth"

MEMBERS: Final = """
    SELECT coalesce(json_agg(row_to_json(member) ORDER BY member.id)::text, '[]')
    FROM (
        SELECT member.id, username, first_name, last_name, email, is_active, is_superuser,
               ARRAY(SELECT role.name FROM auth_user_groups AS given
                     JOIN auth_group AS role ON role.id = given.group_id
                     WHERE given.user_id = member.id ORDER BY role.name) AS roles,
               ARRAY(SELECT kind.app_label || '.' || permission.codename
                     FROM auth_user_user_permissions AS given
                     JOIN auth_permission AS permission ON permission.id = given.permission_id
                     JOIN django_content_type AS kind ON kind.id = permission.content_type_id
                     WHERE given.user_id = member.id ORDER BY 1) AS permissions
        FROM auth_user AS member WHERE is_staff
    ) AS member
"""
DIGEST_OF_MEMBERS: Final = f"SELECT md5(({MEMBERS}))"
LOCK: Final = "SELECT pg_advisory_xact_lock(7146825)"
"""Copies are made by one transaction at a time."""
FREE_NAMES: Final = """
    UPDATE auth_user AS former SET username = 'former-' || former.id
    FROM json_to_recordset(%(members)s::json) AS new (id integer, username text)
    WHERE former.username = new.username AND former.id <> new.id
"""
END_OTHERS: Final = """
    UPDATE auth_user SET is_staff = false, is_active = false, is_superuser = false
    WHERE is_staff AND id NOT IN (
        SELECT id FROM json_to_recordset(%(members)s::json) AS new (id integer))
"""
COPY: Final = """
    INSERT INTO auth_user (id, username, first_name, last_name, email, is_active, is_superuser,
                           is_staff, password, date_joined)
    SELECT id, username, first_name, last_name, email, is_active, is_superuser,
           true, %(password)s, clock_timestamp()
    FROM json_to_recordset(%(members)s::json) AS new (
        id integer, username text, first_name text, last_name text, email text,
        is_active boolean, is_superuser boolean)
    ON CONFLICT (id) DO UPDATE SET
        username = excluded.username, first_name = excluded.first_name,
        last_name = excluded.last_name, email = excluded.email, is_active = excluded.is_active,
        is_superuser = excluded.is_superuser, is_staff = true, password = excluded.password
"""
MAKE_ROLES: Final = """
    INSERT INTO auth_group (name)
    SELECT DISTINCT role.name
    FROM json_to_recordset(%(members)s::json) AS new (roles text[]), unnest(roles) AS role (name)
    ON CONFLICT DO NOTHING
"""
TAKE_ROLES: Final = """
    DELETE FROM auth_user_groups AS given USING auth_group AS role
    WHERE role.id = given.group_id AND NOT EXISTS (
        SELECT FROM json_to_recordset(%(members)s::json) AS new (id integer, roles text[])
        WHERE new.id = given.user_id AND role.name = ANY(new.roles))
"""
GIVE_ROLES: Final = """
    INSERT INTO auth_user_groups (user_id, group_id)
    SELECT new.id, role.id
    FROM json_to_recordset(%(members)s::json) AS new (id integer, roles text[])
    JOIN auth_group AS role ON role.name = ANY(new.roles)
    ON CONFLICT DO NOTHING
"""
NAMED: Final = """
    auth_permission AS permission
    JOIN django_content_type AS kind ON kind.id = permission.content_type_id
"""
TAKE_PERMISSIONS: Final = f"""
    DELETE FROM auth_user_user_permissions AS given WHERE NOT EXISTS (
        SELECT FROM json_to_recordset(%(members)s::json) AS new (id integer, permissions text[]),
               {NAMED}
        WHERE new.id = given.user_id AND permission.id = given.permission_id
          AND kind.app_label || '.' || permission.codename = ANY(new.permissions))
"""  # noqa: S608 (constants)
GIVE_PERMISSIONS: Final = f"""
    INSERT INTO auth_user_user_permissions (user_id, permission_id)
    SELECT new.id, permission.id
    FROM json_to_recordset(%(members)s::json) AS new (id integer, permissions text[]), {NAMED}
    WHERE kind.app_label || '.' || permission.codename = ANY(new.permissions)
    ON CONFLICT DO NOTHING
"""  # noqa: S608 (constants)
STEPS: Final = (
    FREE_NAMES,
    END_OTHERS,
    COPY,
    MAKE_ROLES,
    TAKE_ROLES,
    GIVE_ROLES,
    TAKE_PERMISSIONS,
    GIVE_PERMISSIONS,
)


class ChosenGroup:
    """Middleware: pages of the back office show the group that the member has chosen.

    It stands below the middleware of sessions, messages and members, which use home: the group is
    left before these write anything.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not groups.are_several():
            return self.get_response(request)
        with groups.entered(groups.own()):
            response: Any = self.get_response(request)
            if response.streaming and groups.current() != groups.own():
                response.streaming_content = streamed_within(
                    groups.current(), response.streaming_content
                )
            return response  # type: ignore[no-any-return]

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        is_office = groups.are_several() and request.path_info.startswith(BACK_OFFICE)
        if is_office and not is_at_home(request, kwargs):
            user: Any = getattr(request, "user", None)
            if user is not None and user.is_active and user.is_staff:
                enter_chosen(request)


def is_at_home(request: HttpRequest, kwargs: dict[str, Any]) -> bool:
    """Whether a page shows what is at home whatever group is chosen."""
    match = request.resolver_match
    name = (match.url_name if match else None) or ""
    return (
        name in HOME_PAGES
        or name.startswith(f"{STAFF_APP}_")
        or kwargs.get("app_label") == STAFF_APP
    )


def chosen_group(request: HttpRequest) -> str:
    """The group that the member of staff has chosen; home at first, and if it is gone."""
    name: str = request.session.get(SESSION_KEY, groups.HOME)
    return name if name in groups.names() else groups.HOME


def enter_chosen(request: HttpRequest) -> None:
    """Enter the chosen group until the request ends. The members' copies in it are up to date.

    Permissions are those of home, read now.

    Raises:
        DatabaseUnavailable: the group does not answer.
    """
    name = chosen_group(request)
    if name == groups.current():
        return
    user: Any = request.user
    user.get_all_permissions()
    groups.require_reachable(name)
    copy_members(name)
    groups.enter(name)


def copy_members(name: str) -> bool:
    """Copy the members of staff and their roles into a group; return whether they differed.

    Raises:
        DatabaseUnavailable, OperationalError, InterfaceError: home does not answer.
    """
    wanted = look_in(groups.HOME, lambda: fetch(DIGEST_OF_MEMBERS, ()))
    with groups.entered(name):
        if fetch(DIGEST_OF_MEMBERS, ()) == wanted:
            return False
        with single_transaction(), connection.cursor() as cursor:
            cursor.execute(LOCK)
            with groups.beside(groups.HOME):
                ((members,),) = fetch(MEMBERS, ())
            for step in STEPS:
                cursor.execute(step, {"members": members, "password": make_password(None)})
    return True


def streamed_within(name: str, content: Iterator[bytes]) -> Iterator[bytes]:
    """Make the pieces of a streamed answer in the group of its request."""
    with groups.entered(name):
        yield from content
